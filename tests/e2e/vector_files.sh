#!/bin/bash
# SPDX-License-Identifier: MIT
# vector_files.sh BUILD: starts that lie in files. Text, HDF5 and the experiment itself say the same trials; pauses, kills
# and CUDA change nothing; other numbers in a file are another experiment; a finished run can be gone on from; what does
# not fit is told with what was found and what was expected.
. "$(dirname "$0")/../support/shell.sh"

/usr/bin/python3 - <<'P'
import h5py, numpy as np
r = np.random.default_rng(1)
conv, dense = r.normal(size=(3, 2, 3)), r.normal(size=(2, 18))
np.savetxt('conv.csv', conv.reshape(3, 6), delimiter=',', fmt='%.17g')
np.savetxt('dense.csv', dense, fmt='%.17g')
np.savetxt('line.csv', dense[0], fmt='%.17g')
with h5py.File('w.h5', 'w') as f:
    f['W_1'], f['W_2'], f['other'] = conv, dense, conv.reshape(3, 6)
    f['flat'], f['turned'] = dense[0], conv.transpose(0, 2, 1)
    f['bad'] = np.where(np.arange(18).reshape(3, 6) == 10, np.nan, conv.reshape(3, 6))
    f['word'] = b'no numbers'
rows = lambda a: '[' + ', '.join('[' + ', '.join('%.17g' % x for x in row) + ']' for row in a) + ']'
net = '''model: network
trials: 6
seed: 5
grid: {s: [1, -0.5]}
layers:
  - {conv: {channels: 3, patch: 3}, activation: tanh, init: %s}
  - {dense: 2, init: %s}
data: {n: 9, channels: 2, pixels: 6, inputs: normal, labels: sign, batch: 4}
schedule: [{eta: 0.01*abs(s)}]
stop: {at: 1e-9, max_steps: %s}
allow: {unresolved: 1}
record: {trials: 6, steps: [0, 20], observables: [loss, distance_1], parameters: true}
'''
for name, of in {'list': (rows(conv.reshape(3, 6)), rows(dense)), 'text': ('{file: conv.csv}', '{file: dense.csv}'),
                 'hdf5': ('{file: w.h5}', '{file: w.h5}'), 'named': ('{file: w.h5, variable: other}', '{file: w.h5}'),
                 'scaled': ('{file: w.h5, scale: s}', '{file: w.h5}'),
                 'around': ('{normal: 0.1, mean: {file: w.h5}}', '{file: w.h5}')}.items():
    open(name + '.yaml', 'w').write(net % (*of, 20))
open('long.yaml', 'w').write((net % ('{file: conv.csv}', '{file: dense.csv}', 20000)).replace('1e-9', '1e-300'))
P
run() { "$basin" run -q --no-provenance "$@"; }

# ---- the same trials, wherever the numbers are ----

for name in list text hdf5 named scaled around; do check "$name" run $name.yaml -o $name.h5; done
check "what they are" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = {name: h5py.File(name + '.h5') for name in ('list', 'text', 'hdf5', 'named', 'scaled', 'around')}
conv, dense = h5py.File('w.h5')['W_1'][:].ravel(), h5py.File('w.h5')['W_2'][:].ravel()
for name in 'text', 'hdf5', 'named':
    for what in 'loss', 'vector_W_1', 'vector_W_2', 'final_loss':
        assert f[name][what][:].tobytes() == f['list'][what][:].tobytes(), (name, what)
w1 = lambda name: f[name]['vector_W_1'][:, :, 0]
assert (w1('hdf5') == conv).all() and (f['hdf5']['vector_W_2'][:, :, 0] == dense).all()
assert (w1('scaled')[0] == conv).all() and (w1('scaled')[1] == -0.5 * conv).all()
off = w1('around') - conv
assert 0.05 < off.std() < 0.2 and (off[0, 0] != off[0, 1]).all(), 'drawn around'
assert len(set(f['text']['final_loss'][0])) == 6, 'batches differ'
P
long=(long.yaml --part-trials 1 --backend cpu)
check "an undisturbed run" run "${long[@]}" -o whole.h5
turns=0
for signal in TERM KILL INT TERM; do
  interrupt $signal 250 "$basin" run -q --no-provenance "${long[@]}" -o turns.h5 2>/dev/null && break
  turns=$((turns + 1))
done
check "it was interrupted: $turns times" test $turns -ge 1
check "and goes on" run "${long[@]}" -o turns.h5
check "to the same bytes" cmp whole.h5 turns.h5
for shard in 1 2; do check "shard $shard" run text.yaml -o shards/ --shard $shard/2; done
mkdir elsewhere # the charter knows where the files are
check "merged elsewhere" bash -c 'cd elsewhere && "$0" merge ../shards/ -q --no-provenance -o ../merged.h5' "$basin"
check "to the same bytes" cmp text.h5 merged.h5

