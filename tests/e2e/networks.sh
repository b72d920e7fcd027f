#!/bin/bash
# SPDX-License-Identifier: MIT
# networks.sh BUILD: networks from the command line. Small ones of every kind have the same bytes whatever the
# instruction set, the threads, the parts, interruptions and shards; what the file holds agrees with numpy; what is
# wrong in layers and data is told with its place; commands that look at them.
. "$(dirname "$0")/../support/shell.sh"

cat > nets.yaml <<'Y'
title: Networks of every kind
model: network
trials: 70
seed: 3
grid: {m: [5, 16]}
layers:
  - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}
  - {dense: 1, init: sign, train: false}
data: {n: 7, d: 5, inputs: sphere, labels: {normal: 1}}
schedule: [{eta: 0.3}]
stop: {at: 1e-4, max_steps: 60}
allow: {unresolved: 1, diverged: 1}
record:
  trials: 70
  steps: {log: 8}
  observables: [loss, loss_rises, norm_grad, pattern_changes, norm_1, distance_2, balance_1, balance_drift_1, neuron_balance_1]
  final: all
  parameters: true
variants:
  dense: {}
  residual:
    layers:
      - {dense: m, activation: softplus, scale: sqrt(c_sigma/m)}
      - {dense: m, activation: softplus, scale: sqrt(c_sigma/m)/H, skip: true}
      - {dense: m, activation: tanh, scale: 0.5, skip: true, init: zero}
      - {dense: 2}
    data: {n: 7, d: 5, inputs: normal, labels: {teacher: {layers: [{dense: 3, activation: erf}, {dense: 2}]}}}
    loss: mean
    schedule: [{eta: 0.1}]
  convolution:
    layers:
      - {conv: {channels: 3, patch: 3}, activation: {leaky: 0.2}, init: {normal: 0.5}}
      - {conv: {channels: 3, patch: 5}, activation: softplus, scale: 0.3, skip: true}
      - {dense: 1, init: {uniform: [-0.5, 0.5]}}
    data: {n: 5, channels: 2, pixels: 6, inputs: normal, labels: sign}
    schedule: [{eta: 0.01}]
  batches: {data: {n: 7, d: 5, inputs: sphere, labels: {normal: 1}, batch: 3}}
  momentum: {method: {momentum: 0.8}}
  noise: {noise: {gradient: 0.01}}
  falling: {schedule: [{eta: 0.3/sqrt(1 + t), steps: 20}, {eta: 0.1}]}
  halving: {schedule: [{eta: 40}], on_divergence: halve}
  gradient: {stop: {at_gradient: 0.01, max_steps: 60}}
  when: {stop: {when: loss < 0.05 or distance_1 > 1, max_steps: 60}}
  named: {outcomes: {close: {near: {W_1: 0}, within: 8}, small: {when: "loss < 0.01"}}}
  # in the coordinates of the inputs, with every way to step that these have
  few inputs: {data: {n: 4, d: 5, inputs: sphere, labels: {normal: 1}}}
  few deep:
    layers:
      - {dense: m, activation: softplus, scale: sqrt(c_sigma/m), init: {sphere: 3}}
      - {dense: m, activation: softplus, scale: sqrt(c_sigma/m)/H, skip: true}
      - {dense: 2}
    data: {n: 4, d: 5, inputs: sphere, labels: {normal: 1}}
    loss: mean
    method: {nesterov: 0.6}
  few batches: {data: {n: 5, d: 5, inputs: normal, labels: {normal: 1}, batch: 3}, schedule: [{eta: 0.05}]}
  few momentum: {data: {n: 4, d: 5, inputs: sphere, labels: {normal: 1}, batch: 3}, method: {momentum: 0.8}, schedule: [{eta: 0.05}]}
  few halving: {data: {n: 4, d: 5, inputs: sphere, labels: {normal: 1}}, schedule: [{eta: 40}], on_divergence: halve}
  few named: {data: {n: 4, d: 5, inputs: sphere, labels: {normal: 1}}, outcomes: {close: {near: {W_1: 0}, within: 10}, moved: {when: "distance_1 > 0.5"}}}
Y
run() { "$basin" run -q --no-provenance "$@"; }

# ---- the same bytes ----

