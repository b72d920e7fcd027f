#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""python.py BUILD: basin.py as a notebook uses it, cell by cell, beside the program; and that it fits basin.h."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import warnings

import h5py
import numpy as np
import xarray

here = os.path.dirname(os.path.abspath(__file__))
build = os.path.abspath(sys.argv[1])
program = os.path.join(build, "basin")
module = os.path.join(here, "../../host/python")
os.environ["BASIN_LIBRARY"] = os.path.join(build, "libbasin.so")
sys.path.insert(0, module)
import basin  # noqa: E402
sys.path.insert(0, os.path.join(here, "../support"))
from checks import check, finish  # noqa: E402


def refused(what, kind, pattern, call):
    """the call raises such an exception, whose words match"""
    try:
        call()
    except BaseException as reason:
        check(f"{what}: {type(reason).__name__}: {reason}", type(reason) is kind and re.search(pattern, str(reason)))
    else:
        check(f"{what}: nothing was raised", False)


def of_program(name, text, *words):
    """what the program makes of the same experiment"""
    with open(name + ".yaml", "w") as file:
        file.write(text)
    subprocess.run([program, "run", name + ".yaml", "-q", "-o", name + ".h5", *words], check=True)
    with xarray.open_dataset(name + ".h5") as d:
        return d.load()


def same(x, y):
    """everything but the names of experiment and file and its text"""
    differ = {n for n in set(x.attrs) | set(y.attrs) if x.attrs.get(n) != y.attrs.get(n)}
    return x.equals(y) and differ <= {"title", "experiment", "experiment_yaml", "experiment_set"}


folder = tempfile.mkdtemp(prefix="basin-test.")
os.chdir(folder)

# In [1]: an experiment is a dict
experiment = {
    "model": "cnn",
    "trials": np.int64(300),
    "grid": {"k": np.array([4, 9]), "angle": np.linspace(0, np.pi, 3)},
    "parameters": {"p": 3},
    "teacher": {"a": {"sum": 1, "norm": 1}, "v": {"head": ("cos(angle)", "sin(angle)")}},
    "init": {"v": {"sphere": np.float32(1)}, "a": {"ball": 1}},
    "schedule": [{"steps": 100, "eta": 0.1}, {"eta": np.float64(0.05)}],
    "stop": {"at": 1e-6, "max_steps": 1e4},
    "allow": {"unresolved": 1.0},
    "record": {"trials": 5, "steps": {"log": 20}, "observables": ["loss", "phi"]},
}
text = f"""
model: cnn
trials: 300
grid: {{k: [4, 9], angle: [0, {np.pi / 2!r}, {np.pi!r}]}}
parameters: {{p: 3}}
teacher: {{a: {{sum: 1, norm: 1}}, v: {{head: [cos(angle), sin(angle)]}}}}
init: {{v: {{sphere: 1}}, a: {{ball: 1}}}}
schedule: [{{steps: 100, eta: 0.1}}, {{eta: 0.05}}]
stop: {{at: 1e-6, max_steps: 1e4}}
allow: {{unresolved: 1}}
record: {{trials: 5, steps: {{log: 20}}, observables: [loss, phi]}}
"""
expected = of_program("e", text)
results = basin.run(experiment)
check("a dict gives what the program gives", same(results, expected))
check("it is there without a file", "source" not in results.encoding and not os.path.exists("experiment.h5"))
success = (results.outcome == 1).sum("trial") / results.trials
summary = json.loads(subprocess.run([program, "summary", "e.h5", "--json"], capture_output=True, check=True).stdout)
check("success rates", np.array_equal(success, [c["success"]["rate"] for c in summary["cells"]]))
check("selection by a grid parameter", results.loss.where(results.k == 9, drop=True).sizes["cell"] == 3)
results.to_netcdf("copy.nc")
with xarray.open_dataset("copy.nc") as copy:
    check("it can be written by xarray", copy.equals(results))
kept = basin.run({**experiment, "grid": {**experiment["grid"], "k": results.k[::3]}})
check("a DataArray in a dict", same(kept, expected))

