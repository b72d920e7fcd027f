#!/bin/bash
# SPDX-License-Identifier: MIT
# dataset.sh BUILD: fixed data sets from the command line. The same file whatever the parts, threads, instruction sets,
# interruptions and shards, and by CUDA, in the simulator of tests/cudasim, also with momentum, Nesterov's method, Adam and
# noise; memory is counted.
. "$(dirname "$0")/../support/shell.sh"
cp "$here/tests/support/dataset.yaml" .
options=(-q --no-provenance)
run() { "$basin" run "${options[@]}" "$@"; }

# ---- the same file ----

check "one run" run dataset.yaml --backend cpu -o one.h5
for how in "--threads 3 --part-trials 7" "--threads 2 --part-trials 33" "--threads 1 --part-trials 1" "--isa generic"; do
  rm -f other.h5
  # the words are options
  check "$how" run dataset.yaml --backend cpu $how -o other.h5
  check "$how: the same bytes" cmp one.h5 other.h5
done
for shard in 1 2 3; do check "shard $shard" "$basin" run dataset.yaml -q -o shards/ --shard $shard/3; done
check "merged" "$basin" merge shards/ -q --no-provenance -o merged.h5
check "shards: the same bytes" cmp one.h5 merged.h5

long=(dataset.yaml --backend cpu --set 'grid={n: [1500]}' --set 'variants.bat.gradient={sampled: {inputs: {fixed: n, batch: 50}}}' --set stop.max_steps=700 --set stop.at=1e-30)
check "an undisturbed run" run "${long[@]}" -o whole.h5
turns=0
for signal in TERM KILL TERM INT TERM TERM; do
  interrupt $signal 150 "$basin" run "${options[@]}" "${long[@]}" -o turns.h5 2>/dev/null && break
  turns=$((turns + 1))
done
check "it was interrupted: $turns times" test $turns -ge 2
check "and goes on" run "${long[@]}" -o turns.h5
check "to the same bytes" cmp whole.h5 turns.h5

# a smaller data set is the beginning of a larger one, where the draws are shared
check "data sets that begin alike" run dataset.yaml -o same.h5 --set 'same_draw=[n]' --set 'record.steps=[1]'
check "the label of the first input alone decides a step on n = 1; others differ" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('same.h5')
start = h5py.File('one.h5')
loss = f['train_loss'][:3, :, 0]
assert np.isfinite(loss).all() and (loss[0] != loss[1]).all() and (loss[1] != loss[2]).all()
assert len(set(f['draw'][:3])) == 1 and len(set(start['draw'][:3])) == 3
P

# ---- what is said ----

sed '/^  bat:/d' dataset.yaml >whole.yaml
check "stationary points" run whole.yaml --backend cpu -o stationary.h5 --set stop.at_gradient=0.01
"$basin" summary stationary.h5 >stationary.txt
check "in a column of their own of the summary, beside the spurious ones, where there are any" /usr/bin/python3 - <<'P'
import h5py, re
f = h5py.File('stationary.h5')
value = dict(zip(f['outcome'].attrs['flag_meanings'].decode().split(), f['outcome'].attrs['flag_values']))
lines = open('stationary.txt').read().splitlines()
head = next(l for l in lines if l.startswith('cell'))
assert re.search('spurious  stationary  unresolved', head)
rows = [l for l in lines[:lines.index('', lines.index(head))] if ']' in l] # behind it: the steps
assert len(rows) == f['outcome'].shape[0]
for cell, row in enumerate(rows):
    told = row.split(']')[1].split()[:4]
    for name, number in zip(('spurious', 'stationary', 'unresolved', 'diverged'), told):
        assert int(number) == (f['outcome'][cell] == value[name]).sum(), (cell, name)
assert 0 < (f['outcome'][:] == value['stationary']).sum() < f['outcome'].size
P
expect 0 'spurious  unresolved' "$basin" summary one.h5
expect 0 'at most [0-9.]+ MB of memory' "$basin" run dataset.yaml --dry-run --backend cpu
expect 2 'needs .* of memory, this machine has .*smaller data sets' run dataset.yaml --backend cpu --set 'grid={n: [4e9]}' -o none.h5
expect 2 'gradient.sampled.sampler goes with fresh inputs.*leave it out' run dataset.yaml -o none.h5 --set 'gradient.sampled.sampler=direct'
expect 0 '^  gradient: .*fixed data set' "$basin" models cnn
expect 0 'train_loss +empirical risk' "$basin" models cnn

# ---- CUDA ----

simulated
for order in 0 1 2; do
  export CUDASIM_ORDER=$order CUDASIM_DEVICES=$((order + 1))
  rm -f cuda.h5
  check "CUDA, order $order" run dataset.yaml --backend cuda --threads 2 -o cuda.h5
  check "CUDA, order $order: the same bytes" cmp one.h5 cuda.h5