check "networks" run nets.yaml -o one.h5
for how in "--isa generic --threads 2 --part-trials 33" "--threads 1 --part-trials 7" "--threads 2 --part-trials 1"; do
  check "$how" run nets.yaml $how -o other.h5
  check "$how: the same bytes" cmp one.h5 other.h5
  rm -f other.h5
done
for isa in avx2 avx512; do
  grep -qw ${isa/512/512f} /proc/cpuinfo || continue
  check "$isa" run nets.yaml --isa $isa --part-trials 64 -o other.h5
  check "$isa: the same bytes" cmp one.h5 other.h5
  rm -f other.h5
done
for shard in 1 2 3; do check "shard $shard" run nets.yaml -o shards/ --shard $shard/3; done
check "merged" "$basin" merge shards/ -q --no-provenance -o merged.h5
check "merged: the same bytes" cmp one.h5 merged.h5

# stopped and killed again and again
long=(nets.yaml --set stop.at=1e-30 --set stop.max_steps=4000 --set 'record={trials: 3, steps: [0, 4000], observables: [loss, norm_1]}'
  --part-trials 32 --backend cpu)
check "an undisturbed run" run "${long[@]}" -o whole.h5
turns=0
for signal in TERM KILL INT TERM; do
  interrupt $signal 250 "$basin" run -q --no-provenance "${long[@]}" -o turns.h5 2>/dev/null && break
  turns=$((turns + 1))
done
check "it was interrupted: $turns times" test $turns -ge 2
check "and goes on" run "${long[@]}" -o turns.h5 --threads 1
check "to the same bytes" cmp whole.h5 turns.h5
check "one trial again" run nets.yaml --cell 4 --trial 37 -o one-trial.h5

# ---- what is in the file ----

check "full weights, and what is observed of them" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f, one = h5py.File('one.h5'), h5py.File('one-trial.h5')
variants = ['dense', 'residual', 'convolution', 'batches', 'momentum', 'noise', 'falling', 'halving', 'gradient', 'when', 'named',
            'few inputs', 'few deep', 'few batches', 'few momentum', 'few halving', 'few named']
assert f['outcome'].shape == (34, 70)
at = lambda variant, wide=0: 2 * variants.index(variant) + wide
w1, w2 = f['vector_W_1'][:], f['vector_W_2'][:] # [cell][trial][time][entry]
dense, last = at('dense', 1), f['time'].shape[0] - 1
assert np.isfinite(w1[dense, :, 0, :80]).all() and set(np.unique(w2[dense, :, 0, :16])) == {-1, 1}
assert (w2[dense, :, 0, :16] == w2[dense, :, last, :16]).all() and (w1[dense, :, 0, :80] != w1[dense, :, last, :80]).mean() > 0.9
norm = (w1[dense, ..., :80]**2).sum(-1)
assert abs(f['norm_1'][dense] / norm - 1).max() < 1e-13 and abs(f['balance_1'][dense] - norm + 16).max() < 1e-9
assert (f['distance_2'][dense] == 0).all() and (f['loss_rises'][dense, :, 0] == 0).all()
assert len({f['loss'][c, 0, 0] for c in range(34)}) == 34, 'every cell has data and starts of its own'
zero = f['vector_W_3'][at('residual')]
assert (zero[:, 0, :25] == 0).all() and (zero[:, last, :25] != 0).any(axis=-1).all()
assert (f['halvings'][at('halving')] > 0).all() and (f['halvings'][at('dense')] == 0).all()
for name in 'loss', 'norm_1', 'vector_W_1':
    a, b = f[name][at('convolution'), 37], one[name][0, 0]
    assert np.isfinite(b[0]).any() and a[..., :18].tobytes() == b[..., :18].tobytes(), name
word = dict(zip(f['outcome'].attrs['flag_meanings'].decode().split(), f['outcome'].attrs['flag_values']))
is_so = lambda variant, name: f['outcome'][at(variant, 1)] == word[name]
assert is_so('gradient', 'stationary').mean() > 0.3 and is_so('momentum', 'global').mean() > 0.9 and is_so('when', 'stationary').all()
assert ((f['final_norm_grad'][at('gradient', 1)] <= 0.01) == is_so('gradient', 'stationary')).all()
assert (f['final_loss'][at('momentum', 1)][is_so('momentum', 'global')] <= 1e-4).all()
small = f['final_loss'][at('named', 1)] < 0.01
close = (w1[at('named', 1), :, last, :80]**2).sum(-1) <= 64
assert 0 < close.sum() < 70 and 0 < (small & ~close).sum()
assert (is_so('named', 'close') == close).all() and (is_so('named', 'small') == (small & ~close)).all()
P

