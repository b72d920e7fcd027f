#!/bin/bash
# SPDX-License-Identifier: MIT
# resume.sh: a run that is interrupted, killed at random moments, and continued gives the same file.
. "$(dirname "$0")/../support/shell.sh"
kills=12
[ -n "${BASIN_SOAK:-}" ] && kills=100

cat > long.yaml <<'Y'
model: resnet
trials: 3000
grid: {k: [16, 25]}
parameters: {p: 8}
teacher: {a: {sum: 2, norm: sqrt(k)}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: 0.0002}]
stop: {at: 1e-5, max_steps: 150000}
allow: {unresolved: 1}
record: {trials: 3, steps: {log: 30}, parameters: true, final: all}
Y

options=(run long.yaml -q --no-provenance --part-trials 64)
run() { "$basin" "${options[@]}" "$@"; }

work_ms=$(cpu_of run -o whole.h5)
check "an undisturbed run" test -s whole.h5

# SIGINT and SIGTERM: exit code 75 within a second, finished parts kept, the same command goes on
for signal in INT TERM; do
  env --default-signal=INT "$basin" "${options[@]}" -o $signal.h5 2> said & # the shell would have it ignored
  pid=$!
  await_cpu $pid $((work_ms * 2 / 5))
  stop_with $pid $signal
  code=$?
  check "SIG$signal: exit 75, not $code" test $code = 75
  check "SIG$signal: stops within a second of processor time, not $took ms" test $took -lt 1000
  check "SIG$signal: says how to go on" grep -q 'trials are kept in .*parts, the same command goes on' said
  check "SIG$signal: parts are kept" test "$(ls $signal.h5.parts | wc -l)" -gt 0
  check "SIG$signal: goes on" run -o $signal.h5
  check "SIG$signal: the same file" cmp whole.h5 $signal.h5
  check "SIG$signal: no parts left" test ! -e $signal.h5.parts
done

# kill -9 at random moments: every part that was there stays there, unchanged; the file is the same in the end
lost=0 survived=0
for ((i = 0; i < kills; i++)); do
  "$basin" "${options[@]}" -o killed.h5 &
  pid=$!
  await_cpu $pid "$(awk "BEGIN { srand($i + 1); print int(rand() * $work_ms / 3) }")"
  before=$(ls killed.h5.parts 2>/dev/null | grep 'part$')
  sums=$(cd killed.h5.parts 2>/dev/null && cat $before </dev/null 2>/dev/null | cksum)
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  [ -e killed.h5 ] && break
  for part in $before; do
    survived=$((survived + 1))
    [ -e "killed.h5.parts/$part" ] || lost=$((lost + 1))
  done
  [ "$sums" = "$(cd killed.h5.parts 2>/dev/null && cat $before </dev/null | cksum)" ] || lost=$((lost + 1))
done
check "parts lost to kill -9: $lost" test $lost = 0
check "the kills met some parts: $survived" test $survived -gt 0
check "goes on after kill -9" run -o killed.h5
check "the same file after kill -9" cmp whole.h5 killed.h5
check "no temporary file left" test -z "$(ls | grep -E 'tmp|parts')"

# two at once on one output: the second is told so
"$basin" "${options[@]}" -o twice.h5 &
pid=$!
until compgen -G 'twice.h5.parts/*.part' >/dev/null || ! kill -0 $pid; do sleep 0.01; done
kill -STOP $pid # it holds the output, and does not end meanwhile
expect 1 'another basin is running on it' run -o twice.h5
kill -CONT $pid
wait $pid
check "the first of two is not disturbed" cmp whole.h5 twice.h5

# a part is acknowledged only after it and its folder are synced
strace -f -e trace=fsync,rename,renameat,renameat2,openat,close -o trace "$basin" run long.yaml -q --trials 64 \
  --part-trials 64 --threads 1 -o traced.h5 2>/dev/null
check "fsync before rename, fsync of the folder after" awk '
  /openat.*part\.tmp/ { open = 1 } /fsync/ && open { synced = 1 }
  /rename.*part"/ { if (!synced) bad = 1; renamed = 1; open = synced = 0; next }
  renamed && /fsync/ { folder++; renamed = 0 } END { exit bad || folder < 2 }' trace
finish
