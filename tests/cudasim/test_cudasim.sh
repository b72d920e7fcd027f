#!/bin/bash
# SPDX-License-Identifier: MIT
# test_cudasim.sh BUILD [ASAN TSAN]: tests of the CUDA simulator itself: correct programs are right in every order and
# under every sanitizer, and every mistake that it claims to find is found (cudasim/bugs.cu).
. "$(dirname "$0")/../support/shell.sh"
. "$here/tests/cudasim/cudasim.sh"
if [ -z "$(cudasim_toolkit)" ]; then
  echo "skipped: no CUDA toolkit headers"
  finish
  exit
fi
kinds="plain asan tsan"
out=$build/tests/cudasim
# the simulator, by kind: of this build, and of those with SIM=asan and SIM=tsan where they are named
declare -A library=([plain]=$out/lib [asan]=$out/asan [tsan]=$out/tsan)
if [ $# = 3 ]; then library[asan]=$here/$2/tests/cudasim/lib library[tsan]=$here/$3/tests/cudasim/lib; fi
sources="tests/cudasim/correct.cu tests/cudasim/bugs.cu tests/cudasim/test_cudasim.cpp"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Werror"

# ---- build: the library, then the same program in every kind ----

build_programs() {
  local kind source
  for kind in $kinds; do mkdir -p "$out/$kind" && cudasim_library "$kind" "${library[$kind]}" || return; done
  for kind in $kinds; do
    for source in $sources; do
      echo "$(cudasim_flags "$kind") $warnings -c $source -o $out/$kind/$(basename "$source").o"
    done
  done | (cd "$here" && xargs -P "$(nproc)" -L1 g++) || return
  for kind in $kinds; do
    g++ "$out/$kind"/{correct.cu,bugs.cu,test_cudasim.cpp}.o "${library[$kind]}/libcudasim.a" \
      $(cudasim_link "$kind") -o "$out/test_cudasim_$kind" || return
  done
}
# the same with the stacks switched as on machines that are no x86-64
build_portable() {
  g++ $(cudasim_flags plain) $warnings -DCUDASIM_UCONTEXT -c "$here/tests/cudasim/fiber.cpp" -o "$out/fiber.o" &&
    g++ "$out/fiber.o" "$out"/plain/{correct.cu,bugs.cu,test_cudasim.cpp}.o "${library[plain]}/libcudasim.a" \
      $(cudasim_link plain) -o "$out/test_cudasim_portable"
}
check "the simulator and its test programs build" build_programs
check "the portable one too" build_portable
if [ $failed != 0 ]; then finish; exit; fi

# sim KIND NAME [VARIABLE=VALUE...]: what is run, as words of a command
sim() {
  local kind=$1 name=$2
  shift 2
  echo env CUDASIM_DEVICES=2 ASAN_OPTIONS=abort_on_error=0 TSAN_OPTIONS=exitcode=66 "$@" \
    timeout 60 "$out/test_cudasim_$kind" "$name"
}

# ---- what is right stays right, in every order ----

for kind in $kinds; do
  for order in 0 1 2 3; do check "correct programs, $kind, order $order" $(sim $kind correct CUDASIM_ORDER=$order); done
  expect 0 '^$' $(sim $kind correct CUDASIM_DEVICES=3 CUDASIM_ORDER=17)
  for order in 0 1 2; do
    check "errors and injected failures, $kind, order $order" \
      $(sim $kind api CUDASIM_MEMORY=1048576 CUDASIM_ORDER=$order)
  done
done 2> log
check "correct programs, portable" $(sim portable correct)
for name in launches_api malloc_fails; do check "$name" $(sim plain $name); done 2>> log
check "failures from the environment" $(sim plain environment CUDASIM_FAIL=malloc:0:3,launch:1:1:719)
expect 134 "CUDASIM_FAIL: cannot read" $(sim plain malloc_fails CUDASIM_FAIL=malloc)
expect 4 'cudaErrorMemoryAllocation' $(sim plain launches_api "CUDASIM_FAIL=device:1:9,malloc:*:1")
for devices in 0 -1; do expect 0 '^$' $(sim plain no_device CUDASIM_DEVICES=$devices); done
grep FAILED log

# ---- mistakes that abort the program, in every kind and order; where, is said ----

aborts() { # NAME PATTERN
  expect 134 "$2" $(sim plain $1 CUDASIM_ORDER=0)
  expect 134 "$2" $(sim asan $1 CUDASIM_ORDER=1)
  expect 134 "$2" $(sim tsan $1 CUDASIM_ORDER=2)
}
aborts divergent_barrier 'kernel_divergent_barrier: block \([01], 0, 0\): __syncthreads: threads wait at different'
expect 134 'from thread \(64, 0, 0\) on: waits at __syncthreads, .*bugs.cu:' $(sim plain divergent_barrier)
aborts early_exit 'kernel_early_exit: block \(0, 0, 0\): __syncthreads: some threads have exited'
expect 134 'from thread \(100, 0, 0\) on: has exited' $(sim plain early_exit)
aborts absent_lane 'kernel_absent_lane.*shuffle: the lane to be read takes no part'
aborts half_warp 'kernel_half_warp.*deadlock: threads wait at a warp operation for lanes that wait elsewhere'
aborts exited_lane 'kernel_exited_lane.*a lane named in the mask has exited'
aborts foreign_mask 'kernel_foreign_mask.*a lane is not in its own mask'
aborts mixed_operations 'kernel_mixed_operations.*wait for different operations'
aborts trap 'kernel_trap.*__trap\(\) at .*bugs.cu:'
aborts free_while_queued 'cudaFree.*queued work still uses this memory: kernel kernel_set on device 0'
aborts free_async_while_queued 'cudaFreeAsync.*work of another stream still uses this memory: kernel kernel_set'
aborts use_after_free_async 'kernel_set: an argument points to memory that is being freed'
aborts reset_while_queued 'cudaDeviceReset: work is still queued: kernel kernel_set'
aborts other_devices_argument 'kernel_set on device 1: an argument points to memory of device 0'

# what the looser rules allow
for name in divergent_barrier early_exit absent_lane exited_lane; do
  expect 0 '^$' $(sim plain $name CUDASIM_STRICT=0 CUDASIM_LEAKS=0)
done

# ---- mistakes that show as wrong data: 3 ----

wrong() { # NAME ORDER...
  local name=$1 order
  shift
  for order in "$@"; do expect 3 '' $(sim plain $name CUDASIM_LEAKS=0 CUDASIM_ORDER=$order); done
}
wrong missing_syncthreads 0 1 2
wrong missing_syncwarp 0 1 2
wrong block_race 1
wrong missing_stream_sync 0 1
wrong missing_event 0
wrong missing_event_back 0
wrong host_buffer_reused 0 1
wrong other_constants 0 1 2
wrong uninitialised_global 0 1 2
wrong uninitialised_shared 0
expect 3 'cudaFree.*no live allocation; was it freed before' $(sim plain double_free)
expect 3 'must not call the runtime' $(sim plain call_in_host_function)

# ---- mistakes that a sanitizer sees, with the line ----

seen() { # KIND CODE PATTERN NAME
  expect "$2" "$3" $(sim $1 $4 CUDASIM_LEAKS=0)
}
seen asan 1 'heap-buffer-overflow .*bugs.cu.* in kernel_set' outside_global
seen asan 1 'heap-buffer-overflow .*bugs.cu.* in kernel_outside_dynamic' outside_dynamic_shared
seen asan 1 'bugs.cu:.*index 40 out of bounds' outside_static_shared
seen asan 1 'global-buffer-overflow .*bugs.cu.* in kernel_beyond_shared' beyond_static_shared
seen asan 1 'heap-use-after-free .*bugs.cu.* in kernel_through' use_after_free
seen asan 1 'use-after-poison .*bugs.cu.* in kernel_through' other_devices_memory
seen asan 1 'use-after-poison .*bugs.cu.* in .*host_uses_device' host_uses_device
for name in missing_syncthreads missing_syncwarp block_race missing_fence missing_event missing_event_back; do
  seen tsan 66 'data race .*bugs.cu.* in kernel_' $name
done
for name in missing_stream_sync host_buffer_reused; do seen tsan 66 'ThreadSanitizer: data race' $name; done
expect 134 'was written after it was freed, at byte 0' $(sim plain use_after_free CUDASIM_LEAKS=0)

# ---- what is left at the end: 67 ----

expect 67 'leak: 1024 bytes of memory of device 0' $(sim plain leak_memory)
expect 67 'leak: a stream of device 0' $(sim asan leak_stream)
expect 67 'leak: an event of device 0' $(sim tsan leak_event)
expect 67 'never waited for, so never done: kernel kernel_set' $(sim plain leak_work)
expect 0 '^$' $(sim plain leak_memory CUDASIM_LEAKS=0)
finish