# ---- the coordinates of the inputs ----

# a first layer in its own: the same trials to rounding
sed 's/{dense: m, activation: relu,/{dense: m, coordinates: weights, activation: relu,/
  s/{dense: m, activation: softplus, scale: sqrt(c_sigma.m), init/{dense: m, coordinates: weights, activation: softplus, scale: sqrt(c_sigma\/m), init/' \
  nets.yaml > weights.yaml
check "in the coordinates of the weights" run weights.yaml -o weights.h5
check "they are the same trials" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f, g = h5py.File('one.h5'), h5py.File('weights.h5')
others = 0
for name in f:
    if not isinstance(f[name], h5py.Dataset) or f[name].shape[:2] != (34, 70): continue
    a, b = f[name][22:], g[name][22:]
    if a.dtype.kind != 'f':
        assert (a == b).all(), name
        continue
    assert (np.isnan(a) == np.isnan(b)).all(), name
    assert np.nanmax(abs(a - b) / (1 + abs(b)), initial=0) < 1e-11, name
    assert f[name][:22].tobytes() == g[name][:22].tobytes(), name
    others += (a != b).any()
assert others > 10
P
expect 0 'W_1 +5 x 5; relu, .*, in the coordinates of the inputs$' "$basin" model nets.yaml --variant 'few inputs'
expect 0 'W_1 +5 x 5; relu, scale 0.4472135954999579$' "$basin" model nets.yaml --variant dense
expect 0 'W_1 +5 x 5; relu, scale 0.4472135954999579$' "$basin" model weights.yaml --variant 'few inputs'

# ---- commands that look at them ----

expect 0 '^ +1  dense +16 +70 ' "$basin" summary one.h5
expect 0 'W_2 +3 x 3 x 5, on 6 pixels; softplus, scale 0.3, skip' "$basin" model nets.yaml --variant convolution
expect 0 'W_2 +1 x 5; identity, scale 1, not trained' "$basin" model nets.yaml --variant dense
expect 2 'network is of this build' "$basin" model nets.yaml --variant dense --header
expect 0 'observables of layer h, named with its number' "$basin" models network
expect 0 'dense, training: gradient of a step .*: agrees' "$basin" verify nets.yaml
expect 0 '^34 cells, 2380 trials' "$basin" run nets.yaml --dry-run
check "a preview without columns of what cannot be" sh -c '! "$1" run nets.yaml --dry-run | grep spurious' sh "$basin"
expect 0 '^trial 5: unresolved after 60 steps' "$basin" run nets.yaml --cell 2 --trial 5
expect 0 '^0,dense,5,0,unresolved' "$basin" export one.h5
expect 0 '^ +0  dense +5 +70 ' "$basin" rates one.h5
expect 0 '' "$basin" plot one.h5 -o success.svg
expect 0 '' "$basin" plot one.h5 --observable norm_1 --cell 0 -o norm.svg
expect 0 '' "$basin" plot one.h5 --vector W_1 --shape 16x5 --cell 1 -o w.svg
expect 0 '' "$basin" plot one.h5 --map 'W_1[0],W_1[1]' --cell 0 -o map.svg

# ---- what is wrong ----

sed '/^variants:/,$d' nets.yaml > net.yaml
# wrong LINE:COLUMN WHAT OLD NEW: with NEW in the place of OLD the file is refused there
wrong() {
  sed "s/$3/$4/" net.yaml > wrong.yaml
  expect 2 "^basin: wrong.yaml:$1: $2" "$basin" run wrong.yaml -o wrong.h5
}
wrong 7:13 'layers.1 is 0, expected a whole number from 1' 'dense: m' 'dense: 0'
wrong 7:6 'unknown key `dens` in layers.1' 'dense: m' 'dens: m'
wrong 7:28 'layers.1: unknown activation `rely`, did you mean `relu`' 'activation: relu' 'activation: rely'
wrong 7:28 'layers.1: expected {leaky: s}' 'activation: relu' 'activation: leaky'
wrong 7:48 'unknown symbol `k`' 'scale: 1.sqrt(m)' 'scale: 1\/sqrt(k)'
wrong 8:35 'layers.2: expected true or false' 'train: false' 'train: no'
wrong 8:34 'layers.2: skip: below it are 5 x 1 numbers, and it makes 1 x 1' 'train: false' 'skip: true'
wrong 7:33 'layers.1: a patch of 2 pixels has no middle' 'dense: m,' 'conv: {channels: m, patch: 2},'
wrong 7:6 'layers: no layer is trained' 'init: {normal: 1}}' 'train: false}'
wrong 7:29 'layers.1: coordinates: expected weights or inputs' 'dense: m,' 'dense: m, coordinates: gram,'
wrong 8:29 'layers.2: coordinates goes with the first layer alone' 'dense: 1,' 'dense: 1, coordinates: inputs,'
wrong 7:6 'layers: coordinates: inputs goes with a dense first layer that is trained' 'init: {normal: 1}}' 'coordinates: inputs, train: false}'
wrong 9:11 'data.n is 0' 'n: 7' 'n: 0'
wrong 9:28 'data.inputs: unknown word `spher`, did you mean `sphere`' 'inputs: sphere' 'inputs: spher'
wrong 9:8 'data.d is missing' 'd: 5, ' ''
wrong 9:8 'data: an input has 2 labels, and the last layer makes 1 numbers' 'labels: {normal: 1}' 'outputs: 2, labels: {normal: 1}'
wrong 9:43 'data.batch is 8, expected a whole number from 1 to 7' 'labels: {normal: 1}' 'batch: 8, labels: {normal: 1}'
wrong 9:7 'loss: expected sum' '^data:' 'loss: mena\ndata:'
wrong 2:8 'key `data` is missing: a network has layers, and data' '^data:.*' ''
wrong 7:6 'layers, data, loss and products go with model: network, and the model is cnn' 'model: network' 'model: cnn'
wrong 10:11 'gradient: a network follows the gradient of its loss' '^schedule' 'gradient: population\n&'
wrong 10:11 'teacher: that of a network makes its labels' '^schedule' 'teacher: {a: 1}\n&'
wrong 10:8 'init: the weights of a network start as its layers say' '^schedule' 'init: {W_1: 1}\n&'
wrong 10:10 'define: `c_sigma` is what the scale of a layer knows by that name' '^schedule' 'define: {c_sigma: 3}\n&'
wrong 10:14 'parameters: `H` is what the scale of a layer knows by that name' '^schedule' 'parameters: {H: 3}\n&'
wrong 5:8 'grid: the name `H` is taken by the output file' 'grid: {m' 'grid: {H: [1], m'
wrong 5:18 'grid: `c_sigma` is what the scale of a layer knows' 'grid: {m' 'grid: {c_sigma: [1], m'
wrong 7:58 'layers.1: unknown name `sing`, did you mean `sign`' 'init: {normal: 1}' 'init: sing'
wrong 7:58 'layers.1: unknown name `zeros`, did you mean `zero`' 'init: {normal: 1}' 'init: zeros'
wrong 10:9 'model network has no gradient flow' '^schedule' 'method: gradient_flow\n&'
expect 2 'record.estimate: model network has no sampled form' "$basin" run net.yaml --set record.estimate.inputs=100 -o wrong.h5
expect 2 'record.observables: no observable `norm_3`: the layers of this experiment are norm_1 to norm_2$' "$basin" run net.yaml --set 'record.observables=[norm_3]' -o wrong.h5
expect 2 'record.final: no observable `los`, did you mean `loss`' "$basin" run net.yaml --set 'record.final=[los]' -o wrong.h5
expect 2 'record.passages: no observable `distance_0`: the layers of this experiment are distance_1 to distance_2$' \
  "$basin" run net.yaml --set 'record.passages={distance_0: {above: 1}}' -o wrong.h5
expect 2 'outcomes.a.near.W_1: 2 rows, expected a list of 5' "$basin" run net.yaml --set 'outcomes={a: {near: {W_1: [1, 2]}, within: 1}}' -o wrong.h5

# ---- Gram matrices of gradients ----

cat > grams.yaml <<'Y'
title: Gram matrices
model: network
trials: 35
seed: 3
grid: {m: [5, 16]}
layers:
  - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}
  - {dense: 1, init: sign, train: false}
data: {n: 7, d: 5, inputs: sphere, labels: {normal: 1}}
schedule: [{eta: 0.3}]
stop: {at: 1e-4, max_steps: 40}
allow: {unresolved: 1}
record:
  trials: 35
  steps: {log: 5}
  observables: [loss, gram_min, gram_max, gram_change, gram_limit, gram_deviation]
  final: [norm_grad, gram_min, gram_change]
variants:
  dense: {}
  one layer:
    layers:
      - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}, train: false}
      - {dense: 1, init: sign}
  labels:
    layers:
      - {dense: m, activation: softplus, scale: sqrt(c_sigma/m)}
      - {dense: m, activation: erf, scale: sqrt(c_sigma/m)/H, skip: true, train: false}
      - {dense: m, activation: tanh, scale: 0.5, skip: true}
      - {dense: 3}
    loss: mean
    schedule: [{eta: 0.05}]
  pictures:
    layers:
      - {conv: {channels: m, patch: 3}, activation: {leaky: 0.2}, init: {normal: 0.5}}
      - {conv: {channels: m, patch: 5}, activation: softplus, scale: 0.3, skip: true}
      - {dense: 2, init: {uniform: [-0.5, 0.5]}}
    data: {n: 5, channels: 2, pixels: 6, inputs: normal, labels: sign}
    schedule: [{eta: 0.0003}]
  batches: {data: {n: 7, d: 5, inputs: sphere, labels: {normal: 1}, batch: 3}}
  until: {stop: {when: gram_change > 0.2, max_steps: 40}}
