#!/bin/bash
# SPDX-License-Identifier: MIT
# formulas.sh: models that the experiment writes as formulas. They give what Python, headers of C and theory say, whatever
# runs the trials and however often it is interrupted, and what is wrong in them is told with its place.
. "$(dirname "$0")/../support/shell.sh"
export BASIN_CACHE=$work/cache
data=$here/data/experiments
options=(-q --no-provenance --backend cpu)
run() { "$basin" run "${options[@]}" "$@"; }
quickly() { BASIN_CC=$here/tests/support/quick_cc run "$@"; }

# ---- the same bits, whatever runs them ----

cp "$data"/{mueller-brown,rosenbrock-methods,phase-retrieval,langevin-doublewell}.yaml .
small() { # of NAME: what makes it small
  case $1 in
  mueller-brown) echo --trials 300 --set record.trials=300 ;;
  rosenbrock-methods) echo --trials 40 --set grid.n=[2,10] --set stop.max_steps=3000 --set allow.unresolved=1 --set record.trials=5 ;;
  phase-retrieval) echo --trials 40 --set grid.ratio=[2,5] --set grid.d=[6] --set stop.max_steps=3000 ;;
  langevin-doublewell) echo --trials 300 --set record.trials=2 --set schedule.0.eta=0.02 --set stop.max_steps=6000 ;;
  esac
}
for name in mueller-brown rosenbrock-methods phase-retrieval langevin-doublewell; do
  # shellcheck disable=SC2046
  check "$name" run $name.yaml $(small $name) -o $name.h5
  rm -f other.h5
  # shellcheck disable=SC2046
  check "$name: by generic code" quickly $name.yaml $(small $name) --isa generic --threads 1 --part-trials 17 -o other.h5
  check "$name: the same bytes" cmp $name.h5 other.h5
done

cat > sampled.yaml <<'Y'
model:
  parameters: {k: 4, p: 2}
  state: {a: k, v: p}
  teacher: {a_star: k, v_star: p}
  inputs: {Z: [k, p]}
  define:
    residual: dot(a, relu(dot(Z, v)))/norm(v) - dot(a_star, relu(dot(Z, v_star)))
  loss: residual^2/2
  observables:
    error_a: norm(a - a_star)
    phi: acos(max(-1, min(1, dot(v, v_star)/norm(v))))
trials: 400
seed: 3
teacher: {a_star: {sum: 2, norm: 1}, v_star: {head: [1]}}
init: {a: {ball: 1}, v: {sphere: 1}}
gradient: {sampled: {inputs: 8}}
schedule: [{eta: 0.05}]
stop: {when: "norm(a - a_star)^2 + norm(v/norm(v) - v_star)^2 < 0.01", max_steps: 1500}
outcomes: {found: {when: phi < 0.5 and error_a < 0.5, global: true}}
allow: {unresolved: 1}
record: {trials: 20, steps: {log: 20}}
Y
check "sampled gradients" run sampled.yaml -o sampled.h5
rm other.h5
check "sampled gradients: by generic code" quickly sampled.yaml --isa generic --threads 1 --part-trials 64 -o other.h5
check "sampled gradients: the same bytes" cmp sampled.h5 other.h5
check "inputs of another law" run sampled.yaml --set gradient.sampled.law=uniform --set stop.max_steps=50 -o law.h5
check "and estimates of the loss" run sampled.yaml --set record.estimate.inputs=200 --set stop.max_steps=50 -o estimate.h5

# methods: of inputs, of built-in models with the full vectors, with noise; gradient flow
cat > methods.yaml <<'Y'
trials: 60
seed: 3
parameters: {k: 4, p: 2}
gradient: {sampled: {inputs: 4, sampler: direct}}
schedule: [{eta: 0.02}]
stop: {max_steps: 200}
allow: {unresolved: 1}
record: {trials: 20, steps: {every: 50}, parameters: true}
variants:
  momentum: {method: {momentum: 0.9}}
  nesterov: {method: {nesterov: 0.9}, noise: {gradient: 0.1}}
  adam: {method: {adam: {beta2: 0.99}}}
  langevin: {method: {langevin: 0.001}}
  noise: {noise: {gradient: 0.1}}
  law: {method: adam, gradient: {sampled: {inputs: 4, sampler: direct, law: uniform}}}
