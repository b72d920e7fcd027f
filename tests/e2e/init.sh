#!/bin/bash
# SPDX-License-Identifier: MIT
# init.sh: what an experiment can say: basin init, for every model; starts around a point and grids by a rule through
# whole runs, replays and campaigns; --set that reaches into lists.
. "$(dirname "$0")/../support/shell.sh"

# every model's first experiment runs as it is, within seconds, and every trial of it ends
models=$("$basin" models | sed -nE 's/^([a-z]\w*): .*/\1/p')
check "there are models" test -n "$models"
for model in $models; do
  check "init $model" sh -c "'$basin' init $model > $model.yaml"
  expect 0 '' "$basin" run $model.yaml -q
  check "$model: every trial ends, in all cells" /usr/bin/python3 -c "
import h5py
outcome = h5py.File('$model.h5')['outcome'][:]
assert outcome.shape == (2, 200) and ((outcome > 0) & (outcome < 4)).all(), outcome"
  check "$model: no line is long" sh -c "! grep -E '.{130}' $model.yaml"

  # what it tells to try is right: every key behind a # is taken up, one after another
  check "$model: keys to try" test "$(grep -cE '^ *# (gradient|method|at|final|parameters|allow|until|variants):' $model.yaml)" -ge 5
  n=0
  grep -nE '^ *# (gradient|method|at|final|parameters|allow|until|variants):' $model.yaml > keys
  while IFS=: read -r line key; do
    sed "${line}s/# //" $model.yaml > key.yaml
    echo '#' >> key.yaml
    needs=()
    [[ $key = *sampled* ]] && needs=(--set stop.at=1e-6) # as it says beside `stop`
    expect 0 '' "$basin" run key.yaml --dry-run --set stop.max_steps=10 "${needs[@]}" # which ends the sample, too
    n=$((n + 1))
  done < keys
done
check "without a name it is the first model's" sh -c "'$basin' init | cmp - ${models%%[[:space:]]*}.yaml"
check "the same every time" sh -c "'$basin' init cnn | cmp - cnn.yaml"
expect 2 'init: unknown model `cnnn`, did you mean `cnn`' "$basin" init cnnn
expect 2 'one argument too many' "$basin" init cnn resnet
expect 2 'models: unknown model `resnt`, did you mean `resnet`' "$basin" models resnt
expect 1 'standard output cannot be written' sh -c "'$basin' init cnn > /dev/full"

# starts and grids, from the file to the output
cat > around.yaml <<'Y'
model: cnn
trials: 400
grid: {r: {logspace: [0.01, 1, 3]}, k: {range: [4, 5]}}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}
init: {v: {ball: r, around: teacher}, a: {uniform: [-r, r]}}
schedule: [{eta: 0.1}]
record: {trials: 400, steps: [0, 5], parameters: true}
Y
check "a run" "$basin" run around.yaml -q --no-provenance
check "starts lie where the file says" /usr/bin/python3 - <<'P'
import h5py, numpy
f = h5py.File('around.h5')
assert list(f['r'][:]) == [0.01, 0.01, 0.1, 0.1, 1, 1] and list(f['k'][:]) == [4, 5] * 3
for cell, r in enumerate(f['r'][:]):
    v, a = f['vector_v'][cell, :, 0], f['vector_a'][cell, :, 0, :4]
    distance = numpy.linalg.norm(v - [0.6, 0.8, 0], axis=1) / r
    assert distance.max() <= 1 + 1e-9 and abs((distance**3).mean() - 0.5) < 0.08, distance
    assert abs(a).max() <= r + 1e-12 and abs((a / r).var() - 1 / 3) < 0.04, (a / r).var()
P
for isa in generic avx2; do
  "$basin" info | grep -q "instruction sets.* $isa" || continue
  check "the same bytes, $isa, small parts" sh -c "'$basin' run around.yaml -q --no-provenance --isa $isa --part-trials 33 -o isa.h5 && cmp isa.h5 around.h5"
  rm -f isa.h5
done
check "a campaign" sh -c "for i in 1 2 3; do '$basin' run around.yaml -q -o shards/ --shard \$i/3 || exit; done; '$basin' merge shards -q --no-provenance -o merged.h5 && cmp merged.h5 around.h5"
check "a trial again" "$basin" run around.yaml --cell 3 --trial 123 -q -o one.h5
check "has the same start" /usr/bin/python3 - <<'P'
import h5py
a, b = h5py.File('around.h5'), h5py.File('one.h5')
assert (a['vector_v'][3, 123] == b['vector_v'][0, 0]).all() and (a['phi'][3, 123] == b['phi'][0, 0]).all()
P
check "list and rule: the same trials" sh -c "'$basin' run around.yaml -q --no-provenance --set 'grid.r=[0.01, 0.1, 1]' --set grid.k=[4,5] -o list.h5 &&
  /usr/bin/python3 -c \"
import h5py
a, b = h5py.File('around.h5'), h5py.File('list.h5')
assert all((a[n][:] == b[n][:]).all() for n in ('r', 'k', 'draw', 'outcome', 'steps', 'final_loss'))\""

# --set: grids by a rule, and entries of lists
expect 0 '^41 cells, ' "$basin" run around.yaml --dry-run --set 'grid={r: {linspace: [0, 1, 41]}, k: 4}' --set 'init.v={sphere: 1}'
expect 0 '' "$basin" run around.yaml -q --set schedule.0.eta=0.05 -o eta.h5
check "it is in the file" /usr/bin/python3 -c "
import h5py
f = h5py.File('eta.h5')
assert (f['eta_t'][:, 1] == 0.05 * 5).all(), f['eta_t'][:]"
expect 2 '--set schedule.1.eta=1: `1` is below a list, expected the number of an entry, from 0 to 0' \
  "$basin" run around.yaml --set schedule.1.eta=1
finish