Y
check "Gram matrices" run grams.yaml -o grams.h5
for how in "--isa generic --threads 2 --part-trials 33" "--threads 1 --part-trials 1"; do
  check "$how" run grams.yaml $how -o other.h5
  check "$how: the same bytes" cmp grams.h5 other.h5
  rm -f other.h5
done
for isa in avx2 avx512; do
  grep -qw ${isa/512/512f} /proc/cpuinfo || continue
  check "$isa" run grams.yaml --isa $isa --part-trials 11 -o other.h5
  check "$isa: the same bytes" cmp grams.h5 other.h5
  rm -f other.h5
done
for shard in 1 2; do check "shard $shard" run grams.yaml -o gram-shards/ --shard $shard/2; done
check "merged" "$basin" merge gram-shards/ -q --no-provenance -o merged-grams.h5
check "merged: the same bytes" cmp grams.h5 merged-grams.h5
check "their laws" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('grams.h5')
low, high, change, limit, deviation = (f['gram_' + name][:] for name in ('min', 'max', 'change', 'limit', 'deviation'))
begun = np.isfinite(low)
assert begun[:, :, 0].all() and (low[begun] <= high[begun]).all() and (low[begun] > -1e-12 * high[begun]).all()
assert (change[:, :, 0] == 0).all() and (change[2:4][begun[2:4]] == 0).all()      # the readout alone is linear
assert (change[4:8, :, 2] > 0).all()
assert (limit[begun] <= np.sqrt(deviation[begun])).all() and (limit[begun] > 0.2 * np.sqrt(deviation[begun])).all()
assert (f['final_gram_min'][:] <= np.nanmax(high, axis=2) + 1e-9).all() and np.isfinite(f['final_norm_grad'][:]).all()
word = dict(zip(f['outcome'].attrs['flag_meanings'].decode().split(), f['outcome'].attrs['flag_values']))
ended = f['outcome'][10] == word['stationary']
assert ended.any() and ((f['final_gram_change'][10] > 0.2) == ended).all()
P
cat > either.yaml <<'Y'
title: Gram matrices in the coordinates of the inputs, and of the weights
model: network
trials: 20
seed: 3
same_draw: [variant]
layers:
  - {dense: 9, activation: relu, scale: 1/sqrt(9), init: {normal: 1}}
  - {dense: 4, activation: tanh, init: {normal: 1}}
  - {dense: 2}
