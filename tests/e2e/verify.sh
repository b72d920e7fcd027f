#!/bin/bash
# SPDX-License-Identifier: MIT
# verify.sh BUILD: `basin verify` passes the closed forms that are right, and finds wrong ones: the loss as
# equation (5.3) of the thesis prints it, and others, put into a copy of the sources.
. "$(dirname "$0")/../support/shell.sh"

# ---- what is there is right ----

expect 0 'comparisons, 1048576 inputs at a state, seed 0; .* in 1e\+06 runs: 0$' "$basin" verify
expect 0 '^56 slopes of the loss beside the steps that follow them; wrong: 0$' "$basin" verify --inputs 1024
expect 0 'seed 5; beyond' "$basin" verify cnn resnet --seed 5 --states 2 --inputs 5000
# students that are nearly parallel at some state, with gradients that differ on hardly any input
expect 0 'seed 2; .*: 0$' "$basin" verify relu_sum --seed 2 --states 300 --inputs 4096
expect 2 'verify: unknown model `cn`, did you mean `cnn`' "$basin" verify cn
expect 2 '--states 0: expected a whole number from 1' "$basin" verify --states 0
expect 2 '--inputs 1e6: expected a whole number from 1024 to 16777216' "$basin" verify --inputs 1e6
"$basin" verify --json --states 3 --inputs 20000 --seed 7 > verify.json
check "JSON has what it promises" jq -e '
  .seed == 7 and .states == 3 and .inputs == 20000 and .wrong == 0 and (.models | map(.model)) == ["cnn", "factorisation", "filter", "network", "octopus", "relu_sum", "resnet"] and
  [.models[] | select(.sampled | not).model] == ["factorisation", "network", "octopus"] and
  .limit == .false_alarm / .comparisons and .slopes == 21 and .wrong_slopes == 0 and
  ([.models[].states[].slope | .judged and .kind != null and .relative < .allowed and .allowed < 1e-6 and .entries > 0] | all) and
  ([.models[] | (.states[].comparisons[], .together[], .kinds[]) | select(.p != null)] | length) == .comparisons and
  ([.models[].kinds[] | select(.error != null)] | length) == .kinds and .wrong_kinds == 0 and
  ([.models[] | .model as $m | .kinds[] | $m + " " + .kind] | sort) == ["cnn dataset", "cnn direct", "cnn law", "cnn mixed", "cnn projected",
    "factorisation scalar", "filter dataset", "filter direct", "filter law", "octopus perturbed", "relu_sum direct", "relu_sum flow",
    "relu_sum law", "relu_sum projected", "resnet dataset", "resnet direct", "resnet law", "resnet mixed", "resnet projected"] and
  ([.models[].kinds[] | .starts >= 1 and .numbers > 0 and (.compared | length) > 9 and (.error == null or .error < .allowed)] | all) and
  ([.models[].states[].comparisons[] | select(.z != null and .error > 1e-5) | ((.measured - .closed) / .error - .z) | fabs] | max) < 0.01 and
  ([.models[0].states[].observables.norm_v | . > 1.1 or . < 0.9] | all)' verify.json
check "the same seed, the same numbers" sh -c "'$basin' verify --json --states 3 --inputs 20000 --seed 7 | cmp - verify.json"

# small networks of three kinds, of every activation; of an experiment file, whatever a step takes of the data and which
# layers it trains
"$basin" verify network --json --seed 4 > networks.json
check "networks of every kind" jq -e '
  [.models[0].states[] | .experiment] as $e | ($e | length) == 8 and .slopes >= 7 and
  ([$e[] | select(test("conv:"))] | length) == 2 and ([$e[] | select(test("skip: true"))] | length) == 5 and
  (["relu", "leaky", "softplus", "erf", "tanh", "identity"] | all(. as $a | [$e[] | select(test($a))] | length > 0))' networks.json
expect 0 'network, state 0: layers: .{dense: .*activation: relu' "$basin" verify network --states 1
cat > trained.yaml <<'Y'
model: network
trials: 1
grid: {m: [3, 6]}
layers:
  - {dense: m, activation: tanh, train: false}
  - {dense: m, activation: softplus, scale: 1/sqrt(m), skip: true}
  - {dense: 2, train: false}