# In [2]: a path, text, an open file of one's own
check("a path gives the same", same(basin.run("e.yaml"), expected))
check("text gives the same", same(basin.run(text), expected))
check(
    "text in braces",
    basin.run(
        "{model: cnn, trials: 3, schedule: [{eta: 0.1}], parameters: {k: 4, p: 3}, teacher: "
        "{a: {sum: 1, norm: 1}, v: [1, 0, 0]}, init: {v: {sphere: 1}, a: {ball: 1}}}"
    ).sizes["trial"]
    == 3,
)
named = basin.run(experiment, "named.h5")
check("with a name there is a file", same(named, expected) and named.encoding["source"].endswith("/named.h5"))
check("a file that is complete is opened", same(basin.run(experiment, "named.h5"), expected))
check("as the program sees it", subprocess.run([program, "check", "named.h5"], capture_output=True).returncode == 0)
check("it is opened again", same(basin.open("named.h5"), expected))
with h5py.File("named.h5") as f:
    check(
        "its numbers are compared",
        basin.check("named.h5") == sum(v.dtype.kind in "iuf" for v in f.values() if isinstance(v, h5py.Dataset)),
    )
check("options of xarray", "trial" in basin.open("named.h5", drop_variables=["outcome"]).dims)
check(
    "the dict is readable YAML in the file",
    named.attrs["experiment_yaml"].startswith('model: "cnn"\ntrials: 300\ngrid: '),
)

# In [3]: settings
more = basin.run(experiment, "named.h5", trials=350, extend=True)
check("a file is extended", same(more, basin.run(experiment, trials=350)) and more.sizes["trial"] == 350)
few = basin.run(experiment, trials=7, seed=np.uint64(2**64 - 1), set={"grid.k": np.array([9]), "stop.max_steps": 1e3})
check(
    "settings",
    same(
        few,
        of_program(
            "f", text, "--trials", "7", "--seed", str(2**64 - 1), "--set", "grid.k=[9]", "--set", "stop.max_steps=1000"
        ),
    ),
)
check(
    "text as a setting",
    basin.run(text, trials=2, set={"gradient": {"sampled": {"inputs": float("inf"), "sampler": "direct"}}}).sizes[
        "trial"
    ]
    == 2,
)
check("threads and backend change nothing", same(basin.run(text, threads=1, backend="cpu"), expected))
one = basin.trial(experiment, 4, 2)
check(
    "one trial again",
    one.sizes["trial"] == 1 and np.array_equal(one.loss.values[0, 0], expected.loss.values[4, 2], equal_nan=True),
)

# In [4]: mistakes
refused(
    "an unknown key",
    basin.InputError,
    r"^experiment:11:1: unknown key `trails`.*did you mean `trials`\?\n  trails: 3$",
    lambda: basin.run({**experiment, "trails": 3}),
)
refused(
    "a wrong value in a file",
    basin.InputError,
    "^bad.yaml:3:9: unknown symbol `many`[^\n]*$",
    lambda: (open("bad.yaml", "w").write(text.replace("300", "many")), basin.run("bad.yaml")),
)
refused("a wrong setting", basin.InputError, "grid.k=0: k is 0", lambda: basin.run(text, set={"grid.k": 0}))
refused("no file", FileNotFoundError, "nothere.yaml", lambda: basin.run("nothere.yaml"))
refused("a folder", basin.InputError, "a folder, expected an experiment", lambda: basin.run(folder))
refused("no experiment", basin.InputError, "^expected a dict.*, not int", lambda: basin.run(3))
refused(
    "a value that is none",
    basin.InputError,
    r"^init.a\[1\]: expected a number, .*, not complex",
    lambda: basin.run({**experiment, "init": {"a": [1, 1j]}}),
)
refused("another backend", basin.InputError, "expected auto, cpu or cuda", lambda: basin.run(text, backend="gpu"))
refused("an output that cannot be", basin.Error, "nowhere", lambda: basin.run(text, "nowhere/x.h5"))
refused("another experiment's file", basin.InputError, "named.h5", lambda: basin.run(text, "named.h5", seed=3))
refused("no output file", basin.InputError, "e.yaml", lambda: basin.open("e.yaml"))
refused("a cell that is not there", basin.InputError, "cell", lambda: basin.trial(text, 6, 0))
shutil.copy("named.h5", "damaged.h5")
with h5py.File("damaged.h5", "r+") as f:
    f["final_loss"][1, 3] += 1e-9