data: {n: 5, d: 7, inputs: sphere, labels: {normal: 1}}
schedule: [{eta: 0.05}]
stop: {max_steps: 40}
allow: {unresolved: 1}
record: {trials: 20, steps: {log: 5}, observables: [loss, gram_min, gram_max, gram_change, gram_limit, gram_deviation]}
variants:
  inputs: {}
  weights:
    layers:
      - {dense: 9, activation: relu, scale: 1/sqrt(9), init: {normal: 1}, coordinates: weights}
      - {dense: 4, activation: tanh, init: {normal: 1}}
      - {dense: 2}
Y
check "Gram matrices in either coordinates" run either.yaml -o either.h5
check "they are the same, to rounding" /usr/bin/python3 -c "
import h5py, numpy as np
f = h5py.File('either.h5')
assert (f['gram_change'][0, :, -1] > 0.1).all()
for name in ('loss', 'gram_min', 'gram_max', 'gram_change', 'gram_limit', 'gram_deviation'):
    a, b = f[name][:]
    assert a.any() and np.abs(a - b).max() < 1e-12 * np.abs(b).max(), name"
check "they are to be named" run grams.yaml --trials 2 --set 'record={trials: 2}' -o other.h5
check "else nothing is computed" /usr/bin/python3 -c "
import h5py, numpy as np
f = h5py.File('other.h5')
assert all(np.isnan(f['gram_' + name][:10]).all() for name in ('min', 'max', 'change', 'limit', 'deviation'))"
expect 2 'grams.yaml:7:6: layers: gram_limit and gram_deviation are distances from infinite width, and there is none: the weights of layer 1 are not normal' \
  "$basin" run grams.yaml --set 'layers.0.init={uniform: [-1, 1]}' -o wrong.h5

