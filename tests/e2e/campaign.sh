#!/bin/bash
# SPDX-License-Identifier: MIT
# campaign.sh BUILD [quick]: shards, merge and status. However the work is split, interrupted, repeated or damaged, the
# merged file is that of one run on one machine. quick, for a build with sanitizers: what is interrupted has a quarter of
# the steps, so it takes the same time; how evenly the load is cut does not depend on the build.
. "$(dirname "$0")/../support/shell.sh"
quick=${2:-}
faster=${quick:+4}
kills=12
[ -n "${BASIN_SOAK:-}" ] && kills=100

steps=$((4000 / ${faster:-1}))
cat > many.yaml <<Y
title: "many cells"
grid: {k: [4, 9, 16, 25]}
trials: 900
parameters: {p: 6}
teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}
variants:
  res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}}
  cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}}
schedule: [{steps: 20, eta: 0.1/k}, {eta: 1/k^2}]
stop: {max_steps: $steps}
allow: {unresolved: 1, diverged: 1}
record: {trials: 100, steps: {log: 12}, parameters: true, final: all}
Y
run() { "$basin" run "$@" -q; }
shards() { # shards DIR N OPTIONS...: all of them, the last one first
  local dir=$1 n=$2 i
  shift 2
  for ((i = n; i >= 1; i--)); do run many.yaml -o "$dir" --shard $i/$n "$@" || return; done
}
merge() { "$basin" merge "$@" -q --no-provenance; }
check "a run on one machine" run many.yaml --no-provenance -o one.h5

# ---- any split gives the same file ----
for n in 1 2 5 40; do
  check "$n shards" shards D$n/ $n --threads $((n % 2 + 1))
  check "$n shards: merged" merge D$n/ -o d$n.h5
  check "$n shards: the same file" cmp one.h5 d$n.h5
done
check "shards of another instruction set and of two splits mix" eval \
  'run many.yaml -o mix/ --shard 2/3 --isa generic && run many.yaml -o mix/ --shard 1/2 && run mix/ --shard 2/2'
check "mixed: merged" merge mix -o mix.h5
check "mixed: the same file" cmp one.h5 mix.h5
expect 0 'shard 3 of 5 is done: .* 0 trial-steps .*all parts are there' "$basin" run many.yaml -o D5/ --shard 3/5
expect 0 'next: basin merge D5 -o many.h5' "$basin" run D5/ --shard 1/7

# two processes on one shard, by mistake
run many.yaml -o twice/ --shard 1/2 & first=$!
run many.yaml -o twice/ --shard 1/2 & second=$!
check "the first of two on one shard" wait $first
check "the second of two on one shard" wait $second
check "and the other shard" run many.yaml -o twice/ --shard 2/2
check "twice: merged" merge twice/ -o twice.h5
check "twice: the same file" cmp one.h5 twice.h5

# ---- the load is balanced by its cost: Table 1 of Liu et al., every trial to 1e-6 ----
table="$here/data/experiments/resnet-table1.yaml"
for n in 3 7 16; do
  [ -z "$quick" ] || break
  for ((i = 1; i <= n; i++)); do
    "$basin" run "$table" --trials 160 --set stop.at=1e-4 -o load$n/ --shard $i/$n 2>&1 |
      sed -n 's/.* trials, \(.*\) trial-steps in .*/\1/p'
  done > load
  check "$n shards: nobody has more than 1.3 times the mean: $(tr '\n' ' ' < load)" awk -v n=$n '
    { sum += $1; if ($1 > most) most = $1 } END { exit !(NR == n && sum > 0 && most <= 1.3 * sum / n) }' load
done

# ---- missing parts ----
check "one shard of two" run many.yaml -o half/ --shard 1/2
expect 2 'half: [0-9]+ of [0-9]+ parts are missing; .*--partial' "$basin" merge half/ -o half.h5
check "nothing is written" test ! -e half.h5
expect 2 'missing: c00000[0-9]-t[0-9]+-n[0-9]+.part' "$basin" merge half/ -o half.h5
expect 0 'half: ([0-9]+) of ([0-9]+) parts' "$basin" status half/
expect 0 'PARTIAL: [0-9]+ trials are missing' "$basin" status half/
check "status --json" eval '"$basin" status half/ --json |
  jq -e ".complete == false and .parts.done < .parts.all and .trials.done < .trials.all and (.cells | length) == 8" >/dev/null'
