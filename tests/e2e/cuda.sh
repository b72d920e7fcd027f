#!/bin/bash
# SPDX-License-Identifier: MIT
# cuda.sh BUILD [quick]: the CUDA backend from the command line, its kernels executed by the simulator of
# tests/cudasim: the same files as the CPU's, byte by byte; devices that fail; what is said where there is none.
# quick: the files alone, for builds with sanitizers.
. "$(dirname "$0")/../support/shell.sh"
simulated
quick=${2:-}
options=(-q --no-provenance --set allow.unresolved=1 --set allow.diverged=1)
run() { "$basin" run "${options[@]}" "$@"; }
# same WHAT OPTIONS...: one experiment by both backends, by the CPU once
same() {
  local what=$1 cpu=cpu-$(printf '%s\n' "${@:2}" | cksum | cut -d' ' -f1).h5
  shift
  [ -f "$cpu" ] || check "$what by the CPU" run "$@" -o "$cpu" --backend cpu
  rm -f cuda.h5
  check "$what by CUDA" run "$@" -o cuda.h5 --backend cuda
  check "$what: the same bytes" cmp "$cpu" cuda.h5
}

# ---- every shipped experiment, smaller, by both rules; all records and states; several orders, devices, part sizes ----

steps=3000
[ -z "$quick" ] || steps=400
everything='record={trials: 20, steps: {log: 30}, parameters: true, final: all}'
# $file as its model can be run here, and with all recorded; of most models also to a tolerance
plain_and_recorded() {
  local plain recorded to_tolerance=()
  case $model in
  filter)
    plain=(--trials 30 --set stop.max_steps=60 --part-trials 7)
    recorded=(--trials 9 --set stop.max_steps=40 --threads 3) ;;
  factorisation)
    plain=(--trials 5 --set stop.max_steps=40 --part-trials 3)
    case $name in
    factorisation-rank1) plain+=(--set 'grid={c: [0.2], d: [100]}') ;;
    factorisation-success) plain+=(--set 'grid={r: [1, 2], sd: [0.3], c: [0.5, 1.2]}') ;;
    factorisation-drift) plain+=(--set 'grid={eta: [0.16]}') ;;
    esac
    recorded=("${plain[@]}" --trials 3 --set stop.max_steps=20) ;;
  octopus)
    local most=stop.max_steps=
    [ $name = octopus-exponential ] && most=grid.budget.0=
    plain=(--trials 12 --set "$most"$((steps / 6)) --part-trials 7)
    recorded=(--trials 4 --set "${most}200" --set stop.at=0.5) ;;
  *)
    plain=(--trials 150 --set stop.max_steps=$steps)
    recorded=(--trials 50 --set stop.max_steps=500 --threads 3)
    to_tolerance=(--trials 70 --set stop.max_steps=700 --set stop.at=0.5 --part-trials 33) ;;
  esac
  for order in 0 1 2; do
    export CUDASIM_ORDER=$order CUDASIM_DEVICES=$((order + 1))
    same "$name, order $order" "$file" "${plain[@]}"
    same "$name, order $order, all recorded" "$file" "${recorded[@]}" --set "$everything"
    [ ${#to_tolerance[@]} = 0 ] || same "$name, order $order, to a tolerance" "$file" "${to_tolerance[@]}"
    [ -z "$quick" ] || break
  done
}
for file in "$here"/data/experiments/*.yaml; do
  name=$(basename "$file" .yaml) model=$(sed -n 's/^model: *//p' "$file")
  grep -qE 'fixed:|strokes:' "$file" && continue # data sets: tests/e2e/dataset.sh
  grep -q '^model: network' "$file" && continue # tests/e2e/networks.sh
  [ -n "$model" ] || continue                     # formulas: tests/e2e/formulas.sh
  if [ $name = cnn-momentum ]; then # methods: of the cells of its grid
    for order in 0 1 2; do
      export CUDASIM_ORDER=$order CUDASIM_DEVICES=$((order + 1))
      same "$name, order $order" "$file" --trials 5 --set stop.max_steps=25 --set 'grid={step: [0.02]}' --set "$everything" --part-trials 3
      [ -z "$quick" ] || break
    done
    continue
  fi
  # fibers take their time over the sum of a team: fewer inputs and steps; the variants of filter say how they sample
  if [ "$model" != filter ] && grep -q sampled "$file"; then
    samplers=(direct projected 'direct, precision: mixed')
    [ $name = resnet-precision ] && samplers=() # its variants say how they sample
    for order in 0 1 2; do
      export CUDASIM_ORDER=$order CUDASIM_DEVICES=$((order + 1))
      same "$name, order $order" "$file" --trials 9 --set stop.max_steps=35 --set 'grid={B: [1, 4, 16, inf]}'
      for sampler in "${samplers[@]}"; do
        same "$name, $sampler, order $order, all recorded" "$file" --trials 5 --set stop.max_steps=20 \
          --set 'grid={k: [1, 5, 16, 33], B: [2]}' --set 'parameters={p: 8}' --set teacher.a=0.4 --set "$everything" \
          --set "gradient={sampled: {inputs: B, sampler: $sampler}}" --set stop.at=0.5 --threads 3 --part-trials 4
      done
      [ -z "$quick" ] || break
    done
    continue
  fi
  if [ "$model" = relu_sum ]; then
    smaller=(--trials 3 --set stop.max_steps=40 --set "$everything" --part-trials 2)
    case $name in
    neuron-figure1) smaller+=(--set 'grid={n: [1, 2, 4]}') ;;
    neuron-width) smaller+=(--set 'grid={n: [1, 3], sigma: [0.1, 1]}') ;;
    teachers-orthonormal) smaller+=(--set 'grid={m: [2, 3], extra: [0, 1]}') ;;
    esac
    for order in 0 1 2; do
      export CUDASIM_ORDER=$order CUDASIM_DEVICES=$((order + 1))
      same "$name, order $order" "$file" "${smaller[@]}"
      same "$name, order $order, every entry" "$file" "${smaller[@]}" --set parameters.span=0
      [ $name = neuron-figure1 ] || continue
      same "$name, order $order, flow" "$file" "${smaller[@]}" --set method=gradient_flow
      for sampler in direct projected; do
        same "$name, order $order, $sampler" "$file" "${smaller[@]}" --set "gradient={sampled: {inputs: 3, sampler: $sampler}}"
      done
      [ -z "$quick" ] || break
    done
    continue
  fi
  plain_and_recorded