# ---- large ones, which a CPU runs one at a time ----

cat > large.yaml <<'Y'
title: Large networks
model: network
trials: 3
layers:
  - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}
  - {dense: 1, init: sign, train: false}
data: {n: 90, d: d, inputs: sphere, labels: {normal: 1}}
schedule: [{eta: 0.3}]
stop: {max_steps: 25}
allow: {unresolved: 1}
variants:
  few inputs: {parameters: {m: 600, d: 120}}
  many inputs: {parameters: {m: 600, d: 80}}
record: {trials: 3, steps: {log: 4}, observables: [loss, pattern_changes, distance_max, norm_1], parameters: true}
Y
check "large ones" run large.yaml -o large.h5
expect 0 '6 trials in 6 parts' "$basin" run large.yaml --dry-run
for how in "--threads 1 --part-trials 2" "--isa avx2 --threads 1"; do
  check "$how" run large.yaml $how -o large-other.h5
  check "$how: the same bytes" cmp large.h5 large-other.h5
  rm -f large-other.h5
done

# ---- parts of a run of some dozens ----

expect 0 '64 trials in 1 part' "$basin" run nets.yaml --dry-run --set 'variants={one: {}}' --set 'grid={m: [16]}' --trials 64 --set record.trials=0
expect 0 '64 trials in 4 parts' "$basin" run nets.yaml --dry-run --set 'variants={one: {}}' --set 'grid={m: [300]}' --trials 64 \
  --set record.trials=0 --set data.n=100 --set data.d=80

# ---- by a BLAS ----

cat > blas.yaml <<'Y'
title: Products by a BLAS
model: network
trials: 4
layers:
  - {dense: 30, activation: softplus, scale: 0.2}
  - {dense: 20, activation: tanh, scale: 0.3}
  - {dense: 2}
data: {n: 9, d: 12, inputs: sphere, labels: {normal: 1}}
schedule: [{eta: 0.02}]
stop: {max_steps: 40}
allow: {unresolved: 1}
products: exact
record: {trials: 4, steps: {every: 8}, observables: [loss, norm_1, norm_grad], parameters: true}
variants:
  inputs: {}
  weights: {layers: [{dense: 30, activation: softplus, scale: 0.2, coordinates: weights}, {dense: 20, activation: tanh, scale: 0.3}, {dense: 2}]}
  batches: {data: {n: 9, d: 12, inputs: sphere, labels: {normal: 1}, batch: 4}}
  residual: {layers: [{dense: 30, activation: softplus, scale: 0.2}, {dense: 30, activation: tanh, scale: 0.3, skip: true}, {dense: 2}]}
  pictures:
    layers: [{conv: {channels: 4, patch: 3}, activation: softplus, scale: 0.3}, {dense: 2}]
    data: {n: 9, channels: 2, pixels: 6, inputs: normal, labels: {normal: 1}}
