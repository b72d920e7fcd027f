#!/bin/bash
# SPDX-License-Identifier: MIT
# halving.sh: on_divergence: halve. A trial that diverges begins again with half the step sizes.
. "$(dirname "$0")/../support/shell.sh"

# eta = 1.25 diverges for k = 9 (2 pi/(k+pi-1) = 0.56, and twice that is 1.13), 0.625 does not
cat > start.yaml <<'Y'
title: halving
model: cnn
trials: 300
seed: 4
grid: {eta0: [0.1, 0.625, 20]}
same_draw: [eta0]
parameters: {k: 9, p: 4}
teacher: {a: {sum: 2, norm: 1}, v: {head: [1]}}
init: {a: {normal: 1}, v: {sphere: 1}}
schedule: [{steps: 10, eta: eta0}, {eta: eta0}]
on_divergence: halve
stop: {at: 1e-6, max_steps: 1e4}
allow: {unresolved: 1, diverged: 1}
record: {trials: 5, steps: {log: 20}, parameters: true, final: all}
Y
run() { "$basin" run start.yaml -q --no-provenance "$@"; }
check "a run" run -o whole.h5
check "20 halved five times is 0.625, bit for bit" /usr/bin/python3 - <<'P'
import h5py, numpy
f = h5py.File("whole.h5")
h = f["halvings"][:]
assert (h[0] == 0).all() and (h[1] == 0).all() and (h[2] == 5).all(), h
for name, d in f.items():
    if not isinstance(d, h5py.Dataset) or d.ndim < 2 or name in ("halvings", "eta_t"):
        continue
    assert d[1].tobytes() == d[2].tobytes(), name
assert (f["eta_t"][2] == 32 * f["eta_t"][1]).all() and f["eta_t"][1, -1] > 0
assert f["final_loss"][1].std() > 0 and f["loss"][0].tobytes() != f["loss"][1].tobytes()
P
check "summary counts them" test "$("$basin" summary whole.h5 --json | jq -c '[.cells[].halved]')" = '[0,0,300]'
check "rates know them: the same at the same time" sh -c "'$basin' rates whole.h5 --json | jq -e '
  (.cells[1] | del(.index, .parameters)) == (.cells[2] | del(.index, .parameters)) and .cells[2].trials > 0' >/dev/null"
expect 0 '^300 of 900 trials diverged at first' "$basin" summary whole.h5
expect 0 '^2,,20,.*,300,(proved|reached),' "$basin" summary whole.h5 --csv
expect 0 '^trial 3: .* steps, with step sizes halved 5 times$' "$basin" run start.yaml --cell 2 --trial 3
expect 0 '^trial 3: [a-z]+ after [0-9]+ steps$' "$basin" run start.yaml --cell 0 --trial 3

# whatever the parts, the threads and the instruction set; one trial alone; interrupted at every turn
for options in '--part-trials 7 --threads 2' '--isa generic' '--part-trials 64'; do
  check "$options" run $options -o other.h5
  check "$options: the same file" cmp whole.h5 other.h5
  rm -f other.h5
done
for isa in avx2 avx512; do
  grep -qw ${isa/512/512f} /proc/cpuinfo && check "$isa" run --isa $isa -o $isa.h5 && check "$isa: same" cmp whole.h5 $isa.h5
done
check "one trial alone" "$basin" run start.yaml -q --cell 2 --trial 3 -o one.h5
check "one trial alone: the same" /usr/bin/python3 - <<'P'
import h5py
whole, one = h5py.File("whole.h5"), h5py.File("one.h5")
assert one["halvings"][0, 0] == 5
for name in "loss", "vector_a":
    assert whole[name][2, 3].tobytes() == one[name][0, 0].tobytes(), name
P
sim=$build/tests/cudasim/libbasin_cuda.so
if [ -e "$sim" ]; then
  check "the CUDA backend" env BASIN_CUDA_MODULE="$sim" "$basin" run start.yaml -q --no-provenance --backend cuda --trials 40 -o cuda.h5
  check "the CPU backend" run --backend cpu --trials 40 -o cpu.h5
  check "the same file on both" cmp cpu.h5 cuda.h5
else
  echo "skipped: the CUDA backend: no simulator was built"
fi

