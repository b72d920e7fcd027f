#!/bin/bash
# SPDX-License-Identifier: MIT
# preview.sh: what --dry-run says of a run before it starts: its needs, a sample of every cell, time, warnings. It answers
# signals, ends by itself, and writes nothing.
. "$(dirname "$0")/../support/shell.sh"

cat > plain.yaml <<'Y'
title: "A plain one"
model: cnn
trials: 1000
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.05}]
stop: {at: 1e-3, max_steps: 100000}
record: {trials: 10, steps: [0, 10, 100]}
Y
dry() { "$basin" run "$@" --dry-run; }
expect 0 '^2 cells, 2000 trials in [0-9]+ parts; at most .* of memory and .* of disk; ' dry plain.yaml
expect 0 '^a sample: 128 trials of 2 cells, to [0-9]+ steps at most, in ' dry plain.yaml --threads 1
expect 0 '^   1 +9 +64 +0\.[0-9]+  \[0\.[0-9]+, 0\.[0-9]+\] +[0-9]+ +0 +0 +0  [0-9.]+$' dry plain.yaml --threads 1
expect 0 '^the whole run: .* trial-steps; here and now .* a second: [0-9]+ s' dry plain.yaml
expect 0 'long trials that are rare, fewer than 5.7% of a cell, need not be in a sample of 64' dry plain.yaml --threads 1
check "no warning where nothing is amiss" eval '! dry plain.yaml 2>&1 | grep -q warning'
check "nothing is written" test "$(ls -A)" = plain.yaml

# the steps that it foretells beside those of the run
dry plain.yaml > said
check "the run" "$basin" run plain.yaml -q -o plain.h5
check "the steps are what it says, to within a third" /usr/bin/python3 - <<'P'
import h5py, re
low, high = re.search(r"whole run: ([0-9.e+]+)(?: to ([0-9.e+]+))? trial-steps", open("said").read()).groups()
steps = h5py.File("plain.h5")["steps"][...].sum()
assert float(low) / 1.33 < steps < float(high or low) * 1.33, (low, high, steps)
P

# trials that do not end: told as such, with both ends of what is known
endless=(plain.yaml --set 'schedule=[{eta: 1e-9}]' --set 'stop={at: 1e-3, max_steps: 1e11}')
timeout 60 "$basin" run "${endless[@]}" --dry-run > said
check "it ends by itself" test $? = 0
check "trials that have not ended: at least" grep -qE 'second: at least .* and up to .* if those that have not ended take max_steps' said
check "their number, and over how many steps" grep -qE '^   0 +4 +64 .* +64  over [0-9.e+]+$' said
check "the interval knows nothing" grep -qE '^   0 +4 +64 +0.0000  \[0.0000, 1.0000\]' said
check "a warning" grep -qF 'warning: 2 cells (0, 1): no trial of the sample has ended' said

expect 0 'warning: 2 cells \(0, 1\): no trial of the sample is resolved: raise stop.max_steps' dry plain.yaml --set stop.max_steps=8
expect 0 'warning: 1 cell \(1\): trials diverge' dry plain.yaml --set 'variants={fine: {}, wild: {schedule: [{eta: 50}]}}' --set 'grid={k: [4]}'
expect 0 '^until: [0-9]+ to [0-9]+ trials in all, by these rates' dry plain.yaml --set 'until={halfwidth: 0.02}'
expect 0 'estimates on 100 fresh inputs .* come on top' dry plain.yaml --set 'record={trials: 2, estimate: {inputs: 100}}'
expect 0 '\(40 of 60 cells are shown, 60 were sampled\)' dry plain.yaml --set "grid={k: [$(seq -s, 4 63)]}"
expect 0 'A plain one' dry plain.yaml --set 'variants={one: {}, two: {on_divergence: halve}}'

# steps that take longer than there is time
timeout 60 "$basin" run plain.yaml --set 'gradient={sampled: {inputs: 3, sampler: direct}}' --set 'parameters={p: 1000000}' \
  --dry-run --threads 1 > said 2>&1
code=$?
check "long steps: exit 0, not $code: $(tail -n 3 said)" eval 'test $code = 0 && grep -qE "the whole run|no trial has taken a step" said'

# signals, and two seconds
for signal in INT TERM; do
  env --default-signal=INT "$basin" run "${endless[@]}" --dry-run > said 2>&1 &
  pid=$!
  await_cpu $pid 100
  stop_with $pid $signal
  code=$?
  check "SIG$signal: exit 75, not $code" test $code = 75
  check "SIG$signal: within two seconds of processor time, not $took ms" test $took -lt 2000
done

# a campaign: of one shard too; and submit goes on as it did
expect 0 '; a shard of 4 on such a machine: ' dry plain.yaml -o big/ --shard 1/4
check "no folder is made" test ! -e big
expect 0 'not submitted; submit it with: sbatch' "$basin" submit plain.yaml -o big/ --shards 4 --dry-run
expect 0 '^the whole run: ' dry big/

# more memory than there is: not tried
expect 0 'not sampled: that is more memory than this machine has' dry plain.yaml \
  --set 'record={trials: 1000, steps: {every: 1}}' --set stop.max_steps=900000 --threads 4096
# from here on through the simulated devices
simulated
expect 0 'cuda.*' dry plain.yaml --backend cuda --threads 2
expect 0 '^a sample: [0-9]+ trials of 2 cells' dry plain.yaml --backend cuda --threads 2
expect 0 '^the whole run: .* trial-steps; ' dry plain.yaml --backend cuda --threads 2

# a device that fails, as it works or at once: the other does its part; or there is no sample, and it says why
export CUDASIM_LEAKS=0 CUDASIM_DEVICES=2
expect 0 '^a sample: [0-9]+ trials of 2 cells' env CUDASIM_FAIL=launch:1:5:700 "$basin" run plain.yaml --dry-run --backend cuda --threads 2
expect 0 '^not sampled: cuda [01] ' env 'CUDASIM_FAIL=launch:*:1:700' "$basin" run plain.yaml --dry-run --backend cuda --threads 2
finish