Y
check "exact products" run blas.yaml -o exact.h5
expect 2 '^basin: --set products=cublas: products: expected exact, the same bits everywhere, or blas' \
  "$basin" run blas.yaml --set products=cublas -o wrong.h5
expect 2 'products: blas needs a BLAS, and there is none: .*Install OpenBLAS, name another' \
  env BASIN_BLAS="$work/none.so" "$basin" run blas.yaml --set products=blas -o wrong.h5
expect 2 'it has no cblas_dgemm' env BASIN_BLAS=libm.so.6 "$basin" run blas.yaml --set products=blas -o wrong.h5
expect 2 'layers, data, loss and products go with model: network' "$basin" run "$here/data/experiments/resnet-table1.yaml" --set products=blas -o wrong.h5
check "by a BLAS" run blas.yaml --set products=blas -o blas.h5
check "the same again, whatever the threads" run blas.yaml --set products=blas --threads 1 --no-provenance -o blas-again.h5
check "and the file says which" grep -qi 'blas' <<<"$(h5dump -a /provenance/blas blas.h5 2>/dev/null)"
check "the same, to rounding" /usr/bin/python3 -c "
import h5py, numpy as np
a, b, c = (h5py.File(name) for name in ('exact.h5', 'blas.h5', 'blas-again.h5'))
for name in ('loss', 'norm_1', 'norm_grad', 'vector_W_1', 'vector_W_2', 'vector_W_3'):
    x, y, z = a[name][:], b[name][:], c[name][:]
    assert np.array_equal(y, z, equal_nan=True), name
    assert np.nanmax(np.abs(x - y)) < 1e-12 * np.nanmax(np.abs(x)), name"

# ---- by CUDA, simulated: the threads of a team share a trial ----

simulated
expect 2 'products: blas is for the CPU' "$basin" run blas.yaml --set products=blas --backend cuda -o wrong.h5
check "where it is asked for a CPU is chosen" run blas.yaml --set products=blas --set stop.max_steps=8 -o on-cpu.h5
few=(nets.yaml --trials 9 --set record.trials=9 --set stop.max_steps=25)
check "fewer trials" run "${few[@]}" --backend cpu -o few.h5
check "the same by CUDA" run "${few[@]}" --backend cuda --threads 2 -o by_cuda.h5
check "to the same bytes" cmp few.h5 by_cuda.h5
large=(large.yaml --trials 1 --set record.trials=1 --set stop.max_steps=2)
check "a large one" run "${large[@]}" --backend cpu -o large-one.h5
check "the same by CUDA" run "${large[@]}" --backend cuda -o large-by-cuda.h5
check "to the same bytes" cmp large-one.h5 large-by-cuda.h5
# without the states, which would be long: what is recorded of them is made at once, by the block that has the trial
large=(large.yaml --trials 2 --set record.parameters=false --set 'stop={when: loss < 30, max_steps: 3}'
  --set 'schedule=[{eta: 0.3/sqrt(1 + t)}]' --set data.batch=20)
check "large ones, without states" run "${large[@]}" --backend cpu -o large-few.h5
check "the same by CUDA" run "${large[@]}" --backend cuda -o large-few-by-cuda.h5
check "to the same bytes" cmp large-few.h5 large-few-by-cuda.h5
large+=(--set 'method={momentum: 0.5}' --set schedule.0.eta=0.1)
check "large ones, with momentum" run "${large[@]}" --backend cpu -o large-moved.h5
check "the same by CUDA" run "${large[@]}" --backend cuda -o large-moved-by-cuda.h5
check "to the same bytes" cmp large-moved.h5 large-moved-by-cuda.h5
few=(grams.yaml --trials 5 --set record.trials=5 --set stop.max_steps=6)
check "Gram matrices of fewer trials" run "${few[@]}" --backend cpu -o few-grams.h5
check "the same by CUDA" run "${few[@]}" --backend cuda --threads 2 -o grams-by-cuda.h5
check "to the same bytes" cmp few-grams.h5 grams-by-cuda.h5

finish
