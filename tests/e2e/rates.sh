#!/bin/bash
# SPDX-License-Identifier: MIT
# rates.sh: basin rates and plot --rates, and eta_t in the output, against NumPy reading the same file.
. "$(dirname "$0")/../support/shell.sh"

cat > r.yaml <<'Y'
title: "how fast, `touch ran` {x}"
trials: 30
seed: 5
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
variants:
  one: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{steps: 7, eta_a: 0.1, eta_w: 0.3}, {eta: 0.02}]}
  two: {model: resnet, init: {w: {normal: 1}, a: {ball: 1}}, schedule: [{eta: 0.2}]}
  sgd: {model: resnet, init: {w: {normal: 1}, a: {ball: 1}}, schedule: [{steps: 3, eta: k/90}, {eta: 0.1}],
        gradient: {sampled: {inputs: 4, sampler: projected}}, stop: {at: 1e-2, max_steps: 2000}}
stop: {at: 1e-20, max_steps: 20000}
allow: {unresolved: 1}
record: {trials: 20, steps: {log: 60}, observables: [phi, loss]}
Y
check "a run" "$basin" run r.yaml -q -o r.h5
check "rates as JSON" sh -c "'$basin' rates r.h5 --json > rates.json"

check "JSON has what it promises" jq -e '
  .experiment == "r" and .seed == 5 and .observable == "loss" and .resamples == 2000 and (.cells | length) == 6 and
  ([.cells[].index] == [0, 1, 2, 3, 4, 5]) and
  (.cells[1] | .variant == "one" and .parameters.k == 9 and .parameters.p == 3 and .trials == 20 and .left_out == 0 and
    (.window | length) == 2 and .window[0] < .window[1] and .better == "exponential" and (has("reason") | not)) and
  all(.cells[] | .slope, .rate; .low < .value and .value < .high)' rates.json >/dev/null
check "again the same, bit for bit" sh -c "'$basin' rates r.h5 --json | cmp - rates.json"
check "one cell is that cell" sh -c "'$basin' rates r.h5 --json --cell 3 | jq '.cells[0]' > one.json &&
  jq '.cells[3]' rates.json | cmp - one.json"
expect 0 '^ +1  one +9 +20 .* exponential ' "$basin" rates r.h5
expect 0 'trials of [0-9] cells did not all end alike: --outcome global' "$basin" rates r.h5
"$basin" rates r.h5 > rates.txt
check "the table has the same numbers" /usr/bin/python3 - <<'P'
import json
rows = [line for line in open("rates.txt") if line.split()[:1] and line.split()[0].isdigit() and " to " in line]
cells = json.load(open("rates.json"))["cells"]
assert len(rows) == len(cells) == 6
for row, c in zip(rows, cells):
    intervals = ["{value:.5g} [{low:.5g}, {high:.5g}]".format(**c[what]) for what in ("slope", "rate", "local_slope")]
    wanted = [c["trials"], "{:.6g} to {:.6g}".format(*c["window"]), *intervals[:2], c["better"], intervals[2]]
    assert row.split()[3:] == " ".join(map(str, wanted)).split(), (row, wanted)
P
"$basin" rates r.h5 --json --outcome global > global.json
"$basin" rates r.h5 --json --from 2 --to 30 --observable phi > phi.json

# eta_t, windows, slopes, rates and verdicts, computed anew
check "NumPy finds the same" /usr/bin/python3 - <<'P'
import json
import h5py
import numpy as np

file = h5py.File("r.h5")
step, eta_t, ended = file["time"][:], file["eta_t"][:], file["outcome"][:, :20]
stages = [(7, 0.1, 0.02)] * 2 + [(0, 0, 0.2)] * 2 + [(3, 4 / 90, 0.1), (3, 9 / 90, 0.1)]  # steps, eta, then eta
for row, (first, before, after) in zip(eta_t, stages):
    assert np.allclose(row, np.minimum(step, first) * before + np.maximum(step - first, 0) * after, rtol=1e-14, atol=0)


