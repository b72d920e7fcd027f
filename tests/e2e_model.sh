#!/bin/bash
# SPDX-License-Identifier: MIT
# e2e_model.sh: a model is added by one header, and taken away with it. The example of README.md, in a copy of the sources.
. "$(dirname "$0")/shell.sh"
cp -r "$here"/{Makefile,host,include,cuda} .
cp "$here/tests/doublewell.h" include/models/
rm include/models/{relu_sum,resnet}.h
check "it builds" sh -c "make -s -j$(nproc) > log 2>&1 || { tail log; false; }"
basin=$work/build/basin
cat > well.yaml <<'Y'
title: A double well
model: doublewell
trials: 20000
grid: {tilt: [0.1, 0.3]}
init: {x: {normal: 1}}
schedule: [{eta: 0.05}]
record: {trials: 5, steps: {log: 20}, parameters: true}
Y
expect 0 '^doublewell: a tilted double well' "$basin" models
expect 2 'resnet' "$basin" models resnet
expect 0 'tilt .*default 0.1' "$basin" models doublewell
expect 0 'no sampled form to compare with' "$basin" verify doublewell
expect 2 'record.estimate: model doublewell has no sampled form' \
  "$basin" run well.yaml --set record.estimate.inputs=100 -o none.h5
check "it runs" "$basin" run well.yaml -q
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

# the header that gcc took is taken by nvcc too (above, where it is), and its kernels give the same bits
if (. "$here/tests/cudasim/cudasim.sh" && [ -n "$(cudasim_toolkit)" ]); then
  mkdir tests && cp -r "$here"/tests/{build_cudasim,cudasim} tests/
  check "the simulated module builds" sh -c "tests/build_cudasim plain build/sim > log 2>&1 || { tail log; false; }"
  export BASIN_CUDA_MODULE=$work/build/sim/libbasin_cuda.so
  for rule in "" "--set stop.at=1e-8"; do
    check "the same bits, cuda $rule" sh -c "for b in cpu cuda; do '$basin' run well.yaml -q --no-provenance --trials 3000 \\
      $rule --backend \$b -o \$b.h5 || exit; done; cmp cpu.h5 cuda.h5 && rm cpu.h5 cuda.h5"
  done
else
  echo "skipped: the CUDA toolkit's headers are missing, so the new model's kernels cannot be simulated"
fi
finish