check "a partial merge" merge half/ -o half.h5 --partial 2>named
expect 0 'PARTIAL: [0-9]+ trials are missing' "$basin" summary half.h5
check "summary --json says so" eval '"$basin" summary half.h5 --json | jq -e ".missing > 0" >/dev/null'
expect 0 '# partial: [0-9]+ trials are missing' "$basin" summary half.h5 --csv
check "the counts of the trials that are there" eval '
  diff <("$basin" summary half.h5 --json | jq "[.cells[] | [.trials, .outcomes, .success]]") \
       <("$basin" status half/ --json | jq "[.cells[] | [.trials, .outcomes, .success]]")'
check "figures of a partial file" eval '"$basin" plot half.h5 -o half.svg && grep -q partial half.svg &&
  "$basin" plot half.h5 -o half.png --observable loss'
check "xarray reads it" /usr/bin/python3 - <<'P'
import xarray
half, one = xarray.open_dataset("half.h5"), xarray.open_dataset("one.h5")
there = half.outcome.values >= 0
assert half.attrs["trials_missing"] == (~there).sum() > 0
assert (half.outcome.values[there] == one.outcome.values[there]).all()
assert half.final_loss.isnull().values[~there].all()
P
check "the other half" run half/ --shard 2/2
check "a whole merge takes the place of a partial one" merge half/ -o half.h5
check "and is the same file" cmp one.h5 half.h5
expect 0 'is merged already; nothing to do' "$basin" merge half/ -o half.h5

# a run makes a partial file whole, too; and a cell without a trial has no rate
check "a partial file, once more" eval 'run many.yaml -o few/ --shard 2/40 && merge few/ -o few.h5 --partial 2>named'
expect 0 ' 0        -  \[0.0000, 1.0000\]' "$basin" summary few.h5
check "run does not take it for the whole" eval 'run many.yaml --no-provenance -o few.h5 && cmp one.h5 few.h5'

# two merges into one file at once, without HDF5's own locks: the file is whole, whoever was faster
export HDF5_USE_FILE_LOCKING=FALSE
for ((i = 0; i < 8; i++)); do
  merge D5/ -o both.h5 & first=$!
  merge D5/ -o both.h5 & second=$!
  sleep "0.00$i"
  kill -9 $second 2>/dev/null
  wait $second 2>/dev/null
  check "the first of two merges" wait $first
  check "its file" cmp one.h5 both.h5
  rm both.h5
done
unset HDF5_USE_FILE_LOCKING

# nothing is written by a dry run; a folder with other things in it is left alone; nor a name that a charter cannot keep
expect 0 'in [0-9]+ parts' "$basin" run many.yaml -o dry/ --shard 1/4 --dry-run
check "a dry run makes nothing" test ! -e dry
mkdir other && touch other/thing
expect 2 'a folder with other things in it, and no campaign' "$basin" run many.yaml -o other
check "nothing was made there" test "$(ls other)" = thing
expect 2 'has a new line in it' "$basin" run many.yaml -o line/ --set $'title=a\nexperiment'
check "nothing is in the way" run many.yaml -o line/ --shard 1/90

# the exit code of a file that is there already is that of the run that made it
check "a campaign with unresolved trials" run many.yaml --set allow.unresolved=0 --set stop.max_steps=20 -o three/
expect 3 'cells have more unresolved trials than the experiment allows' "$basin" merge three/ -o three.h5
expect 3 'cells have more unresolved trials than the experiment allows' "$basin" merge three/ -o three.h5
expect 3 'cells have more unresolved trials than the experiment allows' "$basin" run many.yaml --set allow.unresolved=0 --set stop.max_steps=20 -o three.h5

# ---- more trials, and `until` ----
check "more trials" eval 'run many.yaml --trials 1000 -o half/ && merge half/ -o more.h5'
check "are those of one run" eval 'run many.yaml --trials 1000 --no-provenance -o more1.h5 && cmp more.h5 more1.h5'
expect 2 'asks for more trials' "$basin" run many.yaml --trials 10 -o half/ --shard 1/9
expect 2 'has parts of [0-9]+ trials, which cannot change' "$basin" run many.yaml --trials 1000 --part-trials 7 -o half/
check "another title is the campaign's from now on" eval 'run many.yaml --trials 1000 --set title=new -o half/ &&
  merge half/ -o title.h5 && run many.yaml --trials 1000 --set title=new --no-provenance -o title1.h5 && cmp title.h5 title1.h5'
