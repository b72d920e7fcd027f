#!/bin/bash
# SPDX-License-Identifier: MIT
# refine.sh: points are added where success crosses a rate. The file is the same for any threads, kills, shards and
# sizes of parts; its cells are those that their points make when they are typed into the grid.
. "$(dirname "$0")/../support/shell.sh"

cat > angle.yaml <<'Y'
title: "Success against the angle"
model: cnn
trials: 400
seed: 7
grid: {ratio: [1, 4], angle: [0.1, 1.5, 3]}
parameters: {k: 16, p: 8}
teacher: {a: {sum: sqrt(ratio), norm: 1}, v: {head: [1]}}
init: {v: {head: [cos(angle), sin(angle)]}, a: {ball: 1}}
schedule: [{eta: 0.01}]
stop: {max_steps: 100000}
record: {trials: 2, steps: {log: 5}}
refine: {angle: {to: 0.04}}
Y
run() { "$basin" run "$@" -q --no-provenance; }
crossings() { "$basin" summary "$1" --json | jq -c '.refine.crossings[] | [.status, .low, .high]'; }

# ---- what it finds ----
expect 0 'refine: points of angle are added, with up to 1000000 trials each, until it is known to 0.04' \
  "$basin" run angle.yaml --dry-run
check "a run" run angle.yaml --threads 1 -o one.h5
expect 0 'ratio = 1: angle = 1\.[67][0-9]* \[1\.6[0-9]*, 1\.[67][0-9]*\], success falls there' "$basin" summary one.h5
expect 0 'ratio = 4: angle = 2\.1[0-9]* \[[0-9.]*, [0-9.]*\], success falls there' "$basin" summary one.h5
expect 0 'cells 6 to [0-9]+ were added' "$basin" summary one.h5
for option in '' --json; do
  "$basin" summary one.h5 --where ratio=4 $option > said
  check "of selected cells: $option" test $? = 0
  "$basin" summary one.h5 --cell 5 $option > alone
  check "of one cell: $option" test $? = 0
done
check "the crossings of selected curves" test "$("$basin" summary one.h5 --where ratio=4 --json | jq -c '[.refine.crossings[] | .at > 2]')" = '[true]'
expect 0 '^  angle = 2\.1' "$basin" summary one.h5 --where ratio=4
check "and no others" test "$("$basin" summary one.h5 --where ratio=4 | grep -c 'success falls')" = 1
check "none where its cells are not shown" eval '! "$basin" summary one.h5 --cell 5 | grep -q "crosses"'
expect 0 'variables of numbers are as they were written' "$basin" check one.h5
check "xarray reads the crossings" /usr/bin/python3 - <<'P'
import numpy, xarray
d = xarray.open_dataset("one.h5")
n = d.attrs["refine_grid_cells"]
assert n == 6 and d.sizes["cell"] > 10 and d.sizes["crossing"] == 2
assert d.attrs["refine_parameter"] == "angle" and d.attrs["refine_to"] == 0.04 and d.attrs["refine_where"] == 0.5
assert (d.crossing_status == 0).all() and "found" in d.crossing_status.attrs["flag_meanings"]
assert (d.crossing_high - d.crossing_low <= 0.04 * (1 + 1e-9)).all()
assert ((d.crossing_low <= d.crossing_at) & (d.crossing_at <= d.crossing_high)).all()
low, high = d.crossing_low_cell.values, d.crossing_high_cell.values
assert (d.angle[low].values == d.crossing_low).all() and (d.angle[high].values == d.crossing_high).all()
assert list(d.ratio[low].values) == [1, 4] == list(d.ratio[high].values)
rate = (d.outcome == 1).sum("trial") / d.trials
assert (rate[low].values > 0.5).all() and (rate[high].values < 0.5).all() and (d.crossing_direction == -1).all()
P

