#!/bin/bash
# SPDX-License-Identifier: MIT
# memory.sh: ten million trials, summaries only, in less than 200 MB; two thousand parts merged in less than 40.
. "$(dirname "$0")/../support/shell.sh"
cat > many.yaml <<'Y'
model: cnn
trials: 10000000
parameters: {k: 4, p: 2}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 0.5}}
schedule: [{eta: 0.3}]
record: {final: [loss]}
allow: {unresolved: 1}
stop: {max_steps: 64}
Y
room=$(($(df --output=avail -k . | tail -1) / 1024))
if [ $room -lt 1000 ]; then
  echo "skipped: $room MB of disk, 1000 are needed"
  finish
  exit
fi
peak() { # peak resident memory of a command, in kB
  /usr/bin/python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
}
run=$(peak "$basin" run many.yaml -q)
summary=$(peak "$basin" summary many.h5)
echo "peak memory: run $((run / 1024)) MB, summary $((summary / 1024)) MB"
check "ten million trials run in less than 200 MB" test "$run" -lt 200000
check "and are summarised in less than 200 MB" test "$summary" -lt 200000
expect 0 ' 10000000 ' "$basin" summary many.h5
rm many.h5

# many neurons: what is said before is what is used, and more than the machine has is refused
cat > neurons.yaml <<'Y'
model: relu_sum
trials: 8
parameters: {n: 1000, d: 5}
teacher: {v: {head: [1]}}
init: {w: {normal: 1}}
schedule: [{eta: 1e-4}]
stop: {at: 1e-9, max_steps: 1}
allow: {unresolved: 1}
Y
said=$("$basin" run neurons.yaml --dry-run --backend cpu --threads 1 | sed -n 's/.*at most \([0-9.]*\) MB of memory.*/\1/p')
used=$(peak "$basin" run neurons.yaml -q --backend cpu --threads 1)
echo "peak memory: 1000 neurons $((used / 1024)) MB, at most $said MB were said"
check "no more than was said" test "$((used / 1024))" -le "${said%.*}"
# that is of eight trials side by side; a machine whose vectors are shorter needs less
lanes=1
if grep -qw avx512dq /proc/cpuinfo; then lanes=8; elif grep -qw avx2 /proc/cpuinfo; then lanes=4; fi
check "and no less than half of it" test "$((16 * used / 1024 / lanes))" -ge "${said%.*}"
expect 2 'needs .*[GT]B of memory, this machine has .*smaller vectors' \
  "$basin" run neurons.yaml -q --backend cpu --threads 2000 --set parameters.n=4096 -o none.h5

# a merge holds one part and the list of parts, however many rows there are
check "a campaign of two thousand parts" "$basin" run many.yaml -q --trials 2000000 -o many/ --part-trials 1000
merge=$(peak "$basin" merge many/ -q -o merged.h5)
echo "peak memory: merge $((merge / 1024)) MB"
check "is merged in less than 40 MB" test "$merge" -lt 40000
expect 0 ' 2000000 ' "$basin" summary merged.h5
export=$(peak "$basin" export merged.h5)
echo "peak memory: export $((export / 1024)) MB"
check "and its trials are written as CSV in less than 40 MB" test "$export" -lt 40000
finish