refused("damage", basin.InputError, "final_loss", lambda: basin.check("damaged.h5"))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    outside = basin.run(text, set={"allow.unresolved": 0, "stop.max_steps": 20})
check(
    f"more unresolved than allowed is a warning, and the results are there: {[str(w.message) for w in said]}",
    [w.category for w in said] == [basin.OutsideWarning]
    and "unresolved" in str(said[0].message)
    and tempfile.gettempdir() not in str(said[0].message)
    and said[0].filename == sys._getframe().f_code.co_filename
    and outside.sizes["cell"] == 6,
)

# In [5]: a long run, its progress, Ctrl-C, and the cell again
longer = (
    text.replace("300", "15000")
    .replace("grid: {k: [4, 9], angle", "grid: {k: [100, 144], angle")
    .replace("1e-6", "1e-13")
)
states = []


def interrupt(state):
    states.append(state)
    os.kill(os.getpid(), signal.SIGINT)


whole = of_program("long", longer)
before = signal.getsignal(signal.SIGINT)
refused(
    "Ctrl-C without a name", basin.Interrupted, "interrupted", lambda: basin.run(longer, threads=1, progress=interrupt)
)
check("Ctrl-C is a KeyboardInterrupt, as Jupyter expects", issubclass(basin.Interrupted, KeyboardInterrupt))
check(
    f"it was in the middle: {states}",
    states
    and 0 <= states[-1]["trials"] < states[-1]["trials_total"] == 90000
    and states[-1]["trial_steps"] > 0
    and "cpu" in states[-1]["backend"],
)
check("the handler is as before", signal.getsignal(signal.SIGINT) is before)
check("the same call goes on", same(basin.run(longer, threads=1, progress=states.append), whole))
check("with what was kept", states[-1]["trial_steps"] < whole.steps.sum())
check("nothing is left of it", not any(files for _, _, files in os.walk(basin._scratch.name)))
refused(
    "Ctrl-C with a name",
    basin.Interrupted,
    "long2.h5.parts",
    lambda: basin.run(longer, "long2.h5", threads=1, progress=interrupt),
)
check(
    "the program goes on with it",
    subprocess.run([program, "run", "long.yaml", "-q", "-o", "long2.h5"]).returncode == 0
    and same(basin.open("long2.h5"), whole),
)
refused(
    "what the progress function raises",
    ZeroDivisionError,
    "",
    lambda: basin.run(longer, "z.h5", threads=1, progress=lambda s: 1 / 0),
)
check("ends the run, which keeps its parts", os.listdir("z.h5.parts"))

# in a script of its own: the signal from outside, the line on stderr
script = f"import sys; sys.path.insert(0, {module!r})\n"
script += "import basin\nbasin.run('long.yaml', 's.h5', threads=1, progress=True)\n"
process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
line = process.stderr.read(8)  # it is under way
process.send_signal(signal.SIGINT)
rest = process.stderr.read().decode()
check(
    f"a script that is interrupted ends as such: {process.wait()} {rest}",
    process.returncode == 1
    and line.startswith(b"\r")
    and "Interrupted: interrupted; the parts at work are saved" in rest,
)
process = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE)
check(
    f"and goes on: {process.stderr!r}",
    process.returncode == 0
    and re.search(rb"%  \d+ of 90000 trials", process.stderr)
    and re.search(rb"\r +\r$", process.stderr)
    and same(basin.open("s.h5"), whole),
)