check "a figure" "$basin" plot one.h5 -o one.svg
check "its curves go along the axis" /usr/bin/python3 - <<'P'
import re
pieces = [piece for d in re.findall(r" d='([^']*)'", open("one.svg").read()) for piece in d.split("M")]
curves = [[float(x) for x in re.findall(r"([0-9.]+),[0-9.]+", piece)] for piece in pieces]
curves = [c for c in curves if len(c) > 8]
assert len(curves) == 2 and all(c == sorted(c) for c in curves), curves
P

# ---- the same file, whoever makes it ----
check "two threads, other parts" run angle.yaml --threads 2 --part-trials 100 -o two.h5
check "two threads: the same file" cmp one.h5 two.h5
check "another instruction set" run angle.yaml --isa generic -o isa.h5
check "another instruction set: the same file" cmp one.h5 isa.h5
expect 0 'complete already; nothing to do' "$basin" run angle.yaml -o one.h5
expect 2 'holds another experiment' "$basin" run angle.yaml -o one.h5 --set refine.angle.to=0.05
expect 2 'holds another experiment' "$basin" run angle.yaml -o one.h5 --trials 500
expect 2 'holds another experiment' "$basin" run angle.yaml -o one.h5 --seed 8
check "another seed" run angle.yaml --seed 8 -o seed.h5
check "another seed: about the same crossings" eval '"$basin" summary seed.h5 --json | jq -e "[.refine.crossings[] | .at] | (.[0] - 1.68 | fabs) < 0.06 and (.[1] - 2.11 | fabs) < 0.06" > /dev/null'

# ---- kill -9 at random moments, until it is done ----
ms=$(cpu_of run angle.yaml -o timed.h5)
kills=0
for ((i = 1; i <= 12; i++)); do
  "$basin" run angle.yaml -q --no-provenance --part-trials 64 --threads 1 -o killed.h5 &
  pid=$!
  await_cpu $pid $((ms * (10 + RANDOM % 40) / 100))
  kill -9 $pid 2>/dev/null && kills=$((kills + 1))
  wait $pid 2>/dev/null
  [ -e killed.h5 ] && break
done
check "killed $kills times, then run to its end" run angle.yaml -o killed.h5
check "killed: the same file" cmp one.h5 killed.h5
check "killed: no parts left" test ! -e killed.h5.parts

# a damaged part of a cell that was added is run again
"$basin" run angle.yaml -q --no-provenance --part-trials 64 --threads 1 -o hurt.h5 &
pid=$!
until compgen -G 'hurt.h5.parts/c000009-*.part' > /dev/null || ! kill -0 $pid 2>/dev/null; do sleep 0.002; done
kill -9 $pid
wait $pid 2>/dev/null
victim=$(ls hurt.h5.parts/c00000[6-9]-*.part | head -1)
check "there is a part of a cell that was added" test -n "$victim"
printf 'xx' | dd of="$victim" bs=1 seek=300 conv=notrunc 2>/dev/null
check "a damaged part" run angle.yaml -o hurt.h5
check "a damaged part: the same file" cmp one.h5 hurt.h5

# ---- campaigns ----
for ((round = 0; round < 60; round++)); do
  for i in 1 2 3; do run angle.yaml -o camp/ --shard $i/3 || break 2; done
  [ $round != 4 ] || cp -r camp half
  "$basin" merge camp/ -q --no-provenance -o camp.h5 2>/dev/null && break
done
check "a campaign, in $round rounds" test -e camp.h5
check "a campaign: the same file" cmp one.h5 camp.h5
expect 0 'all parts are there' "$basin" status camp/
expect 0 'missing: [0-9]+ parts' "$basin" status half/
expect 0 '' "$basin" merge half/ --partial -q -o half.h5
expect 0 'UNFINISHED' "$basin" summary half.h5
victim=$(ls half/parts/c00000[6-9]-*.part | head -1)
printf 'xx' | dd of="$victim" bs=1 seek=300 conv=notrunc 2>/dev/null
for ((round = 0; round < 60; round++)); do
  for i in 1 2; do run half/ --shard $i/2 || break 2; done
  "$basin" merge half/ -q --no-provenance -o half.h5 2>/dev/null && break