done
# more trials than threads, so that threads take up one trial after another
for order in 0 1 2; do
  export CUDASIM_ORDER=$order CUDASIM_DEVICES=1
  same "refill, order $order" "$here/data/experiments/cnn-table5-1.yaml" --trials 3000 --part-trials 3000 --set stop.max_steps=$((steps / 15))
  [ -z "$quick" ] || break
done
# what the host measures at the recorded states, which are the device's
same "estimates" "$here/data/experiments/resnet-table1.yaml" --trials 12 --set stop.max_steps=400 \
  --set 'record={trials: 3, steps: {log: 5}, estimate: {inputs: 64}}'
if [ -n "$quick" ]; then
  finish
  exit
fi
unset CUDASIM_ORDER CUDASIM_DEVICES

# ---- the choice of a backend, and what is said of it ----

table=$here/data/experiments/resnet-table1.yaml
none=(env BASIN_CUDA_MODULE="$work/none.so")
expect 0 '^backend cuda +1 device; driver for CUDA [0-9.]+, runtime [0-9.]+$' "$basin" info
expect 0 '^  device 0 .*, compute capability [0-9.]+, [0-9]+ multiprocessors, .*B of memory$' "$basin" info
expect 0 '^backend cuda +none: there is no module .*none.so$' "${none[@]}" "$basin" info
expect 0 '^backend cuda +none: no CUDA-capable device is detected$' env CUDASIM_DEVICES=0 "$basin" info
expect 0 'at most .*B of memory, .*B of each device.s and .*B of disk; cuda, .*, device 0, 32 parts at once$' "$basin" run "$table" --dry-run --set stop.max_steps=20
expect 0 '; cuda, .*, device 0,2, 8 parts at once$' env CUDASIM_DEVICES=3 "$basin" run "$table" --dry-run --set stop.max_steps=20 --devices 0,2 --threads 4
expect 0 'at most [0-9.]+ .B of memory and .*; cuda, ' env CUDASIM_FAIL=device:0:3 CUDASIM_LEAKS=0 "$basin" run "$table" --dry-run --set stop.max_steps=20
expect 0 '; cpu, ' "${none[@]}" "$basin" run "$table" --dry-run --set stop.max_steps=20
expect 0 '; cpu, ' env CUDASIM_DEVICES=0 "$basin" run "$table" --dry-run --set stop.max_steps=20
expect 0 '; cpu, generic' "$basin" run "$table" --dry-run --set stop.max_steps=20 --isa generic
expect 2 'no CUDA device to run on: there is no module' "${none[@]}" "$basin" run "$table" --dry-run --set stop.max_steps=20 --backend cuda
expect 2 'no CUDA device to run on: no CUDA-capable device' env CUDASIM_DEVICES=0 "$basin" run "$table" --backend cuda
expect 2 'no CUDA device to run on' "${none[@]}" "$basin" run "$table" --devices 0
expect 2 '--devices 0,3: there is no device 3, only 0 to 1' env CUDASIM_DEVICES=2 "$basin" run "$table" --devices 0,3
expect 2 '--devices 1: there is no device 1, only 0' "$basin" run "$table" --devices 1
expect 2 '--devices 0,0: 0 is there twice' "$basin" run "$table" --devices 0,0
for list in '' , 0, -1 0x 1e1; do
  expect 2 'devices .*: expected numbers like 0,2' "$basin" run "$table" --devices "$list"
