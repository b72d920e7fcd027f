#!/bin/bash
# SPDX-License-Identifier: MIT
# pause.sh: a signal is answered within two seconds, whatever runs: long steps, long starts, long estimates, large
# data sets; what goes on after it makes the same file. Seconds of processor time, with one thread: a busy machine
# stretches the clock, not these.
. "$(dirname "$0")/../support/shell.sh"

cat > neuron.yaml <<'Y'
model: relu_sum
trials: 64
teacher: {v: {head: [1]}}
init: {w: {normal: 0.1}}
schedule: [{eta: 1}]
stop: {at: 1e-14, max_steps: 4000000}
allow: {unresolved: 1, diverged: 1}
Y
cat > net.yaml <<'Y'
model: cnn
trials: 64
teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.01}]
stop: {max_steps: 4000000}
allow: {unresolved: 1, diverged: 1}
Y
options=(-q --no-provenance --threads 1 --backend cpu)
run() { "$basin" run "${options[@]}" "$@"; }

# a single trial, which is shown from memory
mkdir scratch
TMPDIR=$work/scratch "$basin" run neuron.yaml --threads 1 --set method=gradient_flow --set 'parameters={n: 60, d: 200}' \
  --cell 0 --trial 3 > said 2>&1 &
pid=$!
await_cpu $pid 400
stop_with $pid TERM
code=$?
check "a single trial: exit 75, not $code; it said: $(cat said)" test $code = 75
check "a single trial: it took $took ms to stop" test "$took" -lt 2000
check "a single trial: no scratch file is left" test -z "$(ls scratch)"

# stopped MS OPTIONS...: a run into out.h5, and a SIGTERM when it has used so much; its exit code, and what it has used
# after that, in `took`
stopped() {
  local ms=$1
  shift
  "$basin" run "${options[@]}" -o out.h5 "$@" 2> said &
  local pid=$!
  await_cpu $pid "$ms"
  until [ -e out.h5.parts ] || ! kill -0 $pid 2>/dev/null; do sleep 0.005; done # it catches signals before that
  stop_with $pid TERM
}

# answers WHAT MS OPTIONS...
answers() {
  local what=$1 code
  shift
  rm -rf out.h5 out.h5.parts
  stopped "$@"
  code=$?
  check "$what: exit 75, not $code; it said: $(head -c 300 said)" test $code = 75
  check "$what: $took ms of processor time after the signal" test $took -lt 2000
  echo "$what: $took ms after the signal"
}

flow=(neuron.yaml --set method=gradient_flow)
answers "flow, a step of seconds" 400 "${flow[@]}" --set 'parameters={n: 60, d: 200}'
answers "flow, a step of minutes" 1500 "${flow[@]}" --set 'parameters={n: 200, d: 1000}'
answers "flow, long vectors" 300 "${flow[@]}" --set 'parameters={n: 1, d: 1000000, span: 0}'
answers "descent of many neurons" 1500 neuron.yaml --set 'parameters={n: 400, d: 1000}'
answers "direct, many inputs" 300 net.yaml --set 'parameters={k: 100, p: 100}' \
  --set 'gradient={sampled: {inputs: 3000, sampler: direct}}'
answers "mixed, many inputs" 300 net.yaml --set 'parameters={k: 100, p: 100}' \
  --set 'gradient={sampled: {inputs: 6000, sampler: direct, precision: mixed}}'
answers "projected, many inputs" 300 net.yaml --set 'parameters={k: 100, p: 100}' \
  --set 'gradient={sampled: {inputs: 150000, sampler: projected}}'
answers "Wishart matrices" 1000 neuron.yaml --set 'parameters={n: 300, d: 3000}' \
  --set 'gradient={sampled: {inputs: 2, sampler: projected}}'
answers "long filters" 300 net.yaml --set 'parameters={k: 2, p: 10000000}'
answers "the longest filters" 300 net.yaml --set 'parameters={k: 2, p: 16000000}'
answers "long filters, sampled" 300 net.yaml --set 'parameters={k: 2, p: 5000000}' \
  --set 'gradient={sampled: {inputs: 2, sampler: direct}}' --trials 16
answers "estimates" 1500 neuron.yaml --set 'parameters={n: 300, d: 100}' --set stop.max_steps=1 --trials 1 \
  --set 'record={trials: 1, steps: [0, 1], estimate: {inputs: 300000}}'
answers "a data set that is drawn" 300 net.yaml --set 'parameters={k: 10, p: 10}' \
  --set 'gradient={sampled: {inputs: {fixed: 1000000}}}'
answers "large mini-batches" 600 net.yaml --set 'parameters={k: 5, p: 5}' \
  --set 'gradient={sampled: {inputs: {fixed: 1000000, batch: 1000000}}}'

# goes_on WHAT OPTIONS...: stopped again and again, each time a little later, and gone on with: the same file
goes_on() {
  local what=$1 stops=0 again=75 ms share
  shift
  rm -rf out.h5 out.h5.parts whole.h5
  share=$(($(cpu_of run -o whole.h5 "$@") / 12))
  check "$what, undisturbed: 12 times $share ms" test -s whole.h5
  ms=$share
  while [ $again = 75 ] || [ $again = 143 ]; do # 143: before it caught signals
    stopped $ms "$@"
    again=$?
    [ $again = 75 ] && stops=$((stops + 1))
    ms=$((ms + share + 10))
  done
  check "$what: ends at last, with exit $again: $(head -c 300 said)" test $again = 0
  check "$what: stopped $stops times" test $stops -gt 0
  check "$what: the same file" cmp whole.h5 out.h5
}
everything='record={trials: 20, steps: {log: 10}, parameters: true, final: all}'
goes_on "flow" "${flow[@]}" --set 'parameters={n: 20, d: 50}' --set stop.max_steps=9 --trials 10 --set "$everything"
goes_on "descent" neuron.yaml --set 'parameters={n: 60, d: 200}' --set stop.max_steps=500 --trials 10 \
  --set 'schedule=[{eta: 0.01}]' --set "$everything"
goes_on "direct" net.yaml --set 'parameters={k: 20, p: 50}' --set stop.max_steps=14 --trials 10 --set "$everything" \
  --set 'gradient={sampled: {inputs: 1000, sampler: direct}}'
goes_on "long filters" net.yaml --set 'parameters={k: 2, p: 1000000}' --set stop.max_steps=400 --trials 40 \
  --set 'record={trials: 20, steps: {log: 10}}'
goes_on "estimates" net.yaml --set 'parameters={k: 10, p: 10}' --set stop.max_steps=100 --trials 10 \
  --set 'record={trials: 4, steps: [0, 1, 100], estimate: {inputs: 200000}}'

# a flow over a time that no number of substeps takes ends, too: as diverged
cat > far.yaml <<'Y'
model: relu_sum
trials: 9
parameters: {d: 5, n: 3}
teacher: {v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.3}}
method: gradient_flow
schedule: [{eta: 1e100}]
stop: {max_steps: 20}
allow: {diverged: 1, unresolved: 1}
Y
for schedule in '[{eta: 1e100}]' '[{eta: 1e90}]' '[{steps: 1, eta: 1e100}, {eta: 5e-324}]'; do
  rm -f far.h5
  check "flow, $schedule: ends" bash -c "ulimit -t 60; exec '$basin' run far.yaml ${options[*]} --set 'schedule=$schedule'"
  expect 0 '0 of 9 trials are unresolved and 9 diverged' "$basin" summary far.h5
done
finish
