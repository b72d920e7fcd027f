# SPDX-License-Identifier: MIT
"""basin from Python: runs experiments through the C library, and gives the results as xarray.Dataset.

    import basin, numpy as np
    results = basin.run({
        "model": "cnn", "trials": 1000,
        "grid": {"k": [4, 9], "angle": np.linspace(0, np.pi, 5)},
        "parameters": {"p": 8},
        "teacher": {"a": {"sum": 1, "norm": 1}, "v": {"head": ["cos(angle)", "sin(angle)"]}},
        "init": {"v": {"sphere": 1}, "a": {"ball": 1}},
        "schedule": [{"eta": 0.1}],
    })
    success = (results.outcome == 1).sum("trial") / results.trials

An experiment is a dict, the path of a YAML file, or YAML text. The results are those of the program, bit for bit.
"""

import builtins
import collections.abc
import ctypes
import hashlib
import json
import math
import numbers
import os
import re
import signal
import sys
import tempfile
import threading
import warnings
from ctypes import CFUNCTYPE, POINTER, c_char, c_char_p, c_double, c_int, c_int64, c_void_p

import numpy
import xarray

__version__ = "0.1.0"
__all__ = ["run", "trial", "open", "check", "Error", "InputError", "Interrupted", "OutsideWarning"]

OK, BAD_INPUT, OUTSIDE, INTERRUPTED = 0, 2, 3, 75  # basin_status


class Error(Exception):
    """What the library could not do: disk, memory, permission."""


class InputError(Error, ValueError):
    """An experiment, an argument or a file that is not what it should be; with the place where there is one."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run. What was done is kept: the same call goes on."""


class OutsideWarning(UserWarning):
    """More trials are unresolved or diverged than the experiment allows."""


# ---- the library ----

_Progress = CFUNCTYPE(None, c_void_p, c_void_p)
_Warn = CFUNCTYPE(None, c_char_p)

# result and arguments; every structure and handle is a c_void_p. tests/e2e/python.py compares them with basin.h
_functions = {
    "basin_version": (c_char_p, []),
    "basin_structure": (c_int, [c_char_p, POINTER(c_int64), POINTER(c_int64)]),
    "basin_experiment_parse": (
        c_int,
        [c_char_p, c_char_p, c_int64, POINTER(c_char_p), c_int, POINTER(c_void_p), c_void_p],
    ),
    "basin_experiment_free": (None, [c_void_p]),
    "basin_run": (c_int, [c_void_p, c_void_p, c_void_p]),
    "basin_run_trial": (c_int, [c_void_p, c_int64, c_int64, c_void_p, c_void_p]),
    "basin_results_open": (c_int, [c_char_p, POINTER(c_void_p), c_void_p]),
    "basin_results_verify": (c_int, [c_void_p, POINTER(c_int64), c_void_p]),
    "basin_results_close": (None, [c_void_p]),
}


def _load():
    """$BASIN_LIBRARY, or the library that was installed or built with this file, or else one that the system knows"""
    here = os.path.dirname(os.path.realpath(__file__))
    near = [
        os.path.join(here, *place)
        for place in (["libbasin.so.0"], ["..", "..", "libbasin.so.0"], ["..", "..", "build", "libbasin.so"])
    ]
    path = os.environ.get("BASIN_LIBRARY") or next(filter(os.path.exists, near), "libbasin.so.0")
    try:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in _functions.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as reason:
        raise ImportError(
            f"{reason}: basin.py needs libbasin {__version__}; `make install` puts it beside, "
            "BASIN_LIBRARY names one"
        ) from None
    found = library.basin_version().decode()
    if found != __version__:
        raise ImportError(f"{path}: libbasin {found}, basin.py is of {__version__}")
    return library


_library = _load()
_lock = threading.RLock()  # HDF5, which is behind it, takes one at a time


def _place(name):
    offset, size = c_int64(), c_int64()
    if not _library.basin_structure(name.encode(), offset, size):
        raise ImportError(f"libbasin has no {name}: basin.py is of another version")
    return offset.value, size.value


def _structure(name, **members):
    """A structure of basin.h with these members; the library says where they lie and how large it is."""
    fields, end = [], 0
    for (offset, size), member, kind in sorted(
        ((_place(f"{name}.{m}"), m, k) for m, k in members.items()), key=lambda field: field[0]
    ):
        if ctypes.sizeof(kind) != size:
            raise ImportError(f"libbasin's {name}.{member} has {size} bytes: basin.py is of another version")
        fields += [(f"_before_{member}", c_char * (offset - end)), (member, kind)]
        end = offset + size
    fields.append(("_rest", c_char * (_place(name)[1] - end)))
    return type(name, (ctypes.Structure,), {"_pack_": 1, "_fields_": fields})


