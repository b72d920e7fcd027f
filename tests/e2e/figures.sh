#!/bin/bash
# SPDX-License-Identifier: MIT
# figures.sh: what figures show: numbers are those of the file, curves can be told apart, texts lie on nothing.
. "$(dirname "$0")/../support/shell.sh"

# drawn PANELS OPTION...: `basin plot` makes an SVG of so many panels whose texts lie where they should; what it gave to
# gnuplot is in `script`
gnuplot=$(command -v gnuplot)
mkdir between && printf '#!/bin/sh\ntee "%s/script" | exec "%s" "$@"\n' "$work" "$gnuplot" > between/gnuplot && chmod +x between/gnuplot
drawn() {
  local panels=$1
  shift
  rm -f script
  check "plot $*" env PATH="$work/between:$PATH" "$basin" plot "$@" -o drawn.svg
  check "the layout of plot $*" /usr/bin/python3 "$here/tests/support/layout.py" "$panels" drawn.svg
}
says() { check "gnuplot is told $1" grep -q -- "$1" script; }
says_not() { check "gnuplot is not told $1" sh -c '! grep -q -- "$1" script' sh "$1"; }

# ---- many curves ----

many() { # a file of so many variants, which are all the same
  cat > "many$1.yaml" <<Y
model: cnn
trials: 40
grid: {k: [4, 9, 16]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {trials: 10, steps: {log: 20}, observables: [loss, phi]}
same_draw: [variant]
variants:
$(for i in $(seq "$1"); do echo "  a variant with the number $i: {}"; done)
Y
  check "$1 variants" "$basin" run "many$1.yaml" -q
}
for n in 5 9 26; do
  many $n
  drawn $(((n + 7) / 8)) many$n.h5
  check "$n curves can be told apart" /usr/bin/python3 - $n <<'P'
import re
import sys
script, n = open("script").read(), int(sys.argv[1])
plots = [re.findall(r"linespoints pt (\d+) ps ([\d.]+) lw ([\d.]+) dt (\S+) lc rgb '(\S+)'", line)
         for line in script.splitlines() if line.startswith("plot ")]
assert sum(map(len, plots)) == n and max(map(len, plots)) <= 8 and max(map(len, plots)) - min(map(len, plots)) <= 3, plots
for plot in plots:
    point, size, width, dash, colour = zip(*plot)
    for kind in (zip(point, dash), zip(colour, dash), zip(colour, point)):  # in print, without points, without dashes
        assert len(set(kind)) == len(plot)
    for kind in (point, dash, colour):
        assert all(a != b for a, b in zip(kind, kind[1:])), kind
    for kind in (size, width):  # all variants are the same: what lies below is wider than what lies on it
        assert all(float(a) > float(b) for a, b in zip(kind, kind[1:])), kind
P
done
drawn 3 many9.h5 --where k=4 --observable loss --log
check "every bundle is drawn, eight in a panel at most" /usr/bin/python3 - <<'P'
import re
script = open("script").read()
plots = [set(re.findall(r"\$bundle\d+_\d+ ", line)) for line in script.splitlines() if line.startswith("plot ")]
assert set().union(*plots) == set(re.findall(r"^\$bundle\d+_\d+ ", script, re.M)) and list(map(len, plots)) == [8, 8, 2], plots
P
drawn 4 many5.h5 --where k=4 --observable loss --observable phi
drawn 2 many5.h5 --cell 0,1,2 --observable loss --observable phi
drawn 2 many5.h5 --cell 0-4 --ecdf steps
drawn 5 many5.h5 --where k=4 --histogram loss --log
drawn 9 many9.h5 --where k=4 --histogram loss
drawn 4 many5.h5 --cell 0-3 --map loss,phi
drawn 1 many5.h5 --rates --cell 0 # none gets to eta t = e: no local slope
drawn 2 many9.h5 --where k=4 --rates
most='select fewer cells with --cell, --where or --variant'
expect 2 "more than 24 panels, one for each cell, to draw; $most" "$basin" plot many26.h5 --histogram steps -o x.svg
expect 2 "more than 24 panels, one for each cell, to draw; $most" "$basin" plot many26.h5 --map loss,phi -o x.svg
expect 2 "more than 24 panels of trajectories to draw; $most" "$basin" plot many26.h5 --observable loss --observable phi -o x.svg
expect 2 "more than 96 curves to draw; $most" "$basin" plot many26.h5 --rates -o x.svg
expect 0 '' "$basin" plot many26.h5 --observable loss -o all.svg --where k=4,9 # 104 bundles
drawn 1 many5.h5 --title "$(printf 'many words of a title %.0s' 1 2 3 4 5 6 7 8)"
drawn 1 many5.h5 --where k=9,16 --variant 'a variant with the number 2'
says "^set label 'a variant with the number 2' at screen" # what is selected is said
says "^set label 'success' at screen"

# ---- rates over two parameters ----

cat > cross.yaml <<'Y'
model: cnn
trials: 60
grid: {angle: [0.2, 0.9, 1.1, 1.2, 1.3, 1.5], ratio: [0.05, 0.25, 0.5, 1, 2, 3, 4, 6, 9], k: [9, 16]}
parameters: {p: 3}
define: {s: sqrt(ratio)}
teacher: {a: {sum: s, norm: 1}, v: {head: [cos(angle), sin(angle)]}}
init: {v: {head: [-1]}, a: {ball: abs(s)/4}}
schedule: [{eta: 0.02}]
record: {trials: 0, final: all}
allow: {unresolved: 1}
Y
check "a crossed grid" "$basin" run cross.yaml -q
"$basin" summary cross.h5 --csv > cross.csv
drawn 4 cross.h5 --x angle --y ratio --halfwidth
check "tiles, contour and half-widths are those of the cells" /usr/bin/python3 - <<'P'
import csv
import re
import numpy as np

script = open("script").read()
block = {name: text.split("\n") for name, text in re.findall(r"^\$(\w+) << EOD\n(.*?)^EOD$", script, re.M | re.S)}
rows = list(csv.DictReader(open("cross.csv")))
assert "set logscale y" in script and "set logscale x" not in script  # the ratio spans 180, the angle does not
assert script.count("$contour0 using") == 4 and "set cbrange [0:1]" in script
for number, k in enumerate((9, 16)):
    cells = {(float(r["angle"]), float(r["ratio"])): r for r in rows if float(r["k"]) == k}
    angles, ratios = (sorted(set(x)) for x in zip(*cells))
    rate = lambda i, j: float(cells[angles[i], ratios[j]]["success"])
    tiles = np.array([line.split() for line in block[f"tile{number}"] if line], float)
    assert len(tiles) == len(cells) == 54
    for x, y, left, right, bottom, top, height, half in tiles:
        i, j = (min(range(len(v)), key=lambda n: abs(v[n] - at)) for v, at in ((angles, x), (ratios, y)))
        row = cells[angles[i], ratios[j]]
        assert abs(height - rate(i, j)) < 1e-9 and abs(half - (float(row["high"]) - float(row["low"])) / 2) < 1e-9
        if i: assert abs(left - (angles[i - 1] + angles[i]) / 2) < 1e-9
        if i < len(angles) - 1: assert abs(right - (angles[i] + angles[i + 1]) / 2) < 1e-9
        if j: assert abs(bottom / np.sqrt(ratios[j - 1] * ratios[j]) - 1) < 1e-9
        if j < len(ratios) - 1: assert abs(top / np.sqrt(ratios[j] * ratios[j + 1]) - 1) < 1e-9
    # every end of the contour lies between two neighbours, where the rate between them is one half; and none is missing
    ends = np.array([line.split() for line in block[f"contour{number}"] if line], float)
    seen = np.zeros(len(ends), bool)
    for i in range(len(angles)):
        for j in range(len(ratios)):
            for di, dj in ((1, 0), (0, 1), (1, 1)):
                if i + di == len(angles) or j + dj == len(ratios): continue
                a, b = rate(i, j) - 0.5, rate(i + di, j + dj) - 0.5
                if (a < 0) == (b < 0): continue
                t = a / (a - b)
                here = np.hypot(angles[i] + t * (angles[i + di] - angles[i]) - ends[:, 0],
                                np.log(ratios[j]) + t * np.log(ratios[j + dj] / ratios[j]) - np.log(ends[:, 1])) < 1e-6
                assert here.any(), (i, j)
                seen |= here
    assert seen.all() and len(ends) % 2 == 0 and len(ends) > 20
P
drawn 2 cross.h5 # 18 curves would be too many
says '^\$tile1'
drawn 1 cross.h5 --where k=9 --x angle # so would be nine
says '^\$tile0'
says "^set xlabel 'angle'"
drawn 1 cross.h5 --where k=9 --x angle --where ratio=0.25,0.5,1,4
says '^\$rate3'
says_not tile
printf 'k,success,trials\n9,0.5,5000\n' > k9.csv
drawn 2 cross.h5 --where k=9 --x angle --published k9.csv # on a map there is no place for these
says_not tile
drawn 1 cross.h5 --y ratio --cell 0,2,4,20,22
check "where there is no cell there is no tile" test "$(sed -n '/^\$tile0 /,/^EOD/p' script | wc -l)" = 7
drawn 1 cross.h5 --x angle --y ratio --where k=9 --where ratio=9 --where angle=0.2
expect 2 'y rato: no grid parameter of that name, did you mean `ratio`\?; there are: angle, ratio, k$' "$basin" plot cross.h5 --y rato -o x.svg
expect 2 'plot: --x and --y are both k' "$basin" plot cross.h5 --x k --y k -o x.svg
expect 2 'plot: --published and --log go with curves, not with a map' "$basin" plot cross.h5 --y k --log -o x.svg

# axes: tics at whole numbers, and infinity
cat > few.yaml <<'Y'
model: cnn
trials: 20
grid: {k: [2, 3], m: [8, 16, inf]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.05}]
gradient: {sampled: {inputs: m, sampler: projected}}
stop: {at: 1e-3, max_steps: 64}
record: {trials: 20, steps: [0, 1, 2, 3], final: all}
allow: {unresolved: 1}
Y
check "a grid of few whole numbers" "$basin" run few.yaml -q
drawn 1 few.h5 --x k
says "^set xtics ('3' 3, '2' 2)"
drawn 1 few.h5 --x m --y k
says "^set xtics ('∞' 24, '16' 16, '8' 8)"
says "^set ytics ('3' 3, '2' 2)"
drawn 1 few.h5 --cell 0 --observable loss
says '^set xtics 1$'
expect 2 'no second grid parameter' "$basin" plot few.h5 --where m=8 --halfwidth -o x.svg

