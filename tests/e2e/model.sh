#!/bin/bash
# SPDX-License-Identifier: MIT
# model.sh BUILD: a model is added by one header, and taken away with it. The example of include/models/README.md, in a
# copy of the sources, with those objects of this build that do not know of any model.
. "$(dirname "$0")/../support/shell.sh"
cp -pr "$here"/{Makefile,host,include,cuda} .
mkdir tests build && cp -pr "$here"/tests/cudasim tests/
cp -pr "$build"/{flags,host} build/
make=(make -s -j"$(nproc)" -o build/flags)
rm include/models/*.h
cp "$here"/tests/support/{doublewell,rolling}.h include/models/
check "it builds" sh -c "${make[*]} program module > log 2>&1 || { tail log; false; }"
basin=$work/build/basin
cat > well.yaml <<'Y'
title: A double well
model: doublewell
trials: 20000
grid: {tilt: [0.1, 0.3]}
init: {x: {normal: 1}}
schedule: [{eta: 0.05}]
record: {trials: 5, steps: {log: 20}, parameters: true, final: all}
Y
expect 0 '^doublewell: a tilted double well' "$basin" models
expect 2 'unknown model `resnet`, expected one of: doublewell, rolling' "$basin" models resnet
expect 0 'tilt .*default 0.1' "$basin" models doublewell
expect 0 'doublewell has no sampled form to compare with' "$basin" verify doublewell
for model in doublewell rolling; do
  expect 0 '^8 slopes of the loss beside the steps that follow them; wrong: 0$' "$basin" verify $model
done
expect 2 'record.estimate: model doublewell has no sampled form' \
  "$basin" run well.yaml --set record.estimate.inputs=100 -o none.h5
check "it runs" "$basin" run well.yaml -q
for model in doublewell rolling; do
  check "and so does its first experiment" sh -c "'$basin' init $model > first.yaml && '$basin' run first.yaml -q -o $model.h5"
done
check "of which every trial ends" /usr/bin/python3 -c "
import h5py
for model in 'doublewell', 'rolling':
    outcome = h5py.File(model + '.h5')['outcome'][:]
    assert outcome.shape == (2, 200) and ((outcome == 1) | (outcome == 2)).all()"
check "starts around a point" "$basin" run well.yaml -q -o around.h5 --set record.trials=1000 --set 'init.x={ball: 0.25, around: 0.5}'
check "and uniform ones" "$basin" run well.yaml -q -o uniform.h5 --set record.trials=1000 --set 'init.x={uniform: [-2, 1]}'
check "are drawn so" /usr/bin/python3 - <<'P'
import h5py
around, uniform = (h5py.File(name)['position'][:, :, 0] for name in ('around.h5', 'uniform.h5'))
assert (abs(around - 0.5) <= 0.25).all() and abs(around.std() - 0.25 / 3**0.5) < 0.01, around
assert (abs(uniform + 0.5) <= 1.5).all() and abs(uniform.std() - 1.5 / 3**0.5) < 0.05, uniform
outcomes = h5py.File('uniform.h5')['outcome'][:]
for outcome, tilt in zip(outcomes, (0.1, 0.3)):
    x = 0.0
    for _ in range(60):
        x -= (x**3 - x + tilt) / (3 * x * x - 1)
    p = (x + 2) / 3
    assert abs((outcome == 1).mean() - p) < 4.5 * (p * (1 - p) / 20000)**0.5, ((outcome == 1).mean(), p)
P
check "and on to the tolerance" "$basin" run well.yaml -q -o late.h5 --set stop.at=1e-8
check "the basin divides at the maximum: P(x_0 < x_max), and both rules agree" /usr/bin/python3 - <<'P'
import h5py, math
f, late = h5py.File('well.h5'), h5py.File('late.h5')
for cell, tilt in enumerate((0.1, 0.3)):
    x = 0.0
    for _ in range(60):
        x -= (x**3 - x + tilt) / (3 * x * x - 1)
    p = 0.5 * math.erfc(-x / math.sqrt(2))
    outcome = f['outcome'][cell]
    assert abs((outcome == 1).mean() - p) < 4 * math.sqrt(p * (1 - p) / 20000), ((outcome == 1).mean(), p)
    assert ((outcome == 1) | (outcome == 2)).all() and (outcome == late['outcome'][cell]).all()
    assert (f['vector_x'][cell, :, 0, 0] == f['position'][cell, :, 0]).all()
P
for isa in generic avx2; do
  check "the same bits, $isa" sh -c "'$basin' run well.yaml -q --no-provenance -o a.h5 --isa $isa && '$basin' run well.yaml -q --no-provenance -o b.h5 && cmp a.h5 b.h5 && rm a.h5 b.h5"
done

# one more kind of dynamics: its header alone knows of it, and the build finds it
expect 0 'method: gradient_descent, heavy_ball .momentum: 0.9, from 0 to 1' "$basin" models rolling
sed 's/doublewell/rolling/; s/^schedule.*/&\nmethod: {heavy_ball: {momentum: 0.5}}\nstop: {at: 1e-10, max_steps: 5000}/' well.yaml > ball.yaml
check "a heavy ball rolls" "$basin" run ball.yaml -q
check "as Polyak's formula says, in plain loops" /usr/bin/python3 - <<'P'
import h5py
f = h5py.File('ball.h5')
steps = f['time'][:]
for cell, tilt in enumerate((0.1, 0.3)):
    for trial in range(5):
        x, u, seen = f['position'][cell, trial, 0], 0.0, 0
        for step in range(200):
            if step in steps:
                want = f['position'][cell, trial, list(steps).index(step)]
                assert want != want or abs(x - want) < 1e-12, (step, x, want)
                seen += want == want
            u = 0.5 * u - 0.05 * (x**3 - x + tilt)
            x += u
        assert seen > 5