_Reason = _structure("basin_error", text=c_char * _place("basin_error.text")[1])
_State = _structure(
    "basin_progress",
    trials=c_int64,
    trials_total=c_int64,
    trials_kept=c_int64,
    trial_steps=c_int64,
    seconds=c_double,
    seconds_left=c_double,
    backend=c_char_p,
)
_Options = _structure(
    "basin_run_options",
    output=c_char_p,
    backend=c_char_p,
    devices=c_char_p,
    threads=c_int,
    extend=c_int,
    progress=_Progress,
    warn=_Warn,
    stop=c_void_p,
)


def _raise(status, text):
    if status == INTERRUPTED:
        raise Interrupted(text)
    if status:
        raise (InputError if status == BAD_INPUT else Error)(text)


# ---- experiments ----


def _plain(value, where):
    """The value in what JSON has; what NumPy takes for an array is a list, or a number."""
    if hasattr(value, "__array__"):
        value = numpy.asarray(value).tolist()
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        value = float(value)
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, collections.abc.Mapping):
        return {str(key): _plain(of, f"{where}.{key}") for key, of in value.items()}
    if isinstance(value, collections.abc.Iterable) and not isinstance(value, (bytes, collections.abc.Set)):
        return [_plain(of, f"{where}[{i}]") for i, of in enumerate(value)]
    raise InputError(f"{where}: expected a number, text, a list or a dict, not {type(value).__name__}")


def _yaml(value, where):
    return json.dumps(_plain(value, where), ensure_ascii=False)


def _text(experiment):
    """Name and text of an experiment: a dict has a line for each of its keys."""
    if isinstance(experiment, collections.abc.Mapping):
        lines = [
            f"{key if re.fullmatch('[a-z_]+', str(key)) else json.dumps(str(key))}: {_yaml(of, key)}\n"
            for key, of in experiment.items()
        ]
        return "experiment", "".join(lines).encode()
    if isinstance(experiment, str) and ("\n" in experiment or experiment.lstrip().startswith("{")):
        return "experiment", experiment.encode()
    if not isinstance(experiment, (str, os.PathLike)):
        raise InputError(f"expected a dict, the path of a file, or YAML, not {type(experiment).__name__}")
    path = os.path.expanduser(experiment)
    if os.path.isdir(path):
        raise InputError(f"{path}: a folder, expected an experiment")
    with builtins.open(path, "rb") as file:
        return os.fspath(path), file.read()


def _shown(reason, name, text):
    """The reason, and below it the line of the experiment that it names, where nobody has a file to look at."""
    place = re.match(r"experiment:(\d+):(\d+): ", reason)
    lines = text.decode(errors="replace").split("\n")
    if name != "experiment" or not place or int(place[1]) > len(lines):
        return reason
    return f"{reason}\n  {lines[int(place[1]) - 1][:200]}"


class _Experiment:
    """The library's experiment, read; to be used in a `with`."""

    def __init__(self, experiment, settings):
        name, text = _text(experiment)
        self.name = name
        assignments = [f"{key}={_yaml(value, key)}".encode() for key, value in settings.items() if value is not None]
        # its own name, by which an interrupted run is found again
        self.digest = hashlib.sha256(b"\0".join([os.fsencode(name), text, *assignments])).hexdigest()[:32]
        self.handle, reason = c_void_p(), _Reason()
        status = _library.basin_experiment_parse(
            os.fsencode(name),
            text,
            len(text),
            (c_char_p * len(assignments))(*assignments),
            len(assignments),
            self.handle,
            ctypes.addressof(reason),
        )
        _raise(status, _shown(reason.text.decode(errors="replace"), name, text))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _library.basin_experiment_free(self.handle)


# ---- runs ----


def _show(state, shown):
    """A line about the run on stderr, in the place of the one before, which had so many characters. Its own length."""
    left = state["seconds_left"]
    line = "{:3.0f}%  {} of {} trials{}".format(
        100 * state["trials"] / max(1, state["trials_total"]),
        state["trials"],
        state["trials_total"],
        "" if math.isnan(left) else f"  {left:.0f} s left",
    )
    print("\r" + line.ljust(shown), end="", file=sys.stderr, flush=True)
    return len(line)


def _work(call, options, progress):
    """Makes the call in a thread of its own, while this one answers Ctrl-C and shows how far the run is. Its status."""
    stop, status, latest, warned, shown = c_int(0), [], [None], [], 0

    def on_progress(_, at):
        state = _State.from_address(at)
        now = {name: getattr(state, name) for name, _ in _State._fields_ if not name.startswith("_")}
        latest[0] = {**now, "backend": now["backend"].decode()}

    options.progress = _Progress(on_progress)
    options.warn = _Warn(lambda text: warned.append(text.decode(errors="replace")))
    options.stop = ctypes.addressof(stop)
    worker = threading.Thread(target=lambda: status.append(call(ctypes.addressof(options))), name="basin")
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if main else None
    if before not in (None, signal.SIG_IGN):
        signal.signal(signal.SIGINT, lambda *_: setattr(stop, "value", 1))
    worker.start()
    try:
        while worker.is_alive():
            worker.join(0.2)
            if callable(progress) and latest[0]:
                progress(latest[0])
            elif progress and latest[0]:
                shown = _show(latest[0], shown)
    except BaseException:  # of `progress`, or of a signal handler: the run ends first
        stop.value = 1
        raise
    finally:
        worker.join()
        if before not in (None, signal.SIG_IGN):
            signal.signal(signal.SIGINT, before)
        if shown:
            print("\r" + " " * shown + "\r", end="", file=sys.stderr, flush=True)
    for text in dict.fromkeys(warned):
        warnings.warn(text, stacklevel=4)
    return status[0]