done
expect 2 '--devices: goes with the backend cuda' "$basin" run "$table" --backend cpu --devices 0
expect 2 '--isa: goes with the backend cpu' "$basin" run "$table" --backend cuda --isa avx2
expect 2 '--backend gpu: expected auto, cpu or cuda' "$basin" run "$table" --backend gpu

# files that are no module, or one of another version
echo text > text.so
printf 'int basin_other;\n' | gcc -shared -fPIC -x c -o other.so -
cat > old.c <<'C'
#include "layout_word.h"
#include "seam/cuda_module.h"
const basin_cuda_module *basin_cuda_module_table(void);
const basin_cuda_module *basin_cuda_module_table(void) {
  static basin_cuda_module old = {.abi = BASIN_CUDA_ABI, .layout = BASIN_LAYOUT_WORD, .version = "0.0.0"};
  return &old;
}
C
gcc -shared -fPIC -I"$here/include" -I"$build" -o old.so old.c
expect 0 'backend cuda +none: .*text.so: (file too short|invalid ELF header)' env BASIN_CUDA_MODULE="$work/text.so" "$basin" info
expect 0 'backend cuda +none: .*other.so: no module of basin' env BASIN_CUDA_MODULE="$work/other.so" "$basin" info
expect 0 'backend cuda +none: .*old.so: of another version of basin' env BASIN_CUDA_MODULE="$work/old.so" "$basin" info

# a module that lacks a model, or dynamics of it
cat > less.c <<'C'
#include "layout_word.h"
#include "seam/cuda_module.h"
#include <string.h>
static basin_worker_status devices(int *count, int *driver, int *runtime, basin_error *error) {
  (void)error;
  *count = 1, *driver = *runtime = 13000;
  return BASIN_WORKER_OK;
}
static basin_worker_status describe(int device, basin_cuda_device *about, basin_error *error) {
  (void)device, (void)error;
  memset(about, 0, sizeof *about);
  return BASIN_WORKER_OK;
}
static basin_worker_status refuse(int device, basin_cuda_worker **worker, basin_error *error) {
  (void)device, (void)worker, (void)error;
  return BASIN_WORKER_LOST;
}
static int has(const char *model, const char *kind) { return !strcmp(model, "resnet") && !strcmp(kind, "population"); }
const basin_cuda_module *basin_cuda_module_table(void);
const basin_cuda_module *basin_cuda_module_table(void) {
  static basin_cuda_module less = {.abi = BASIN_CUDA_ABI, .layout = BASIN_LAYOUT_WORD, .version = BASIN_VERSION,
                                   .devices = devices, .describe = describe, .has = has, .open = refuse};
  return &less;
}
C
gcc -shared -fPIC -I"$here/include" -I"$build" -o less.so less.c
less=(env BASIN_CUDA_MODULE="$work/less.so" "$basin" run "$here/data/experiments/resnet-sgd.yaml" --dry-run)
expect 0 '; cpu, ' "${less[@]}"
expect 2 'lacks the model resnet with the gradient of cell 0, expected --backend cpu or auto' "${less[@]}" --backend cuda
expect 2 'lacks the model resnet with the gradient of cell 0' "${less[@]}" --devices 0
expect 0 '; cuda, ' "${less[@]}" --set 'grid={B: [inf]}'
expect 2 'lacks the model cnn ' "${less[@]}" --set 'grid={B: [inf]}' --set model=cnn --set 'init={v: {sphere: 1}, a: {ball: 1}}' --backend cuda

