#!/bin/bash
# SPDX-License-Identifier: MIT
# partial.sh: what can be seen of a run before it ends: its trials are those of the file that it makes, they are counted
# and marked, and whoever looks disturbs nothing and leaves nothing behind.
. "$(dirname "$0")/../support/shell.sh"
export TMPDIR=$work/tmp
mkdir "$TMPDIR"

cat > long.yaml <<'Y'
title: "A long one"
model: resnet
trials: 1000
grid: {k: [16, 25]}
parameters: {p: 8}
teacher: {a: {sum: 2, norm: sqrt(k)}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: 0.0002}]
stop: {at: 1e-5, max_steps: 150000}
allow: {unresolved: 1}
record: {trials: 70, steps: {log: 30}, observables: [loss], parameters: true}
Y
options=(run long.yaml -q --no-provenance --part-trials 32 --set seed=3)
run() { "$basin" "${options[@]}" "$@"; }
work_ms=$(cpu_of run -o whole.h5)
check "an undisturbed run" test -s whole.h5
expect 0 'whole.h5: all trials are there' "$basin" status whole.h5
expect 0 '"complete": true' "$basin" status whole.h5 --json

# a run that is held in its middle
"$basin" "${options[@]}" -o out.h5 &
pid=$!
until [ "$(ls out.h5.parts 2>/dev/null | grep -c 'part$')" -gt 5 ] || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
kill -STOP $pid
check "it is held before its end" test ! -e out.h5
expect 0 'out.h5: [0-9]+ of 2000 trials are there, in [0-9]+ finished parts; a run is at work on it' "$basin" status out.h5
expect 0 'note: out.h5: the run has not ended: [0-9]+ of 2000 trials are there, in whole parts \(cell' "$basin" summary out.h5
expect 0 'note: parts whose trials end early are there first' "$basin" summary out.h5
expect 0 'PARTIAL: [0-9]+ trials are missing' "$basin" summary out.h5
expect 0 'A long one' "$basin" summary out.h5.parts/
expect 0 '# partial: [0-9]+ trials are missing' "$basin" summary out.h5 --csv
expect 0 'means over trials' "$basin" rates out.h5
expect 2 'out.h5: cannot be read' "$basin" check out.h5
"$basin" summary out.h5 --json > summary.json 2>/dev/null
"$basin" status out.h5 --json > status.json
check "the trials of the parts, and no others, as in the file" /usr/bin/python3 - out.h5.parts whole.h5 summary.json status.json <<'P'
import h5py, json, os, re, sys
folder, whole, summary, status = sys.argv[1:]
f, told, state = h5py.File(whole), json.load(open(summary)), json.load(open(status))
names = [w.decode() if isinstance(w, bytes) else w for w in f["outcome"].attrs["flag_meanings"].split()]
count = [[0] * len(names) for c in told["cells"]]
trials = 0
for name in os.listdir(folder):
    m = re.fullmatch(r"c(\d+)-t(\d+)-n(\d+)\.part", name)
    if not m: continue
    c, first, n = map(int, m.groups())
    for o in f["outcome"][c, first:first + n]: count[c][o] += 1
    trials += n
assert 0 < trials < 2000 and told["missing"] == 2000 - trials and state["trials"] == {"all": 2000, "done": trials}
assert state["running"] and not state["complete"]
for cell, mine in zip(told["cells"], count):
    assert [cell["outcomes"][name] for name in names] == mine and cell["trials"] == sum(mine)
P
if command -v gnuplot >/dev/null; then
  check "a figure of it" "$basin" plot out.h5 -o fig.svg 2>/dev/null
  check "is marked" grep -q 'A long one (partial)' fig.svg
  check "a figure of its trajectories" "$basin" plot out.h5 --observable loss -o fig.svg 2>/dev/null
  check "is marked, too" grep -q 'A long one (partial)' fig.svg
fi
check "nothing is left of looking" test -z "$(ls -A "$TMPDIR")"
cp -r out.h5.parts parts
kill -CONT $pid

# whoever looks while it goes on, and ends, sees a partial file or the whole one
seen=0 bad=0
while kill -0 $pid 2>/dev/null; do
  "$basin" summary out.h5 >said 2>&1 || { bad=$((bad + 1)); cat said; }
  seen=$((seen + 1))
