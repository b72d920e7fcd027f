#!/bin/bash
# SPDX-License-Identifier: MIT
# limit.sh: what theory says of networks of infinite width (record.limit): in the output file, in the summary, and beside
# the losses that were measured; the excess over the bound on the loss.
. "$(dirname "$0")/../support/shell.sh"
cat > w.yaml <<'Y'
title: wide nets
model: network
trials: 200
grid: {m: [16, 1024]}
layers:
  - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}
  - {dense: 1, init: sign, train: false}
data: {n: 8, d: 6, inputs: sphere, labels: {normal: 1}}
schedule: [{eta: 0.3}]
stop: {at: 1e-9, max_steps: 10}
allow: {unresolved: 1}
record: {trials: 200, steps: {every: 1}, observables: [loss], limit: true}
Y
check "a run" "$basin" run w.yaml -q --no-provenance -o w.h5
check "its checksums" sh -c "'$basin' check w.h5 > checked"
# the law of another matrix: that of both layers
check "another law" "$basin" run w.yaml -q --set layers.1.train=true --set record.trials=1 --set trials=1 -o both.h5
check "the mean curve of wide nets is that of infinite width, and of no other matrix" /usr/bin/python3 -c "
import h5py, numpy as np
f, both = h5py.File('w.h5'), h5py.File('both.h5')
loss = f['loss'][:]
mean, error = loss.mean(1), loss.std(1, ddof=1) / np.sqrt(loss.shape[1])
z = (mean - f['loss_limit'][:]) / error
other = (mean - both['loss_limit'][:]) / error
assert f['loss_limit'].shape == (2, 11) and (f['loss_limit'][:, 0] == f['loss_start_limit'][:]).all()
assert (f['loss_start_exact'][:] == 1).all() and (f['lambda_0'][:] > 0).all() and (f['lambda_max'][:] < 8).all()
assert (abs(z[:, 0]) < 4).all(), z            # exact at every width
assert (abs(z[1]) < 4).all(), z[1]            # and the whole curve of wide ones, which narrow ones leave
assert abs(z[0]).max() > 4 and abs(other[1]).max() > 10, (z[0], other[1])"
check "the same file with threads and vectors of another length" sh -c "
  '$basin' run w.yaml -q --no-provenance --threads 3 --part-trials 37 --isa generic -o x.h5 && cmp w.h5 x.h5"

check "the summary as text" sh -c "'$basin' summary w.h5 > text && grep -q 'one hidden layer' text"
check "and as JSON and CSV" /usr/bin/python3 -c "
import csv, h5py, json, numpy as np, subprocess
f = h5py.File('w.h5')
cells = json.loads(subprocess.check_output(['$basin', 'summary', 'w.h5', '--json']))['cells']
rows = list(csv.DictReader(subprocess.check_output(['$basin', 'summary', 'w.h5', '--csv'], text=True).splitlines()))
text = [line.split() for line in open('text') if len(line.split()) == 8 and line.split()[1] in ('16', '1024')][-2:]
for c in range(2):
    x, limit = f['loss'][c, :, 0], cells[c]['limit']
    error = x.std(ddof=1) / np.sqrt(len(x))
    want = [f['lambda_0'][c], f['lambda_max'][c], f['loss_start_limit'][c], x.mean(), error,
            (x.mean() - f['loss_start_limit'][c]) / error]
    name = ['lambda_0', 'lambda_max', 'loss_start_limit', 'loss_start_mean', 'loss_start_error', 'loss_start_z']
    assert np.allclose([limit[i] for i in name], want, rtol=1e-12) and limit['loss_start_exact'], (limit, want)
    assert [float(rows[c][i]) for i in name] == [limit[i] for i in name]
    assert np.allclose([float(i) for i in text[c][2:]], want, rtol=0.1), (text[c], want)"
check "an export has no column of it" sh -c "! '$basin' export w.h5 --trajectories | head -1 | grep -q limit"
check "nor is any of it taken for a parameter" sh -c "'$basin' summary w.h5 --csv | head -1 | grep -q '^index,variant,m,trials'"