# beside the program, and in ../lib/basin from it
mkdir -p at/bin at/lib/basin
cp "$basin" at/bin/basin
expect 0 "none: there is no module $work/at/bin/libbasin_cuda.so" env -u BASIN_CUDA_MODULE at/bin/basin info
cp "$BASIN_CUDA_MODULE" at/lib/basin/
expect 0 'backend cuda +1 device' env -u BASIN_CUDA_MODULE at/bin/basin info
mv at/lib/basin/libbasin_cuda.so at/bin/
expect 0 'backend cuda +1 device' env -u BASIN_CUDA_MODULE at/bin/basin info

# ---- one trial ----

"$basin" run "$table" --no-provenance --cell 3 --trial 4711 --backend cpu > cpu.txt
check "one trial by CUDA" sh -c "'$basin' run '$table' --no-provenance --cell 3 --trial 4711 --backend cuda > cuda.txt"
check "one trial: the same numbers" cmp cpu.txt cuda.txt

# ---- interrupted, and continued by the other backend ----

cat > long.yaml <<'Y'
model: resnet
trials: 2000
grid: {k: [16, 25]}
parameters: {p: 8}
teacher: {a: {sum: 2, norm: sqrt(k)}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: 0.00005}]
stop: {at: 1e-5, max_steps: 100000}
allow: {unresolved: 1}
record: {trials: 3, steps: {log: 30}, parameters: true, final: all}
Y
long=(long.yaml --part-trials 64)
check "an undisturbed run by the CPU" run "${long[@]}" --backend cpu -o whole.h5
turns=0
for backend in cuda cpu cuda cuda cpu cuda cuda cuda; do
  "$basin" run "${options[@]}" "${long[@]}" --backend $backend --threads 4 -o turns.h5 2> err.txt &
  pid=$!
  if [ $backend = cpu ]; then await_cpu $pid 150; else await_cpu $pid 700; fi
  stop_with $pid TERM
  code=$?
  [ $code = 75 ] || break
  turns=$((turns + 1))
  check "$backend answers: its four threads took $took ms" test "$took" -lt 4000
done
check "it was interrupted: $turns times" test $turns -ge 2
check "and goes on" run "${long[@]}" --backend cuda -o turns.h5
check "to the same bytes" cmp whole.h5 turns.h5

# a part that goes through the device in several batches, paused and taken up again
cat > batches.yaml <<'Y'
model: resnet
trials: 150
parameters: {p: 8, k: 16}
teacher: {a: {sum: 2, norm: 4}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: 0.00002}]
stop: {at: 1e-5, max_steps: 20000}
record: {trials: 150, steps: {every: 1}, observables: [phi], final: [phi]}
Y
batches=(batches.yaml --part-trials 150 --threads 1)
check "several batches, by the CPU" run "${batches[@]}" --backend cpu -o whole_batches.h5
pauses=0
for ms in 200 400 800 1600 3200; do
  rm -rf batches.h5 batches.h5.parts
  "$basin" run "${options[@]}" "${batches[@]}" --backend cuda -o batches.h5 2> err.txt &
  pid=$!
  await_cpu $pid $ms
  stop_with $pid TERM
  [ $? = 75 ] || break
  check "several batches: gone on with after $ms ms" run "${batches[@]}" --backend cuda -o batches.h5
  check "several batches: the same file" cmp whole_batches.h5 batches.h5
  pauses=$((pauses + 1))
done
check "several batches: paused in $pauses runs" test $pauses -ge 1

# the neuron, whose states are arrays, by every dynamics; each part is a whole cell
cat > neuron.yaml <<'Y'
model: relu_sum
trials: 20
parameters: {d: 5, n: 3}
teacher: {v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.3}}
schedule: [{eta: 0.001}]
variants:
  span: {}
  every entry: {parameters: {d: 5, n: 3, span: 0}}
  flow: {method: gradient_flow}
  direct: {gradient: {sampled: {inputs: 5, sampler: direct}}}
  projected: {gradient: {sampled: {inputs: 5, sampler: projected}}}
  halved: {schedule: [{eta: 3}], on_divergence: halve}
  asked: {schedule: [{eta: 0.02/sqrt(1 + t/50)}], stop: {when: loss < 0.05, max_steps: 1500}}
  asked of momentum: {schedule: [{steps: 9, eta: 0.01}, {eta: 0.02/(1 + t/50)}], stop: {when: H < 0.1, max_steps: 1500},
    method: {momentum: 0.5}, gradient: {sampled: {inputs: 5, sampler: direct}}}