P
expect 2 'holds another experiment' "$basin" run ball.yaml -q --set method.heavy_ball.momentum=0.6
expect 2 'method.heavy_ball.momentum is 2, expected a number from 0 to 1' "$basin" run ball.yaml --set method.heavy_ball.momentum=2 -o none.h5
expect 2 'did you mean .momentum' "$basin" run ball.yaml --set 'method={heavy_ball: {momentun: 0.5}}' -o none.h5
expect 2 'expected .gradient_descent. or .gradient_flow., or .heavy_ball.' "$basin" run ball.yaml --set method=light_ball -o none.h5
expect 2 'expected .gradient_descent. or .gradient_flow.$' "$basin" run well.yaml --set method=heavy_ball -o none.h5
check "a method by its name alone" "$basin" run ball.yaml -q --set method=heavy_ball --set stop.max_steps=20000 --set allow.unresolved=1 -o named.h5
check "generic and avx2: the same bits" sh -c "for isa in generic avx2; do '$basin' run ball.yaml -q --no-provenance --isa \$isa -o \$isa.h5 || exit; done; cmp generic.h5 avx2.h5"

# without a key it is the header's first kind, with the defaults of its options; what a model has not is told
sed 's/doublewell/steep/g; s/r_fnma(t.pace\[0\], well_slope/r_fnma(r_set(1.000001) * t.pace[0], well_slope/' include/models/doublewell.h > include/models/steep.h
check "a model that only rolls" sh -c "! cmp -s include/models/doublewell.h include/models/steep.h && sed 's/X(population) X(heavy_ball)/X(heavy_ball)/; s/rolling/roller/' include/models/rolling.h > include/models/roller.h &&
  ! cmp -s include/models/rolling.h include/models/roller.h && ${make[*]} NVCC= program"
expect 3 'slope of the loss, heavy_ball: 1 entries, relative error .*: agrees$' "$basin" verify roller steep
expect 3 'slope of the loss, population: 1 entries, relative error 1.0e-06, allowed 1.0e-09: WRONG' "$basin" verify steep
expect 3 'verify: 8 of 8 slopes are wrong: the loss or the step that follows its gradient is' "$basin" verify steep --states 20
sed 's/rolling/roller/; /^method/d' ball.yaml > roller.yaml
named=(--set method=heavy_ball --set stop.max_steps=20000 --set allow.unresolved=1)
check "its default" "$basin" run roller.yaml -q "${named[@]:2}" -o default.h5
check "is the kind, by its name" "$basin" run roller.yaml -q "${named[@]}" -o roller.h5
check "with the same trials" /usr/bin/python3 -c "
import h5py
a, b = h5py.File('default.h5'), h5py.File('roller.h5')
assert all((a[name][:] == b[name][:]).all() for name in ('outcome', 'steps'))"
expect 2 'model roller has no population gradient' "$basin" run roller.yaml --set gradient=population -o none.h5
expect 2 'model roller has no population gradient' "$basin" run roller.yaml --set method=gradient_descent -o none.h5
expect 2 'model roller has no gradient sampled so|no population' "$basin" run roller.yaml \
  --set 'gradient={sampled: {inputs: inf, sampler: direct}}' -o none.h5

# the header that gcc took is taken by nvcc too (above, where it is), and its kernels give the same bits
if (. "$here/tests/cudasim/cudasim.sh" && [ -n "$(cudasim_toolkit)" ]); then
  check "the simulated module builds" sh -c "${make[*]} NVCC= cudasim > log 2>&1 || { tail log; false; }"
  export BASIN_CUDA_MODULE=$work/build/tests/cudasim/libbasin_cuda.so
  for rule in well.yaml "well.yaml --set stop.at=1e-8" ball.yaml; do
    check "the same bits, cuda: $rule" sh -c "for b in cpu cuda; do '$basin' run -q --no-provenance --trials 3000 \\
      $rule --backend \$b -o \$b.h5 || exit; done; cmp cpu.h5 cuda.h5 && rm cpu.h5 cuda.h5"
  done
else
  echo "skipped: the CUDA toolkit's headers are missing, so the new model's kernels cannot be simulated"
fi
finish
