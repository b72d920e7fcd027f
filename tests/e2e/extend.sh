#!/bin/bash
# SPDX-License-Identifier: MIT
# extend.sh: a finished file that gets more trials, a narrower `until`, more grid points or variants is that of a fresh
# run, byte by byte, whatever happens on the way; and what would lose something is refused.
. "$(dirname "$0")/../support/shell.sh"
kills=10
[ -n "${BASIN_SOAK:-}" ] && kills=100

cat > small.yaml <<'Y'
model: cnn
trials: 300
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {trials: 20, steps: [0, 10, 100], final: [loss, phi]}
on_divergence: halve
Y
run() { "$basin" run "$@" -q --no-provenance; }
told() { "$basin" run "$@" --no-provenance; }
run small.yaml -o small.h5

# larger WHAT COMMAND...: small.h5 extended is the file of a fresh run
larger() {
  local what=$1
  shift
  check "$what: fresh" run "$@" -o fresh.h5
  cp small.h5 grown.h5
  expect 2 'grown.h5: has 600 trials of this experiment, which asks for more: --extend runs those' run "$@" -o grown.h5
  check "$what: not touched without --extend" cmp small.h5 grown.h5
  expect 0 'wrote grown.h5: .*, [0-9]* of them from before' told "$@" -o grown.h5 --extend
  check "$what: the same file" cmp fresh.h5 grown.h5
  expect 0 'is complete already' told "$@" -o grown.h5 --extend
  check "$what: nothing else is left" test -z "$(ls | grep -E 'tmp|parts')"
  rm -f fresh.h5
}
larger "more trials" small.yaml --trials 2000
larger "more grid points, in another order" small.yaml --set 'grid.k=[9, 16, 4]'
larger "another grid parameter" small.yaml --set 'grid={k: [4, 9], p: [3, 5]}' --set 'parameters={}'
larger "trials and grid points" small.yaml --trials 301 --set 'grid.k=[3, 9, 4]' --part-trials 7
larger "until" small.yaml --set 'until={halfwidth: 0.02, max_trials: 5000}'
larger "more recorded trials" small.yaml --set record.trials=50
cp small.h5 grown.h5
expect 0 'grown.h5: 40 trials are run again: it does not have all that is to be kept of them' \
  told small.yaml -o grown.h5 --extend --set record.parameters=true
run small.yaml -o fresh.h5 --set record.parameters=true
check "full vectors are made of trials that run again" cmp fresh.h5 grown.h5
rm fresh.h5