done
unset CUDASIM_ORDER CUDASIM_DEVICES
rm -f cuda.h5
check "CUDA, other parts" run dataset.yaml --backend cuda --part-trials 9 -o cuda.h5
check "CUDA, other parts: the same bytes" cmp one.h5 cuda.h5

# inputs of many rows; and the rule of the risk's gradient
both() {
  local what=$1
  shift
  rm -f by_cpu.h5 by_cuda.h5
  check "$what by the CPU" run dataset.yaml --backend cpu "$@" -o by_cpu.h5
  check "$what by CUDA" run dataset.yaml --backend cuda "$@" -o by_cuda.h5
  check "$what: the same bytes" cmp by_cpu.h5 by_cuda.h5
}
both "many rows" --trials 3 --set 'grid={n: [90]}' --set 'parameters={k: 400, p: 2}' --set teacher.a=0.05 --set 'schedule=[{eta: 0.001}]' \
  --set 'variants.bat.gradient={sampled: {inputs: {fixed: n, batch: 89}}}' --set 'record={trials: 3, steps: [0, 1, 2, 3], parameters: true, final: all}' --set stop.max_steps=3
both "at_gradient" --set 'grid={n: [3, 20]}' --set 'stop={at_gradient: 0.02, max_steps: 60}' --set 'schedule=[{eta: 0.05}]' \
  --set 'variants={res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}}, cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}}}'
check "at_gradient: trials end so, at times of their own" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('by_cuda.h5')
assert (f['outcome'][:] == 3).sum() > 50 and len(np.unique(f['steps'][:])) > 10
P

# the methods, of all inputs and of mini-batches
methods='{mom: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, method: {momentum: 0.9}},
  ada: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, method: {adam: {epsilon: 0.1}}, noise: {gradient: 0.1}},
  fil: {model: filter, teacher: {w: {head: [1]}}, init: {w: {normal: 1}}, parameters: {k: 2, p: 7}, schedule: [{eta: 0.1}], method: {nesterov: 0.8}},
  bat: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, method: {langevin: 0.001}, gradient: {sampled: {inputs: {fixed: n, batch: 3}}}}}'
both "methods" --set 'grid={n: [20]}' --set "variants=$methods" --set stop.at=1e-30

# interrupted, and continued by the other backend, also with moments under way
long=(dataset.yaml --set stop.max_steps=300 --set stop.at=1e-30)
for variant in 'res' 'bat'; do
  only=("${long[@]}" --set 'grid={n: [20]}')
  [ $variant = res ] || only+=(--set 'gradient={sampled: {inputs: {fixed: n, batch: 5}}}' --set 'method={adam: {epsilon: 0.1}}' --set noise.gradient=0.1)
  rm -f whole.h5 turns.h5
  check "$variant: an undisturbed run by CUDA" run "${only[@]}" --backend cuda -o whole.h5
  turns=0
  for backend in cuda cpu cuda cpu cuda; do
    interrupt TERM 200 "$basin" run "${options[@]}" "${only[@]}" --backend $backend --threads 2 -o turns.h5 2>/dev/null
    [ $? = 75 ] || break
    turns=$((turns + 1))
  done
  check "$variant: it was interrupted: $turns times" test $turns -ge 1
  check "$variant: and goes on" run "${only[@]}" --backend cuda -o turns.h5
  check "$variant: to the same bytes" cmp whole.h5 turns.h5
done

# a kernel fails, or every allocation: the CPU goes on
export CUDASIM_LEAKS=0
for fault in launch:*:30:700 malloc:*:12:0; do
  rm -f fault.h5
  expect 0 'warning: .*going on with cpu' env CUDASIM_FAIL="$fault" "$basin" run "${options[@]}" dataset.yaml --threads 2 -o fault.h5
  check "$fault: the same bytes" cmp one.h5 fault.h5
done
unset CUDASIM_LEAKS

# some allocations fail, or a launch for want of memory: the work is done in smaller pieces
twenty=(dataset.yaml --set 'grid={n: [20]}')
rm -f cpu.h5
check "the run without faults" run "${twenty[@]}" --backend cpu -o cpu.h5
for fault in malloc:*:1:1 malloc:*:12:3 malloc:*:19:4 malloc:*:22:2 launch:*:1:2 launch:*:30:2; do
  rm -f fault.h5
  expect 0 '^$' env CUDASIM_FAIL="$fault" "$basin" run "${options[@]}" "${twenty[@]}" --backend cuda --threads 1 -o fault.h5
  check "$fault: the same bytes" cmp cpu.h5 fault.h5
done
finish
