#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""readers.py BUILD: the output as h5py, xarray and netCDF4 see it, against the program's own summary."""
import ctypes
import json
import os
import subprocess
import sys
import tempfile

import h5py
import netCDF4
import numpy as np
import xarray

here = os.path.dirname(os.path.abspath(__file__))
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
passed = failed = 0


def check(what, holds):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print("FAILED:", what)


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
        check("h5py: provenance apart", set(f["provenance"].attrs) == {"host", "date", "backend", "blas", "seconds", "trial_steps"})
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
    readme = open(os.path.join(here, "../../README.md")).read()
    line = next(x for x in readme.splitlines() if x.startswith("success = (d.outcome == 1)"))
    with xarray.open_dataset("u.h5") as d:
        names = {"d": d}
        exec(line, names)
        with h5py.File("u.h5") as f:
            check("until: checksums with cells that end early", checksums_hold(f))
        check("until: the cells differ in their trials", len({c["trials"] for c in cells}) > 1)
        check("until: the README's success rates", np.allclose(names["success"].values, [c["success"]["rate"] for c in cells]))

    # a part of a campaign, merged: trials are missing here and there
    for shard in "25":
        subprocess.run([basin, "run", "r.yaml", "-q", "-o", "D/", "--part-trials", "20", "--shard", shard + "/7"], check=True)
    subprocess.run([basin, "merge", "D/", "-q", "--partial", "-o", "p.h5"], check=True, capture_output=True)
    with h5py.File("p.h5") as f:
        check("partial: trials are missing in between", (f["outcome"][()] == -1).any() and f.attrs["trials_missing"] > 0)
        check("partial: checksums take fill values", checksums_hold(f))
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

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