# ---- distributions ----

cat > ends.yaml <<'Y'
model: cnn
trials: 300
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.05}]
stop: {at: 1e-6, max_steps: 3000}
record: {trials: 0, final: all}
allow: {unresolved: 1}
Y
check "a run to the optima" "$basin" run ends.yaml -q
check "their losses" "$basin" run ends.yaml -q -o paths.h5 --set record.trials=30 --set 'record.steps={log: 40}'
drawn 2 paths.h5 --rates
drawn 2 paths.h5 --observable loss --observable phi --log
distribution() { # PANELS OPTION NAME: it is that of the file
  drawn "$@"
  check "$2 $3 is that of the file" /usr/bin/python3 - "$1" "$3" <<'P'
import re
import sys
import h5py
import numpy as np
script, file = open("script").read(), h5py.File("ends.h5")
o_steps = sys.argv[2] == "steps"
value = file["steps" if sys.argv[2] == "steps" else "final_loss"][()]
block = {int(n): np.array([line.split() for line in text.splitlines()], float)
         for n, text in re.findall(r"^\$group(\d+) << EOD\n(.*?)^EOD$", script, re.M | re.S)}
outcome = file["outcome"][()]
groups = [value[c][outcome[c] == o] for c in range(2) for o in sorted(set(outcome[c]))]
assert len(block) == len(groups) > 2
assert ("set logscale x" in script) == (value.min() > 0 and value.max() >= 100 * value.min())
for group, x in zip(sorted(block), groups):
    rows = block[group]
    assert f"({len(x)})" in script
    if sys.argv[1] == "2":  # bars: left and right end of each, between two zeros
        counted = 0
        for (left, n), (right, m) in zip(rows[1:-1:2], rows[2:-1:2]):
            assert n == m == ((x > left * (1 - 1e-9)) & (x <= right * (1 + 1e-9))).sum(), (left, right, n)
            counted += n
        assert counted == len(x) and 8 <= len(rows) / 2 - 1 <= 40
    else:
        assert rows[0, 1] == 0 and rows[-1, 1] == 1 and len(rows) > min(30 if o_steps else 2, len(set(x)))
        for at, share in rows[1:]:
            assert abs(share - (x <= at * (1 + 1e-9)).mean()) < 1e-8, (at, share)
P
}
distribution 2 --histogram steps ends.h5
distribution 2 --histogram loss ends.h5
distribution 1 --ecdf steps ends.h5
distribution 1 --ecdf final_loss ends.h5
names='there are: steps, loss, phi, .*'
expect 2 "the file has no .stpes. of each trial, did you mean .steps.\?; $names" "$basin" plot ends.h5 --ecdf stpes -o x.svg
expect 2 "the file has no .eta_t. of each trial; $names" "$basin" plot few.h5 --histogram eta_t -o x.svg
drawn 6 few.h5 --histogram steps # one value, 64
drawn 1 few.h5 --ecdf steps
check "a loss of 0" "$basin" run ends.yaml -q -o zero.h5 --set 'init={v: {head: [1]}, a: {sum: 1, norm: 1}}'
drawn 2 zero.h5 --histogram loss
drawn 1 zero.h5 --ecdf loss
# the early rule: half of the trials take no step, others thousands
check "table 1" "$basin" run "$here/data/experiments/resnet-table1.yaml" --trials 100 -q -o early.h5
drawn 1 early.h5 --ecdf steps --variant 'ResNet w/ SSW' --where k=64,100
says '^set logscale x'
says 'k = 64: global ([0-9]*), [3-6][0-9] not above 0'
drawn 2 early.h5 --histogram steps --variant 'ResNet w/ SSW' --where k=64,100
says_not '^set logscale x'