stop: {at: 1e-30, max_steps: 1500}
allow: {unresolved: 1, diverged: 1}
record: {trials: 7, steps: {log: 30}, parameters: true, final: all}
Y
check "the neuron, undisturbed" run neuron.yaml --backend cpu -o neuron.h5
turns=0
for ((i = 0; i < 40; i++)); do
  backend=cuda ms=400
  [ $((i % 3)) = 2 ] && backend=cpu ms=20
  interrupt TERM $ms "$basin" run "${options[@]}" neuron.yaml --backend $backend --threads 2 -o neuron_turns.h5 2> /dev/null
  [ $? = 75 ] || break
  turns=$((turns + 1))
done
check "the neuron was interrupted: $turns times" test $turns -ge 2
check "the neurons that are asked, their step sizes moving, end at many steps" /usr/bin/python3 - <<'P'
import h5py
f = h5py.File("neuron.h5")
word = dict(zip(f["outcome"].attrs["flag_values"].tolist(), f["outcome"].attrs["flag_meanings"].decode().split()))
for c in 6, 7:
    ended = [s for s, o in zip(f["steps"][c], f["outcome"][c]) if word[int(o)] == "stationary"]
    assert len(ended) > 10 and len(set(ended)) > 5 and f["eta_t"][c, -1] > 0, (c, ended)
P
check "and goes on" run neuron.yaml --backend cuda -o neuron_turns.h5
check "to the same bytes" cmp neuron.h5 neuron_turns.h5

# ---- failures ----

# expect_same FAULT CODE PATTERN OPTIONS...: the run survives the fault, says so, and writes the same bytes
small=(long.yaml --trials 130 --part-trials 10 --set stop.max_steps=3000)
check "the run without faults" run "${small[@]}" --backend cpu -o sound.h5
expect_same() {
  local fault=$1 pattern=$2
  shift 2
  rm -f fault.h5
  expect 0 "$pattern" env CUDASIM_FAIL="$fault" "$basin" run "${options[@]}" "${small[@]}" "$@" -o fault.h5
  check "$fault: the same bytes" cmp sound.h5 fault.h5
}
export CUDASIM_LEAKS=0 # of a device that has failed nothing can be given back

# the first two allocations of memory fail: nothing is said, smaller batches run
expect_same 'malloc:*:3:2' '^$' --backend cuda

# memory for a few parts at once, in pieces: the device is not given up, and one line says that parts wait for one another
rm -f fault.h5
hungry=$(env CUDASIM_LEAKS=1 CUDASIM_MEMORY=500000 "$basin" run "${options[@]}" "${small[@]}" --backend cuda -o fault.h5 2>&1)
check "little memory: exit $?" test $? = 0
check "little memory: one line: $hungry" test "$(grep -c '; fewer parts at once go on$' <<< "$hungry")/$(wc -l <<< "$hungry")" = 1/1
check "little memory: the same bytes" cmp sound.h5 fault.h5

# one of two devices fails in a kernel, or falls off: a warning, the other does the work
export CUDASIM_DEVICES=2
lost='^basin: warning: cuda 1 \(.*\): kernel_[a-z_, ]+: .*; model resnet, cell [01], trials [0-9]+ to [0-9]+, of which [0-9]+ have not ended$'
expect_same 'launch:1:5:700' "$lost" --backend cuda --threads 1 # with two, the other may be the first to see it
expect_same 'device:1:40' '^basin: warning: cuda 1 ' --backend auto --threads 2
expect_same 'device:0:1' '^basin: warning: cuda 0 .*cannot be opened' --backend cuda --threads 2
check "a device that fails is named once" test "$(env CUDASIM_FAIL=device:1:40 "$basin" run "${options[@]}" "${small[@]}" -o once.h5 2>&1 | grep -c warning)" = 1

# the only one, or all: the CPU goes on, unless devices were asked for
expect_same 'launch:*:9:700' '^basin: warning: no CUDA device is left, going on with cpu' --threads 3
unset CUDASIM_DEVICES
expect_same 'device:0:100' '^basin: warning: no CUDA device is left, going on with cpu'
rm -f fault.h5
expect 1 'no CUDA device is left to run on; finished parts are kept in fault.h5.parts, the same command goes on. The last one: cuda 0 .*: kernel_' \
  env CUDASIM_FAIL=launch:0:30:700 "$basin" run "${options[@]}" "${small[@]}" --backend cuda --threads 2 -o fault.h5
kept=$(ls fault.h5.parts 2>/dev/null | grep -c 'part$')
check "finished parts are kept: $kept" test "$kept" -gt 0
check "the same command goes on" run "${small[@]}" --backend cuda -o fault.h5
check "and writes the same bytes" cmp sound.h5 fault.h5