# other numbers are another experiment
interrupt KILL 900 "$basin" run -q "${long[@]}" -o changed.h5 2>/dev/null
sed -i '1s/^-*[0-9]/7/' conv.csv
expect 2 'another experiment|other experiment|not of this experiment' "$basin" run "${long[@]}" -o changed.h5
expect 2 'another experiment|other experiment|not of this experiment' "$basin" run text.yaml --trials 9 --extend -o text.h5

# ---- a finished run ----

sed 's/{file: w.h5}}/{file: hdf5.h5, cell: 1, trial: s}}/; s/grid: .*/grid: {s: [0, 3]}/; s/\*abs(s)//; s/conv.csv/hdf5.h5, cell: 1, trial: 2/' \
  text.yaml > on.yaml
sed -i 's/{file: dense.csv}/{file: hdf5.h5, cell: 1, trial: s}/' on.yaml
check "going on from trials" run on.yaml -o on.h5
check "where they were" /usr/bin/python3 - <<'P'
import h5py
on, before = h5py.File('on.h5'), h5py.File('hdf5.h5')
assert (on['vector_W_1'][:, :, 0] == before['vector_W_1'][1, 2, -1]).all()
for cell, trial in (0, 0), (1, 3):
    assert (on['vector_W_2'][cell, :, 0] == before['vector_W_2'][1, trial, -1]).all()
P

# ---- other models, teachers, points ----

cat > cnn.yaml <<'Y'
model: cnn
trials: 4
parameters: {k: 4, p: 3}
teacher: {a: {file: a.csv}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {file: a.csv, scale: 0.5}}
schedule: [{eta: 0.01}]
stop: {max_steps: 50}
allow: {unresolved: 1}
outcomes: {there: {near: {a: {file: a.csv}}, within: 100}}
Y
printf '1\n-2\n3\n4\n' > a.csv
check "of another model" run cnn.yaml -o cnn.h5
expect 0 '^   0 +4 .* 4 +0 +0$' "$basin" summary cnn.h5
check "and as lists" run cnn.yaml --set 'teacher.a=[1, -2, 3, 4]' --set 'init.a=[0.5, -1, 1.5, 2]' \
  --set 'outcomes.there.near.a=[1, -2, 3, 4]' -o lists.h5
"$basin" export cnn.h5 > cnn.csv && "$basin" export lists.h5 > lists.csv
check "the same trials" cmp cnn.csv lists.csv

# ---- what is wrong ----

# wrong WHAT INIT [INIT of the second layer]
wrong() {
  expect 2 "^basin: .*$1" "$basin" run hdf5.yaml --set "layers.0.init=$2" ${3:+--set "layers.1.init=$3"} -o wrong.h5
}
wrong 'layers.1: .*dense.csv: 2 x 18 numbers, expected 3 x 6$' '{file: dense.csv}'
wrong 'layers.1: .*w.h5: `W_2` has 2 x 18 numbers, expected 3 x 6, or 3 x 2 x 3$' '{file: w.h5, variable: W_2}'
wrong '`turned` has 3 x 3 x 2 numbers, expected 3 x 6, or 3 x 2 x 3' '{file: w.h5, variable: turned}'
wrong 'layers.2: .*line.csv: 18 x 1 numbers, expected 2 x 18' '{file: w.h5}' '{file: line.csv}'
wrong 'layers.1: .*w.h5: the variable `bad` has a number that is infinite, or none, in row 1' '{file: w.h5, variable: bad}'
wrong 'has no variable `W_7`' '{file: w.h5, variable: W_7}'
wrong 'the variable `word` has no numbers' '{file: w.h5, variable: word}'
wrong 'no file that can be read' '{file: none.csv}'
wrong 'layers.1: expected a path' '{file: [1]}'
wrong '`head` does not go with a file' '{file: conv.csv, head: [1]}'
wrong 'and no other key but `scale`' '{file: conv.csv, normal: 1}'
wrong 'is the output of a run: say which of its trials is meant' '{file: hdf5.h5}'
wrong '`trial` is missing' '{file: hdf5.h5, cell: 1}'
wrong 'has no cell 2' '{file: hdf5.h5, cell: 2, trial: 0}'
wrong 'has no recorded trial 6' '{file: hdf5.h5, cell: 0, trial: 6}'
wrong 'this is no HDF5 file' '{file: conv.csv, cell: 0, trial: 0}'
wrong 'has 36 numbers, expected 3 x 6' '{file: hdf5.h5, variable: W_2, cell: 0, trial: 0}'
printf '1, 2\n3, inf\n' > inf.csv
wrong 'inf.csv:2: that is no number' '{file: inf.csv}'
wrong 'unknown name `sing`, did you mean `sign`' sing
wrong 'unknown name `zeros`, did you mean `zero`' zeros

# ---- by CUDA, simulated ----

simulated
rm -f hdf5.h5.parts
check "the same by CUDA" run hdf5.yaml --backend cuda -o by_cuda.h5
check "to the same bytes" cmp hdf5.h5 by_cuda.h5

finish