Y
{ sed '/^trials/,$d; s/acos(.*/sum(v)/' sampled.yaml && grep -E '^(teacher|init)' sampled.yaml && cat methods.yaml; } > own-methods.yaml
{ printf '%s\n' 'model: cnn' 'teacher: {a: {sum: 2, norm: 1}, v: {head: [1]}}' 'init: {a: {ball: 1}, v: {sphere: 1}}' && cat methods.yaml; } > cnn-methods.yaml
cat > flow.yaml <<'Y'
model: {state: {x: 1, y: 3}, loss: "(x^2 - 1)^2/4 + (y[0]^2 + 10*y[1]^2 + 100*y[2]^2)/2"}
trials: 40
method: {gradient_flow: {error: 1e-10}}
init: {x: {uniform: [-2, 2]}, y: {normal: 1}}
schedule: [{steps: 10, eta: 0.1}, {eta: 0.5}]
stop: {max_steps: 20}
allow: {unresolved: 1}
record: {trials: 40, steps: {every: 1}, parameters: true}
Y
for name in own-methods cnn-methods flow; do
  check "$name" run $name.yaml -o $name.h5
  rm -f other.h5
  check "$name: by generic code" quickly $name.yaml --isa generic --threads 1 --part-trials 17 -o other.h5
  check "$name: the same bytes" cmp $name.h5 other.h5
done
rm -f other.h5
for ms in 0.05 0.1 0.2; do timeout -s TERM $ms "$basin" run "${options[@]}" own-methods.yaml --trials 2000 --part-trials 500 -o other.h5; done
check "methods: a run that was interrupted goes on" run own-methods.yaml --trials 2000 --part-trials 500 -o other.h5
check "methods: and was never interrupted" run own-methods.yaml --trials 2000 -o whole.h5
check "methods: to the same bytes" cmp whole.h5 other.h5
check "gradient flow of a double well and of a quadratic, as their solutions in closed form" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File("flow.h5")
n = f["time"][:]
t = np.where(n <= 10, 0.1 * n, 1 + 0.5 * (n - 10))
x, y = f["vector_x"][0], f["vector_y"][0]
X = x[:, :1, 0] * np.exp(t) / np.sqrt(1 + x[:, :1, 0] ** 2 * np.expm1(2 * t))
Y = y[:, :1] * np.exp(-t[:, None] * [1, 10, 100])
assert len(t) == 21 and abs(x[:, :, 0] - X).max() < 1e-8 and abs(y - Y).max() < 1e-8
P

# a sum of neurons, as include/models/relu_sum.h has it; that the steps are the same, tests/unit/test_relu_sampled.c shows
cat > neurons.yaml <<'Y'
model:
  parameters: {n: 3, d: 5}
  state: {w: [n, d]}
  teacher: {v: d}
  inputs: {z: d}
  define:
    r: sum(relu(dot(w, z))) - relu(dot(v, z))
  loss: r^2/2
  observables:
    H: norm(v) - sum(dot(w, v))/norm(v)
    norm_w_max: max(max(norm(w[0]), norm(w[1])), norm(w[2]))
trials: 400
seed: 5
teacher: {v: {head: [1]}}
init: {w: {normal: 0.5}}
gradient: {sampled: {inputs: 4}}
schedule: [{eta: 0.05}]
stop: {max_steps: 300}
allow: {unresolved: 1}
record: {trials: 400, steps: [300], observables: [H, norm_w_max]}
Y
check "neurons" run neurons.yaml -o neurons.h5