# ---- medians against a parameter ----

drawn 1 early.h5 --median steps --x k --log
says 'median of steps, with 95% interval'
says '^set logscale y'
drawn 1 early.h5 --median loss
check "medians and their intervals by order statistics" /usr/bin/python3 - <<'P'
import re, h5py, numpy as np
f = h5py.File('early.h5')
drawn = re.findall(r'^\$rate(\d+) << EOD\n(.*?)EOD', open('script').read(), re.S | re.M)
assert [int(curve) for curve, _ in drawn] == [0, 1, 2]
for curve, rows in drawn:
    rows = np.array([line.split() for line in rows.splitlines()], float)
    cells = np.flatnonzero(f['variant_number'][:] == int(curve))
    assert (rows[:, 0] == f['k'][:][cells]).all()
    x = np.sort(f['final_loss'][:][cells], axis=1)            # 100 trials: numbers 40 to 61 hold the median, 96.5%
    assert np.allclose(rows[:, 1:], np.c_[np.median(x, axis=1), x[:, 39], x[:, 60]], rtol=1e-8, atol=0)
P
expect 2 'plot: --median and --histogram do not go together|plot: --histogram and --median do not go together' \
  "$basin" plot early.h5 --median steps --histogram steps -o x.svg
expect 2 'plot: --median and --y do not go together' "$basin" plot early.h5 --median steps --y k -o x.svg
expect 2 'the file has no .los. of each trial, did you mean .loss' "$basin" plot early.h5 --median los -o x.svg
drawn 4 many26.h5 --median steps