until=(--trials 64 --set 'until={halfwidth: 0.03, max_trials: 3000}')
check "until: one run" run many.yaml "${until[@]}" --no-provenance -o until1.h5
for ((round = 0; round < 40; round++)); do
  for i in 1 2; do run many.yaml "${until[@]}" -o until/ --shard $i/2 || break 2; done
  merge until/ -o until.h5 2>/dev/null && break
done
check "until: in rounds ($round)" test $round -gt 0 -a $round -lt 40
check "until: the same file" cmp until1.h5 until.h5

# a bit flipped in a part of an earlier round
victim=$(ls until/parts | head -1)
/usr/bin/python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(400); b = f.read(1)[0]; f.seek(400); f.write(bytes([b ^ 1]))' "until/parts/$victim"
rm until.h5
expect 1 "damaged: $victim" "$basin" merge until/ -o until.h5
check "until: an earlier round is mended" eval 'run until/ --shard 1/2 && run until/ --shard 2/2 && merge until/ -o until.h5'
check "until: to the same file" cmp until1.h5 until.h5

# ---- damage ----
flip() { # flip FILE OFFSET
  /usr/bin/python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([b ^ 16]))' "$@"
}
victim=$(ls D5/parts | sed -n 7p)
other=$(ls D5/parts | sed -n 9p)
third=$(ls D5/parts | sed -n 11p)
flip "D5/parts/$victim" 3000 # in the trials
flip "D5/parts/$other" 60    # in the header
head -c 500 "D5/parts/$third" > cut && cp cut "D5/parts/$third"
touch -d '2020-01-01' D5/parts/*
rm d5.h5
expect 2 "damaged: $other" "$basin" merge D5/ -o d5.h5
check "the first two that are seen are gone" rm "D5/parts/$other" "D5/parts/$third"
expect 2 "missing: $other to $third, 2 parts" "$basin" merge D5/ -o d5.h5
check "they come back" run D5/ --shard 1/1 --isa generic
touch -d '2020-01-01' D5/parts/*
flip "D5/parts/$victim" 4000
expect 1 "damaged: $victim" "$basin" merge D5/ -o d5.h5
check "nothing is written from a damaged part" test ! -e d5.h5 -a ! -e d5.h5.tmp
expect 0 "damaged: $victim" "$basin" merge D5/ -o partial.h5 --partial
check "the shards run again" shards D5/ 5
check "and redo that part alone" test "$(find D5/parts -name '*.part' -newermt '2021-01-01')" = "D5/parts/$victim"
check "the same file after damage" eval 'merge D5/ -o d5.h5 && cmp one.h5 d5.h5'

# ---- what does not belong ----
sed 's/0.1\/k/0.2\/k/' many.yaml > other.yaml
expect 2 'D5: holds a campaign of another experiment' "$basin" run other.yaml -o D5/ --shard 1/2
check "a part of another experiment" run other.yaml -o foreign/
cp "foreign/parts/$(ls foreign/parts | head -1)" D2/parts/
expect 2 'a part of another experiment' "$basin" merge D2/ -o x.h5
expect 2 'a part of another experiment' "$basin" run D2/ --shard 1/1
expect 2 'x.h5: not an output file|cannot be read as HDF5' eval 'echo no > x.h5; "$basin" merge D1/ -o x.h5'
expect 2 'holds another experiment' eval 'run other.yaml -o o.h5; "$basin" merge D1/ -o o.h5'
expect 2 'no campaign there' "$basin" status nowhere/
expect 2 'no campaign there' "$basin" merge . -o x.h5
echo garbage > D1/campaign
expect 2 'D1/campaign: not a campaign.s charter' "$basin" status D1
for bad in 0/3 4/3 1 a/b 1/2x -1/2 ''; do expect 2 'expected I/N' "$basin" run many.yaml -o bad/ --shard "$bad"; done
expect 2 'expected -o DIR/' "$basin" run many.yaml -o bad.h5 --shard 1/2
expect 2 'this is no job of a Slurm array' "$basin" run many.yaml -o bad/ --shard slurm
array() { env SLURM_ARRAY_TASK_ID=$1 SLURM_ARRAY_TASK_MIN=$2 SLURM_ARRAY_TASK_MAX=$3 SLURM_ARRAY_TASK_COUNT=$4 "${@:5}"; }
expect 0 'shard 3 of 4 is done' array 12 10 13 4 "$basin" run many.yaml -o slurm/ --shard slurm
expect 2 'not of consecutive numbers' array 7 3 7 2 "$basin" run many.yaml -o slurm/ --shard slurm
expect 2 'settings; --set' "$basin" run slurm/ --trials 5

# ---- submit, without Slurm ----
expect 0 'not submitted' "$basin" submit many.yaml -o 'a b/' --shards 3 --trials 100 --dry-run -- --time=10 -p main --comment='x y'
check "the script: options" grep -qxE '#SBATCH (--time=10|-p main|--comment="x y"|--array=1-3)' 'a b/submit.sh'
check "the script is bash" bash -n 'a b/submit.sh'
expect 1 'sbatch is not here' env PATH=/nowhere "$basin" submit many.yaml -o 'a b/' --shards 3 --trials 100
check "a shard of what was submitted" eval 'SLURM_ARRAY_TASK_ID=2 bash "a b/submit.sh" 2>/dev/null'
expect 2 'DIR/ and --shards N are needed' "$basin" submit many.yaml -o x/
expect 2 'cannot stand in a batch script' "$basin" submit many.yaml -o x/ --shards 2 --dry-run -- '--comment="'

# ---- signals: SIGUSR1 and SIGTERM in any order; what a long part has done so far is kept ----
cat > long.yaml <<Y
model: resnet
trials: 64
parameters: {k: 25, p: 8}
teacher: {a: {sum: 2, norm: sqrt(k)}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: 0.000008 * ${faster:-1}}]
stop: {at: 1e-12, max_steps: 1e9}
allow: {unresolved: 1}
record: {trials: 2, steps: {log: 20}, parameters: true, final: all}
Y
work_ms=$(cpu_of eval '"$basin" run long.yaml --no-provenance -o long2.h5 --threads 1 2> said')
check "a long part, undisturbed" test -s long2.h5
steps_of() { sed -n 's/.* trials, \(.*\) trial-steps in .*/\1/p'; }
whole=$(steps_of < said)
for order in 'USR1 TERM' 'TERM USR1' INT USR1 HUP; do
  rm -rf long
  env --default-signal=INT "$basin" run long.yaml -q -o long/ --threads 1 2> said &
  pid=$!
  await_cpu $pid $((work_ms / 3))
  stop_with $pid $order
  code=$?
  check "$order: exit 75, not $code" test $code = 75
  check "$order: within a second of processor time, not $took ms" test $took -lt 1000
  check "$order: the part is saved" test -s long/parts/c000000-t0000000000000-n64.part.saved
  steps=$("$basin" run long/ 2>&1 | steps_of)
  check "$order: it goes on from there: $steps of $whole steps" awk "BEGIN { exit !($steps > 0 && $steps < 0.9 * $whole) }"
  check "$order: nothing saved is left over" test "$(ls long/parts)" = c000000-t0000000000000-n64.part
  check "$order: the same file" eval 'merge long/ -o long.h5 && cmp long2.h5 long.h5 && rm long.h5'