# In [6]: other threads of the notebook
found = []
threads = [
    threading.Thread(target=lambda i=i: found.append(basin.run(text, trials=50 + i))) for i in range(3) for _ in "xy"
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check(
    "calls from several threads",
    sorted(r.sizes["trial"] for r in found) == [50, 50, 51, 51, 52, 52]
    and all(np.array_equal(r.steps.values[:, :50], expected.steps.values[:, :50]) for r in found),
)

# ---- what the module knows of basin.h is so ----

header = subprocess.run(
    ["gcc", "-E", "-P", os.path.join(here, "../../include/basin.h")], capture_output=True, text=True, check=True
).stdout
types = {
    "const char *": ctypes.c_char_p,
    "const char *const *": ctypes.POINTER(ctypes.c_char_p),
    "int": ctypes.c_int,
    "int64_t": ctypes.c_int64,
    "int64_t *": ctypes.POINTER(ctypes.c_int64),
    "basin_status": ctypes.c_int,
    "void": None,
}


def type_of(words):
    words = re.sub(r"\s*(\*.*)$", r" \1", words.strip())
    bare = re.sub(r"^const (basin_)", r"\1", words)
    if re.fullmatch(r"basin_\w+ \*\*", bare):
        return ctypes.POINTER(ctypes.c_void_p)
    return ctypes.c_void_p if re.fullmatch(r"basin_\w+ \*", bare) else types[words]


declared = {
    name: (result, [re.sub(r"\w+$", "", a) if a.strip() != "void" else a for a in arguments.split(",")])
    for result, name, arguments in re.findall(r"([\w *]+?)\b(basin_\w+)\(([^()]*)\);", re.sub(r"\s+", " ", header))
}
for name, (result, arguments) in basin._functions.items():
    words = [a for a in declared[name][1] if a.strip() != "void"]
    check(f"{name} as in basin.h", (result, arguments) == (type_of(declared[name][0]), [type_of(a) for a in words]))
check("the version of basin.h", f'"{basin.__version__}"' in open(os.path.join(here, "../../include/basin.h")).read())
for name in "OK", "BAD_INPUT", "OUTSIDE", "INTERRUPTED":
    check(f"{name} as in basin.h", re.search(rf"BASIN_{name} =\s+{getattr(basin, name)},", header))

# a library that is another one is refused before anything is called
stub = """
#include <string.h>
#include <basin.h>
const char *basin_version(void) { return VERSION; }
int basin_structure(const char *name, int64_t *offset, int64_t *size) {
  if (strstr(name, "save")) return 0;
  *offset = 0, *size = !strcmp(name, "basin_progress.trials") ? 4 : 8;
  return !strstr(name, "MISSING");
}
""" + "".join(
    f'void {n}_(void) __asm__("{n}"); void {n}_(void) {{}}\n'
    for n in basin._functions
    if n not in ("basin_version", "basin_structure")
)
open("stub.c", "w").write(stub)
for what, flags, words in (
    ("of another version", ['-DVERSION="9.0"'], "libbasin 9.0, basin.py is of"),
    ("with a smaller member", [f'-DVERSION="{basin.__version__}"'], "basin_progress.trials has 4 bytes"),
    ("without a function", ['-DVERSION="9.0"', "-Dbasin_version=another"], "basin_version"),
):
    subprocess.run(
        ["gcc", "-w", "-shared", "-fPIC", "-I", os.path.join(here, "../../include"), *flags, "-o", "stub.so", "stub.c"],
        check=True,
    )
    process = subprocess.run(
        [sys.executable, "-c", "import basin"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": module, "BASIN_LIBRARY": "./stub.so"},
    )
    check(
        f"a library {what}: {process.stderr[-300:]}",
        process.returncode == 1 and re.search(rf"^ImportError: .*{words}", process.stderr, re.M),
    )
process = subprocess.run(
    [sys.executable, "-c", "import basin"],
    capture_output=True,
    text=True,
    env={**os.environ, "PYTHONPATH": module, "BASIN_LIBRARY": "./none.so"},
)
check("no library", "ImportError: ./none.so: cannot open" in process.stderr and "make install" in process.stderr)

os.chdir("/")
shutil.rmtree(folder)
finish()