# the figure: the mean curve beside the losses, what gnuplot is given
mkdir fake && printf '#!/bin/sh\ncat > "%s/script"\necho "<?xml version=\\"1.0\\"?><svg></svg>"\n' "$work" > fake/gnuplot && chmod +x fake/gnuplot
check "one data set of both widths" "$basin" run w.yaml -q --set 'same_draw=[m]' --set trials=20 --set record.trials=20 -o one.h5
check "a figure, through a gnuplot of our own" env PATH="$work/fake:$PATH" "$basin" plot one.h5 -o fake.svg --observable loss
check "one curve, which is in the file" /usr/bin/python3 -c "
import h5py, numpy as np, re
f, script = h5py.File('one.h5'), open('script').read()
curve, = re.findall(r'^[$]limit0_(\d) << EOD\n(.*?)^EOD$', script, re.M | re.S)
rows = np.array([line.split() for line in curve[1].splitlines()], float)
assert (rows[:, 0] == range(11)).all() and np.allclose(rows[:, 1], f['loss_limit'][0], rtol=1e-9)
assert script.count('mean loss at infinite width') == 1 and len(re.findall(r'limit0_0 using 1:2 with lines', script)) == 1"
check "with a real one" "$basin" plot w.h5 -o limit.svg --log --observable loss
check "and its legend" grep -q 'mean loss at infinite width' limit.svg
check "data sets that differ have a curve each" sh -c 'PATH="$2/fake:$PATH" "$1" plot w.h5 -o fake.svg --observable loss &&
  [ "$(grep -c "^.limit0_[01] << EOD" script)" = 2 ]' sh "$basin" "$work"
check "no curve without record.limit" sh -c '"$1" run w.yaml -q --set record.limit=false --set trials=20 --set record.trials=20 -o plain.h5 &&
  PATH="$2/fake:$PATH" "$1" plot plain.h5 -o fake.svg --observable loss && ! grep -q "limit0\|infinite" script' sh "$basin" "$work"
check "nor where theory has none" sh -c '"$1" run w.yaml -q --set "method={momentum: 0.5}" --set trials=20 --set record.trials=20 -o none.h5 &&
  PATH="$2/fake:$PATH" "$1" plot none.h5 -o fake.svg --observable loss && ! grep -q "limit0\|infinite" script' sh "$basin" "$work"

# how often the bound (1 - eta lambda_0/2)^k on the loss was violated, beside the recorded losses
check "a run with the bound" "$basin" run w.yaml -q --no-provenance -o bound.h5 --set 'record.final=[bound_excess]' \
  --set 'record.observables=[loss, bound_excess]' --set grid.m='[2, 256]' --set trials=50 --set record.trials=50 \
  --set stop='{at: 1e-30, max_steps: 150}'
check "the excess over the bound" /usr/bin/python3 -c "
import h5py, numpy as np
f = h5py.File('bound.h5')
loss, k = np.log(f['loss'][:]), f['time'][:]
excess = loss - loss[:, :, :1] - k * np.log1p(-0.15 * f['lambda_0'][:])[:, None, None]
most = np.maximum.accumulate(excess, 2)
assert np.abs(most - f['bound_excess'][:]).max() < 1e-11
assert np.abs(most[:, :, -1] - f['final_bound_excess'][:]).max() < 1e-11
violated = (f['final_bound_excess'][:] > 0).sum(1)
assert violated[0] > 0 and violated[1] == 0, violated"
check "the same with vectors of another length" sh -c "'$basin' run w.yaml -q --no-provenance --isa generic --threads 2 -o y.h5 \
  --set 'record.final=[bound_excess]' --set 'record.observables=[loss, bound_excess]' --set grid.m='[2, 256]' --set trials=50 \
  --set record.trials=50 --set stop='{at: 1e-30, max_steps: 150}' && cmp bound.h5 y.h5"
check "everything but what nobody has named" "$basin" run w.yaml -q -o nan.h5 --set trials=1 --set 'record={final: all}'
check "it is NaN" /usr/bin/python3 -c "
import h5py, numpy as np
f = h5py.File('nan.h5')
assert np.isnan(f['final_bound_excess'][:]).all() and (f['final_distance_max'][:] > 0).all()"