cat > variants.yaml <<'Y'
model: cnn
trials: 100
parameters: {k: 9, p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
variants:
  slow: {}
  fast: {schedule: [{eta: 0.3}]}
Y
run variants.yaml -o v.h5
sed 's/^  fast/  other: {schedule: [{eta: 0.2}]}\n  fast/' variants.yaml > more.yaml
run more.yaml -o fresh.h5
check "another variant" run more.yaml -o v.h5 --extend
check "another variant: the same file" cmp fresh.h5 v.h5
rm fresh.h5

# until, narrowed twice; and where the larger run needs fewer trials of a cell, it says so
narrow() { echo "until={halfwidth: $1, max_trials: 6000}"; }
run small.yaml --trials 100 --set "$(narrow 0.05)" -o u.h5
for halfwidth in 0.03 0.015; do
  run small.yaml --trials 100 --set "$(narrow $halfwidth)" -o fresh.h5
  check "until $halfwidth" run small.yaml --trials 100 --set "$(narrow $halfwidth)" -o u.h5 --extend
  check "until $halfwidth: the same file" cmp fresh.h5 u.h5
  rm fresh.h5
done
expect 2 'u.h5: holds other trials: its until.halfwidth is 0.015, and 0.05 asks for less' \
  run small.yaml --trials 100 --set "$(narrow 0.05)" -o u.h5 --extend
expect 2 'u.h5: holds other trials: its number of trials of a cell is [0-9]*, and 200 asks for less' \
  run small.yaml --trials 200 -o u.h5 --extend

# a merge of some parts is completed
run small.yaml -o c/ --shard 1/2
check "part of a campaign" "$basin" merge c/ --partial -q --no-provenance -o partial.h5 2>/dev/null
run small.yaml --trials 500 -o fresh.h5
check "a partial file is completed" run small.yaml --trials 500 -o partial.h5 --extend
check "to the same file" cmp fresh.h5 partial.h5
rm fresh.h5
expect 2 'extend goes with a file; a campaign takes more trials' run small.yaml -o c/ --extend

# what would lose something, or is another experiment, is refused, and names the key
refused() { # refused PATTERN OPTION...
  local pattern=$1
  shift
  expect 2 "small.h5: .*$pattern" run small.yaml -o small.h5 --extend "$@"
}
cp small.h5 before.h5
refused 'its trials is 300, and 200 asks for less' --trials 200
refused 'holds another experiment: schedule.0.eta is 0.2, in it 0.1' --set 'schedule=[{eta: 0.2}]'
refused 'holds another experiment: init.a.ball is 2, in it 1' --set init.a.ball=2
refused 'holds another experiment: seed is 4, in it not given' --seed 4
refused 'holds another experiment: stop.* is a mapping, in it not given' --set 'stop={max_steps: 5000}'
refused 'holds another experiment: grid.k lacks 4, which is in it' --set 'grid.k=[9]'
refused 'holds more than the experiment keeps: record.trials is less' --set record.trials=10
refused 'holds more than the experiment keeps: record.final is less' --set 'record.final=[loss]'
refused 'holds more than the experiment keeps: record.steps is less' --set 'record.steps=[0, 10]'
refused 'does not keep final_norm_v, which the experiment asks for' --set 'record.final=[loss, phi, norm_v]'
expect 2 'small.h5: holds another experiment: seed is 4' run small.yaml -o small.h5 --seed 4
check "nothing of it has changed" cmp small.h5 before.h5
"$basin" run small.yaml -q --cell 0 --trial 5 -o one.h5
expect 2 'one.h5: holds another experiment, or other trials.*a single trial' run small.yaml -o one.h5 --extend
"$basin" run small.yaml -q --set 'grid.k=[4]' --cell 0 --trial 5 -o two.h5
expect 2 'two.h5: holds another experiment, or other trials.*a single trial' run small.yaml --set 'grid.k=[4]' -o two.h5
"$basin" run small.yaml -q --set 'grid.k=[4]' --trials 1 --cell 0 --trial 5 -o three.h5
expect 2 'three.h5: holds another experiment, or other trials.*a single trial' run small.yaml --set 'grid.k=[4]' --trials 1 -o three.h5
expect 2 'not with --trial' run small.yaml --cell 0 --trial 5 --extend -o new.h5
check "where there is no file yet, it is a run" run small.yaml -o new.h5 --extend
check "the same" cmp small.h5 new.h5

# damage anywhere in what is taken over: refused before anything is made of it, and the file stays
/usr/bin/python3 - <<'P'
import h5py, shutil
for name in ("outcome", "steps", "final_loss", "loss"):
    shutil.copy("small.h5", name + ".h5")
    with h5py.File(name + ".h5", "a") as f:
        f[name][1, 3:6] = 1
shutil.copy("small.h5", "unsigned.h5")
with h5py.File("unsigned.h5", "a") as f:
    del f["checksum"]
P
for name in outcome steps final_loss loss; do
  cp $name.h5 copy.h5
  expect 2 "$name.h5: $name of cell 1 is damaged: its checksum differs" run small.yaml --trials 400 -o $name.h5 --extend
  check "$name: the file stays as it is" cmp copy.h5 $name.h5
  check "$name: no parts" test ! -e $name.h5.parts
done
expect 2 'unsigned.h5: has no checksums' run small.yaml --trials 400 -o unsigned.h5 --extend

# kill -9 at any moment, and signals: the file is the old one or the new one, and the same command ends it
cat > long.yaml <<'Y'
model: resnet
trials: 500
grid: {k: [16, 25]}
parameters: {p: 8}
teacher: {a: {sum: 2, norm: sqrt(k)}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: 0.0002}]
stop: {at: 1e-5, max_steps: 100000}
allow: {unresolved: 1}
record: {trials: 300, steps: {log: 300}}
Y
run long.yaml -o long.h5
more=(long.yaml --trials 1500 --part-trials 50 -o long.h5 --extend)
cp long.h5 old.h5
work_ms=$(cpu_of run long.yaml --trials 1500 --part-trials 50 -o whole.h5)
broken=0
for ((i = 0; i < kills; i++)); do
  "$basin" run "${more[@]}" -q --no-provenance &
  pid=$!
  await_cpu $pid "$(awk "BEGIN { srand($i + 1); print int(rand() * $work_ms / 4) }")"
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  cmp -s long.h5 old.h5 || cmp -s long.h5 whole.h5 || broken=$((broken + 1))
done
check "the file is always whole, but for $broken times" test $broken = 0
cp old.h5 long.h5
interrupt TERM $((work_ms / 4)) "$basin" run "${more[@]}" -q --no-provenance 2>said
code=$?
if [ $code != 0 ]; then
  check "SIGTERM: exit 75, not $code" test $code = 75
  check "SIGTERM: the old file is there" cmp long.h5 old.h5
  expect 0 'is complete already' told long.yaml -o long.h5 # the command of the old file takes nothing from the larger run
  check "SIGTERM: the parts are kept" test "$(ls long.h5.parts | grep -c 'part$')" -gt 0