done
rm -rf long
interrupt TERM $((work_ms / 3)) "$basin" run long.yaml -q -o long/ --threads 1 2> said
flip long/parts/*.saved 700
check "a damaged saved part is not taken up" eval 'run long/ && merge long/ -o long.h5 && cmp long2.h5 long.h5'

# ---- kill -9 at random moments, two shards at a time ----
cat > slow.yaml <<Y
model: resnet
trials: 2000
grid: {k: [16, 25]}
parameters: {p: 8}
teacher: {a: {sum: 2, norm: sqrt(k)}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: 0.0002 * ${faster:-1}}]
stop: {at: 1e-5, max_steps: 100000}
allow: {unresolved: 1}
record: {trials: 3, steps: {log: 30}, parameters: true, final: all}
Y
work_ms=$(cpu_of run slow.yaml --no-provenance -o slow1.h5)
check "slow: one run" test -s slow1.h5
lost=0 survived=0
for ((i = 0; i < kills; i++)); do
  "$basin" run slow.yaml -q -o slow/ --shard 1/2 --threads 1 --part-trials 64 & one=$!
  "$basin" run slow.yaml -q -o slow/ --shard 2/2 --threads 1 --part-trials 64 & two=$!
  await_cpu $one "$(awk "BEGIN { srand($i + 7); print int(rand() * $work_ms / ($kills / 2)) }")"
  before=$(ls slow/parts 2>/dev/null | grep 'part$')
  sums=$(cd slow/parts 2>/dev/null && cat $before </dev/null | cksum)
  kill -9 $one $two 2>/dev/null
  wait $one $two 2>/dev/null
  for part in $before; do
    survived=$((survived + 1))
    [ -e "slow/parts/$part" ] || lost=$((lost + 1))
  done
  [ "$sums" = "$(cd slow/parts 2>/dev/null && cat $before </dev/null | cksum)" ] || lost=$((lost + 1))
done
check "parts lost to kill -9: $lost" test $lost = 0
check "the kills met some parts: $survived" test $survived -gt 0
expect 0 '^missing: [0-9]+ part|^all parts are there' "$basin" status slow/
check "both shards go on" eval 'run slow/ --shard 1/2 && run slow/ --shard 2/2'
check "the same file after kill -9" eval 'merge slow/ -o slow.h5 && cmp slow1.h5 slow.h5'

# ---- a part is acknowledged only after it and its folder are synced; and so are the charter and the merged file ----
strace -f -e trace=fsync,rename,renameat,renameat2,link,openat,close -o trace "$basin" run many.yaml -q --trials 64 \
  --threads 1 -o traced/ 2>/dev/null
check "fsync before rename, fsync of the folder after" awk '
  /openat.*part\.tmp/ { open = 1 } /fsync/ && open { synced = 1 }
  /rename.*part"/ { if (!synced) bad = 1; renamed = 1; open = synced = 0; parts++; next }
  renamed && /fsync/ { folder++; renamed = 0 } END { exit bad || !parts || folder != parts }' trace
check "the charter is synced before it is linked" awk '
  /openat.*campaign\.tmp/ { open = 1 } /fsync/ && open { synced = 1 } /link.*campaign"/ { exit !synced }
  END { exit !synced }' trace
strace -f -e trace=fsync,rename,renameat,renameat2 -o trace "$basin" merge traced/ -q -o traced.h5
check "the merged file is synced, renamed, its folder synced" awk '
  /fsync/ && !renamed { before = 1 } /rename.*traced.h5"/ { renamed = before } /fsync/ && renamed { after = 1 }
  END { exit !after }' trace

# ---- a full disk ----
mkdir small
if mount -t tmpfs -o size=2m tmpfs small 2>/dev/null; then
  trap 'umount "$work/small" 2>/dev/null; chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
  sed 's/parameters: true/parameters: false/; s/trials: 100/trials: 20/' many.yaml > disk.yaml
  check "one run, elsewhere" run disk.yaml --no-provenance -o disk1.h5
  head -c 1800k /dev/zero > small/filler
  expect 1 'needs .* of disk for the parts, .* are free' "$basin" run disk.yaml -q -o small/c/
  # room for some parts at first; then something else takes it
  rm -r small/c small/filler
  "$basin" run disk.yaml -q -o small/c/ --threads 1 --part-trials 64 --set schedule='[{eta: 0.01/k^2}]' --set stop.at=1e-9 2> said &
  pid=$!
  while kill -0 $pid 2>/dev/null && [ "$(ls small/c/parts 2>/dev/null | wc -l)" -lt 3 ]; do sleep 0.01; done
  kill -STOP $pid # it shall not end before the disk is full
  head -c 2m /dev/zero > small/filler 2>/dev/null
  kill -CONT $pid
  wait $pid
  check "the disk is full" grep -q 'cannot write this part: No space left on device' said
  kept=$(ls small/c/parts | grep -c 'part$')
  check "what was acknowledged is there: $kept" test "$kept" -gt 0
  expect 0 "$kept of [0-9]+ parts" "$basin" status small/c/
  rm small/filler
  check "it goes on when space returns" run small/c/
  check "to the same file" eval 'run disk.yaml --set schedule="[{eta: 0.01/k^2}]" --set stop.at=1e-9 --no-provenance -o disk2.h5 &&
    merge small/c/ -o disk.h5 && cmp disk2.h5 disk.h5'
else
  echo "skipped: no permission to mount a small file system"
fi
finish