done
check "a damaged part in a campaign, another split" cmp one.h5 half.h5

# ---- a point that was added is the one that is typed ----
check "its trials, with the point typed into the grid" /usr/bin/python3 - "$basin" <<'P'
import numpy, subprocess, sys, xarray
d = xarray.open_dataset("one.h5")
last = d.sizes["cell"] - 1
angle, ratio, n = float(d.angle[last]), float(d.ratio[last]), int(d.trials[last])
subprocess.run([sys.argv[1], "run", "angle.yaml", "-q", "-o", "typed.h5", "--trials", str(n), "--set", "refine=none",
                "--set", f"grid={{ratio: [{ratio:g}], angle: [{angle:.10g}]}}"], check=True)
t = xarray.open_dataset("typed.h5")
assert int(t.draw[0]) == int(d.draw[last])
for name in ["outcome", "steps", "final_loss"]:
    assert (t[name][0, :n].values == d[name][last, :n].values).all()
assert (t.phi[0].values[~numpy.isnan(t.phi[0].values)] == d.phi[last].values[~numpy.isnan(t.phi[0].values)]).all()
P
expect 2 'cell 8: the grid has 6 cells; a point that .refine. has added' "$basin" run angle.yaml --cell 8 --trial 0

# ---- with `until`: the same points, more trials ----
check "with until" run angle.yaml --set 'until={halfwidth: 0.02}' -o until.h5
check "with until: the same crossings" eval '[ "$(crossings one.h5)" = "$(crossings until.h5)" ]'
check "with until: narrow intervals" eval '"$basin" summary until.h5 --json |
  jq -e "[.cells[].success | .high - .low] | max <= 0.04" > /dev/null'

# ---- fewer trials than a dense grid of the same resolution ----
used=$("$basin" summary one.h5 --json | jq '[.cells[].trials] | add')
check "of $used trials a dense grid needs ten times as many" test "$used" -lt 60000

# ---- no crossing, and one that cannot be told ----
check "no crossing" run angle.yaml --set grid.angle='[0.1, 0.2]' -o none.h5
expect 0 'ratio = 1: no crossing, success is above it at every point' "$basin" summary none.h5
check "too close" run angle.yaml --set refine.angle='{to: 1e-5, max_trials: 2000}' -o wide.h5
expect 0 'WIDE: points in between cannot be told' "$basin" summary wide.h5
check "in ratios" run angle.yaml --set refine.angle='{to: 0.03, scale: log}' -o log.h5
expect 0 'known to 3%' "$basin" summary log.h5

# ---- a whole number; and a file that makes no sense at a point that is added ----
sed -e '/^refine/d; s/^grid.*/grid: {k: [4, 100], ratio: [4]}/; s/k: 16, p: 8/p: 8/; s/angle/2.1/g' angle.yaml > whole.yaml
check "whole numbers" run whole.yaml --set refine='{k: {to: 1, where: 0.3, max_trials: 20000}}' -o whole.h5
check "whole numbers: none between them" eval '"$basin" summary whole.h5 --json |
  jq -e "[.cells[].parameters.k] | all(. == floor)" > /dev/null'
expect 2 'steps is [0-9.]*, expected a whole number .*at angle = [0-9.]*, which `refine` adds' \
  "$basin" run angle.yaml --set 'schedule=[{steps: 10*angle, eta: 0.05}, {eta: 0.05}]' -o odd.h5
sed 's/to: 0.04/to: 0.04, scale: cubic/' angle.yaml > bad.yaml
expect 2 'bad.yaml:12:35: refine: scale: expected .linear. or .log.' "$basin" run bad.yaml

check 'a map of the starts of cells that were added' "$basin" plot one.h5 --map loss,phi -o starts.svg
finish