# ---- where starts end ----

cat > start.yaml <<'Y'
model: cnn
trials: 30
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {trials: 30, steps: [0, 10], observables: [loss], parameters: true}
Y
check "starts that are recorded" "$basin" run start.yaml -q
check "starts that are not" "$basin" run start.yaml -q -o again.h5 --set record.trials=0
check "some that are, but not step 0" "$basin" run start.yaml -q -o some.h5 --set record.trials=7 --set 'record.steps=[1]'
for file in start again some; do
  for axes in loss,loss 'v[0],a[3]' 'loss,v[2]'; do
    drawn 2 $file.h5 --map "$axes"
    check "$file: the starts at $axes" /usr/bin/python3 - "${axes%,*}" "${axes#*,}" <<'P'
import re
import sys
import h5py
import numpy as np
file, script = h5py.File("start.h5"), open("script").read()
def of(name, cell):
    entry = re.fullmatch(r"(\w+)\[(\d+)\]", name)
    return file["vector_" + entry[1]][cell, :, 0, int(entry[2])] if entry else file[name][cell, :, 0]
block = {(int(c), int(o)): np.array([line.split() for line in text.splitlines()], float)
         for c, o, text in re.findall(r"^\$start(\d+)_(\d+) << EOD\n(.*?)^EOD$", script, re.M | re.S)}