data: {n: 6, d: 4, inputs: sphere, labels: {normal: 1}, batch: 2}
method: {momentum: 0.5}
schedule: [{eta: 0.1}]
Y
expect 0 '^  training: gradient of a step .*: 4 starts, .*: agrees' "$basin" verify trained.yaml

# sums of neurons: several teachers, given and drawn; all entries, and coordinates of the span
"$basin" verify relu_sum --json --states 60 --inputs 5000 --seed 3 > sums.json
check "states of every kind" jq -e '
  [.models[0].states[] | {n: .parameters.n, m: .parameters.m, d: .parameters.d, span: .parameters.span,
    drawn: (.experiment | test("v: {normal"))}] |
  all(.[]; .n >= 1 and .n <= 6 and .m >= 1 and .m <= 6 and .d >= 1 and .d <= 6) and
  ([.[] | select(.m > 1)] | length) > 30 and ([.[] | select(.span == 1 and .n + .m < .d)] | length) > 0 and
  ([.[] | select(.drawn)] | length) > 15 and ([.[] | select(.drawn | not)] | length) > 15 and
  ([.[] | select(.span == 0)] | length) > 15 and ([.[] | select(.span == 1)] | length) > 15' sums.json

# the p of every kind of comparison is uniform, degrees of freedom are neither too few nor too many, and hardly a norm is
# left out as noise: what is judged too mildly would find nothing. False alarms below 1e-6 each, and the seed is fixed.
"$basin" verify --json --states 600 --inputs 16384 --seed 12 > many.json
check "as many p as there should be are small, and large" /usr/bin/python3 - <<'P'
import json, math
for model in json.load(open('many.json'))['models']:
    if not model['sampled']:
        continue
    compared = [c for state in model['states'] for c in state['comparisons']]
    gradients = [c for c in compared if c['quantity'] == 'gradient']
    for quantity in {c['quantity'] for c in compared}:
        p = sorted(c['p'] for c in compared if c['quantity'] == quantity and c['p'] is not None)
        n = len(p)
        assert n > (150 if quantity == 'norm_grad_v' else 580), (model['model'], quantity, n)
        distance = max(max((i + 1) / n - x, x - i / n) for i, x in enumerate(p))
        assert distance * math.sqrt(n) < 2.7, (model['model'], quantity, distance)
    freedom = sum(c['freedom'] for c in gradients)
    total = sum(c['chi_square'] for c in gradients)
    assert abs(total - freedom) < 5 * math.sqrt(2 * freedom), (model['model'], total, freedom)
    loss, gradient = model['together']
    assert loss['freedom'] == 600 and gradient['freedom'] == freedom and abs(gradient['chi_square'] / total - 1) < 1e-9
    assert abs(loss['chi_square'] / sum(c['z'] ** 2 for c in compared if c['quantity'] == 'loss') - 1) < 1e-9
P

# the experiment of a state starts there: of cnn, filter
for model in 0 2; do
  jq -r ".models[$model].states[2].experiment" verify.json > state.yaml
  check "a state is an experiment" "$basin" run state.yaml -q -o "state$model.h5" --set allow.unresolved=1
  check "its start is the state" /usr/bin/python3 - $model <<'P'
import h5py, json, sys
f, state = h5py.File(f"state{sys.argv[1]}.h5"), json.load(open('verify.json'))['models'][int(sys.argv[1])]['states'][2]
for name, value in state['observables'].items():
    got = f[name][0, 0, 0]
    assert got == value or (value is None and got != got), name
P
done

# ---- estimates of a run: an interrupted one ends with the same file ----

