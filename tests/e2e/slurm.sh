#!/bin/bash
# SPDX-License-Identifier: MIT
# slurm.sh BUILD: campaigns under a real Slurm, a private one of one node (tests/tools/slurm_local). Whatever happens to
# the jobs of an array, the merged file is that of one run on one machine.
if [ "${2:-}" != inside ]; then
  for program in munged slurmctld slurmd sbatch scontrol jq; do
    PATH=$PATH:/usr/sbin:/sbin command -v $program > /dev/null && continue
    echo "skipped: $program is missing, see .ci/setup slurm"
    echo "0 passed, 0 failed"
    exit
  done
  exec "$(dirname "$0")/../tools/slurm_local" "$0" "${1:-build}" inside
fi
. "$(dirname "$0")/../support/shell.sh"

# ---- what is waited for, and looked at: every wait is for an event; its limit is there to end a test that fails ----

# await COMMAND...: poll until it succeeds
await() {
  local end=$((SECONDS + 300))
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}
has() { "$basin" status "$1" --json | jq -e "$2"; }                    # has DIR FILTER: of its status
says() { grep -qE -- "$2" "$1"; }                                      # says FILE PATTERN
job() { scontrol -o show job "$1" | tr ' ' '\n' | grep -qxE -- "$2"; } # job ID PATTERN: a field of what Slurm knows
queued() { squeue -h -r -j "$1" 2>/dev/null | grep -q .; }             # in any state: waits, runs, or is ending
done_with() { ! queued "$1"; }
submitted() { sed -n 's/^Submitted batch job //p' "$1"; }
# hold DIR SHARD...: stop the shards' processes, each as soon as it tells its rate and there is a finished part; they are
# in pid[SHARD]. What is stopped ends at no time of its own.
pid=()
tells() {
  local file rate
  for file in "$1/running/shard-$2-of-"*; do
    pid[$2]=${file##*.}
    [[ ${pid[$2]} =~ ^[0-9]+$ ]] && read -r _ _ rate < "$file" && [ "$rate" != 0 ] && return
  done 2>/dev/null
  return 1
}
hold() {
  local dir=$1 end=$((SECONDS + 300)) i
  shift
  until compgen -G "$dir/parts/*.part" > /dev/null; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.01
  done
  local left=" $* "
  while [ "$left" != ' ' ]; do
    for i in $left; do tells "$dir" "$i" && kill -STOP "${pid[i]}" && left=${left/ $i / }; done
    [ $SECONDS -lt $end ] || return 1
    sleep 0.01
  done
}
release() { for i; do kill -CONT "${pid[i]}"; done; } # release SHARD...
pending() { # pending PID SIGNAL: a process that is stopped has been sent the signal
  local mask
  mask=$(sed -n 's/^ShdPnd:[[:space:]]*//p' "/proc/$1/status") && ((0x$mask >> ($(kill -l "$2") - 1) & 1))
}
merge() { "$basin" merge "$@" -q --no-provenance; }

# ---- an experiment that takes some seconds, on any machine ----

experiment() { # experiment STEP_SIZE
  cat << Y
title: "on a cluster"
model: resnet
trials: 1200
grid: {k: [16, 25]}
parameters: {p: 8}
teacher: {a: {sum: 2, norm: sqrt(k)}, v: {head: [0.6, 0.8]}}
init: {w: {normal: 0.1}, a: {ball: 1}}
schedule: [{eta: $1}]
stop: {at: 1e-5, max_steps: 1e9}
allow: {unresolved: 1}
record: {trials: 3, steps: {log: 30}, parameters: true, final: all}
Y
}
experiment 4e-4 > short.yaml
TIMEFORMAT=%U
seconds=$({ time "$basin" run short.yaml -q --no-provenance --threads 1 -o short.h5; } 2>&1)
check "a short run on one machine: '$seconds' s" test -s short.h5
# the number of steps goes as one over their size: 6 s of one core in all
experiment "$(awk "BEGIN { printf \"%.3g\", 4e-4 * ($seconds + 0.01) / 6 }")" > long.yaml
check "a long run on one machine" "$basin" run long.yaml -q --no-provenance -o long.h5

# ---- a time limit, which Slurm looks at every half a minute: the job waits for that in the background, stopped ----

check "a job of one minute" eval '"$basin" submit long.yaml --set "schedule=[{eta: 1e-9}]" -o limit/ --shards 1 \
  -- --time=1 > limit.said 2>&1'
check "status knows its process" await has limit '.shards | length == 1'
limit=$("$basin" status limit --json | jq '.shards[0].process')
kill -STOP "$limit"
{
  await pending "$limit" USR1
  kill -CONT "$limit"
} &

# ---- four jobs, each stopped in another way ----

dir='my 100% dir'
check "submit" eval '"$basin" submit long.yaml -o "$dir/" --shards 4 \
  -- --cpus-per-task=1 --job-name=mine --comment "two words" > said 2>&1'
check "they run" hold "$dir" 1 2 3 4
id=$(submitted said)
check "it shows the script, says the job, and what is next" eval \
  'says said "^#SBATCH --array=1-4$" && says said "^next: basin status .my 100% dir.$" && test -n "$id"'
check "options reach Slurm" eval \
  'test "$(squeue -h -j $id -o "%j %k" | sort -u)" = "mine two words"'
touch "$dir"/running/shard-* # they cannot tell that they live
check "status while jobs run, once some parts are finished" has "$dir" '(.shards | length) == 4 and .parts.running > 0
  and .trial_steps_per_second > 0 and .seconds_left > 0 and .complete == false and .shards_idle == []' > /dev/null
expect 0 'shard 3 of 4  .* of [0-9]+ trials, .* trial-steps/s' "$basin" status "$dir"
check "no job has ended yet" test "$(squeue -h -r -j "$id" -t R | wc -l)" = 4
kept=$(cd "$dir/parts" && ls -- *.part)
sums=$(cd "$dir/parts" && cksum $kept)

# what is queued again waits until the node takes jobs
node=$(sinfo -h -o %n)
scontrol update NodeName="$node" State=DRAIN Reason=test
send() { # send SHARD SIGNAL
  scancel --signal="$2" --batch "${id}_$1"
  check "job $1: the script passes $2 on" await pending "${pid[$1]}" "$2"
}
send 1 USR1
send 2 USR1
send 2 TERM
send 3 TERM
send 3 USR1
send 4 TERM
release 1 2 3 4
for i in 1 2 3 4; do
  check "job $i stops" await says "$dir/logs/${id}_$i.log" 'interrupted; .* trials are kept in .*, the same command'
done
check "SIGUSR1: queued again" await job "${id}_1" 'Restarts=1'
check "SIGUSR1, then SIGTERM: queued again" await job "${id}_2" 'Restarts=1'
check "SIGTERM, then SIGUSR1: queued again" await job "${id}_3" 'Restarts=1'
check "SIGTERM alone: ends" await done_with "${id}_4"
check "SIGTERM alone: exit 75" job "${id}_4" 'ExitCode=75:0'
check "what the parts at work have done is saved" eval 'ls "$dir"/parts/*.part.saved > /dev/null'
check "finished parts are kept" eval 'test "$(cd "$dir/parts" && cksum $kept)" = "$sums"'
check "status names the jobs that do not run" has "$dir" '.shards_idle == [1, 2, 3, 4]' > /dev/null

# job 1 is queued again, and goes on; then somebody cancels it
scontrol update NodeName="$node" State=RESUME
begins() { [ "$(grep -c "^shard $1 of 4 on " "$dir/logs/${id}_$1.log")" = "$2" ]; }
check "job 1 runs again" hold "$dir" 1
check "job 1 runs again: so says its log" begins 1 2
touch "$dir"/running/shard-1-*
check "job 1 runs again: so says its status" has "$dir" '[.shards[].shard] | contains([1])' > /dev/null
scancel "${id}_1"
check "cancelled: ends" await done_with "${id}_1"
check "cancelled: so says Slurm" job "${id}_1" 'JobState=CANCELLED'
check "cancelled: not queued again" eval 'job "${id}_1" Restarts=1 && begins 1 2'
for i in 2 3; do check "job $i runs to its end" await says "$dir/logs/${id}_$i.log" "shard $i of 4 is done"; done
check "all end" await done_with "$id"
check "job 4 was not queued again" begins 4 1

# the jobs that are missing, as status names them
expect 0 'nothing runs that is known of; .* `sbatch --array=1,4 .my 100% dir./submit.sh`' "$basin" status "$dir"
expect 2 '[0-9]+ of [0-9]+ parts are missing' "$basin" merge "$dir" -o merged.h5
again=$("$basin" status "$dir" | sed -n 's/.*`\(sbatch .*\)`.*/\1/p')
check "the line of status goes on: $again" eval "$again > said"
check "and they end" await done_with "$(submitted said)"
check "all parts are there" has "$dir" '.complete and .shards_idle == [] and .shards == []' > /dev/null
check "nothing saved is left over" eval '! ls "$dir"/parts | grep -v "part$"'
check "finished parts were not run twice" eval 'test "$(cd "$dir/parts" && cksum $kept)" = "$sums"'
check "merge" merge "$dir" -o merged.h5
check "the same file as on one machine" cmp long.h5 merged.h5
expect 0 'all parts are there' "$basin" status "$dir"

# ---- the time limit, by now ----

log=limit/logs/$(submitted limit.said)_1.log
check "near its time limit it stops, and is queued again" await says "$log" '^queued again'
check "near its time limit: what it has done is kept" eval 'ls limit/parts/*.part.saved > /dev/null'
check "near its time limit: so says Slurm" await job "$(submitted limit.said)_1" 'Restarts=1'
scancel "$(submitted limit.said)"

# ---- a script of one's own; threads from the allocation; more jobs than may run at once ----

cat > own.sh << S
#!/bin/bash
#SBATCH --output=own-%a.log
exec '$basin' run short.yaml -o own/ --shard slurm --threads 1
S
check "own script" eval 'sbatch --array=10-12 own.sh > own.said'
check "own script: an array with a gap" eval 'sbatch --array=3,7 own.sh > gap.said'
check "threads of --cpus-per-task" eval '"$basin" submit short.yaml -o three/ --shards 3 \
  -- --cpus-per-task=3 --array=1-3%2 > three.said'
check "threads of a whole node" eval '"$basin" submit short.yaml -o all/ --shards 1 -- --exclusive > all.said'
for name in own gap three all; do check "$name ends" await done_with "$(submitted $name.said)"; done
for i in 1 2 3; do
  check "own script: shard $i of 3" says own-$((i + 9)).log "^shard $i of 3 is done"
  check "--cpus-per-task=3: job $i has 3 threads" says three/logs/"$(submitted three.said)_$i".log ' 3 threads$'
done
check "--exclusive: all 8 of the node" says all/logs/"$(submitted all.said)_1".log ' 8 threads$'
for i in 3 7; do check "a gap is refused: job $i" says own-$i.log 'not of consecutive numbers'; done
check "a gap is refused with exit 2" job "$(submitted gap.said)_7" 'ExitCode=2:0'
for one in own three all; do
  check "$one: merge" merge $one -o $one.h5
  check "$one: the same file" cmp short.h5 $one.h5
done

# ---- Slurm says no, or is not there ----

expect 1 'sbatch did not take .*/no/submit.sh; give the command again with other options behind --' \
  "$basin" submit short.yaml -o no/ --shards 2 -- --partition=nowhere
expect 1 'invalid partition' "$basin" submit short.yaml -o no/ --shards 2 -- --partition=nowhere
expect 1 'sbatch did not take' "$basin" submit short.yaml -o no/ --shards 2 -- --no-such-option
expect 1 '^basin: sbatch is not here: submit .*/no/submit.sh on a machine of the cluster' \
  env PATH=/nowhere "$basin" submit short.yaml -o no/ --shards 2
check "in one line" eval '! PATH=/nowhere "$basin" submit short.yaml -o no/ --shards 2 2>&1 >/dev/null | tail -n +2 | grep .'
nothing_queued() { [ -z "$(squeue -h)" ]; }
check "nothing was queued" await nothing_queued
finish