# by CUDA, in the simulator: a state in registers, and one in arrays
if [ -f "$build/tests/cudasim/libbasin_cuda.so" ]; then
  export BASIN_CUDA_MODULE=$build/tests/cudasim/libbasin_cuda.so BASIN_NVCC=$here/tests/cudasim/nvcc
  rm other.h5
  check "neurons by CUDA" "$basin" run neurons.yaml -q --no-provenance --backend cuda -o other.h5
  check "neurons by CUDA: the same bytes" cmp neurons.h5 other.h5
  for name in mueller-brown phase-retrieval; do
    rm other.h5
    # shellcheck disable=SC2046
    check "$name by CUDA" "$basin" run $name.yaml -q --no-provenance --backend cuda $(small $name) -o other.h5
    check "$name by CUDA: the same bytes" cmp $name.h5 other.h5
  done
  asked=(phase-retrieval.yaml $(small phase-retrieval) --set 'schedule.0.eta=0.1/log(d)/sqrt(1 + t/1000)')
  rm -f other.h5
  check "a condition, and step sizes of t" run "${asked[@]}" -o falling.h5
  check "a condition, and step sizes of t, by CUDA" "$basin" run -q --no-provenance --backend cuda "${asked[@]}" -o other.h5
  check "a condition, and step sizes of t, by CUDA: the same bytes" cmp falling.h5 other.h5
  check "which ends trials otherwise than constant ones" bash -c '! cmp -s falling.h5 phase-retrieval.h5'
  for name in own-methods cnn-methods flow; do
    rm other.h5
    check "$name by CUDA" "$basin" run $name.yaml -q --no-provenance --backend cuda -o other.h5
    check "$name by CUDA: the same bytes" cmp $name.h5 other.h5
  done
else
  echo 'skipped: formulas in the simulator, which is not built'
fi