# interrupted while trials begin again
cat > long.yaml <<'Y'
model: resnet
trials: 600
parameters: {k: 9, p: 4}
teacher: {a: {sum: 2, norm: 1}, v: {head: [1]}}
init: {a: {ball: 1}, w: {normal: 1}}
schedule: [{eta_a: 1.2, eta_w: 0.00001}]
on_divergence: halve
stop: {at: 1e-9, max_steps: 40000}
allow: {unresolved: 1, diverged: 1}
record: {trials: 5, steps: {log: 20}}
Y
long() { "$basin" run long.yaml -q --no-provenance --part-trials 64 "$@"; }
ms=$(cpu_of long -o long.h5)
check "an undisturbed run" test -s long.h5
for share in 2 5 8; do
  interrupt TERM $((ms * share / 10)) "$basin" run long.yaml -q --no-provenance --part-trials 64 -o killed.h5 2>/dev/null
done
check "interrupted: goes on" long -o killed.h5
check "interrupted: the same file" cmp long.h5 killed.h5

# With a method the velocity begins anew too: once halved the bits are those of half the step size. Just beyond where
# momentum is stable a trial diverges slowly, so most of the time trials are on their way to begin again.
export BASIN_CACHE=$work/cache
cat > own.yaml <<'Y'
title: halving with momentum
model: {state: {x: 3}, loss: "2*dot(x, x) + sum(cos(3*x))/9999"}
trials: 300
seed: 4
grid: {eta0: [0.47515869140625, 0.9503173828125, 15.205078125]}
same_draw: [eta0]
init: {x: {normal: 1}}
schedule: [{eta: eta0}]
variants:
  momentum: {method: {momentum: 0.9}}
  nesterov: {method: {nesterov: 0.9}, schedule: [{eta: 0.375*eta0}]}
on_divergence: halve
stop: {at_gradient: 1e-20, max_steps: 1e5}
record: {trials: 5, steps: {log: 20}, parameters: true, final: all}
Y
own() { "$basin" run own.yaml -q --no-provenance --backend cpu "$@"; }
check "momentum" own -o own.h5
check "momentum: 32 and 2 times the step size are halved to the same bits" /usr/bin/python3 - <<'P'
import h5py
f = h5py.File("own.h5")
assert (f["halvings"][:].T == [0, 1, 5, 0, 1, 5]).all()
names = [n for n, d in f.items() if isinstance(d, h5py.Dataset) and d.ndim > 1 and n not in ("halvings", "eta_t")]
assert {"steps", "outcome", "final_loss", "loss", "vector_x"} <= set(names)
for n in names:
    for c in 0, 3:
        assert f[n][c].tobytes() == f[n][c + 1].tobytes() == f[n][c + 2].tobytes(), (n, c)
assert f["vector_x"][0].tobytes() != f["vector_x"][3].tobytes()
P
rm -f other.h5
check "momentum: other threads, parts and code" own --threads 2 --part-trials 17 --isa generic -o other.h5
check "momentum: the same file" cmp own.h5 other.h5
if [ -e "$sim" ]; then
  rm -f cpu.h5 cuda.h5
  check "momentum: the CPU" own --trials 30 -o cpu.h5
  check "momentum: the CUDA backend" env BASIN_CUDA_MODULE="$sim" BASIN_NVCC="$here/tests/cudasim/nvcc" \
    "$basin" run own.yaml -q --no-provenance --backend cuda --trials 30 -o cuda.h5
  check "momentum: the same file on both" cmp cpu.h5 cuda.h5
fi
long=(own.yaml -q --no-provenance --backend cpu --trials 9000 --part-trials 3000)
ms=$(cpu_of "$basin" run "${long[@]}" -o long_own.h5)
turns=0
for share in 2 5 8; do
  interrupt TERM $((ms * share / 10)) "$basin" run "${long[@]}" -o cut_own.h5 2>/dev/null
  [ $? = 75 ] && turns=$((turns + 1))
done
check "momentum: interrupted $turns times" test $turns -ge 1
check "momentum: goes on" "$basin" run "${long[@]}" -o cut_own.h5
check "momentum: goes on to the same file" cmp long_own.h5 cut_own.h5

# what no halving helps is told
sed -e 's/eta0: \[.*/eta0: [1e30]}/' start.yaml > hopeless.yaml
sed -i -e '/same_draw/d' -e 's/, diverged: 1//' hopeless.yaml
expect 3 'more diverged trials .*; halving the step sizes was not enough: give smaller ones, or allow' "$basin" run hopeless.yaml -q -o hopeless.h5
check "30 times" test "$(/usr/bin/python3 -c 'import h5py; h = h5py.File("hopeless.h5")["halvings"][:]; print(h.min(), h.max())')" = "30 30"
sed -e 's/on_divergence: halve/on_divergence: half/' start.yaml > wrong.yaml
expect 2 'wrong.yaml:11:16: on_divergence: unknown word `half`, did you mean `halve`?' "$basin" run wrong.yaml
finish
