#!/bin/bash
# SPDX-License-Identifier: MIT
# passages.sh: record.passages from outside: the file against its own records of every step, through interruptions,
# shards and extensions, and what summary, rates, export, plot and a single trial say of it.
. "$(dirname "$0")/../support/shell.sh"

cat > p.yaml <<'Y'
title: "first passages"
trials: 400
seed: 5
grid: {k: [4, 9, 16]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
model: cnn
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.05}]
stop: {at: 1e-8, at_spurious: 1e-2, max_steps: 3000}
allow: {unresolved: 1}
record:
  trials: 60
  steps: {every: 1}
  observables: [phi, loss]
  passages: {loss: {below: [1e-2, 1e-4, 1e-6]}, phi: {above: {range: [1, 1 + floor(k/9)]}}}
Y
run() { "$basin" run p.yaml -q --no-provenance "$@"; }
check "a run" run -o p.h5
check "check reads them" "$basin" check p.h5
check "each is what the records of every step say, and xarray reads them" /usr/bin/python3 - <<'P'
import numpy, xarray
d = xarray.open_dataset("p.h5")
assert list(d.passage.values) == [1, 2, 3, 4, 5] and d.passage_level.shape == (3, 5)
assert numpy.isnan(d.passage_level.values[0, 4]) and d.passage_level.values[1, 4] == 2
had = 0
for i in d.passage.values:
    v = d[f"passage_{i}"]
    assert v.attrs["observable"] == ("loss" if i < 4 else "phi") and v.dims == ("cell", "trial")
    seen, end = d[v.attrs["observable"]].values, d.steps.values
    for c in range(3):
        level = d.passage_level.values[c, i - 1]
        crossed = seen[c] >= level if v.attrs["direction"] == "above" else seen[c] <= level
        crossed &= d.time.values[None, :] <= end[c, :60, None]
        first = numpy.where(crossed.any(axis=1), d.time.values[crossed.argmax(axis=1)], numpy.nan)
        assert numpy.array_equal(first, v.values[c, :60], equal_nan=True), (i, c)
        had += numpy.isfinite(first).sum()
assert had > 300, had
T = xarray.concat([d[f"passage_{i}"] for i in d.passage.values], d.passage)
assert T.dims[0] == "passage" and (T.diff("passage").isel(passage=slice(0, 2)).fillna(1) > 0).all()
P

# the same however it was run
for options in '--part-trials 7 --threads 2' '--isa generic'; do
  check "$options" run $options -o other.h5
  check "$options: the same file" cmp p.h5 other.h5
  rm -f other.h5
done
interrupt INT 30 "$basin" run p.yaml -q --no-provenance --threads 1 -o other.h5
check "interrupted, and gone on with" run -o other.h5
check "interrupted: the same file" cmp p.h5 other.h5
rm -f other.h5
for shard in 1/2 2/2; do check "shard $shard" "$basin" run p.yaml -q -o camp/ --shard $shard; done
check "shards, merged" "$basin" merge camp/ -q --no-provenance -o other.h5
check "shards: the same file" cmp p.h5 other.h5

# other trials than these are none, whether passages are asked or not
check "without" run --set record.passages=none -o none.h5
check "without: the same trials" /usr/bin/python3 - <<'P'
import h5py
a, b = h5py.File("p.h5"), h5py.File("none.h5")
assert "passage_1" in a and not any(name.startswith("passage") for name in b)
for name in "outcome", "steps", "final_loss", "loss", "draw":
    assert a[name][()].tobytes() == b[name][()].tobytes(), name
assert a.attrs["identity"] != b.attrs["identity"]
P

# extended: those that are there are kept, what is not there cannot be made up
check "fewer" run --set trials=100 -o grown.h5
check "extended" run --extend -o grown.h5
check "extended: the same file" cmp p.h5 grown.h5
run --set trials=100 -o less.h5
expect 2 'does not keep passage_2, which the experiment asks for' "$basin" run p.yaml --extend -o less.h5 \
  --set 'record.passages.loss={below: [1e-2, 1e-3, 1e-4, 1e-6]}'
expect 2 'record.passages is less than in it' "$basin" run p.yaml --extend -o less.h5 \
  --set 'record.passages={loss: {below: 1e-2}}'

# what is said of it
"$basin" summary p.h5 --json > s.json
check "summary counts" /usr/bin/python3 - <<'P'
import csv, json, subprocess, os
import h5py, numpy
f = h5py.File("p.h5")
cells = json.load(open("s.json"))["cells"]
assert [len(c["passages"]) for c in cells] == [4, 5, 5]
for c in cells:
    for p in c["passages"]:
        T = f[f"passage_{p['number']}"][c["index"]]
        had = T[T >= 0]
        assert p["passed"] == len(had) and p["trials"] == 400
        assert p["open"] == ((T < 0) & (f["outcome"][c["index"]] == 0)).sum()
        if len(had):
            assert p["median"] == numpy.median(had) and p["max"] == had.max()
P
expect 0 '^ +1 +9 +2 loss <= 0.0001 ' "$basin" summary p.h5
expect 0 ',passage_1_level,passage_1_passed,' "$basin" summary p.h5 --csv
expect 0 '^cell,k,trial,outcome,steps,final_loss,passage_1,.*,passage_5$' "$basin" export p.h5
check "export leaves out what has not come" sh -c "'$basin' export p.h5 | grep -q '^0,4,.*,NaN$'"
trial=$("$basin" export p.h5 --cell 1 | awk -F, '$4 == "global" { print $3; exit }')
expect 0 '^passage_2: loss <= 0.0001 at step [0-9]+$' "$basin" run p.yaml --cell 1 --trial "$trial"
expect 0 '^passage_5: phi >= 2 (has not come|at step)' "$basin" run p.yaml --cell 1 --trial "$trial"
check "one trial again has them" sh -c "'$basin' run p.yaml --cell 1 --trial $trial --json |
  jq -e '.passages.passage_2 > 0' >/dev/null"

"$basin" rates p.h5 --passages --to 3 --json > r.json
check "rates are NumPy's" /usr/bin/python3 - <<'P'
import json, h5py, numpy
f = h5py.File("p.h5")
for c in json.load(open("r.json"))["passages"]:
    T = numpy.array([f[f"passage_{i}"][c["index"]] for i in (1, 2, 3)]).astype(float)
    T = T[:, (T >= 0).all(axis=0)]
    assert c["trials"] == T.shape[1] and c["trials"] + c["left_out"] == 400
    assert numpy.isclose(c["steps"]["value"], numpy.polyfit([1, 2, 3], T, 1)[0].mean(), rtol=1e-9)
    fold = numpy.polyfit(-numpy.log([1e-2, 1e-4, 1e-6]), T, 1)[0].mean()
    assert numpy.isclose(c["per_fold"]["value"], fold, rtol=1e-9) and c["per_fold"]["low"] < fold < c["per_fold"]["high"]
P
expect 0 '^ +2, loss below' "$basin" rates p.h5 --passages --along k --from 2 --to 2
expect 2 '--along goes with --passages' "$basin" rates p.h5 --along k
expect 2 'no passages' "$basin" rates none.h5 --passages
for figure in '--passages' '--passages --x k --log' '--ecdf passage_2' '--histogram passage_1'; do
  check "plot $figure" "$basin" plot p.h5 -o fig.svg $figure
done
expect 2 'keeps none' "$basin" plot none.h5 -o fig.svg --passages
expect 0 'disk' "$basin" run p.yaml --dry-run
finish