_scratch = None  # the folder of results that have no name, for as long as this Python lives


def _make(experiment, output, call, settings, options, progress):
    """Runs `call` on the experiment; the Dataset of what it makes: of the file `output`, or else in memory."""
    global _scratch
    if progress is None:
        progress = sys.stderr.isatty() or "ipykernel" in sys.modules
    with _lock, _Experiment(experiment, settings) as e:
        if output is None:
            _scratch = _scratch or tempfile.TemporaryDirectory(prefix="basin-")
            path = os.fsencode(os.path.join(_scratch.name, e.digest + ".h5"))
        else:
            path = os.fsencode(os.path.abspath(os.path.expanduser(output)))
        words = {name: str(value).encode() for name, value in options.items() if isinstance(value, str)}
        reason, o = _Reason(), _Options(output=path, **{**options, **words})
        status = _work(lambda at: call(e.handle, at, ctypes.addressof(reason)), o, progress)
        text = reason.text.decode(errors="replace")
        if output is None:
            text = text.replace(os.fsdecode(path), e.name)
        if status == OUTSIDE:
            warnings.warn(text, OutsideWarning, stacklevel=3)
        else:
            _raise(status, text)
        if output is not None:
            return open(output)
        with open(os.fsdecode(path)) as file:
            results = file.load()
        os.remove(path)
        results.encoding.pop("source", None)
        return results


def run(
    experiment,
    output=None,
    *,
    trials=None,
    seed=None,
    set=None,
    threads=None,
    backend=None,
    devices=None,
    extend=False,
    progress=None,
):
    """Runs an experiment and returns its results, an xarray.Dataset of what the output file has.

    experiment  a dict as a YAML file would have it, in which NumPy's numbers and arrays may stand; the path of a YAML
                file; or YAML text, of more than one line or in braces
    output      the HDF5 file to make; the Dataset reads from it as it is used. An output that is complete already is
                opened. None: the results are in memory alone
    trials, seed, set   replace keys of the experiment; set={"stop.max_steps": 1e5} has dots between levels
    threads     None: all processors this process may use
    backend     "auto", "cpu" or "cuda"; devices: "0,2". The results do not depend on them, but for fixed data sets
    extend      True: an output that has fewer trials of the experiment, or fewer points of its grid, gets the others
    progress    True: a line on stderr; False: none; None: where a terminal or a notebook shows it; or a function, which
                gets a dict a few times a second: trials, trials_total, trials_kept, trial_steps, seconds, seconds_left
                (NaN: not known yet), backend

    Ctrl-C ends the run within seconds and raises Interrupted; the same call goes on where it stopped, without `output`
    as long as this Python lives. InputError says what is wrong with the experiment, and where. OutsideWarning: more
    trials are unresolved or diverged than the experiment allows; the results are returned all the same.
    """
    settings = {"trials": trials, "seed": seed, **(set or {})}
    options = {"threads": threads or 0, "backend": backend, "devices": devices, "extend": int(extend)}
    return _make(experiment, output, _library.basin_run, settings, options, progress)


def trial(experiment, cell, trial, output=None, *, seed=None, set=None):
    """Runs one trial of one cell again, the same bits as in the full run: its Dataset, with all its recorded steps. The
    arguments are those of run()."""

    def call(handle, options, reason):
        return _library.basin_run_trial(handle, cell, trial, options, reason)

    return _make(experiment, output, call, {"seed": seed, **(set or {})}, {}, False)


# ---- files ----


def _results(path, use):
    """use(handle, reason) on the open file"""
    handle, reason = c_void_p(), _Reason()
    with _lock:
        status = _library.basin_results_open(os.fsencode(os.path.expanduser(path)), handle, ctypes.addressof(reason))
        try:
            if not status:
                status = use(handle, ctypes.addressof(reason))
        finally:
            _library.basin_results_close(handle)
    _raise(status, reason.text.decode(errors="replace"))


def open(path, **options):
    """Opens an output file as xarray.open_dataset does, which takes the options; InputError where it is none of
    basin's. Numbers are read when they are used, and not compared with their checksums: check() does that."""
    _results(path, lambda handle, reason: OK)
    return xarray.open_dataset(os.path.abspath(os.path.expanduser(path)), **options)


def check(path):
    """Compares all numbers of an output file with their checksums. How many variables these are; InputError where
    one is damaged."""
    variables = c_int64()
    _results(path, lambda handle, reason: _library.basin_results_verify(handle, variables, reason))
    return variables.value