cat > estimates.yaml <<'Y'
model: cnn
trials: 64
parameters: {k: 40, p: 7}
teacher: {a: 1, v: {head: [0.6, 0.8]}}
init: {v: {sphere: 1}, a: {normal: 0.3}}
schedule: [{eta: 0.01}]
stop: {at: 1e-4, max_steps: 20}
allow: {unresolved: 1}
record: {trials: 64, steps: {every: 1}, observables: [loss], estimate: {inputs: 1000}}
Y
options=(run estimates.yaml -q --no-provenance --part-trials 32)
work_ms=$(cpu_of "$basin" "${options[@]}" -o whole.h5)
interrupt INT $((work_ms / 3)) "$basin" "${options[@]}" -o stopped.h5 2> said
code=$?
check "stopped between two estimates: exit 75, not $code" test $code = 75
check "a part is kept whose trials have ended" test "$(ls stopped.h5.parts | wc -l)" -gt 0
check "goes on" "$basin" "${options[@]}" -o stopped.h5 --threads 1
check "the same file" cmp whole.h5 stopped.h5
check "one trial again: the same estimates" "$basin" run estimates.yaml -q --cell 0 --trial 37 -o one.h5
check "as variables of the output" /usr/bin/python3 - <<'P'
import h5py, numpy
whole, one = h5py.File('whole.h5'), h5py.File('one.h5')
assert 'vector_a' not in whole
for name in ('loss', 'norm_grad_a', 'norm_grad_v'):
    for suffix in ('', '_error'):
        x = whole['estimated_' + name + suffix]
        assert x.shape == (1, 64, 21) and x.attrs['inputs'] == 1000 and numpy.isfinite(x[:]).all(), name
        assert x[0, 37].tobytes() == one['estimated_' + name + suffix][0, 0].tobytes(), name
z = (whole['estimated_loss'][:] - whole['loss'][:]) / whole['estimated_loss_error'][:]
assert abs(z).max() < 6 and 0.8 < z.std() < 1.2, (abs(z).max(), z.std())
P

# ---- what is wrong is found ----

# With the objects of this build, but for what a formula of the population gradient goes into: those of one model, for one
# instruction set. The other dynamics of the model are not run, and stay as they are.
cp -pr "$here"/{Makefile,host,include,cuda} .
mkdir -p tests build/models && cp -r "$here"/tests/cudasim tests/
cp -pr "$build"/{flags,own_build.h,host} build/
cp -pr "$build"/models/{any,cnn,network,relu_sum} build/models/
rm build/host/{engine/cpu,model/registry}.o
# quickly; with the machine's fused multiply-add, where the compiler has to be told of it: else fma() is slow
. "$here/tests/cudasim/cudasim.sh"
extra="$cudasim_plain $(grep -qw fma /proc/cpuinfo && echo -mfma)"