fi
check "it goes on" run "${more[@]}"
check "to the same file" cmp long.h5 whole.h5
check "nothing else is left" test ! -e long.h5.parts -a -z "$(ls | grep tmp-)"

# parts that a killed run of the old experiment has left are not in the way of one with more grid points
cp small.h5 grown.h5
mkdir grown.h5.parts
"$basin" run small.yaml -q -o left/ --shard 1/1 && cp left/parts/*.part grown.h5.parts/
run small.yaml --set 'grid.k=[4, 9, 16]' -o fresh.h5
check "parts of the old file" run small.yaml --set 'grid.k=[4, 9, 16]' -o grown.h5 --extend
check "parts of the old file: the same file" cmp fresh.h5 grown.h5
rm fresh.h5

# a disk that is full, whenever: the old file stays whole
mkdir disk
if mount -t tmpfs -o size=900k tmpfs disk 2>/dev/null; then
  trap 'umount "$work/disk" 2>/dev/null; chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
  run small.yaml --trials 3000 -o fresh.h5
  refusals=0
  for free in $(seq 0 50 700); do
    rm -rf disk/*
    cp small.h5 disk/small.h5
    head -c "$(($(df --output=avail disk | tail -1) - free))k" /dev/zero > disk/filler 2>/dev/null
    run small.yaml --trials 3000 -o disk/small.h5 --extend 2>said
    code=$?
    if [ $code = 0 ]; then check "with $free kB: the new file" cmp disk/small.h5 fresh.h5
    else
      refusals=$((refusals + 1))
      check "with $free kB: exit 1 with a reason, not $code, $(cat said)" eval "test $code = 1 && grep -qE 'No space left|are free' said"
      check "with $free kB: the old file stays" cmp disk/small.h5 small.h5
      rm disk/filler
      check "with $free kB: goes on with more room" run small.yaml --trials 3000 -o disk/small.h5 --extend
      check "with $free kB: to the same file" cmp disk/small.h5 fresh.h5
    fi
  done
  check "refused $refusals times" test $refusals -gt 2
fi
# ---- what is there is not lost ----

# fewer trials than a run that was stopped has finished: refused, and the parts stay
cat > slow.yaml <<'Y'
model: cnn
trials: 4096
parameters: {k: 9, p: 4}
teacher: {a: 1, v: {head: [0.6, 0.8]}}
init: {v: {sphere: 1}, a: {normal: 0.3}}
schedule: [{eta: 1e-4}]
stop: {at: 1e-4, max_steps: 60000}
allow: {unresolved: 1}
Y
"$basin" run slow.yaml -q -o fewer.h5 --part-trials 64 --threads 1 & runner=$!
until [ "$(ls fewer.h5.parts 2>/dev/null | grep -c 'n64.part$')" -ge 3 ] || ! kill -0 $runner 2>/dev/null; do sleep 0.02; done
kill -TERM $runner
wait $runner
check "stopped half way" test $? = 75
ls fewer.h5.parts > before
expect 2 'fewer.h5.parts: has finished trials .* fewer are asked for now: go on with more' "$basin" run slow.yaml -q -o fewer.h5 --trials 100
check "all parts are there" cmp before <(ls fewer.h5.parts)

# the finished file's own command beside its extension at work: the parts of that one stay
check "a small file" "$basin" run slow.yaml -q -o bigger.h5 --trials 64
"$basin" run slow.yaml -q -o bigger.h5 --part-trials 64 --threads 1 --extend & runner=$!
until [ -e bigger.h5.parts/basin-run ] && ls bigger.h5.parts | grep -q 'part$' || ! kill -0 $runner 2>/dev/null; do sleep 0.02; done
ls bigger.h5.parts | grep 'part$' > before
check "the small one's command" "$basin" run slow.yaml -q -o bigger.h5 --trials 64
check "takes no part away" test -z "$(comm -23 before <(ls bigger.h5.parts))"
kill -TERM $runner
wait $runner
check "the extension was at work" test $? = 75

finish