# ---- shards of a campaign on different backends ----

less=(--trials 200 --set stop.max_steps=2000 --set allow.unresolved=1)
rm -f cpu.h5
check "one run by the CPU" "$basin" run "$table" -q --no-provenance "${less[@]}" --backend cpu -o cpu.h5
check "a shard by CUDA" "$basin" run "$table" -q "${less[@]}" -o mixed/ --shard 1/2 --backend cuda
check "a shard by the CPU" "$basin" run "$table" -q "${less[@]}" -o mixed/ --shard 2/2 --backend cpu
check "merged" "$basin" merge mixed/ -q --no-provenance -o mixed.h5
check "mixed: the same bytes" cmp cpu.h5 mixed.h5

# ---- random words: cuRAND's for the kernels, those of the lanes, and what curand4 gives ----

cat > words.c <<'C'
#include "numeric/philox.h"
#include <stdio.h>
#ifdef BASIN_CURAND
#include <curand_kernel.h>
#endif
int main(void) {
  uint64_t x = 1;
  for (int i = 0; i < 100000; i++) {
    bits low, high;
    x = basin_mix(x);
    const uint64_t key = x, trial = basin_mix(x + 1) >> 16, step = basin_mix(x + 2) >> 24, block = basin_mix(x + 3) >> 40;
    basin_words(key, i % 65536, trial, step, block, &low, &high);
#ifdef BASIN_CURAND
    curandStatePhilox4_32_10_t state; /* its offset counts words in 64 bits: 2^62 of the 2^64 counters can be named */
    curand_init(key, trial | (uint64_t)(i % 65536) << 48, (step << 24 | block) << 2, &state);
    const uint4 w = curand4(&state);
    if (step >> 38 == 0 && (low != ((uint64_t)w.y << 32 | w.x) || high != ((uint64_t)w.w << 32 | w.z))) return 1;
#endif
    printf("%016llx %016llx\n", (unsigned long long)low, (unsigned long long)high);
  }
  return 0;
}
C
toolkit=$(. "$here/tests/cudasim/cudasim.sh" && cudasim_toolkit)
check "words of the lanes" sh -c "gcc -O1 -ffp-contract=off -I'$here/include' words.c -lm -o by123 && ./by123 > by123.txt"
check "words by cuRAND, also by its curand4" sh -c "g++ -O1 -ffp-contract=off -DBASIN_CURAND -I'$here/include' \
  -isystem '$toolkit' -x c++ words.c -lm -o bycurand && ./bycurand > bycurand.txt"
check "the same words" cmp by123.txt bycurand.txt

# ---- the program for machines that have next to nothing ----

check "gpu_alone: bits" sh -c "'$build/gpu_alone' bits 1000 60 > alone.txt || { cat alone.txt; false; }"
check "gpu_alone: a fifteenth of the hard cases" sh -c "'$build/gpu_alone' hard 4 15 > alone.txt || { cat alone.txt; false; }"
expect 0 '^resnet:population 5000 trials 128 steps .* trial-steps/s$' env RATE_SECONDS=0 "$build/gpu_alone" rate resnet 5000
# a device that fails is told, and the next model goes on
expect 1 '^cnn population .* BROKEN: cuda 0 ' env CUDASIM_LEAKS=0 CUDASIM_FAIL=launch:0:3 "$build/gpu_alone" bits 50 20
expect 1 '^resnet dataset .* BROKEN: cuda 0 ' env CUDASIM_LEAKS=0 CUDASIM_FAIL=launch:0:3 "$build/gpu_alone" bits 50 20
expect 1 'rate: which model' "$build/gpu_alone" rate

# ---- the module that the real compiler made; its kernels: kernels.sh ----

if [ -f "$build/libbasin_cuda.so" ]; then
  check "the program needs no CUDA library" sh -c "! ldd '$basin' | grep -iE 'cuda|nvidia'"
  check "the module needs no CUDA library" sh -c "! ldd '$build/libbasin_cuda.so' | grep -iE 'cuda|nvidia'"
  check "the module exports its table alone" test "$(nm -D --defined-only "$build/libbasin_cuda.so" | cut -d' ' -f3)" = basin_cuda_module_table
  expect 0 '^backend cuda ' env -u BASIN_CUDA_MODULE "$basin" info
else
  echo "skipped: no nvcc, so the module for real devices is not built"
fi
finish