def points(cell, trial, name):
    """eta t and ln of the observable, of the records that count"""
    value = file[name][cell, trial]
    keep = np.isfinite(value)
    t, value = eta_t[cell][keep], value[keep]
    below = np.flatnonzero(value <= 2.0**-88 * np.maximum.accumulate(value))
    end = below[0] if len(below) else len(value)
    t, value = t[:end], value[:end]
    return t[t > 0], np.log(value[t > 0])


def close(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def check(path, name, wanted, window):
    fits = 0
    for cell in json.load(open(path))["cells"]:
        c, slope, rate, local, power, exponential = cell["index"], [], [], [], 0.0, 0.0
        trials = [points(c, i, name) for i in range(20) if wanted is None or ended[c, i] == wanted]
        if window is None:
            reach = np.sort([t[-1] for t, _ in trials if len(t) >= 3])
            to = reach[len(reach) // 2]
            below = np.flatnonzero(eta_t[c] <= to)
            window_here = [min(to / 10, eta_t[c][below[-5]]), to]
        else:
            window_here = window
        assert cell["window"] == window_here, (path, c, cell["window"], window_here)
        for t, y in trials:
            inside = (t >= window_here[0]) & (t <= window_here[1])
            if inside.sum() < 3:
                continue
            t, y = t[inside], y[inside]
            a, residual, *_ = np.polyfit(np.log(t), y, 1, full=True)
            b, other, *_ = np.polyfit(t, y, 1, full=True)
            slope, rate, power, exponential = slope + [a[0]], rate + [-b[0]], power + sum(residual), exponential + sum(other)
            local.append(y[-1] / np.log(t[-1]))
        fits += len(slope)
        assert cell["trials"] == len(slope) and cell["trials"] + cell["left_out"] == len(trials), (path, c)
        for what, mine in (("slope", slope), ("rate", rate), ("local_slope", local)):
            got, mean, error = cell[what], np.mean(mine), np.std(mine) / np.sqrt(len(mine))
            assert close(got["value"], mean), (path, c, what, got, mean)
            # percentiles of another bootstrap of NumPy's own: 2000 resamples have a noise of 0.06 standard errors
            draws = np.random.default_rng(c).integers(len(mine), size=(20000, len(mine)))
            low, high = np.percentile(np.asarray(mine)[draws].mean(1), [2.5, 97.5])
            assert abs(got["low"] - low) < 0.4 * error and abs(got["high"] - high) < 0.4 * error, (path, c, what, got, low, high)
        assert cell["better"] == ("power" if power < exponential else "exponential"), (path, c)
    return fits


assert check("rates.json", "loss", None, None) == 120
assert check("global.json", "loss", 1, None) == (ended == 1).sum()
assert check("phi.json", "phi", None, [2, 30]) > 60
P

# near the optimum the slowest error shrinks by 1 - eta (pi - 1)/(2 pi) a step, and the loss by its square
check "the rate of the linearised dynamics" sh -c "'$basin' rates r.h5 --json --cell 3 --outcome global --from 30 | jq -e '
  .cells[0].rate | (.value > 0.7055 and .value < 0.7065)' >/dev/null"

# a window that none, or one that only some of the trials have
expect 0 '^cell 0: no trial has 3 records in the window' "$basin" rates r.h5 --from 1e7 --to 2e7
expect 0 '^cell 5: half of the trials reach no further than eta t = [0-9.]+, the window begins at 1e\+07' "$basin" rates r.h5 --from 1e7
check "null where there is no number" sh -c "'$basin' rates r.h5 --json --from 1e7 --to 2e7 | jq -e 'all(.cells[];
  .trials == 0 and .better == null and .window == [1e7, 2e7] and .slope == {value: null, low: null, high: null} and
  .rate.value == null and .residual.power == null and (.reason | test(\"3 records\")))' >/dev/null"
expect 0 '^[0-9]+ recorded trials of [0-9] cells are left out' "$basin" rates r.h5 --from 50 --to 200
check "one trial again has its eta t, a slope and no interval" sh -c "'$basin' run r.yaml -q --cell 1 --trial 4 -o one.h5 &&
  '$basin' rates one.h5 --json | jq -e '.cells[0] | .index == 0 and .trials == 1 and .slope.value < -1 and .slope.low == null' >/dev/null"

# mistakes: one line, exit 2
expect 2 '^basin: the window ends at 2, before it begins at 5$' "$basin" rates r.h5 --from 5 --to 2
expect 2 '^basin: --from 0: expected a positive number$' "$basin" rates r.h5 --from 0
expect 2 '^basin: --to 1e999: expected a positive number$' "$basin" rates r.h5 --to 1e999
expect 2 '^basin: --to 3x: expected a positive number$' "$basin" rates r.h5 --to 3x
expect 2 '^basin: --cell 6: no such cell, expected 0 to 5$' "$basin" rates r.h5 --cell 6
expect 2 'r.h5: no recorded observable `psi`, expected phi, loss$' "$basin" rates r.h5 --observable psi
expect 2 'no outcome `good`, expected unresolved, global' "$basin" rates r.h5 --outcome good
expect 2 'an argument is missing, expected: basin rates OUT.h5' "$basin" rates
expect 2 'r.yaml: cannot be read' "$basin" rates r.yaml
check "a run without records" "$basin" run r.yaml -q -o bare.h5 --set record.trials=0
expect 2 'bare.h5: no recorded observable `loss`, expected none: the experiment records no trajectories$' "$basin" rates bare.h5
expect 2 'the name `eta_t` is taken by the output file' "$basin" run r.yaml -q -o x.h5 --set 'grid={eta_t: [1, 2]}'
/usr/bin/python3 -c "
import h5py, shutil
shutil.copy('r.h5', 'old.h5')
with h5py.File('old.h5', 'a') as f:
    del f['eta_t'], f['checksum']"
expect 2 'old.h5: has no flow time `eta_t`: basin [0-9.]+ made it; run the experiment again$' "$basin" rates old.h5

# powers of a grid parameter at the end of the trials: of cells that share their draws, and that do not
cat > final.yaml <<'Y'
trials: 25
seed: 8
grid: {k: [4, 9, 16]}
parameters: {p: 3}
model: cnn
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.01}]
stop: {max_steps: 40}
allow: {unresolved: 1}
record: {final: [loss, phi, a_dot_a_star]}
Y
check "a run without shared draws" "$basin" run final.yaml -q -o apart.h5
check "and with" "$basin" run final.yaml -q -o shared.h5 --set 'same_draw=[k]'
for how in apart shared; do "$basin" rates $how.h5 --final loss --along k --json > $how.json; done
"$basin" rates apart.h5 --final phi --along k --cell 0,2 --outcome unresolved --json > ended.json
check "NumPy finds the same powers" /usr/bin/python3 - <<'P'
import json
import h5py
import numpy as np


def read(path, name):
    file = h5py.File(path)
    return np.log(np.abs(file["final_" + name][:])), np.log(file["k"][:]), file["outcome"][:]


def weights(x):
    return (x - x.mean()) / ((x - x.mean()) ** 2).sum()


def got(path, trials):
    row, = json.load(open(path))["finals"]
    assert row["trials"] == trials and row["along"] == "k" and row["series"] == "", row
    return row["power"]


y, x, _ = read("shared.h5", "loss")
slope, power = weights(x) @ y, got("shared.json", 25)
assert abs(power["value"] - slope.mean()) < 1e-12
draws = np.random.default_rng(1).integers(25, size=(20000, 25))
low, high = np.percentile(slope[draws].mean(1), [2.5, 97.5])
error = slope.std() / 5
assert abs(power["low"] - low) < 0.4 * error and abs(power["high"] - high) < 0.4 * error, (power, low, high)

y, x, _ = read("apart.h5", "loss")
share = weights(x) ** 2 * y.var(axis=1, ddof=1) / 25
freedom, power = share.sum() ** 2 / (share**2 / 24).sum(), got("apart.json", 75)
assert abs(power["value"] - weights(x) @ y.mean(1)) < 1e-12
half = power["high"] - power["value"]
assert abs(power["value"] - power["low"] - half) < 1e-12
ratio = half / np.sqrt(share.sum())  # Student's quantile: 1.96 at infinity, 2.064 at 24 degrees of freedom
assert 24 < freedom < 75 and 1.97 < ratio < 2.064, (freedom, ratio)

y, x, ended = read("apart.h5", "phi")
y[ended != 0] = np.nan
y, x = y[[0, 2]], x[[0, 2]]
count = np.isfinite(y).sum()
assert 10 < count <= 50, count
power = got("ended.json", count)
assert abs(power["value"] - weights(x) @ np.nanmean(y, axis=1)) < 1e-12
P
expect 0 '^  loss +3 +75 +-?[0-9.]+ \[-?[0-9.]+, -?[0-9.]+\]$' "$basin" rates apart.h5 --final loss --along k
expect 0 '^  a_dot_a_star +3 +0 +- +signs differ: trials of cell 0 are (above|below) 0, and one of cell [0-2] is' \
  "$basin" rates apart.h5 --final a_dot_a_star --along k
expect 0 '^  loss +1 +0 +- +one cell, no line' "$basin" rates apart.h5 --final loss --along k --cell 1
/usr/bin/python3 -c "
import h5py, shutil
shutil.copy('apart.h5', 'zero.h5')
with h5py.File('zero.h5', 'a') as f:
    del f['checksum']
    f['final_loss'][1, 4] = 0
    f['final_phi'][2] = float('nan')"
expect 0 'trial 4 of cell 1 has 0, which has no logarithm' "$basin" rates zero.h5 --final loss --along k
expect 0 'some cell has no trial with a number' "$basin" rates zero.h5 --final phi --along k
check "null where there is no power" sh -c "'$basin' rates zero.h5 --final loss --along k --json |
  jq -e '.finals[0] | .power == {value: null, low: null, high: null} and (.reason | test(\"no logarithm\"))' >/dev/null"
check "a parameter that is 0" "$basin" run final.yaml -q -o shift.h5 --set 'grid={k: [4], s: [0, 1]}' --set 'init.a={ball: 1+s}'
expect 0 'the parameter is 0 in cell 0, which has no logarithm' "$basin" rates shift.h5 --final loss --along s
expect 2 'no array `final_norm`, expected one of' "$basin" rates apart.h5 --final norm --along k
expect 2 'rates: --final goes with --along: the grid parameter' "$basin" rates apart.h5 --final loss
expect 2 'rates: --from does not go with --final' "$basin" rates apart.h5 --final loss --along k --from 2
expect 2 'rates: --passages does not go with --final' "$basin" rates apart.h5 --final loss --along k --passages
expect 2 'no outcome `good`' "$basin" rates apart.h5 --final loss --along k --outcome good

# the figure: what gnuplot is given, then what it makes of it
mkdir fake && printf '#!/bin/sh\ncat > "%s/script"\necho "<?xml version=\\"1.0\\"?><svg></svg>"\n' "$work" > fake/gnuplot && chmod +x fake/gnuplot
cp r.h5 half.h5
/usr/bin/python3 -c "
import h5py, numpy as np
with h5py.File('half.h5', 'a') as f:
    del f['checksum'] # of what is no longer there
    f['halvings'] = np.tile(np.arange(30) % 3, (6, 1)).astype('i1')
    f['loss'][2] = np.exp(-0.1 * f['eta_t'][2] / 2.0 ** (np.arange(20) % 3)[:, None])
    f['outcome'][2] = 0"
check "a figure, through a gnuplot of our own" env PATH="$work/fake:$PATH" "$basin" plot half.h5 -o fake.svg --rates
check "its curves are means and quantiles of ln(loss)" /usr/bin/python3 - <<'P'
import re
import h5py
import numpy as np

script = open("script").read()
block = {name: np.array([line.split() for line in text.splitlines()], float)
         for name, text in re.findall(r"^\$(\w+) << EOD\n(.*?)^EOD$", script, re.M | re.S)}
file = h5py.File("half.h5")
titles = re.findall(r"^set label '([^']*)' at screen \S+ left font", script, re.M)  # the legend, in the order of the curves
assert titles and len(block) == 2 * len(titles), titles
for kind in ("loss", "slope"):
    assert [int(i) for i in re.findall(rf"\${kind}(\d+) using 1:2 with lines", script)] == list(range(len(titles))), kind

# cell 0: the global trials alone, each at its own eta t 2^-h: one that was not halved is in every mean of three
index = titles.index(next(t for t in titles if t.startswith("one, k = 4: global")))
trials = [i for i in range(20) if file["outcome"][0, i] == 1]
assert titles[index].endswith(f"({len(trials)})") and "two, k = 4: unresolved (20)" in titles
loss, slope = block[f"loss{index}"], block[f"slope{index}"]
t = file["eta_t"][0]
for row in loss[::7]:
    column = []
    for i in trials:
        value = file["loss"][0, i]
        keep = np.isfinite(value) & (t > 0)
        column.append(np.interp(np.log(row[0]), np.log(t[keep] / 2.0 ** (i % 3)), np.log(value[keep]), left=np.nan))
    column = np.array(column)[np.isfinite(column)]
    assert np.allclose(np.log(row[1:]), [column.mean(), *np.percentile(column, [5, 95])], rtol=1e-8, atol=1e-8), row
# as far as half of the trials get
there = np.array([sum(at <= t[np.isfinite(file["loss"][0, i])][-1] / 2.0 ** (i % 3) for i in trials) for at in t[1:]])
assert loss[-1, 0] == t[1:][2 * there >= len(trials)][-1] and 2 * there[-1] < len(trials)
assert (slope[:, 0] >= np.e).all() and (loss[:, 0] >= np.e).sum() == len(slope)
late = loss[-len(slope):]
assert np.allclose(slope[:, 1:], np.log(late[:, 1:]) / np.log(late[:, :1]), rtol=1e-8)

# cell 2: exp(-0.1 t) in every trial at its own time: one straight line, up to where half of the trials get
index = titles.index("two, k = 4: unresolved (20)")
loss = block[f"loss{index}"]
early = loss[loss[:, 0] < 100]
assert np.allclose(np.log(early[:, 1]), -0.1 * early[:, 0], rtol=0.02), early
P
check "both panels" "$basin" plot r.h5 -o rates.svg --rates
check "their labels" sh -c 'grep -q "η t" rates.svg && grep -q "ln(loss) / ln(η t)" rates.svg'
check "outcomes are named where they differ alone" sh -c 'grep -q "one, k = 4: global (" rates.svg &&
  "$1" run r.yaml -q -o same.h5 --set stop.at=1e-300 --set "variants={two: {}}" --set model=resnet --set "init={w: {normal: 1}, a: {ball: 1}}" --set "schedule=[{eta: 0.2}]" --set stop.max_steps=200 &&
  "$1" plot same.h5 -o same.svg --rates && grep -q ">k = 4 (20)<" same.svg' sh "$basin"
check "another observable" "$basin" plot r.h5 -o phi.png --rates --observable phi --title '$(touch ran)'
check "nothing was run" test ! -e ran
expect 2 '--rates draws one --observable' "$basin" plot r.h5 -o x.svg --rates --observable phi --observable loss
expect 2 'plot: --rates and --log do not go together' "$basin" plot r.h5 -o x.svg --rates --log
expect 2 'no recorded observable `psi`' "$basin" plot r.h5 -o x.svg --rates --observable psi
expect 2 'records no trajectories' "$basin" plot bare.h5 -o x.svg --rates
/usr/bin/python3 -c "
import h5py
with h5py.File('old.h5', 'a') as f:
    f['eta_t'] = h5py.File('r.h5')['eta_t'][:] / 1e6
    f['loss'][:] = 0.5"
check "short and constant: one panel" "$basin" plot old.h5 -o short.svg --rates
check "it is one" sh -c '! grep -q "ln(loss)" short.svg'
/usr/bin/python3 -c "
import h5py
with h5py.File('old.h5', 'a') as f: f['loss'][:] = 0"
expect 2 'no trial has two records of loss above 0 to draw' "$basin" plot old.h5 -o x.svg --rates
check "no figure is left half made" sh -c '! ls | grep -q "^x\|tmp"'
finish