# step sizes of t are a schedule of as many stages, by every method; interrupted and gone on with
stages=$(for s in 0 1 2 3 4 5 6 7 8 9; do echo -n "{$([ $s = 9 ] || echo "steps: 100, ")eta: ETA*(1 + $s/8)}, "; done)
for name in rosenbrock-methods langevin-doublewell; do
  sed 's#{eta: \([0-9e.-]*\)}#{eta: \1*(1 + floor(t/100)/8)}#' $name.yaml > moving.yaml
  while read -r line; do
    eta=$(echo "$line" | sed -n 's#.*{eta: \([0-9e.-]*\)}.*#\1#p')
    [ -z "$eta" ] || line=${line/'{eta: '$eta'}'/${stages//ETA/$eta}}
    echo "$line"
  done < <(sed 's/^ /_/' $name.yaml) | sed 's/^_/ /' > staged.yaml
  few=(--trials 40 --set allow.unresolved=1 --set record.trials=5 --set stop.max_steps=1000)
  check "$name: step sizes of t" run moving.yaml "${few[@]}" -o moving.h5
  check "$name: in stages" run staged.yaml "${few[@]}" -o staged.h5
  check "$name: are the same" /usr/bin/python3 - <<'P'
import h5py, numpy as np
a, b = h5py.File('moving.h5'), h5py.File('staged.h5')
names = [k for k in a if isinstance(a[k], h5py.Dataset) and a[k].dtype.kind in 'iuf' and k != 'eta_t']
assert 'outcome' in names and 'steps' in names and len(names) > 8, names
for k in names: assert a[k][()].tobytes() == b[k][()].tobytes(), k
assert np.allclose(a['eta_t'], b['eta_t'], rtol=1e-12) and a['eta_t'][0, -1] > 0
P
  rm -f moving.h5 staged.h5
  timeout -s TERM 0.2 "$basin" run "${options[@]}" moving.yaml "${few[@]}" --trials 4000 -o cut.h5
  check "$name: interrupted, gone on with" run moving.yaml "${few[@]}" --trials 4000 -o cut.h5
  check "$name: by generic code" quickly moving.yaml "${few[@]}" --trials 4000 --isa generic --part-trials 900 -o moving.h5
  check "$name: the same bytes" cmp moving.h5 cut.h5
  rm -f moving.h5 cut.h5
done

# interrupted, gone on with, and as a campaign
# shellcheck disable=SC2046
{
  for ms in 0.15 0.3; do timeout -s TERM $ms "$basin" run "${options[@]}" rosenbrock-methods.yaml $(small rosenbrock-methods) -o cut.h5; done
  check "a run that was interrupted goes on" run rosenbrock-methods.yaml $(small rosenbrock-methods) -o cut.h5
  check "to the same bytes" cmp rosenbrock-methods.h5 cut.h5
  campaign=("$basin" run rosenbrock-methods.yaml $(small rosenbrock-methods) -q --backend cpu -o campaign/)
  check "a campaign: a shard" "${campaign[@]}" --shard 2/3
  check "a campaign: another one, by generic code" "${campaign[@]}" --shard 3/3 --isa generic
  for ms in 0.05 0.1 0.15; do timeout -s KILL $ms "${campaign[@]}" --shard 1/3; done 2>/dev/null
  check "a campaign: one that was killed, again" "${campaign[@]}" --shard 1/3
}
check "is merged" "$basin" merge campaign -q --no-provenance -o merged.h5
check "to the same bytes, again" cmp rosenbrock-methods.h5 merged.h5

# ---- what comes out ----

check "the minima of the Mueller-Brown potential are those that Python comes to" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File("mueller-brown.h5")
word = dict(zip(f["outcome"].attrs["flag_values"].tolist(), f["outcome"].attrs["flag_meanings"].decode().split()))
x, y = f["vector_x"][0, :, 0].ravel(), f["vector_y"][0, :, 0].ravel()
A, a, b, c = [-200, -100, -170, 15], [-1, -1, -6.5, 0.7], [0, 0, 11, 0.6], [-10, -10, -6.5, 0.7]
X, Y = [1, 0, -0.5, -1], [0, 0.5, 1.5, 1]
for step in range(4000):
    gx, gy = 0 * x, 0 * y
    for i in range(4):
        u, v = x - X[i], y - Y[i]
        e = A[i] * np.exp(a[i] * u * u + b[i] * u * v + c[i] * v * v)
        gx, gy = gx + e * (2 * a[i] * u + b[i] * v), gy + e * (b[i] * u + 2 * c[i] * v)
    x, y = x - 1e-4 * gx, y - 1e-4 * gy
minimum = {"A": (-0.558224, 1.441726), "B": (0.623499, 0.028038), "C": (-0.050011, 0.466694)}
got = [word[o] for o in f["outcome"][0]]
assert set(got) == set(minimum), set(got)
for n, o in enumerate(got):
    assert np.hypot(x[n] - minimum[o][0], y[n] - minimum[o][1]) < 0.01, (n, o, x[n], y[n])
P

# shellcheck disable=SC2046
check "Langevin dynamics of more trials" run langevin-doublewell.yaml $(small langevin-doublewell) --trials 3000 -o wells.h5
check "the wells are filled as Boltzmann's weights say" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File("wells.h5")
o = f["outcome"]
left = dict(zip(o.attrs["flag_meanings"].decode().split(), o.attrs["flag_values"].tolist()))["left_well"]
x = np.linspace(-6, 6, 200001)
for c, T in enumerate(f["T"][:]):
    w = np.exp(-((x * x - 1) ** 2 / 4 + 0.1 * x) / T)
    p, n = w[x < 0].sum() / w.sum(), o.shape[1]
    z = ((o[c] == left).mean() - p) / np.sqrt(p * (1 - p) / n)
    assert T < 0.15 or abs(z) < 5, (T, p, z)  # colder, and it has not got over the barrier often enough yet
P

# the double well, as formulas and as a header
cp "$here/tests/support/doublewell.h" .
cat > well.yaml <<'Y'
model: {state: {x: 1}, parameters: {tilt: 0.1}, loss: (x^2 - 1)^2/4 + tilt*x, observables: {position: x}}
trials: 1
grid: {x0: [-1.7, -0.4, 0.05, 0.2, 1.3], tilt: [0.1, 0.3]}
init: {x: x0}
schedule: [{eta: 0.03}]
stop: {max_steps: 300}
allow: {unresolved: 1}
record: {trials: 1, steps: {every: 10}, observables: [position, loss]}
Y
check "a double well of formulas" run well.yaml -o own.h5
check "and one of C" run well.yaml --set model=./doublewell.h --set stop.at=1e-30 -o header.h5
check "agree to rounding over 300 steps" /usr/bin/python3 - <<'P'
import h5py, numpy as np
own, header = h5py.File("own.h5"), h5py.File("header.h5")
for name in "position", "loss":
    x, y = own[name][:], header[name][:]
    both = np.isfinite(x) & np.isfinite(y)
    assert both.sum() > 250 and abs(x - y)[both].max() < 1e-13, (name, both.sum(), abs(x - y)[both].max())
P

# the CNN: other draws, the same law
cat > cnn.yaml <<'Y'
model: cnn
trials: 400
seed: 4
parameters: {k: 4, p: 2}
teacher: {a: {sum: 2, norm: 1}, v: {head: [1]}}
init: {a: {ball: 1}, v: {sphere: 1}}
gradient: {sampled: {inputs: 8, sampler: direct}}
schedule: [{eta: 0.05}]
stop: {at: 1e-9, max_steps: 300}
allow: {unresolved: 1}
record: {trials: 400, steps: [300], observables: [phi, error_a]}
Y
check "the CNN that is built in" run cnn.yaml -o cnn.h5
check "the CNN of formulas" run sampled.yaml --set stop.max_steps=300 --set stop.when='norm(a) > 1e9' --set 'record={trials: 400, steps: [300], observables: [phi, error_a]}' -o formulas.h5
check "are alike after 300 steps" /usr/bin/python3 - <<'P'
import h5py, numpy as np
own, cnn = h5py.File("formulas.h5"), h5py.File("cnn.h5")
for name in "phi", "error_a":
    x, y = np.sort(own[name][:].ravel()), np.sort(cnn[name][:].ravel())
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if name == "error_a":
        y = np.sqrt(y)  # the built-in one is squared
    both = np.concatenate([x, y])
    d = abs(np.searchsorted(x, both, "right") / x.size - np.searchsorted(y, both, "right") / y.size).max()
    assert x.size == y.size == 400 and d < 2.2 * np.sqrt(2 / 400), (name, d)  # Kolmogorov, Smirnov: 1 of 8000
P

# likewise the sum of neurons, and with inputs of another law
for law in '' ', law: uniform'; do
  rm -f neurons-own.h5 neurons-built-in.h5
  check "neurons$law" run neurons.yaml --set "gradient={sampled: {inputs: 4$law}}" -o neurons-own.h5
  check "neurons that are built in$law" run neurons.yaml --set model=relu_sum --set parameters='{n: 3, m: 1, d: 5}' \
    --set teacher='{v: [{head: [1]}]}' --set schedule='[{eta_w: 0.05}]' \
    --set "gradient={sampled: {inputs: 4, sampler: direct$law}}" -o neurons-built-in.h5
  check "are alike after 300 steps$law" /usr/bin/python3 - <<'P'
import h5py, numpy as np
own, built_in = h5py.File("neurons-own.h5"), h5py.File("neurons-built-in.h5")
for name in "H", "norm_w_max":
    x, y = (np.sort(f[name][:].ravel()) for f in (own, built_in))
    assert x.size == y.size == 400 and np.isfinite(x).all() and np.isfinite(y).all()
    both = np.concatenate([x, y])
    d = abs(np.searchsorted(x, both, "right") - np.searchsorted(y, both, "right")).max() / 400
    assert d < 2.2 * np.sqrt(2 / 400), (name, d)  # Kolmogorov, Smirnov: 1 of 8000
P
done

# ---- constants ----

cat > table.yaml <<'Y'
model:
  state: {x: 2}
  define:
    A: {file: A.csv}
    r: dot(A, x) - 1
  loss: dot(r, r)/2
trials: 8
init: {x: {normal: 1}}
schedule: [{eta: 0.1}]
stop: {at: 1e-20, max_steps: 10000}
Y
printf '# of both unknowns\n1, 2\n 3 -1e0\n\n' > A.csv
check "a table in a file" run table.yaml -o table.h5
check "is that of the experiment" run table.yaml --set 'model.define.A=[[1, 2], [3, -1]]' -o inline.h5
check "to the same numbers" h5diff -q table.h5 inline.h5 /steps
mkdir below && cp table.yaml A.csv below
check "its path is one from the experiment's folder" run below/table.yaml -o below.h5
printf '1 2\n3\n' > A.csv
expect 2 'table.yaml:4:15: .*A.csv:2: this row has another number of entries' run table.yaml -o no.h5
printf '1 2\n3 x\n' > A.csv
expect 2 'A.csv:2: that is no number' run table.yaml -o no.h5
rm A.csv
expect 2 'A.csv: no file that can be read' run table.yaml -o no.h5
mkdir A.csv
expect 2 'A.csv: no file that can be read' run table.yaml -o no.h5

# ---- what is wrong is told with its place ----

wrong() { # PATTERN SETTING...: of the double well
  local pattern=$1 set=()
  shift
  for s in "$@"; do set+=(--set "$s"); done
  expect 2 "$pattern" "$basin" run well.yaml "${set[@]}" --dry-run
}
wrong 'unknown name `titl`.*did you mean `tilt`' 'model.loss=x^2 + titl'
wrong 'model.loss is missing' 'model={state: {x: 1}}'
wrong 'model.state is missing' 'model={loss: 1}'
wrong 'unknown key `sate` in model, did you mean `state`' 'model={sate: {x: 1}, loss: x^2}'
wrong 'expected a formula' 'model.loss=[1, 2]'
wrong 'x has 3 sizes' 'model.state.x=[1, 2, 3]'
wrong 'unknown key|unknown word' 'method={momentumm: 0.9}'
wrong 'noise: expected .gradient: sigma.' 'noise=0.1'
wrong 'noise.gradient is missing' 'noise={}'
wrong 'unknown key `noise` in method' 'method={noise: 0.1}'
wrong 'does not go with langevin, which has noise of its own: leave one' 'method={langevin: 1}' 'noise.gradient=1'
wrong 'does not go with gradient flow: method .langevin: T.' 'method=gradient_flow' 'noise.gradient=1'
descent=(cnn-methods.yaml --set 'variants={a: {}}' --set method=adam --dry-run)
expect 2 'method adam does not go with model cnn and gradient population: give gradient: .sampled: .inputs: B, sampler: direct' \
  "$basin" run "${descent[@]}" --set gradient=population
expect 2 'method adam does not go with model cnn and gradient sampled projected: give' "$basin" run "${descent[@]}" --set gradient.sampled.sampler=projected
expect 0 '' "$basin" run "${descent[@]}" --set 'gradient={sampled: {inputs: {fixed: 9}}}'
expect 2 'stop: no rule can end a trial' "$basin" run "${descent[@]}" --set allow.unresolved=0
expect 2 '^basin: octopus.yaml:[0-9]+:9: method adam does not go with model octopus .* write the loss as a formula' \
  sh -c "{ '$basin' init octopus && echo 'method: adam'; } > octopus.yaml; '$basin' run octopus.yaml --dry-run"
cat > factors.yaml <<'Y'
model: factorisation
trials: 50
parameters: {d1: 9, d2: 7, r: 2}
teacher: {sigma: [1, 0.5]}
init: {U: {normal: 0.1}, V: {normal: 0.1}}
schedule: [{eta: 0.1}]
method: {momentum: 0.5}
stop: {at: 1e-8, max_steps: 2000}
Y
check "factors with momentum end by their loss, all of them at the optimum" run factors.yaml -o factors.h5
check "and without stop.at nothing is proved" run factors.yaml --set 'stop={max_steps: 2000}' --set allow.unresolved=1 -o unproved.h5
expect 0 '"unresolved": 50' "$basin" summary unproved.h5 --json
expect 2 'method: adam, langevin and noise are for entries of U and V.* give momentum or nesterov' "$basin" run factors.yaml --set method=adam --dry-run
expect 0 'with gradient sampled direct, .*momentum .beta: 0.9' "$basin" models cnn
wrong 'unexpected|unknown' 'model.loss=x^2; system("id")'
wrong 'unexpected `#`' 'model.loss=x^2 + tilt#include "/etc/passwd"'
wrong 'c has no entries' 'model.define.c=[]'
printf 'model:\n  state: {x: 2}\n  loss: |\n    sum(x^2)\n     + dot(x, y)\ninit: {x: 1}\ntrials: 1\nschedule: [{eta: 1}]\n' > places.yaml
expect 2 '^basin: places.yaml:[345]:[0-9]+: unknown name `y`' "$basin" run places.yaml
expect 2 'stop: no rule can end a trial of 10 of 10 cells.* expected stop.at, at_gradient or when' "$basin" run well.yaml --set allow.unresolved=0
for name in int main x__ real MODEL_INITIAL NULL; do # a name of C is a name like any other
  check "$name is a name" run well.yaml --set "model.define.$name=x^2" --set "model.loss=($name - 1)^2/4 + tilt*x" -o name.h5
  check "with the same numbers" h5diff -q name.h5 own.h5 /steps
done
check "a formula that has changed is another experiment" run well.yaml --set 'model.loss=(x^2 - 1)^2/4 + 2*tilt*x' -o changed.h5
expect 2 'another experiment|has changed|differ' run well.yaml --extend --trials 2 -o changed.h5
expect 0 '^#define MODEL_INITIAL' "$basin" model well.yaml --header
expect 0 'momentum.*beta' "$basin" model well.yaml
"$basin" model rosenbrock-methods.yaml --header > mine.h
check "a header that was printed is a model" run rosenbrock-methods.yaml --set model=./mine.h --trials 4 --set stop.max_steps=100 --set grid.n=[2] -o mine.h5

# ---- what is said of them ----

check "no column of an outcome that formulas cannot have" bash -c '"$0" summary mueller-brown.h5 | grep -q unresolved && ! "$0" summary mueller-brown.h5 | grep -q spurious' "$basin"
check "a scalar is a coordinate" "$basin" plot mueller-brown.h5 --map x,y -o map.svg
check "the same as its entry" bash -c '"$0" plot mueller-brown.h5 --map "x[0],y[0]" -o entry.svg && cmp <(sed "s/>\([xy]\)</>\1[0]</" map.svg) entry.svg' "$basin"
expect 2 'no rule can end a trial .* expected stop.at, at_gradient or when' "$basin" run well.yaml --set allow.unresolved=0 -o endless.h5
check "nothing is said of memory before" bash -c '! "$0" run well.yaml --set allow.unresolved=0 -o endless.h5 2>&1 | grep -q memory' "$basin"

# ---- verify: the steps beside differences of the loss ----

"$basin" verify rosenbrock-methods.yaml sampled.yaml --json > verify.json
check "every kind of a file is tested" jq -e '
  .wrong_kinds == 0 and .kinds == 12 and ([.models[].kinds[] | .starts >= 2 and .error < .allowed and .allowed < 1e-8] | all) and
  [.models[0].kinds[] | .kind] == ["population", "momentum", "nesterov", "adam", "langevin", "noise", "flow", "momentum", "nesterov", "adam"] and
  [.models[1].kinds[] | .kind] == ["direct", "law"]' verify.json
sed 's/^model:.*/model: .\/doublewell.h/; /^  /d' well.yaml > of_c.yaml
sed 's/r_fnma(t.pace\[0\], well_slope/r_fnma(r_set(1.000001) * t.pace[0], well_slope/' doublewell.h > steep.h
expect 0 '^  population: gradient of a step beside differences of the loss: .*: agrees$' "$basin" verify of_c.yaml
sed 's/doublewell.h/steep.h/' of_c.yaml > steep.yaml
expect 3 '^  population: .*: WRONG$' "$basin" verify steep.yaml
expect 3 '1 of 1 kinds of steps are not what they say they are' "$basin" verify steep.yaml
expect 2 'verify: none.yaml|none.yaml: ' "$basin" verify none.yaml
BASIN_CACHE=$PWD/none BASIN_CC=false expect 0 'position|cell' "$basin" summary own.h5
BASIN_CACHE=$PWD/none BASIN_CC=no-such-compiler expect 1 'compiler' run well.yaml -o none.h5
finish
