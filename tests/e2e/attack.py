#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""attack.py BUILD [SEED]: harm done to the program: mutated experiments, damaged and crafted files, odd names, disks
that are full at every write, signals under every kind of load. Reproducible from the seed, which is printed; an input
that breaks it is kept, and its path told. BASIN_SOAK=1 takes the long version.

A case fails where the program dies by a signal that nobody sent, does not end, gives an exit code that the manual does
not have, refuses without one line that says where, changes or removes a file that is not its own, or leaves a
temporary one."""

import collections
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings

import h5py
import numpy as np

here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
build = os.path.abspath(sys.argv[1])
basin = os.path.join(build, "basin")
SOAK = bool(os.environ.get("BASIN_SOAK"))
seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time()) if SOAK else 17
SANITIZED = b"__asan_init" in open(basin, "rb").read()
CPU_SECONDS = 120  # far longer than any of it takes: only what would never end ends there
MEMORY = resource.RLIM_INFINITY if SANITIZED else 4 << 30
TEMPORARY = r"\.tmp-.*-\d+-[0-9a-f]{8}"
KEPT = os.path.join(here, "build", "attack")

warnings.simplefilter("ignore")  # numpy's, of numbers that do not fit
counted, failures = collections.Counter(), []
work = tempfile.mkdtemp(prefix="basin-attack-")
sys.stdout.reconfigure(line_buffering=True)
print(f"seed {seed}")


def times(short, long):
    """how often a kind of harm is done"""
    return long if SOAK else short


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


# ---- one case ----


class Case:
    """a folder of its own, with files that are the user's: path within it -> content"""

    def __init__(self, kind, number, files=()):
        self.kind, self.number = kind, number
        self.random = random.Random(f"{seed} {kind} {number}")
        self.folder = os.path.join(work, "case")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        for name, content in dict(files).items():
            write(os.path.join(self.folder, name), content)
        counted[kind] += 1

    def path(self, name):
        return os.path.join(self.folder, name)

    def state(self):
        """what is in the folder: plain files with their bytes, all else with what it is"""
        seen = {}
        for top, folders, files in os.walk(self.folder):
            for name in folders + files:
                path = os.path.join(top, name)
                short = os.path.relpath(path, self.folder)
                if os.path.islink(path):
                    seen[short] = os.readlink(path)
                elif os.path.isfile(path):
                    seen[short] = read(path)
                else:
                    seen[short] = os.lstat(path).st_mode
        return seen

    def fail(self, words, reason):
        kept = os.path.join(KEPT, f"{seed}-{self.kind}-{self.number}".replace(" ", "-"))
        if len(failures) < 50:
            shutil.rmtree(kept, ignore_errors=True)
            try:
                shutil.copytree(
                    self.folder,
                    kept,
                    symlinks=True,
                    ignore=lambda top, names: [
                        n
                        for n in names
                        if not (os.path.isfile(os.path.join(top, n)) or os.path.isdir(os.path.join(top, n)))
                    ],
                )
            except (OSError, shutil.Error):
                pass
        failures.append(f"{self.kind} {self.number}: basin {words}: {reason}")
        print(f"FAILED: {failures[-1]}\n  kept: {kept}")

    def run(self, *words, codes=(0, 1, 2, 3), names=(), own=(), environment=None, limit=None):
        """Runs the program. names: one of them must be in a refusal. own: the files that it may make or change.
        Returns exit code, what it printed, what it said."""
        before = self.state()

        def limits():
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if MEMORY != resource.RLIM_INFINITY:
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        try:
            done = subprocess.run(
                [basin, *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                preexec_fn=limits,
                timeout=1800,
                check=False,
                env={**os.environ, **(environment or {})},
            )
        except subprocess.TimeoutExpired:
            self.fail(words, "does not end")
            return 124, b"", ""
        noise = done.stderr.decode(errors="replace")
        self.judge(words, done.returncode, noise, codes, names)
        self.compare(words, before, own, done.returncode)
        return done.returncode, done.stdout, noise

    def judge(self, words, code, said, codes, names):
        if code < 0 and code not in codes:
            return self.fail(words, f"ended by {signal.Signals(-code).name}; it said: {said[-2000:]}")
        if code not in codes:
            return self.fail(words, f"exit code {code}; it said: {said[-2000:]}")
        for word in ("Sanitizer", "runtime error", "HDF5-DIAG", "Assertion", "Traceback"):
            if word in said:
                return self.fail(words, f"it said: {said[-2000:]}")
        if code in (1, 2):
            lines = [
                line
                for line in said.split("\n")
                if line.startswith("basin: ") and not line.startswith("basin: warning: ")
            ]
            if len(lines) != 1 or len(lines[0]) < 16 or any(ord(c) < 32 for c in lines[0]):
                return self.fail(words, f"exit code {code} without one line of reason; it said: {said[-2000:]!r}")
            if names and not any(name in lines[0] for name in names):
                return self.fail(words, f"the reason names none of {names}: {lines[0]}")
        return None

    def compare(self, words, before, own, code):
        after = self.state()
        for name, content in before.items():
            if after.get(name) != content and not any(name == o or name.startswith(o + "/") for o in own):
                self.fail(words, f"exit {code}, and {name} is {'not as it was' if name in after else 'gone'}")
        for name in after.keys() - before.keys():
            if re.search(TEMPORARY, name):
                self.fail(words, f"exit {code}, and {name} is left")
            elif not any(name == o or name.startswith((o + "/", o + ".parts")) for o in own):
                self.fail(words, f"exit {code}, and {name} is new")


# ---- where the inputs come from ----

SMALL = """title: small
model: cnn
trials: 40
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
variants: {fast: {schedule: [{eta: 0.2}]}, slow: {schedule: [{eta: 0.1}]}}
stop: {at: 1e-3, max_steps: 400}
allow: {unresolved: 1, diverged: 1}
same_draw: [variant]
record: {trials: 3, steps: {log: 9}, observables: [phi, loss], final: [loss], parameters: true}
"""
NEURON = """model: relu_sum
trials: 12
parameters: {d: 4, n: 2}
teacher: {v: {head: [1]}}
init: {w: {normal: 0.3}}
schedule: [{eta: 0.1}]
stop: {at: 1e-3, max_steps: 300}
allow: {unresolved: 1, diverged: 1}
record: {trials: 2, steps: [0, 8, 64]}
"""
PUBLISHED = "# note: printed\nvariant,k,success,trials\nfast,4,0.53,5000\nslow,9,0.5,40\n"


def experiments():
    folder = os.path.join(here, "data/experiments")
    texts = [read(os.path.join(folder, name)).decode() for name in sorted(os.listdir(folder))]
    with open(os.path.join(here, "README.md"), encoding="utf-8") as page:
        texts += re.findall(r"```yaml\n(.*?)```", page.read(), re.S)
    words = subprocess.run([basin, "help", "--words"], stdout=subprocess.PIPE, check=True, text=True).stdout
    for model in re.search(r"^names\tMODEL\t(.*)$", words, re.M)[1].split():
        texts.append(subprocess.run([basin, "init", model], stdout=subprocess.PIPE, check=True, text=True).stdout)
    # thousands of patches of a thousand drawings, for two trials of four steps
    return [re.sub(r"strokes: 1000\b", "strokes: 20", text) for text in texts] + [SMALL, NEURON]


NUMBERS = (
    "0",
    "-1",
    "1e308",
    "1e-320",
    "-0",
    "1e999",
    "nan",
    "inf",
    ".5",
    "0x10",
    "010",
    "1_000",
    "9223372036854775807",
    "9223372036854775808",
    "1e18",
    "1/0",
    "sqrt(-1)",
    "k",
    "~",
    "''",
    "[]",
    "{}",
    "true",
    "2e100",
    "1e7",
)
HOSTILE = (
    "---\nmodel: cnn\n",
    "...\nx: 1\n",
    "%YAML 1.1\n",
    "&a [*a]",
    "*nowhere",
    "!!binary aGk=",
    "!!python/x y",
    "? x",
    "<<: *a",
    "\t",
    "\r\n",
    "\0",
    "\ufeff",
    "\u2028",
    "\x85",
    "\x1b[31m",
    "'",
    '"',
    "|\n  x",
    ">\n",
    "# ",
    "{" * 3000,
    "[" * 300,
    "[" * 3000 + "]" * 3000,
    "(" * 5000,
    "-" * 5000,
    "x: " * 2000,
    "a" * 70000,
    "%s%n",
    "$(touch x)",
    "`touch x`",
    "\ud7ff",
    "[" + "1," * 20000 + "1]",
    "{" + ",".join(f"k{i}: 1" for i in range(5000)) + "}",
)


def mutate_text(text, r, others):
    for _ in range(r.choice((1, 1, 1, 2, 3, 8))):
        way = r.randrange(10)
        lines = text.split("\n")
        at = r.randrange(len(text) + 1)
        line = r.randrange(len(lines))
        if way == 0:  # bytes
            text = (
                text[:at]
                + chr(r.choice((r.randrange(256), r.randrange(32, 127), r.randrange(0x800))))
                + text[at + r.randrange(2) :]
            )
        elif way == 1:
            text = text[:at] + text[at + r.randrange(20) :]
        elif way == 2:
            text = text[:at] + r.choice(HOSTILE) + text[at:]
        elif way in (3, 4):  # a number
            found = list(re.finditer(r"(?<![\w.])[-\d.]+(e[-\d]+)?", text))
            if found:
                m = r.choice(found)
                text = text[: m.start()] + r.choice(NUMBERS) + text[m.end() :]
        elif way == 5:  # a word for another
            words = list(re.finditer(r"[A-Za-z_]+", text))
            if len(words) > 1:
                m, w = r.choice(words), r.choice(words).group()
                text = text[: m.start()] + w + text[m.end() :]
        elif way == 6:  # lines
            lines[line : line + 1] = r.choice(([], [lines[line]] * 2, [" " + lines[line]], [lines[line][1:]]))
            text = "\n".join(lines)
        elif way == 7:
            lines.insert(line, r.choice(r.choice(others).split("\n")))
            text = "\n".join(lines)
        elif way == 8:  # brackets and the like
            text = text[:at] + r.choice("[]{}:,-#&*!|>'\"%@`?\\()^/ \n") + text[at:]
        else:  # a value inside out
            text = re.sub(
                r": (\S+)",
                lambda m: r.choice((f": [{m[1]}]", f": {{x: {m[1]}}}", ": ")) if r.random() < 0.1 else m[0],
                text,
            )
    return text


# ---- experiments ----


def attack_experiments():
    texts = experiments()
    tiny = ("--set", "trials=2", "--set", "stop.max_steps=4")
    for number in range(times(70, 4000)):
        case = Case("experiment", number)
        r = case.random
        text = mutate_text(r.choice(texts), r, texts)
        write(
            case.path("e.yaml"), text.encode("utf-8", "surrogatepass") if r.random() < 0.95 else text.encode("utf-16")
        )
        way = r.randrange(8)
        if way == 0:
            case.run(
                "submit",
                "e.yaml",
                "-o",
                "c/",
                "--shards",
                "2",
                "--dry-run",
                *tiny,
                own=("c",),
                names=("e.yaml", "--set"),
            )
        elif way < 4:
            case.run(
                "run",
                "e.yaml",
                "-q",
                "-o",
                "o.h5",
                "--threads",
                "1",
                *tiny,
                own=("o.h5",),
                names=("e.yaml", "--set", "o.h5", "out of memory"),
            )
        else:
            case.run("run", "e.yaml", "--dry-run", "--threads", "1", *tiny, names=("e.yaml", "--set"))
    sound = Case("setting", 0, {"e.yaml": SMALL})
    for number in range(times(40, 3000)):
        sound.number = number
        counted["setting"] += number > 0
        r = random.Random(f"{seed} setting {number}")
        key = r.choice(re.findall(r"[a-z_]+(?=:)", SMALL)) + r.choice(("", "", ".0", ".at", ".k", ".a", ".."))
        value = mutate_text(r.choice(re.findall(r": (.*)", SMALL)), r, texts)
        value = value.replace("\0", "").encode("utf-8", "surrogatepass")[:30000]
        sound.run(
            "run",
            "e.yaml",
            "-q",
            "-o",
            "/dev/null/x.h5",
            "--set",
            key.encode() + b"=" + value,
            names=("--set", "e.yaml", "/dev/null"),
        )


# ---- outputs ----


def make_sound():
    """outputs, parts and a campaign that are sound"""
    folder = os.path.join(work, "sound")
    os.mkdir(folder)
    write(os.path.join(folder, "small.yaml"), SMALL)
    write(os.path.join(folder, "neuron.yaml"), NEURON)
    write(
        os.path.join(folder, "refined.yaml"),
        SMALL.replace("grid: {k: [4, 9]}", "grid: {k: [4, 9], p: [2, 6]}")
        .replace("parameters: {p: 3}\n", "refine: {p: {to: 2}}\n")
        .replace("same_draw: [variant]\n", ""),
    )

    def run(*words):
        subprocess.run([basin, *words], cwd=folder, stdout=subprocess.PIPE, check=True)

    for name in ("small", "neuron", "refined"):
        run("run", name + ".yaml", "-q", "--no-provenance", "-o", name + ".h5")
    run("run", "small.yaml", "-q", "-o", "camp/", "--part-trials", "20")
    return folder


def foreign():
    """files of HDF5 that are not ours"""
    path = os.path.join(work, "foreign.h5")
    with h5py.File(path, "w") as file:
        file["outcome"] = np.zeros((3, 4), "i1")
        file["trials"] = np.array([4, 4, 4])
    yield read(path)
    with h5py.File(path, "w", libver="latest", userblock_size=512) as file:
        file["outcome"] = h5py.SoftLink("/outcome")
    yield read(path)
    with h5py.File(path, "w") as file:
        file.create_group("outcome").create_group("steps")
    yield read(path)
    yield b"\x89HDF\r\n\x1a\n"
    yield b"CDF\x01" + bytes(100)
    yield b""
    yield SMALL.encode()


def some_set(file, r):
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return r.choice(sorted(names))


def craft(path, r):
    """changes what HDF5 says, in ways that it takes"""
    with h5py.File(path, "r+") as file:
        if r.random() < 0.6 and "checksum" in file:
            del file["checksum"]
        for _ in range(r.choice((1, 1, 2))):
            name, other = some_set(file, r), some_set(file, r)
            values = file[name][()]
            attributes = dict(file.attrs)
            way = r.randrange(11)
            try:
                if way == 0:
                    del file[name]
                elif way == 1 and name != other:
                    file.move(name, "t")
                    file.move(other, name)
                    file.move("t", other)
                elif way == 2:
                    del file[name]
                    file[name] = np.array(values).astype(r.choice(("f4", "i8", "u1", "S3", "f8")))
                elif way == 3:
                    del file[name]
                    file.create_dataset(
                        name,
                        shape=r.choice(((1 << 40,), (1 << 30, 1 << 30), (0,), (), (1, 1, 1, 1))),
                        dtype=r.choice(("i1", "f8", "i8")),
                        chunks=None,
                    )
                elif way == 4:
                    del file[name]
                    file.create_group(name)
                elif way == 5:
                    del file[name]
                    file[name] = r.choice(
                        (
                            h5py.SoftLink("/" + name),
                            h5py.SoftLink("/no"),
                            h5py.ExternalLink("no.h5", "/x"),
                            h5py.ExternalLink("o.h5", "/" + name),
                        )
                    )
                elif way == 6 and file[name].dtype.kind in "iuf" and values.size:
                    flat = np.array(values).reshape(-1)
                    flat[r.randrange(flat.size)] = r.choice((-1, 0, 1, 7, 100, 127))
                    file[name][...] = flat.reshape(values.shape)
                elif way == 7 and values.ndim:
                    del file[name]
                    file[name] = np.concatenate([values, values]) if r.random() < 0.5 else values[:-1]
                elif way == 8:
                    key = r.choice(sorted(attributes))
                    del file.attrs[key]
                    if r.random() < 0.7:
                        file.attrs[key] = r.choice(
                            (
                                -1,
                                1 << 62,
                                float("nan"),
                                "",
                                "x" * 60000,
                                "a\nb",
                                "\x1b]0;x",
                                np.arange(9),
                                "1e9",
                                np.bytes_(b"\xff\xfe"),
                            )
                        )
                elif way == 9:
                    key = r.choice(sorted(attributes))
                    if isinstance(attributes[key], (str, bytes)):
                        text = (
                            attributes[key]
                            if isinstance(attributes[key], str)
                            else attributes[key].decode(errors="replace")
                        )
                        file.attrs[key] = mutate_text(text, r, [SMALL]).replace("\0", "")[:60000]
                else:
                    item = file[name]
                    if len(item.attrs):
                        key = r.choice(sorted(item.attrs))
                        del item.attrs[key]
                        if r.random() < 0.5:
                            item.attrs[key] = r.choice((1, "x", np.arange(3), "x" * 5000))
            except (OSError, RuntimeError, ValueError, TypeError, KeyError, UnicodeError):
                pass  # HDF5 does not take it


def damage(content, r):
    content = bytearray(content)
    for _ in range(r.choice((1, 1, 2, 5))):
        if not content:
            break
        at, many = r.randrange(len(content)), r.choice((1, 8, 100, 1000))
        way = r.randrange(6)
        if way < 2:
            content[at] ^= 1 << r.randrange(8)
        elif way == 2:
            content[at : at + many] = bytes(r.choice((0, 255, 1)) for _ in range(1)) * len(content[at : at + many])
        elif way == 3:
            del content[at:]
        elif way == 4:
            other = r.randrange(len(content))
            content[at : at + many] = content[other : other + len(content[at : at + many])]
        else:
            content[at : at + 8] = r.choice((b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\0\0\0\0\1\0\0\0"))
    return bytes(content)


ASK = (
    ("summary", "o.h5"),
    ("summary", "o.h5", "--json"),
    ("summary", "o.h5", "--csv"),
    ("summary", "o.h5", "--pairs"),
    ("rates", "o.h5"),
    ("compare", "o.h5", "p.csv"),
    ("check", "o.h5"),
    ("export", "o.h5"),
    ("export", "o.h5", "--trajectories"),
    ("export", "o.h5", "-o", "x.csv"),
    ("summary", "o.h5", "--where", "k=4"),
)
MAKE = (("run", "e.yaml", "-q", "-o", "o.h5"), ("run", "e.yaml", "-q", "-o", "o.h5", "--extend", "--trials", "50"))
DRAW = (
    ("plot", "o.h5", "-o", "f.svg"),
    ("plot", "o.h5", "-o", "f.svg", "--observable", "loss"),
    ("plot", "o.h5", "-o", "f.svg", "--published", "p.csv"),
)


def attack_outputs(sound):
    kinds = [
        (read(os.path.join(sound, name + ".h5")), read(os.path.join(sound, name + ".yaml")))
        for name in ("small", "neuron", "refined")
    ]
    strangers = list(foreign())
    answers = {}
    for number in range(times(120, 8000)):
        case = Case("output", number)
        r = case.random
        which = r.randrange(len(kinds))
        content, text = kinds[which]
        write(case.path("o.h5"), content)
        write(case.path("e.yaml"), text)
        write(case.path("p.csv"), PUBLISHED)
        words = r.choice(ASK if r.random() < 0.8 else MAKE if r.random() < 0.7 else DRAW)
        own = ("x.csv", "f.svg", "o.h5") if "run" in words else ("x.csv", "f.svg")
        names = ("o.h5", "p.csv", "--where", "--pairs", "e.yaml", "the experiment", "no value", "no cell")
        way = r.random()
        if way < 0.05:
            write(case.path("o.h5"), r.choice(strangers))
        elif way < 0.55:
            craft(case.path("o.h5"), r)
        elif words[0] in ("run", "plot"):
            write(case.path("o.h5"), damage(content, r))
        else:  # damaged, with checksums: the same answer, or a reason
            if (which, words) not in answers:
                answers[which, words] = case.run(*words, own=own)
                if os.path.exists(case.path("x.csv")):
                    os.remove(case.path("x.csv"))
            write(case.path("o.h5"), damage(content, r))
            code, printed, _ = case.run(*words, own=own, names=names)
            if code == 0 and printed != answers[which, words][1]:
                case.fail(words, "another answer from a damaged file")
            continue
        case.run(*words, own=own, names=names)


def attack_parts(sound):
    camp, text = os.path.join(sound, "camp"), SMALL
    names = sorted(os.listdir(os.path.join(camp, "parts")))
    whole = read(os.path.join(sound, "small.h5"))
    for number in range(times(25, 1500)):
        case = Case("part", number, {"e.yaml": text})
        r = case.random
        shutil.copytree(camp, case.path("camp"))
        name = r.choice(names)
        path = case.path(os.path.join("camp", "parts", name))
        write(path, damage(read(path), r))
        if r.random() < 0.3:
            write(
                case.path("camp/campaign"),
                mutate_text(read(case.path("camp/campaign")).decode(), r, [text]).encode("utf-8", "surrogatepass"),
            )
            told = ("campaign", "camp", name)
            case.run("status", "camp", names=told)
            case.run("merge", "camp", "-q", "-o", "m.h5", own=("m.h5",), names=told)
            case.run("run", "camp/", "-q", own=("camp",), names=told + (".yaml",))
            continue
        case.run("status", "camp", r.choice(("--json", "--json")), names=("camp",))
        code, *_ = case.run("merge", "camp", "-q", "--no-provenance", "-o", "m.h5", own=("m.h5",), names=("camp", name))
        if code == 0 and read(case.path("m.h5")) != whole:
            case.fail("merge", "another file from damaged parts")
        case.run("merge", "camp", "-q", "--partial", "-o", "partial.h5", own=("partial.h5",), names=("camp",))
        code, *_ = case.run("run", "camp", "-q", own=("camp",), names=("camp",))
        if code == 0:
            case.run("merge", "camp", "-q", "--no-provenance", "-o", "again.h5", own=("again.h5",), codes=(0,))
            if os.path.exists(case.path("again.h5")) and read(case.path("again.h5")) != whole:
                case.fail("merge", "another file after damaged parts were run again")


# ---- published tables, names ----


def attack_published(sound):
    output = read(os.path.join(sound, "small.h5"))
    folder = os.path.join(here, "data/published")
    tables = [PUBLISHED] + [read(os.path.join(folder, name)).decode() for name in sorted(os.listdir(folder))]
    case = Case("published", 0, {"o.h5": output})
    counted["published"] -= 1
    for number in range(times(40, 3000)):
        case.number = number
        counted["published"] += 1
        r = random.Random(f"{seed} published {number}")
        text = r.choice(tables)
        for _ in range(r.choice((1, 1, 3))):
            at = r.randrange(len(text) + 1)
            text = r.choice(
                (
                    lambda: mutate_text(text, r, tables),
                    lambda: text[:at]
                    + r.choice((",", '"', ",,", "\n", "\r", "\0", '""', "é", "," * 99, "x" * 9999))
                    + text[at:],
                    lambda: text.replace(
                        r.choice(("k", "success", "trials", "variant")), r.choice(("p", "k", "", "success", '"k"')), 1
                    ),
                )
            )()
        write(case.path("p.csv"), text.encode("utf-8", "surrogatepass"))
        case.run("compare", "o.h5", "p.csv", *r.choice(((), ("--csv",))), names=("p.csv", "o.h5"))


NAMES = (
    "a b",
    "it's",
    "''",
    'say "x"',
    "new\nline",
    "|touch x",
    "a|b",
    "-q",
    "--help",
    "..x",
    "~",
    "~root",
    "$HOME",
    "`id`",
    "a;b",
    "a&b",
    "%d%s",
    "\\n",
    "a\tb",
    "\x1b[31m",
    "é",
    "\udcff",
    "@x",
    "#x",
    "[x]",
    "{x}",
    "*",
    "?",
    "a" * 200,
    "x.part",
    "x.tmp-y",
    ",",
    "=",
    " ",
    "a.h5.parts",
)


def attack_names(sound):
    output, text = read(os.path.join(sound, "small.h5")), SMALL
    usual = Case("name", 0, {"e.yaml": text})
    usual.run("run", "e.yaml", "-q", "--no-provenance", codes=(0,), own=("e.h5",))
    fresh = read(usual.path("e.h5"))
    number = 0
    for name in NAMES:
        for way in range(6):
            number += 1
            if not SOAK and (number + seed) % 7:
                continue
            case = Case("name", number, {"e.yaml": text, "o.h5": output, "p.csv": PUBLISHED})
            at = "./" + name if name.startswith("-") else name
            if way == 0:
                write(case.path(name + ".yaml"), text)
                code, *_ = case.run("run", at + ".yaml", "-q", "--no-provenance", own=(name + ".h5",))
                if code == 0:
                    case.run("check", at + ".h5", codes=(0,))
            elif way == 1:
                code, *_ = case.run("run", "e.yaml", "-q", "--no-provenance", "-o", at + ".h5", own=(name + ".h5",))
                if code == 0 and read(case.path(name + ".h5")) != fresh:
                    case.fail(name, "another file")
            elif way == 2:
                write(case.path(name + ".h5"), output)
                for words in (
                    ("summary", at + ".h5"),
                    ("export", at + ".h5", "-o", at + ".csv"),
                    ("check", at + ".h5"),
                ):
                    case.run(*words, own=(name + ".csv",), codes=(0,))
            elif way == 3:
                code, *_ = case.run("plot", "o.h5", "-o", at + ".svg", "--title", name, own=(name + ".svg",))
                if code == 0 and not read(case.path(name + ".svg")).rstrip().endswith(b"</svg>"):
                    case.fail(name, "no figure")
            elif way == 4:
                code, *_ = case.run("run", "e.yaml", "-q", "-o", at + "/", own=(name,), names=("campaign", "name"))
                if code == 0:
                    case.run("status", at, codes=(0,))
                    case.run("submit", "e.yaml", "-o", at + "/", "--shards", "2", "--dry-run", own=(name,))
                    case.run("merge", at, "-q", "--no-provenance", "-o", "m.h5", own=("m.h5",), codes=(0,))
            else:
                write(case.path(name), PUBLISHED)
                case.run("compare", "o.h5", at, codes=(0,))
    # things in the places of files, and of folders
    for number in range(times(14, 400)):
        case = Case("place", number, {"e.yaml": text, "o.h5": output, "p.csv": PUBLISHED})
        r = case.random
        shutil.copytree(os.path.join(sound, "camp"), case.path("camp"))
        place = r.choice(
            (
                "e.yaml",
                "o.h5",
                "p.csv",
                "f.svg",
                "x.csv",
                "camp/campaign",
                "camp/parts",
                "camp/running",
                "camp",
                "n.h5.parts",
                "n.h5",
                "camp/parts/" + r.choice(os.listdir(case.path("camp/parts"))),
            )
        )
        if os.path.isdir(case.path(place)):
            shutil.rmtree(case.path(place))
        elif os.path.exists(case.path(place)):
            os.remove(case.path(place))
        # a pipe is waited for where text is read: `compare o.h5 <(...)`
        thing = r.choice(("folder", "full", "fifo", "dangling", "loop", "file", "device", "socket"))
        thing = "dangling" if thing == "fifo" and place in ("e.yaml", "p.csv") else thing
        if thing in ("folder", "full"):
            os.mkdir(case.path(place))
            if thing == "full":
                write(case.path(place + "/mine"), "mine")
        elif thing == "fifo":
            os.mkfifo(case.path(place))
        elif thing == "dangling":
            os.symlink("nowhere", case.path(place))
        elif thing == "loop":
            os.symlink(os.path.basename(place), case.path(place))
        elif thing == "device":
            os.symlink("/dev/null", case.path(place))
        elif thing == "file":
            write(case.path(place), "mine")
        else:

            with socket.socket(socket.AF_UNIX) as s:
                os.chdir(case.path(os.path.dirname(place)))
                s.bind(os.path.basename(place))
                os.chdir("/")
        # what is asked for may be made anew in the place of a plain file; all else stays
        # (an empty folder becomes a campaign, or that of the parts, which goes in the end)
        made = [m for m in ("n.h5", "f.svg", "x.csv", "m.h5", "o.h5") if m != place or thing == "file"]
        made += [place] if thing == "folder" and place.startswith("n.h5") else []
        extra = ("camp",) if place.startswith("camp/") or place == "camp" and thing == "folder" else ()
        for words in (
            ("run", "e.yaml", "-q", "-o", "n.h5"),
            ("summary", "o.h5"),
            ("compare", "o.h5", "p.csv"),
            ("export", "o.h5", "-o", "x.csv"),
            ("plot", "o.h5", "-o", "f.svg"),
            ("status", "camp"),
            ("merge", "camp", "-q", "-o", "m.h5"),
            ("run", "e.yaml", "-q", "-o", "camp/"),
        ):
            if SOAK or r.random() < 0.5 or place.split("/")[0] in " ".join(words):
                case.run(
                    *words,
                    own=(
                        *made,
                        *extra,
                        *(("n.h5.parts",) if place != "n.h5.parts" else ()),
                        *(("camp",) if "camp/" in words else ()),
                    ),
                )


# ---- full disks ----

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
/* from the FULL_FROM-th writing call on, as long as FULL_FOR of them, the disk is full; STRIKE_AT: before that call
   SIGHUP comes */
static long calls;
static int full(int file) {
  static long from = -1, many, strike;
  char link[64], path[4096];
  if (from < 0) {
    from = atol(getenv("FULL_FROM") ? getenv("FULL_FROM") : "0");
    many = atol(getenv("FULL_FOR") ? getenv("FULL_FOR") : "0");
    strike = atol(getenv("STRIKE_AT") ? getenv("STRIKE_AT") : "0");
  }
  if (file >= 0) { /* what is printed is on no disk */
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    if (!strstr(path, "/case/")) return 0;
  }
  const long call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
  if (call == strike && !strcmp(program_invocation_short_name, "basin")) {
    syscall(SYS_write, 2, "struck\n", 7);
    kill(getpid(), SIGHUP);
  }
  if (call < from || call >= from + many) return 0;
  errno = ENOSPC;
  return 1;
}
#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
ssize_t write(int f, const void *b, size_t n) { REAL(write); return full(f) ? -1 : real(f, b, n); }
ssize_t pwrite(int f, const void *b, size_t n, off_t o) { REAL(pwrite); return full(f) ? -1 : real(f, b, n, o); }
ssize_t pwrite64(int f, const void *b, size_t n, off_t o) { REAL(pwrite64); return full(f) ? -1 : real(f, b, n, o); }
int ftruncate(int f, off_t n) { REAL(ftruncate); return full(f) ? -1 : real(f, n); }
int ftruncate64(int f, off_t n) { REAL(ftruncate64); return full(f) ? -1 : real(f, n); }
int fsync(int f) { REAL(fsync); return full(f) ? -1 : real(f); }
int mkdir(const char *p, mode_t m) { REAL(mkdir); return full(-1) ? -1 : real(p, m); }
int rename(const char *a, const char *b) { REAL(rename); return full(-1) ? -1 : real(a, b); }
int link(const char *a, const char *b) { REAL(link); return full(-1) ? -1 : real(a, b); }
static int open_mode(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? (int)va_arg(rest, mode_t) : 0; }
#define OPEN(name) int name(const char *p, int flags, ...) { REAL(name); va_list rest; va_start(rest, flags); \
  const int mode = open_mode(flags, rest); va_end(rest); \
  return flags & O_CREAT && full(-1) ? -1 : real(p, flags, mode); }
OPEN(open)
OPEN(open64)
#define FOPEN(name) FILE *name(const char *p, const char *m) { REAL(name); \
  return *m == 'w' && full(-1) ? NULL : real(p, m); }
FOPEN(fopen)
FOPEN(fopen64)
int fflush(FILE *f) { REAL(fflush); return f && full(fileno(f)) ? EOF : real(f); }
"""


def tasks_that_write(sound):
    """name -> (words, what they make), the files that must be there, and the shim (None where it cannot be used)"""
    output = read(os.path.join(sound, "small.h5"))
    more = SMALL.replace("trials: 40", "trials: 50", 1)
    tasks = {
        "run": (
            ("run", "e.yaml", "-q", "--no-provenance", "--threads", "1", "--part-trials", "20", "-o", "n.h5"),
            "n.h5",
        ),
        "trial": (("run", "e.yaml", "-q", "--cell", "1", "--trial", "3", "-o", "n.h5"), "n.h5"),
        "extend": (("run", "more.yaml", "-q", "--no-provenance", "--threads", "1", "--extend", "-o", "o.h5"), "o.h5"),
        "merge": (("merge", "camp", "-q", "--no-provenance", "-o", "n.h5"), "n.h5"),
        "merge over": (("merge", "camp", "-q", "--no-provenance", "-o", "o.h5"), "o.h5"),
        "campaign": (("run", "e.yaml", "-q", "--threads", "1", "--part-trials", "20", "-o", "new/"), "new"),
        "submit": (("submit", "e.yaml", "-o", "new/", "--shards", "2", "--dry-run"), "new"),
        "export": (("export", "o.h5", "--trajectories", "-o", "x.csv"), "x.csv"),
        "plot": (("plot", "o.h5", "-o", "f.svg"), "f.svg"),
    }
    files = {"e.yaml": SMALL, "more.yaml": more, "o.h5": output, "x.csv": "old", "f.svg": "old"}
    shim = os.path.join(work, "full.so")
    write(shim + ".c", SHIM)
    made = not SANITIZED and not subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", shim, shim + ".c", "-ldl"], check=False
    ).returncode
    return tasks, files, shim if made else None


def attack_disks(sound):
    tasks, files, shim = tasks_that_write(sound)
    for task, (words, made) in tasks.items():
        whole = None
        for way in ("none", "calls", "one call", "size"):
            step, at, refused = 1, 1, 0
            if way in ("calls", "one call") and not shim:
                continue
            while True:
                case = Case(f"disk {task}, {way}", at, files)
                if words[0] == "merge":
                    shutil.copytree(os.path.join(sound, "camp"), case.path("camp"))
                old = files.get(made)
                own = (made, made + ".parts") if way != "none" else (made,)
                environment = (
                    {"LD_PRELOAD": shim, "FULL_FROM": str(at), "FULL_FOR": "1" if way == "one call" else "1000000000"}
                    if "call" in way
                    else {}
                )
                code, _, said = case.run(
                    *words,
                    own=own,
                    codes=(0, 1) if way != "none" else (0,),
                    environment=environment,
                    limit=at if way == "size" else None,
                )
                there = case.state()
                now = there.get(made) if not os.path.isdir(case.path(made)) else None
                if way == "none":
                    whole = now
                    break
                comparable = whole is not None and words[0] != "plot" and "--cell" not in words
                if (
                    code == 0
                    and comparable
                    and now != whole
                    and (old is None or now != old.encode() if isinstance(old, str) else now != old)
                ):
                    case.fail(words, "exit 0, and another file")
                if code == 1:
                    refused += 1
                    if (
                        now is not None
                        and now != (old.encode() if isinstance(old, str) else old)
                        and not (comparable and now == whole)
                    ):
                        case.fail(words, f"exit 1, and half a {made}; it said: {said}")
                    if not re.search("No space|File too large|needs .* of disk|cannot|failed|not be so large", said):
                        case.fail(words, f"what is wrong is not said: {said}")
                    if (
                        made == "n.h5" and task == "run" or task in ("extend", "campaign")
                    ):  # it goes on when there is room
                        if SOAK or at % 5 == 0:
                            case.run(*words, own=own, codes=(0,))
                            if comparable and read(case.path(made)) != whole:
                                case.fail(words, "another file when it went on")
                if way == "size":
                    if at > 2 * 70000 or (code == 0 and at > 64):
                        break
                    at = at + times(1 + at, max(1, at // 25))
                else:
                    if code == 0 and way == "calls" or at > 3000 or (way == "one call" and at > last):
                        break
                    last = at if way == "calls" else last
                    at += times(max(1, at // 2), 1)


# ---- signals ----


def attack_strokes(sound):
    """a signal before each call that writes: what is begun is whole, kept under its name, or gone"""
    tasks, files, shim = tasks_that_write(sound)
    for task, (words, made) in tasks.items() if shim else ():
        at, said = 1, "struck"
        while "struck" in said:
            case = Case(f"stroke {task}", at, files)
            if words[0] == "merge":
                shutil.copytree(os.path.join(sound, "camp"), case.path("camp"))
            begun = case.state()
            code, _, said = case.run(
                *words,
                own=(made, made + ".parts"),
                codes=(0, 75, -signal.SIGHUP),
                environment={"LD_PRELOAD": shim, "STRIKE_AT": str(at)},
            )
            ended = case.state()
            left = [name for name in ended if re.search(TEMPORARY, name)]
            if left or (code == -signal.SIGHUP and task != "plot" and ended != begun):
                case.fail(words, f"SIGHUP before call {at}: exit {code}, left {left or sorted(ended)}")
            at += times(1 + at // 8, 1)


def processor_ms(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")


def send(case, words, number, ms, output):
    """starts it, sends the signal when it has used so much; exit code, ms that it used after that"""
    with tempfile.TemporaryFile(dir=work) as said:
        begun = time.monotonic()
        child = subprocess.Popen(
            [basin, *words],
            cwd=case.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        used = 0
        while used < ms:
            time.sleep(0.002)
            used = processor_ms(child.pid)
            if used is None or child.poll() is not None or time.monotonic() - begun > 600:
                break
        before = processor_ms(child.pid) if child.returncode is None else None
        if child.returncode is None:
            os.kill(child.pid, number)  # send_signal would wait for one that has ended
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            after = 1000 * (usage.ru_utime + usage.ru_stime) - before if before is not None else 0
        else:
            after = 0
        said.seek(0)
        return child.returncode, after, said.read().decode(errors="replace")


LOADS = {  # experiment, settings
    "lanes": (SMALL, ("trials=3000", "stop={at: 1e-9, max_steps: 3000}")),
    "teams": (NEURON, ("trials=200", "parameters={d: 60, n: 20}", "stop.max_steps=100")),
    "sampled": (SMALL, ("trials=60", "gradient={sampled: {inputs: 64, sampler: projected}}", "stop.max_steps=60")),
    "direct": (SMALL, ("trials=60", "gradient={sampled: {inputs: 100, sampler: direct}}", "stop.max_steps=60")),
    "data sets": (
        SMALL,
        ("trials=60", "gradient={sampled: {inputs: {fixed: 300}}}", "stop={at: 1e-9, max_steps: 100}"),
    ),
    "batches": (
        SMALL,
        ("trials=60", "gradient={sampled: {inputs: {fixed: 300, batch: 100}}}", "stop={at: 1e-9, max_steps: 60}"),
    ),
    "flow": (NEURON, ("trials=40", "method=gradient_flow", "parameters={d: 20, n: 10}", "stop.max_steps=40")),
    "estimates": (SMALL, ("trials=4", "record={trials: 4, steps: [0, 1, 8], estimate: {inputs: 60000}}")),
    "until": (SMALL, ("trials=500", "until={halfwidth: 0.015, max_trials: 20000}")),
    "refine": (
        SMALL.replace("same_draw: [variant]\n", ""),
        ("trials=1000", "grid={k: [4, 9], p: [2, 4, 32]}", "parameters={}", "refine={p: {to: 1}}"),
    ),
    "halve": (SMALL, ("trials=1000", "on_divergence=halve", "variants={fast: {schedule: [{eta: 40}]}}")),
}


def attack_signals(sound):
    for load, (text, settings) in LOADS.items():
        given = [word for setting in settings for word in ("--set", setting)]
        words = ("run", "e.yaml", "-q", "--no-provenance", "--threads", "2", "-o", "n.h5", *given)
        case = Case("signal " + load, 0, {"e.yaml": text})
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        code, *_ = case.run(*words, own=("n.h5",), codes=(0, 3))
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        if code not in (0, 3):
            continue
        whole = read(case.path("n.h5"))
        lasts = max(20, int(1000 * (ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)))
        for number in range(times(1, 25)):
            case = Case("signal " + load, number + 1, {"e.yaml": text, "b.h5.tmp-run.txt": "mine"})
            r, code, tries = case.random, 75, 0
            while code not in (0, 3) and tries < 40:
                sent = r.choice(
                    (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGKILL, signal.SIGTERM)
                )
                ms = r.random() * lasts * (0.7 + 0.2 * tries) if tries < 20 else 1e9
                before = case.state()
                code, after, said = send(case, words, sent, ms, "n.h5")
                early = code == -sent and case.state() == before  # it listens to signals before it writes
                if code not in (0, 3, 75) and code != -signal.SIGKILL and not early:
                    case.fail(words, f"{sent.name} after {ms:.0f} ms: exit {code}; it said: {said[-500:]}")
                    break
                if after > 2000:
                    case.fail(words, f"{sent.name} after {ms:.0f} ms: it used {after:.0f} ms more")
                if code == 75:
                    case.judge(words, code, said, (75,), ())
                    if any(re.search(TEMPORARY, name) for name in case.state()):
                        case.fail(words, f"{sent.name}: a temporary file is left: {sorted(case.state())}")
                tries += 1
            if code in (0, 3):
                if read(case.path("n.h5")) != whole:
                    case.fail(words, f"another file after {tries} signals")
                left = sorted(case.state())
                if left != ["b.h5.tmp-run.txt", "e.yaml", "n.h5"]:
                    case.fail(words, f"left after {tries} signals: {left}")
    # commands that make a file of what is there: they end, whole or without a trace
    output = read(os.path.join(sound, "small.h5"))
    commands = {
        "merge": ("merge", "camp", "-q", "--no-provenance", "-o", "n.h5"),
        "export": ("export", "o.h5", "--trajectories", "-o", "x.csv"),
        "plot": ("plot", "o.h5", "-o", "f.svg"),
        "dry-run": ("run", "e.yaml", "--dry-run", "--set", "trials=100000"),
        "extend": ("run", "e.yaml", "-q", "--no-provenance", "-o", "o.h5", "--extend", "--trials", "60"),
        "rates": ("rates", "o.h5"),
        "verify": ("verify", "cnn", *(("--inputs", "65536") if SANITIZED else ())),
        "trial": ("run", "e.yaml", "-q", "--cell", "0", "--trial", "1", "-o", "n.h5"),
        "campaign": ("run", "e.yaml", "-q", "-o", "c/", "--part-trials", "7"),
    }
    for command, words in commands.items():
        files = {"e.yaml": SMALL, "o.h5": output, "f.svg": "old", "x.csv": "old"}
        undisturbed = Case("signal " + command, -1, files)
        shutil.copytree(os.path.join(sound, "camp"), undisturbed.path("camp"))
        undisturbed.run(*words, codes=(0,), own=("n.h5", "x.csv", "f.svg", "o.h5", "c"))
        whole = undisturbed.state()
        for number in range(times(4, 120)):
            case = Case("signal " + command, number, files)
            shutil.copytree(os.path.join(sound, "camp"), case.path("camp"))
            before = case.state()
            sent = case.random.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1))
            ms = case.random.random() * (2000 if command in ("dry-run", "verify") else 60)
            if not SOAK and command in ("dry-run", "verify"):
                ms /= 10
            code, after, said = send(case, words, sent, ms, None)
            if code not in (0, 75, -sent):
                case.fail(words, f"{sent.name} after {ms:.0f} ms: exit {code}; it said: {said[-500:]}")
            if after > 2000:
                case.fail(words, f"{sent.name} after {ms:.0f} ms: it used {after:.0f} ms more")
            now = case.state()
            for name in now:
                if re.search(TEMPORARY, name):
                    case.fail(words, f"{sent.name} after {ms:.0f} ms: exit {code}, and {name} is left")
            for name in before:
                if now.get(name) != before[name] and name not in words:
                    case.fail(words, f"{sent.name}: {name} is not as it was")
            if code and command in ("export", "plot", "extend") and any(now.get(n) not in (before[n], whole[n]) for n in files):
                case.fail(words, f"{sent.name}: exit {code}, and an old file is not as it was")


# ---- all of it ----


def main():
    sound = make_sound()
    parts = {
        "experiments": attack_experiments,
        "outputs": lambda: attack_outputs(sound),
        "parts": lambda: attack_parts(sound),
        "published": lambda: attack_published(sound),
        "names": lambda: attack_names(sound),
        "disks": lambda: attack_disks(sound),
        "strokes": lambda: attack_strokes(sound),
        "signals": lambda: attack_signals(sound),
    }
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it tells how far it came
    begun = time.monotonic()
    try:
        for part in sys.argv[3:] or parts:
            parts[part]()
            print(f"{part}: {time.monotonic() - begun:.0f} s")
    except KeyboardInterrupt:
        failures.append("broken off")
        print("broken off")
    shutil.rmtree(work, ignore_errors=True)
    by_kind = collections.Counter()
    for kind, many in counted.items():
        by_kind[kind.split()[0]] += many
    print(", ".join(f"{many} {kind}" for kind, many in sorted(by_kind.items())))
    print(f"{sum(counted.values()) - len(failures)} passed, {len(failures)} failed")
    return len(failures) > 0


sys.exit(main())