assert len(block) == 4, list(block)
for (cell, outcome), points in block.items():
    which = file["outcome"][cell] == outcome
    assert np.allclose(points, np.array([of(name, cell) for name in sys.argv[1:3]]).T[which], rtol=1e-8, atol=0)
assert script.count(": 30 of 30 starts'") == 2
P
  done
done
check "more than are drawn" "$basin" run start.yaml -q -o more.h5 --trials 2500 --set record.trials=0
drawn 1 more.h5 --map phi,norm_v --cell 0
says "'2000 of 2500 starts'"
check "of a data set" "$basin" run start.yaml -q -o set.h5 --set record.trials=0 --set 'stop={at: 1e-3, max_steps: 32}' \
  --set 'gradient={sampled: {inputs: {fixed: 20}}}' --set allow.unresolved=1
drawn 2 set.h5 --map 'train_loss,a[0]'
cat > relu.yaml <<'Y'
model: relu_sum
trials: 20
parameters: {d: 6, n: 2}
init: {w: {normal: 0.5}}
teacher: {v: {head: [1]}}
schedule: [{eta: 0.1}]
stop: {at: 1e-3, max_steps: 100000}
record: {trials: 0, final: all}
allow: {unresolved: 1}
Y
check "of relu_sum" "$basin" run relu.yaml -q
drawn 1 relu.h5 --map 'w[0],w[11]'
expect 2 'map: no observable `phy`, did you mean `phi`\?; there are: loss, phi, .*; and the vectors. entries a\[0\] to \[3\], v\[0\] to \[2\]' "$basin" plot again.h5 --map phy,loss -o x.svg
expect 2 'map: no entry of that number, or no vector, `v`; .*; the vectors. entries a\[0\] to \[3\], v\[0\] to \[2\]' "$basin" plot again.h5 --map 'v[3],loss' -o x.svg
for axes in loss loss, ,loss 'v[],loss' 'v[0,loss' 'v[-1],loss' 'v[0]x,loss'; do
  expect 2 'map .*: expected X,Y, each an observable or an entry of a vector' "$basin" plot again.h5 --map "$axes" -o x.svg
done
check "one trial's file" "$basin" run start.yaml --cell 1 --trial 3 -q -o single.h5 --set record.trials=0
expect 2 'single.h5: the experiment in it cannot be run again: it means something else here' "$basin" plot single.h5 --map phi,loss -o x.svg

# ---- options, selections, formats ----

expect 2 'plot: --map and --histogram do not go together' "$basin" plot start.h5 --map phi,loss --histogram steps -o x.svg
expect 2 'plot: --observable and --x do not go together' "$basin" plot start.h5 --x k --observable loss -o x.svg
expect 2 'plot: --ecdf and --log do not go together' "$basin" plot start.h5 --ecdf steps --log -o x.svg
expect 2 'where k=5: no cell is left; k is: 4, 9' "$basin" plot start.h5 --where k=5 -o x.svg
check "no figure is left of all these" test ! -e x.svg
for what in '--x k' '--y k' '--observable loss' '--rates' '--histogram steps' '--ecdf loss' '--median loss' '--map loss,norm_v'; do
  for kind in png pdf; do
    # shellcheck disable=SC2086
    check "$kind: $what" "$basin" plot few.h5 $what -o fig.$kind
  done
done
finish
