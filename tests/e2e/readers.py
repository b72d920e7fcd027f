#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""readers.py BUILD: the output as h5py, xarray, netCDF4, Octave, R and a reader of CSV see it, against the program's own
summary; what data/reading.md shows is run as it stands there."""
import contextlib
import csv
import ctypes
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import h5py
import netCDF4
import numpy as np
import xarray

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../support"))
from checks import check, finish  # noqa: E402
basin = os.path.abspath(os.path.join(sys.argv[1], "basin"))
EXPERIMENT = """
title: "readers: änd UTF-8"
trials: 150
grid: {k: [4, 9], tilt: [0.5, 1]}
parameters: {p: 3}
teacher: {a: {sum: tilt, norm: 1}, v: {head: [1]}}
variants:
  one: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta: 0.1}]}
  two: {model: resnet, init: {w: {normal: 1}, a: {ball: 1}}, schedule: [{eta: 0.2}]}
stop: {at: 1e-3, max_steps: 5000}
allow: {unresolved: 1}
record: {trials: 7, steps: {log: 20}, observables: [loss, phi], final: [loss, phi], parameters: true}
"""
xxhash = ctypes.CDLL("libxxhash.so.0")
xxhash.XXH3_64bits.restype = ctypes.c_uint64
xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def checksum(values):
    """XXH3-64 of values in the order of the file, each text with a zero byte."""
    if values.dtype == object:
        text = b"".join(x + b"\0" for x in values)
    else:
        text = np.ascontiguousarray(values).tobytes()
    return xxhash.XXH3_64bits(text, len(text))


def checksums_hold(f):
    """every variable has its checksums, by its cells or one"""
    names = {n for n in f if isinstance(f[n], h5py.Dataset)}
    for n in names:
        v = f[n][()]
        if v.ndim > 1 and not np.array_equal(f["checksum"][n][()], [checksum(row) for row in v]):
            return False
        if v.ndim == 1 and f["checksum"].attrs[n] != checksum(v):
            return False
    return set(f["checksum"]) | set(f["checksum"].attrs) == names


def run(*words):
    """the program, which must succeed; what it prints"""
    return subprocess.run([basin, *words], capture_output=True, check=True, text=True).stdout


def rows_of(text):
    """CSV as a list of dictionaries"""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_before(path, old):
    """a file as versions before wrote it: whole grid parameters as integers, no rates, no order, no checksums"""
    with h5py.File(path) as f, h5py.File(old, "w", track_order=True) as to:
        to.attrs.update({n: v for n, v in f.attrs.items() if n != "comment"})
        order = []
        f.id.links.iterate(lambda name: order.append(name.decode()), idx_type=h5py.h5.INDEX_CRT_ORDER)
        for n in order:
            if not isinstance(f[n], h5py.Dataset) or n.startswith("success"):
                continue
            value = f[n][()]
            v = to.create_dataset(n, data=value.astype("i8") if n == "k" else value, dtype=None if n == "k" else f[n].dtype)
            v.attrs.update({a: f[n].attrs[a] for a in f[n].attrs
                            if a not in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "grid_shape")})
            if h5py.h5ds.is_scale(f[n].id):
                v.make_scale(n)


def page_says(language):
    """the blocks of one language on the page"""
    page = open(os.path.join(here, "../../data/reading.md")).read()
    return "".join(re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S))


def numbers_of(text):
    return [float(x) for x in re.findall(r"(?<![\w.])\d+(?:\.\d*)?(?:e[+-]\d+)?(?![\w.])", text)]


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    open("r.yaml", "w").write(EXPERIMENT)
    subprocess.run([basin, "run", "r.yaml", "-q"], check=True)
    summary = json.loads(subprocess.run([basin, "summary", "r.h5", "--json"], capture_output=True, check=True).stdout)

    with h5py.File("r.h5") as f:
        check("h5py: dimension scales", [d[0].name for d in f["loss"].dims] == ["/cell", "/recorded", "/time"])
        check("h5py: trajectories end in NaN where trials end",
              all(np.isnan(f["loss"][c, r][f["time"][:] > f["steps"][c, r]]).all() and
                  not np.isnan(f["loss"][c, r][f["time"][:] <= f["steps"][c, r]]).any()
                  for c in range(8) for r in range(7)))
        check("h5py: every variable has long_name and units",
              all("long_name" in f[n].attrs and ("units" in f[n].attrs or n in ("variant", "model"))
                  for n in f if isinstance(f[n], h5py.Dataset)))
        check("h5py: the experiment is there verbatim", f.attrs["experiment_yaml"].decode() == EXPERIMENT)
        check("h5py: provenance has numbers", f["provenance"].attrs["seconds"].dtype == np.float64 and
              f["provenance"].attrs["trial_steps"] == f["steps"][()].sum())
        check("h5py: parameters are doubles", {f[n].dtype for n in ("k", "tilt", "p")} == {np.dtype("<f8")})
        check("h5py: parameters tell what they are", len({f[n].attrs["long_name"] for n in ("k", "tilt", "p")}) == 3 and
              f["tilt"].attrs["long_name"] == b"tilt" and b"k, number of patches" in f["k"].attrs["long_name"])
        wilson = [[c["success"][x] for c in summary["cells"]] for x in ("rate", "low", "high")]
        check("h5py: success rates with their intervals",
              np.array_equal([f[n][()] for n in ("success", "success_low", "success_high")], wilson))
        check("h5py: the order of the grid", f["cell"].attrs["grid_dimensions"] == b"variant, k, tilt" and
              list(f["cell"].attrs["grid_shape"]) == [2, 2, 2] and
              np.array_equal(f["k"][:].reshape(2, 2, 2)[1], [[4, 4], [9, 9]]) and
              np.array_equal(f["tilt"][:].reshape(2, 2, 2)[1], [[0.5, 1], [0.5, 1]]))
        check("h5py: provenance apart", set(f["provenance"].attrs) == {"host", "date", "backend", "seconds", "trial_steps"})
        check("h5py: checksums of all variables", checksums_hold(f))
        check("h5py: checksums over cells", [d[0].name for d in f["checksum/loss"].dims] == ["/cell"])
        check("h5py: fill values", np.isnan(f["final_loss"].fillvalue) and f["outcome"].fillvalue == -1)

    with xarray.open_dataset("r.h5") as d:
        check("xarray: dimensions", dict(d.sizes) == {"cell": 8, "trial": 150, "recorded": 7, "time": d.sizes["time"],
                                                       "a_entry": 9, "v_entry": 3, "w_entry": 3})
        check("xarray: parameters are coordinates", {"variant", "k", "tilt", "p"} <= set(d["loss"].coords))
        check("xarray: flow time is a coordinate of trajectories alone", "eta_t" in d["loss"].encoding["coordinates"].split() and
              "eta_t" not in d["outcome"].encoding["coordinates"].split() and
              np.allclose(d.eta_t, np.where(d.variant == "one", 0.1, 0.2)[:, None] * d.time.values))
        check("xarray: title", d.attrs["title"] == "readers: änd UTF-8")
        grid = d.set_index(cell=["variant", "k", "tilt"]).unstack("cell")
        check("xarray: the grid's own dimensions", all(
            grid.success.sel(variant=str(d.variant[c].item()), k=d.k[c], tilt=d.tilt[c]) == d.success[c] and
            np.array_equal(grid.steps.sel(variant=str(d.variant[c].item()), k=d.k[c], tilt=d.tilt[c]), d.steps[c]) for c in range(8)))
        rate = ((d.outcome == 1).sum("trial") / d.trials).values
        check("xarray: success rates", np.allclose(rate, [c["success"]["rate"] for c in summary["cells"]]))
        check("xarray: medians", np.allclose(d.steps.median("trial").values, [c["steps"]["median"] for c in summary["cells"]]))
        check("xarray: steps to global", d.early_rule.values.tolist() == [0] * 8 and
              d.steps.attrs["long_name"].endswith("was reached") and
              np.allclose(d.steps.where(d.outcome == 1).median("trial").values, [c["steps"]["global"]["median"] for c in summary["cells"]]))
        check("xarray: selection by value", d.loss.where(d.k == 9, drop=True).sizes["cell"] == 4)
        check("xarray: vectors of the other model are NaN", bool(d.vector_w.isel(cell=0).isnull().all()) and
              bool(d.vector_v.isel(cell=4).isnull().all()))
        check("xarray: entries past the length are NaN", bool(d.vector_a.isel(cell=0, a_entry=slice(4, 9)).isnull().all()))

    # cells with different numbers of trials, read as the README says
    subprocess.run([basin, "run", "r.yaml", "-q", "--set", "until={halfwidth: 0.06}", "-o", "u.h5"], check=True)
    text = subprocess.run([basin, "summary", "u.h5", "--json"], capture_output=True, check=True).stdout
    cells = json.loads(text)["cells"]
    with xarray.open_dataset("u.h5") as d:
        with h5py.File("u.h5") as f:
            check("until: checksums with cells that end early", checksums_hold(f))
        check("until: the cells differ in their trials", len({c["trials"] for c in cells}) > 1)
        check("until: success rates", np.allclose(d.success, [c["success"]["rate"] for c in cells]))

    # a part of a campaign, merged: trials are missing here and there
    for shard in "25":
        subprocess.run([basin, "run", "r.yaml", "-q", "-o", "D/", "--part-trials", "20", "--shard", shard + "/7"], check=True)
    subprocess.run([basin, "merge", "D/", "-q", "--partial", "-o", "p.h5"], check=True, capture_output=True)
    with h5py.File("p.h5") as f:
        check("partial: trials are missing in between", (f["outcome"][()] == -1).any() and f.attrs["trials_missing"] > 0)
        check("partial: checksums take fill values", checksums_hold(f))
        check("partial: exported are the trials that are there", len(rows_of(run("export", "p.h5"))) == (f["outcome"][()] != -1).sum())
    run("run", "r.yaml", "-q", "-o", "E/", "--part-trials", "100", "--shard", "2/16")
    run("merge", "E/", "-q", "--partial", "-o", "few.h5")
    with h5py.File("few.h5") as f:
        there, rate = (f["outcome"][()] != -1).sum(axis=1), (f["outcome"][()] == 1).sum(axis=1)
        some, low = there > 0, f["success_low"][()]
        check("partial: success of the trials that are there, missing without any", some.any() and not some.all() and
              np.array_equal(f["success"][()][some], rate[some] / there[some]) and (low[some] <= 1).all() and
              all(np.isnan(f[n][()][~some]).all() for n in ("success", "success_low", "success_high")))
    check("partial: it is read", subprocess.run([basin, "summary", "p.h5"], capture_output=True).returncode == 0)

    with xarray.open_dataset("r.h5", group="checksum") as d:
        check("xarray: checksums", d["outcome"].dims == ("cell",) and d["outcome"].dtype == np.uint64 and "time" in d.attrs)
    with netCDF4.Dataset("r.h5") as n:
        check("netCDF4: checksums", n["checksum/outcome"].dimensions == ("cell",))
        check("netCDF4: flags", n["outcome"].flag_meanings.split() == ["unresolved", "global", "spurious", "stationary", "diverged"])
        check("netCDF4: text coordinate", list(n["variant"][:]) == ["one"] * 4 + ["two"] * 4)
        check("netCDF4: seed", n.seed == 0)
        variables = sum(v.dtype != str for v in n.variables.values())
    with netCDF4.Dataset("r.h5", "a") as n:
        n.comment = "added by a reader"
    said = subprocess.run([basin, "check", "r.h5"], capture_output=True, text=True)
    check("basin check: all variables of numbers", said.returncode == 0 and
          f"all {variables} variables of numbers are as they were written" in said.stdout)
    again = subprocess.run([basin, "summary", "r.h5", "--json"], capture_output=True, check=True).stdout
    check("a file that a reader has added to is read as before", json.loads(again) == summary)

    # files of versions before
    as_before("r.h5", "old.h5")
    with h5py.File("old.h5") as f:
        check("old: whole parameters are integers", f["k"].dtype == np.int64 and "success" not in f and "checksum" not in f)
    check("old: its summary is the same", json.loads(run("summary", "old.h5", "--json")) == summary)
    check("old: its trials are the same", run("export", "old.h5") == run("export", "r.h5"))

    # CSV: every trial, and every record
    open("q.yaml", "w").write(EXPERIMENT.replace("  one:", '  "o,n \\"e\\"":').replace("stop: ", "on_divergence: halve\nstop: ")
                              .replace("eta: 0.1", "eta: 30"))
    run("run", "q.yaml", "-q")
    with h5py.File("q.h5") as f:
        meanings = f["outcome"].attrs["flag_meanings"].decode().split()
        trials = rows_of(run("export", "q.h5", "--csv"))
        check("export: the columns", list(trials[0]) == ["cell", "variant", "k", "tilt", "trial", "outcome", "steps", "halvings",
                                                         "final_loss", "final_phi"])
        check("export: every trial, bit for bit", len(trials) == 8 * 150 and all(
            (int(x["cell"]), int(x["trial"])) == (c, t) and x["variant"] == f["variant"][c].decode() and
            float(x["k"]) == f["k"][c] and float(x["tilt"]) == f["tilt"][c] and
            x["outcome"] == meanings[f["outcome"][c, t]] and int(x["steps"]) == f["steps"][c, t] and
            int(x["halvings"]) == f["halvings"][c, t] and
            all(np.float64(x["final_" + n]).tobytes() == f["final_" + n][c, t].tobytes() or
                np.isnan(f["final_" + n][c, t]) and x["final_" + n] == "NaN" for n in ("loss", "phi"))
            for i, x in enumerate(trials) for c, t in [divmod(i, 150)]))
        check("export: a name in quotes", run("export", "q.h5").splitlines()[1].startswith('0,"o,n ""e""",4,0.5,0,'))
        records = rows_of(run("export", "q.h5", "--trajectories"))
        expected = [(c, t, k) for c in range(8) for t in range(7) for k, step in enumerate(f["time"][:]) if step <= f["steps"][c, t]]
        check("export: the columns of trajectories", list(records[0]) == ["cell", "variant", "k", "tilt", "trial", "step", "eta_t", "loss", "phi"])
        check("export: every record, bit for bit", len(records) == len(expected) and all(
            (int(x["cell"]), int(x["trial"]), int(x["step"])) == (c, t, f["time"][k]) and
            float(x["loss"]) == f["loss"][c, t, k] and float(x["phi"]) == f["phi"][c, t, k] and
            float(x["eta_t"]) == f["eta_t"][c, k] / 2.0 ** f["halvings"][c, t] for x, (c, t, k) in zip(records, expected)))
        check("export: some trials were halved", (f["halvings"][()] > 0).any())
    check("export: one cell into a file", run("export", "q.h5", "--cell", "5", "-o", "five.csv") == "" and
          rows_of(open("five.csv", newline="").read()) == [x for x in trials if x["cell"] == "5"] and
          not [n for n in os.listdir() if "tmp" in n])
    run("run", "r.yaml", "-q", "--cell", "6", "--trial", "31", "-o", "one.h5")
    one, = rows_of(run("export", "one.h5"))
    check("export: a file of a single trial has its numbers",
          one == next(x for x in rows_of(run("export", "r.h5")) if (x["cell"], x["trial"]) == ("6", "31")))
    for words, reason in ((["--cell", "8"], "--cell 8: no such cell, expected 0 to 7"), (["-o", "q.h5"], "q.h5: is what is read"),
                          (["-o", "./"], "./: a folder")):
        said = subprocess.run([basin, "export", "q.h5", *words], capture_output=True, text=True)
        check(f"export: {reason}", said.returncode == 2 and reason in said.stderr and said.stdout == "")
    with open("/dev/full", "w") as full:
        said = subprocess.run([basin, "export", "q.h5"], stdout=full, stderr=subprocess.PIPE, text=True)
    check("export: a full disk is told", said.returncode == 1 and "standard output: cannot be written: No space left" in said.stderr)
    run("run", "r.yaml", "-q", "--set", "record.trials=0", "-o", "bare.h5")
    said = subprocess.run([basin, "export", "bare.h5", "--trajectories"], capture_output=True, text=True)
    check("export: no trajectories are told", said.returncode == 2 and "records none, see record.trials" in said.stderr)

    # compressed by others it is the same
    subprocess.run(["h5repack", "-f", "SHUF", "-f", "GZIP=1", "q.h5", "small.h5"], check=True)
    with h5py.File("small.h5") as f:
        check("repacked: it is compressed", f["steps"].compression == "gzip" and f["steps"].shuffle)
    check("repacked: nothing differs", run("check", "small.h5").startswith("small.h5: all ") and
          run("summary", "small.h5", "--json") == run("summary", "q.h5", "--json") and run("export", "small.h5") == run("export", "q.h5"))

    # what the page shows
    run("run", os.path.join(here, "../../data/experiments/resnet-table1.yaml"), "-q", "-o", "table1.h5")
    cells = [c for c in json.loads(run("summary", "table1.h5", "--json"))["cells"] if c["variant"] == "CNN"]
    rates, steps = [c["success"]["rate"] for c in cells], [c["steps"]["median"] for c in cells]
    table = [x for c in cells for x in (c["parameters"]["k"], c["success"]["rate"], c["steps"]["median"])]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(page_says("python"), {})
    numbers = numbers_of(said.getvalue())
    check("page: Python", numbers[:7] == rates and numbers[7:28][14:] == steps and numbers[28] == rates[1] and numbers[29:] == rates)
    if shutil.which("octave-cli"):
        open("page.m", "w").write("pkg load netcdf\nformat long\n" + page_says("matlab"))
        said = subprocess.run(["octave-cli", "page.m"], capture_output=True, text=True)
        check("page: MATLAB", said.returncode == 0 and np.allclose(numbers_of(said.stdout), table, rtol=1e-12))
    else:
        print("skipped: Octave and its netcdf package are missing, so what the page says for MATLAB was not tried")
    if shutil.which("Rscript"):
        open("page.R", "w").write(page_says("r"))
        said = subprocess.run(["Rscript", "page.R"], capture_output=True, text=True)
        lines = [x for x in said.stdout.splitlines() if re.match(r"\d+ ", x)]
        check("page: R", said.returncode == 0 and np.allclose([x for row in lines for x in numbers_of(row)[1:]], table))
    else:
        print("skipped: R is missing, so what the page says for it was not tried")

finish()