# the Gram matrix of given inputs beside numpy's, and the exact law of its distance from infinite width
/usr/bin/python3 - <<'P'
import numpy as np
x = np.random.default_rng(5).normal(size=(6, 4))
np.savetxt('points.csv', np.hstack([x / np.linalg.norm(x, axis=1)[:, None], x[:, :1]]), delimiter=',', fmt='%.17g')
P
check "Gram matrices" "$basin" run w.yaml -q --no-provenance -o gram.h5 --set 'data={file: points.csv, labels: 1}' \
  --set grid.m='[4, 64]' --set trials=4000 --set stop.max_steps=3 --set 'record={trials: 4000, steps: [0, 3], parameters: true,
    limit: true, observables: [loss, gram_min, gram_max, gram_change, gram_limit, gram_deviation]}'
check "they are those of the patterns, and keep the law" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('gram.h5')
x = np.loadtxt('points.csv', delimiter=',')[:, :4]
xx = x @ x.T
p = (np.pi - np.arccos(np.clip(xx, -1, 1))) / (2 * np.pi)
np.fill_diagonal(p, 0.5)
value = np.linalg.eigvalsh(xx * p)
assert np.allclose([f['lambda_0'][:], f['lambda_max'][:]], value[[0, -1]][:, None], rtol=1e-12)
for c, m in enumerate((4, 64)):
    z = np.einsum('trmd,id->trim', f['vector_W_1'][c][:, :, :4 * m].reshape(4000, 2, m, 4), x) >= 0
    h = np.einsum('trim,trjm->trij', z, z, dtype=float) * xx / m
    norm = lambda a: abs(np.linalg.eigvalsh(a)).max(-1)
    want = {'min': np.linalg.eigvalsh(h)[..., 0], 'max': np.linalg.eigvalsh(h)[..., -1], 'change': norm(h - h[:, :1]),
            'limit': norm(h - xx * p), 'deviation': ((h - xx * p)**2).sum((2, 3))}
    for name, right in want.items():
        there = np.isfinite(f['gram_' + name][c])
        assert there[:, 0].all() and there.mean() > 0.9 and abs(f['gram_' + name][c] - right)[there].max() < 1e-13, name
    start = f['gram_deviation'][c, :, 0]
    error = start.std(ddof=1) / np.sqrt(len(start))
    law = (xx**2 * p * (1 - p)).sum() / m
    assert abs(start.mean() - law) < 4 * error and error < 0.03 * law, (start.mean(), law, error)
P

# unasked nothing is there; of some cells there may be none
check "unasked" "$basin" run w.yaml -q --set record.limit=false --set trials=1 --set record.trials=1 -o no.h5
check "none of some cells" "$basin" run w.yaml -q --set grid.m='[4]' --set trials=1 --set record.trials=1 -o some.h5 \
  --set 'variants={a: {}, b: {layers: [{dense: m, init: {sphere: 1}}, {dense: 1}]}, c: {method: {momentum: {beta: 0.5}}}}'
check "what is there then" /usr/bin/python3 -c "
import h5py, numpy as np
assert not set(h5py.File('no.h5')) & {'lambda_0', 'lambda_max', 'loss_limit', 'loss_start_limit', 'loss_start_exact'}
f = h5py.File('some.h5')
assert np.isnan(f['lambda_0'][:]).tolist() == np.isnan(f['loss_start_limit'][:]).tolist() == [False, True, False]
assert np.isnan(f['loss_limit'][:]).all(1).tolist() == [False, True, True] and f['loss_start_exact'][:].tolist() == [1, -1, 1]
assert f['lambda_0'].attrs['comment'] == b'cell 1 has none: the weights of layer 1 are not drawn independently with mean 0', f['lambda_0'].attrs['comment']"
expect 2 'w.yaml:[0-9]+:[0-9]+: record.limit: there is none: the weights of layer 1 are not normal$' \
  "$basin" run w.yaml -q -o x.h5 --set 'layers.0.init={uniform: [-1, 1]}'
expect 2 'record.limit: expected true or false$' "$basin" run w.yaml -q -o x.h5 --set record.limit=2
finish
