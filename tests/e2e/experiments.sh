#!/bin/bash
# SPDX-License-Identifier: MIT
# experiments.sh: every shipped experiment, and what the papers say of it.
. "$(dirname "$0")/../support/shell.sh"
data=$here/data
true_of() { jq -e "$1" "$2" >/dev/null; } # true_of FILTER FILE

for file in "$data"/experiments/*.yaml; do
  name=$(basename "$file" .yaml)
  smaller=()
  case $name in
  *-sgd) smaller=(--trials 100 --set 'grid={B: [1, 8, inf]}') ;;
  cnn-momentum) smaller=(--trials 100 --set 'grid={step: [0.08]}' --set stop.max_steps=300) ;;
  resnet-precision) smaller=(--trials 200 --set 'grid={B: [1, 4]}') ;;
  neuron-figure1) smaller=(--trials 16 --set 'grid={n: [1, 2, 4]}' --set stop.max_steps=2e5) ;;
  neuron-toy) smaller=(--set stop.max_steps=2e5) ;;
  neuron-width) smaller=(--trials 50 --set 'grid={n: [1, 2, 4], sigma: [0.01, 1]}') ;;
  teachers-orthonormal) smaller=(--trials 48 --set 'grid={m: [6, 12], extra: [0, 1]}') ;;
  factorisation-figure4-1 | factorisation-drift | factorisation-plateaus) smaller=(--trials 20 --set record.trials=20) ;;
  factorisation-success) smaller=(--trials 60 --set 'grid={r: [1, 2], sd: [0.01, 0.3], c: [0.5, 0.9, 1.1, 1.3]}') ;;
  factorisation-rank1) smaller=(--trials 500 --set 'grid={c: [0.2, 0.6], d: [100, 1e4]}' --set record.trials=20) ;;
  filter-figure6-3[cd] | filter-figure6-4) smaller=(--trials 3 --set record.trials=3 --set gradient.sampled.inputs.strokes=40 --set stop.max_steps=60) ;;
  filter-slow) smaller=(--trials 4000 --set stop.max_steps=10000) ;;
  mueller-brown | himmelblau) smaller=(--trials 500 --set record.trials=20) ;;
  phase-retrieval) smaller=(--trials 50 --set 'grid={ratio: [2, 6], d: [10]}') ;;
  matrix-sensing) smaller=(--trials 32 --set 'grid={ratio: [1.5, 3], r: [1, 2]}' --set stop.max_steps=5000) ;;
  rosenbrock-methods) smaller=(--trials 50 --set 'grid={n: [2]}' --set record.trials=10) ;;
  annealed-steps) smaller=(--trials 50 --set 'grid={T: [100, 500]}') ;;
  langevin-doublewell) smaller=(--trials 500 --set stop.max_steps=2000 --set record.trials=2) ;;
  erm) smaller=(--trials 30 --set 'grid={n: [16, 256, inf], set: [2, 4]}' --set stop.max_steps=4000) ;;
  wide-success) smaller=(--trials 64 --set 'grid={set: [1], m: [2, 8, 24]}' --set stop.max_steps=3000) ;;
  wide-figure2-1) smaller=(--trials 8 --set record.trials=8 --set 'grid={m: [100, 400]}') ;;
  balance-tenth) smaller=(--trials 8 --set 'grid={set: [1], eta: [0.05, 0.1]}' --set stop.max_steps=2500) ;;
  balance-figure4-2) smaller=(--trials 1 --set record.trials=1 --set 'grid={eta: [0.05]}' --set data.n=100 --set data.d=200 --set stop.max_steps=300) ;;
  balance-drift) smaller=(--trials 8 --set record.trials=8 --set 'grid={eta: [0.02, 0.04]}') ;;
  deep-training) smaller=(--trials 8 --set record.trials=8 --set 'grid={m: [16, 32]}' --set stop.at=1e-2 --set stop.max_steps=1500) ;;
  wide-gram) smaller=(--trials 200 --set 'grid={m: [8, 64, 512]}') ;;
  deep-gram) smaller=(--trials 40 --set 'grid={m: [16, 128]}') ;;
  esac # minutes else
  check "$name runs" "$basin" run "$file" -q -o "$name.h5" "${smaller[@]}"
  "$basin" summary "$name.h5" --json > "$name.json"
  check "$name: every trial is counted once" true_of 'all(.cells[]; ([.outcomes[]] | add) == .trials)' "$name.json"
done
holds() { check "$1: $3" true_of "$2" "$1.json"; }

# Matrix sensing: of few products a U of rank 1 comes to rest at spurious points, which a square one knows none of
holds matrix-sensing '[.cells[] | select(.parameters.ratio == 3 and .parameters.r == 2) | .success.rate] | length == 2 and min > 0.9' "recovery from three products per unknown"
holds matrix-sensing '[.cells[] | select(.parameters.ratio == 1.5 and .parameters.r == 1)] | map(.outcomes.stationary // 0) | .[0] > 2 and .[1] == 0' "spurious points at rank 1 alone"

# ResNet Table 1: the CNN row and the row with warmup are reproduced (the latter up to k = 25 exactly, at k = 36 but
# for 8 trials of 100 000, then a little below 1); the row without warmup is not: it comes out higher. The program must show all of it.
holds resnet-table1 '.cells | length == 21 and all(.[]; .trials == 5000)' "21 cells of 5000 trials"
holds resnet-table1 '[.cells[] | select(.variant == "ResNet w/ SSW" and .parameters.k <= 36)] | map(.success.rate) == [1, 1, 0.9998]' "all global with warmup up to k = 25, all but one at k = 36"
holds resnet-table1 '[.cells[] | select(.variant == "ResNet w/ SSW")] | all(.[]; .success.rate > 0.99)' "nearly all with warmup"
holds resnet-table1 '[.cells[] | select(.variant == "ResNet w/o SSW") | .success.rate] | . == sort and .[0] > 0.88' "without warmup: rising with k"
"$basin" compare resnet-table1.h5 "$data/published/resnet-table1.csv" --csv > compared.csv
check "Table 1: the CNN row agrees" test "$(grep -c '^[0-9]*,CNN,.*,agrees$' compared.csv)" = 7
check "Table 1: the row without warmup differs, and is shown so" test "$(grep -c 'w/o SSW.*,differs$' compared.csv)" = 7
"$basin" compare resnet-table1-unit-ball.h5 "$data/published/resnet-table1.csv" --csv > compared.csv
check "unit ball: the row with warmup differs from k = 25 on" test "$(grep -c 'w/ SSW.*,differs$' compared.csv)" = 6
check "unit ball: the row without comes within 0.06" awk -F, '/w\/o SSW/ { d = $8 - $11; if (d < -0.06 || d > 0.06) exit 1 }' compared.csv

# factorisation: from small starts every eta sigma_1 below 1 works and none above; the slopes of rank 1; a drift that the
# law of one step accounts for; what is learnt in the order of sigma
holds factorisation-success '[.cells[] | select(.parameters.sd == 0.01) | .success.rate == (if .parameters.c < 1 then 1 else 0 end)] | length == 8 and all' "all below eta sigma_1 = 1, none above"
"$basin" rates factorisation-rank1.h5 --passages --along d --from 8 --json > slopes.json
check "factorisation-rank1: steps for every e-fold of d" true_of '[.passages[].per_fold.value] | length == 2 and
  (.[0] - 2.742 | fabs) < 0.3 and (.[1] - 1.064 | fabs) < 0.12' slopes.json
holds factorisation-figure4-1 '[.cells[].outcomes.global] | all(. == 20)' "plain and regularised, from equal and unequal spreads"

# networks: wide ones succeed, and move by m^(-1/2); balances as the law of a step says, in proportion to small steps
holds wide-success '[.cells[] | [.parameters.m, .success.rate]] | length == 6 and all(.[];
  if .[0] == 2 then .[1] == 0 elif .[0] == 8 then .[1] > 0.4 and .[1] < 0.95 else .[1] > 0.9 end)' "the wider the better"
holds deep-training '.cells | length == 6 and all(.[]; .success.rate == 1)' "all come to a small loss"
# Lemma 2.1 asks for far wider nets than the theorem needs; the distance of the Gram matrix keeps its exact law
holds wide-gram '[.cells[] | [(.variant | startswith("|H")), .parameters.m, .success.rate]] | length == 9 and all(.[];
  if .[1] == 8 then .[2] < 0.7 elif .[1] == 512 then .[2] > 0.5 elif .[0] then .[2] < 0.05 else .[2] > 0.95 end)' \
  "the bound from 64 on, the lemma from 512"
check "networks: Gram matrices" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('wide-gram.h5')
assert abs(f['lambda_0'][:] - 0.23109).max() < 1e-5                 # `least` of the experiment
for c, m in enumerate((8, 64, 512)):
    x = m * f['final_gram_deviation'][c]
    assert abs(x.mean() - 3.99911) < 4 * x.std(ddof=1) / len(x)**0.5, (m, x.mean())
f = h5py.File('deep-gram.h5')
x = np.median(f['final_gram_limit'][:], axis=1).reshape(3, 2)
assert (x[:, 0] > 2 * x[:, 1]).all(), x                             # m^(-1/2): 2.8
assert x[2, 1] < 0.3                                                # printed, the convolution's limit is 1.06 from it
assert abs(f['lambda_0'][::2] / [0.0153595, 0.000409296, 0.00493587] - 1).max() < 1e-5
P
check "networks: distances, balances and drifts" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('wide-figure2-1.h5')
for name in 'pattern_changes', 'distance_max':                     # a fourfold width halves them
    x = np.median(f['final_' + name][...], axis=1)
    assert 1.6 < x[0] / x[1] < 2.5, (name, x)
tenth, drift = h5py.File('balance-tenth.h5'), h5py.File('balance-drift.h5')
for f in tenth, drift:
    for h in '12' if f is tenth else '1':
        moved = f['balance_' + h][...] - f['balance_' + h][:, :, :1]
        assert np.nanmax(abs(moved)) > 1e-3 and np.nanmax(abs(moved - f['balance_drift_' + h][...])) < 1e-12, h
x = np.median(tenth['final_balance_drift_1'][...], axis=1)          # balanced at 0.05 and 0.1, then unbalanced
assert 0 < x[0] < 0.06 and x[1] < -0.2 and 0 < x[2] < 0.06 and x[3] < -0.05, x
x = drift['final_balance_drift_1'][...]
assert (abs(x[1] / x[0] - 2) < 0.1).all(), x
f = h5py.File('deep-training.h5')
assert (f['final_distance_2'][:2] > 4 * f['final_distance_2'][2:4]).all() # without skips, and with
P

# Figure 5 (3 of the submission): global with the warmup, spurious without, from the printed a_0
holds resnet-figure3 '.cells[0].outcomes.global == 1 and .cells[1].outcomes.spurious == 1' "global with warmup, spurious without"
check "Figure 5: where the paths end, and the full vectors" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('resnet-figure3.h5')
last = lambda name, c: f[name][c, 0][~np.isnan(f[name][c, 0])][-1]
for c in (0, 1):
    assert abs(f['phi'][c, 0, 0] - 0.475 * np.pi) < 1e-3          # not 0.45 pi, as the footnote says
    a, w = f['vector_a'][c, 0, 0], f['vector_w'][c, 0, 0]
    assert abs(np.linalg.norm(a) - 0.952) < 1e-3 and np.abs(w).max() < 1e-15
assert f['final_error_a'][0, 0] + f['final_error_w'][0, 0] <= 1e-6
assert abs(f['final_phi'][1, 0] - np.pi) < 2e-3 and abs(f['final_error_w'][1, 0] - 4) < 1e-5
assert last('a_dot_a_star', 0) > 24.9 and last('a_dot_a_star', 1) < -11
a_star = np.r_[np.ones(14), -np.ones(11)]                          # the vectors are those of the scalars
for c in (0, 1):
    ok = ~np.isnan(f['error_a'][c, 0])
    error = ((f['vector_a'][c, 0][ok] - a_star) ** 2).sum(axis=1)
    assert np.allclose(error, f['error_a'][c, 0][ok], rtol=1e-9, atol=1e-12)
P

# Figures 6.3c and d on drawings: better starts, lower loss; the loss falls, the distance hardly
for panel in c d; do
  holds filter-figure6-3$panel '.cells | length == 3 and all(.[]; .outcomes.unresolved == .trials)' "nothing is reached"
  check "Figure 6.3$panel: better starts, lower loss" /usr/bin/python3 - filter-figure6-3$panel.h5 <<'P'
import h5py, numpy as np, sys
f = h5py.File(sys.argv[1])
loss, distance = (np.median(f[name][...], axis=1) for name in ("train_loss", "error_w"))
last = ~np.isnan(loss[0])
loss, distance = loss[:, last], distance[:, last]
assert (np.diff(loss[:, -1]) > 0).all() and (loss[:, -1] < loss[:, 0] / 10).all() and (distance[:, -1] > distance[:, 0] / 2).all()
P
done

# thesis Table 5.1: within 0.05 everywhere, and the cells that must be 1 are 1
"$basin" compare cnn-table5-1.h5 "$data/published/cnn-table5-1.csv" --csv > compared.csv
check "Table 5.1: 36 cells" test "$(wc -l < compared.csv)" = 37
check "Table 5.1: within 0.05 of the printed numbers" awk -F, 'NR > 1 { d = $7 - $10; if (d < -0.05 || d > 0.05) exit 1 }' compared.csv
holds cnn-table5-1 '[.cells[] | select(.parameters.ratio == 25 and .parameters.k <= 64)] | length == 4 and all(.[]; .success.rate == 1)' "certain success where the thesis prints 1"
holds cnn-table5-1 '[.cells[] | select(.parameters.ratio == 0)] | all(.[]; .success.low < 0.5 and .success.high > 0.47)' "one half where 1'\''a* = 0"

# thesis Figure 5.2 and Theorems 5.4, 5.5
holds cnn-figure5-2 '.cells[0].outcomes.global > 100 and .cells[0].outcomes.diverged == 0' "most trials are global"
expect 0 'cells 0, 1, 2, 3: 5000 of 5000 draws' "$basin" summary cnn-signs.h5
expect 0 'cells 4, 5, 6, 7: 5000 of 5000 draws' "$basin" summary cnn-signs.h5
"$basin" summary cnn-signs.h5 --pairs --json > pairs.json
check "signs: pairs of cells, draw by draw" /usr/bin/python3 - <<'P'
import h5py, itertools, json
won = h5py.File('cnn-signs.h5')['outcome'][:] == 1
pairs = json.load(open('pairs.json'))['pairs']
assert [p['cells'] for p in pairs] == [[*p] for g in (range(4), range(4, 8)) for p in itertools.combinations(g, 2)]
for p in pairs:
    a, b = (won[c] for c in p['cells'])
    d = p['difference']
    assert p['draws'] == 5000 and p['only'] == [(a & ~b).sum(), (~a & b).sum()]
    assert abs(d['value'] - (b.mean() - a.mean())) < 1e-12 and d['low'] < d['value'] < d['high'] < d['low'] + 0.06
P
check "and as CSV" test "$("$basin" summary cnn-signs.h5 --pairs --csv | cut -d, -f1,2 | tr '\n' ' ')" = \
  "first,second 0,1 0,2 0,3 1,2 1,3 2,3 4,5 4,6 4,7 5,6 5,7 6,7 "
expect 0 '^     0       1       5000 .*\[[+-]0\.' "$basin" summary cnn-signs.h5 --pairs
expect 0 'no two cells share' "$basin" summary cnn-table5-1.h5 --pairs
check "signs: in most draws at least one start is spurious" /usr/bin/python3 - <<'P'
import h5py
outcome = h5py.File('cnn-signs.h5')['outcome'][:]
assert (outcome[:4] == 2).any(axis=0).mean() > 0.88 and (outcome[4:] == 2).any(axis=0).mean() > 0.96
P

# mini-batches: with warmup they change little, and one input a step leaves some trials behind; the CNN is indifferent
holds resnet-sgd '[.cells[] | select(.variant == "with warmup")] | length == 3 and all(.[]; .success.rate >= 0.95)' "nearly all with warmup, whatever B is"
holds resnet-sgd '[.cells[] | select(.variant == "without warmup") | .success.rate] | all(.[]; . > 0.7 and . < 0.97)' "fewer without"
holds resnet-precision '.cells | length == 4 and all(.[]; .success.rate > 0.75 and .success.rate < 0.95)' "much the same in double and in mixed precision"
holds cnn-momentum '.cells | length == 4 and all(.[]; .success.low < 0.6 and .success.high > 0.5)' "the same success by every method"
holds cnn-sgd '.cells | all(.[]; .success.low < 0.6 and .success.high > 0.5)' "the same success of the CNN for every B"

# a data set: with 16 inputs for 24 numbers the teacher is not found, with 256 it mostly is; infinitely many are the population
holds erm '[.cells[] | select(.parameters.n == 16)] | length == 2 and all(.[]; .outcomes.global == 0)' "16 inputs do not tell the teacher"
holds erm '[.cells[] | select(.parameters.n == 256)] | length == 2 and all(.[]; .success.rate > 0.8)' "256 inputs do"

# the staircase: everybody comes through, gradient descent exponentially late; passage times grow by the exact factor
for name in octopus-figure7-3 octopus-figure7-4; do
  holds $name '.cells | length == 10 and all(.[]; .success.rate == 1)' "everybody comes through"
done
holds octopus-exponential '[.cells[] | select(.parameters.budget > 1e9)] | length == 20 and all(.[]; .success.rate == 1)' "so here"
holds octopus-exponential '[.cells[] | select(.variant == "gradient descent" and .parameters.d >= 7 and .parameters.budget < 1e9)] | length == 8 and all(.[]; .success.rate == 0)' "not with 10000 steps"
holds octopus-exponential '[.cells[] | select(.variant == "perturbed" and .parameters.budget == 10000)] | length == 10 and all(.[]; .success.rate == 1)' "but with noise"
check "octopus: how the passage times grow" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('octopus-exponential.h5')
def cell(variant, d):
    return np.flatnonzero((f['variant_number'][:] == variant) & (f['d'][:] == d) & (f['budget'][:] > 1e9))[0]
t = [{k: f[f'passage_{k}'][cell(v, 10)].astype(float) for k in range(1, 11)} for v in (0, 1)]
exact = 1 + np.log(2) / np.log(1 + 1 / (2 * np.e))
for k in range(6, 10):
    ratio = t[0][k + 1] / t[0][k]                                  # gradient descent
    assert np.all(abs(ratio / exact - 1) < 20 / t[0][k]), k
step = np.diff([t[1][k].mean() for k in range(2, 11)])             # perturbed
assert 40 < step.min() and step.max() < 60 and step.max() / step.min() < 1.3
for d in range(2, 11):                                             # more coordinates ahead change T_d of a start by little
    assert np.all(abs(t[0][d] - f['steps'][cell(0, d)]) <= 2 + 1e-9 * t[0][d]), d
P

# one convolutional filter: rates as the smallest eigenvalue says, starts as the incomplete beta function says, 65/T
check "Figure 6.3: the population's loss falls as lambda_min says" /usr/bin/python3 - <<'P'
import h5py, numpy as np
for panel, most in ('a', 0.004), ('b', 0.006):
    f = h5py.File(f'filter-figure6-3{panel}.h5')
    last = []
    for c in range(len(f['cell']) // 2):                           # the population comes first
        x, step = f['error_w'][c, 0], f['time'][:]
        on = (x < 1e-9) & ~np.isnan(x)
        slope = np.polyfit(step[on], np.log(x[on]), 1)[0]
        last.append(slope)
        assert abs(slope / (2 * np.log(1 - 0.5 * f['final_lambda_min'][c, 0])) - 1) < most, (panel, c, slope)
    lines = np.array(last).reshape(-1, 6)
    assert (np.diff(lines) < 0).all() if panel == 'a' else (np.diff(lines) > 0).all()
P
"$basin" compare filter-start.h5 "$data/published/filter-start.csv" --csv > compared.csv
check "Theorem 6.6: starts are as near as the exact probability" test "$(grep -c ',agrees$' compared.csv)" = 42
check "a share of 65/T is still there" /usr/bin/python3 - <<'P'
import h5py
f = h5py.File('filter-slow.h5')
late = (f['steps'][1] > 2500).mean() * 2500
assert f['k'][1] == 10 and 45 < late < 130, late
rate, phi = (f[name][1][f['outcome'][1] == 0] for name in ('final_rate', 'final_phi'))
held = rate < 1e-3                                                 # the others are on their last way, at lambda_min
assert held.mean() > 0.8 and (phi[held] > 2.9).all() and (rate[~held] < 1.01 * f['final_lambda_min'][1, 0]).all()
P
finish