# formulas MODEL HEADER OBJECT: where the next changes are made, and what they go into: a kind in registers, or `calls`
formulas() {
  header=include/$2 right=$(cat "include/$2")
  make=(make -s -j"$(nproc)" build/basin NVCC= MODELS="$1" ISAS=generic OPT=-O1 EXTRA="'$extra'" -o build/flags -o build/own_build.h)
  made=("build/models/$1"/{entry,"$3"_generic,input_generic}.o)
  rm -f "${made[@]}"
  local object
  for object in build/models/{any,"$1"}/*.o; do make+=(-o "$object"); done
}

# mutate WHAT CODE SED [PATTERN]: change the formulas, build, and let verify look
mutate() {
  echo "$right" | sed -E "$3" > "$header"
  rm -f "${made[@]}"
  check "$1: the change is made" test "$right" != "$(cat "$header")"
  check "$1: it builds" sh -c "${make[*]} > log 2>&1 || { tail log; false; }"
  expect "$2" "${4:-in 1e\+06 runs: [0-9]+$}" build/basin verify --states 8 --inputs 262144
}

# the loss written out as in (5.3): a factor 1/(2 pi) stands before the last term or, as printed, does not
printed() {
  cat <<C
/  out\[CONV_OBSERVE_phi\] =/i\\
  const real n = r_set(cell->norm2_a), one_star = r_set(cell->root_k * cell->a1), pi = r_set(BASIN_PI);\\
  const real one_a = one_star + r_set(cell->root_k) * s->e1;\\
  const real a2 = n + error2 + r_set(2.0) * (terms.q - n), g1_ = pi - terms.h - r_set(1.0);\\
  out[CONV_OBSERVE_loss] = r_set(0.25 \/ BASIN_PI) * ((pi - r_set(1.0)) * (n + a2) - r_set(2.0) * g1_ * terms.q +\\
    one_star * one_star + one_a * one_a - r_set(2.0 $1) * one_a * one_star);
C
}
formulas cnn models/conv/conv.h population
mutate "(5.3) with the factor" 0 "$(printed '')"
mutate "(5.3) as it is printed" 3 "$(printed '* (2 * BASIN_PI)')"
mutate "pi for pi - 1 in the loss" 3 '/out\[CONV_OBSERVE_loss\]/,/terms.q\)/s/BASIN_PI - 1/BASIN_PI/'
mutate "h larger by 1%" 3 's/terms\.h = r_fma\(/terms.h = r_set(1.01) * r_fma(/'
mutate "the turn of v without 1/|v|^2" 3 's/if \(grows\) pull = pull \* s->shrink;//'

# sampled steps and those of a data set: their derivatives by a and by v
echo "$right" > "$header"
cp include/models/conv/conv_sampled.h conv_sampled.right
cp include/models/risk/risk.h risk.right
sed -i 's/BASIN_TEAM_FOR(team, j, k) grad\[j\] = r_fma(r, active\[j\], grad\[j\]);/BASIN_TEAM_FOR(team, j, k) grad[j] = r_fma(r_set(1.2) * r, active[j], grad[j]);/' include/models/conv/conv_sampled.h
sed -i 's/g = r_fma(residual, risk_relu(seen), g);/g = r_fma(residual * r_set(1.000001), risk_relu(seen), g);/' include/models/risk/risk.h
check "the changes are made" bash -c '! cmp -s include/models/conv/conv_sampled.h conv_sampled.right && ! cmp -s include/models/risk/risk.h risk.right'
rm -f "${made[@]}" build/models/cnn/calls_generic.o
kept=(-o build/flags -o build/own_build.h)
for object in build/models/{any,cnn}/*.o; do kept+=(-o "$object"); done
check "it builds" sh -c "make -s build/basin NVCC= MODELS=cnn ISAS=generic OPT=-O1 EXTRA='$extra' ${kept[*]} > log 2>&1 || { tail log; false; }"
build/basin verify cnn --states 4 --inputs 4096 > said 2>&1
check "the derivative by a of a sampled step, larger by a fifth" grep -q '^  direct: mean .* p = \(0\|.*e-[0-9]*\): WRONG' said
check "that by v of a data set, by a millionth" grep -q '^  dataset: gradient .*: WRONG' said
check "what is right beside them" grep -q '^  mixed: .*: agrees' said
mv conv_sampled.right include/models/conv/conv_sampled.h
mv risk.right include/models/risk/risk.h

# (23) and (4) of Xu and Du
formulas relu_sum models/relu/relu.h calls
mutate "1/pi for 1/(2 pi) in (23)" 3 's/(head\[RELU_LOSS\] = r_fma\(r_set\()1 \/ \(2 \* BASIN_PI\)/\11 \/ BASIN_PI/'
mutate "(4) without the pull along w_i" 3 's/= work\[cell->to_pull \+ i \+ r\]/= r_set(0.0) * work[cell->to_pull + i + r]/'
mutate "that pull larger by a millionth" 3 's/= work\[cell->to_pull \+ i \+ r\]/= r_set(1.000001) * work[cell->to_pull + i + r]/' \
  '^basin: verify: [1-8] of 8 slopes are wrong'
mutate "angles between students larger by 1% in (4)" 3 's/SUBTRACT\(-1, theta\[r\]\[m \+ b\]\)/SUBTRACT(-1, r_set(1.01) * theta[r][m + b])/'

# the passes of networks
wrong='^basin: verify: [1-8] of 8 slopes are wrong'
formulas network models/network/network_pass.h calls
mutate "no gradient past a skip" 3 's/^( +kept\[.*\] = )sum\[r\]\[c\];/\1r_set(0.0);/' "$wrong"
mutate "patches turned the wrong way in the pass backward" 3 's/network_pair\(row, -1\)/network_pair(row, 1)/' "$wrong"
formulas network models/network/network_activation.h calls
mutate "the derivative of softplus larger by a millionth" 3 's/return r_logistic\(z\);/return r_set(1.000001) * r_logistic(z);/' "$wrong"

# the tables of one convolutional filter
formulas filter models/filter/filter_curves.h population
mutate "the sum of the filter's own terms" 0 's/const double own = 1 \/ \(double\)k, other = 1 - own;/const double own = 1.0 \/ (double)k, other = 1 - own;/'
mutate "pairs of patches with weight 1" 3 's/const double own = 1 \/ \(double\)k, other = 1 - own;/const double own = 1 \/ (double)k, other = 1;/'
mutate "no pairs of equal patches" 3 's/scale \* \(own \* g\[0\] \+ other/scale * (0 * g[0] + other/'
mutate "the angle of a coordinate on the wrong sphere" 3 's/double power = odd \? sine : sine \* sine;/double power = odd ? sine * sine : sine;/'
finish