done
wait $pid
check "looked $seen times at a run at work, $bad times in vain" test $bad = 0 -a $seen -gt 0
check "it is not disturbed" cmp out.h5 whole.h5
check "and nothing is left" test -z "$(ls -A "$TMPDIR")" -a ! -e out.h5.parts
check "a file that is there has no mark" eval '! "$basin" summary out.h5 2>&1 | grep -qE "PARTIAL|note"'

# one that was killed; a damaged part does not count
mv parts killed.h5.parts
expect 0 'nothing runs on it: the command that began it goes on' "$basin" status killed.h5
one=$(ls killed.h5.parts | grep 'part$' | head -1)
before=$("$basin" summary killed.h5 2>&1 | grep -oE '[0-9]+ of 2000')
printf x | dd of="killed.h5.parts/$one" bs=1 seek=300 conv=notrunc 2>/dev/null
after=$("$basin" summary killed.h5 2>&1 | grep -oE '[0-9]+ of 2000')
check "the damaged part is left out: $before, $after" test $((${before% of*} - ${after% of*})) = 32
mkdir empty.h5.parts
cp killed.h5.parts/basin-run empty.h5.parts/
expect 2 'empty.h5: the run has not ended, and no part of it is finished yet' "$basin" summary empty.h5
rm killed.h5.parts/*.part.saved killed.h5.parts/$one 2>/dev/null
check "it goes on" run -o killed.h5
check "to the same file" cmp killed.h5 whole.h5
expect 2 'never.h5: cannot be read as HDF5: No such file' "$basin" summary never.h5
expect 2 'never.h5: cannot be read as HDF5: No such file' "$basin" status never.h5

# a file of somebody else that has the charter's name stays, and is in nobody's way
mkdir mine.h5.parts
echo mine > mine.h5.parts/basin-run
expect 0 'mine.h5.parts: left, for there are other things in it' "$basin" run long.yaml --trials 40 --no-provenance -o mine.h5
check "it stays" grep -qx mine mine.h5.parts/basin-run
rm -rf mine.h5*
echo mine > damaged
for text in '' 'basin campaign 1' $'basin campaign 1\nname x\npart-trials 0\nexperiment\nmodel: none'; do
  mkdir mine.h5.parts
  printf '%s\n' "$text" > mine.h5.parts/basin-run
  expect 2 'mine.h5|x.yaml' "$basin" summary mine.h5
  rm -r mine.h5.parts
done

# until: the targets are those of the round
cat > until.yaml <<'Y'
model: cnn
trials: 64
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
until: {halfwidth: 0.03, max_trials: 4000}
Y
check "a campaign's folder" "$basin" run until.yaml -q -o dir/ --shard 1/2
expect 0 'dir/: the run has not ended: [0-9]+ of 128 trials are there' "$basin" summary dir/
expect 0 'PARTIAL: ' "$basin" summary dir
check "the first round" "$basin" run dir/ -q --shard 2/2
expect 0 'dir: the run has not ended: [0-9]+ of [0-9]{4} trials are there' "$basin" summary dir
check "all rounds" "$basin" run dir/ -q
expect 0 'note: dir: all [0-9]{4} trials are there, and the output file is not made yet' "$basin" summary dir
check "no mark where all are there" eval '! "$basin" summary dir 2>&1 | grep -q PARTIAL'

# what a killed reader has left goes with the next one; the files of others do not
sleep 0.01 & dead=$!
wait $dead
node=$(uname -n)
touch "$TMPDIR/basin-unfinished.tmp-$node-$dead-0123abcd" "$TMPDIR/basin-unfinished.txt"
"$basin" summary dir >/dev/null 2>&1
check "swept" test "$(ls -A "$TMPDIR")" = basin-unfinished.txt

# no room for it: a reason, and nothing stays
mkdir small
if mount -t tmpfs -o size=8k tmpfs small 2>/dev/null; then
  trap 'umount "$work/small" 2>/dev/null; chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
  expect 1 'small/basin-unfinished.*No space left' env TMPDIR=small "$basin" summary dir
  check "nothing stays" test -z "$(ls -A small)"
fi
expect 1 'nowhere/basin-unfinished.*No such file' env TMPDIR=nowhere "$basin" summary dir
finish
