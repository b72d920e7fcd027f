#!/bin/bash
# SPDX-License-Identifier: MIT
# disk.sh: a full disk. A clear line, what was acknowledged stays, and the run goes on when space returns.
. "$(dirname "$0")/../support/shell.sh"
mkdir small
if ! mount -t tmpfs -o size=600k tmpfs small 2>/dev/null; then
  echo "skipped: no permission to mount a small file system"
  finish
  exit
fi
trap 'umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT

cat > run.yaml <<'Y'
model: cnn
trials: 4000
parameters: {k: 9, p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {final: [loss]}
Y
run() { "$basin" run run.yaml -q --no-provenance --part-trials 100 "$@"; }
check "an undisturbed run" run -o whole.h5

# too small from the start: refused before anything runs
head -c 500k /dev/zero > small/filler
expect 1 'out.h5: needs .* of disk for the parts and the output, .* are free' run -o small/out.h5
check "and nothing is left behind" test "$(ls small)" = filler

# room for the first round of `until` only
head -c 440k /dev/zero > small/filler
cat > fill.yaml <<'Y'
model: cnn
trials: 1200
parameters: {k: 9, p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {final: [loss]}
until: {halfwidth: 0.012}
Y
expect 1 'fill.h5: needs .* of disk for the parts and the output, .* are free' "$basin" run fill.yaml -q --no-provenance --part-trials 100 -o small/fill.h5
kept=$(ls small/fill.h5.parts 2>/dev/null | grep -c 'part$')
check "acknowledged parts are kept: $kept" test "$kept" -gt 0
rm small/filler
check "it goes on when there is room" "$basin" run fill.yaml -q --no-provenance --part-trials 100 -o small/fill.h5
check "to the same file" sh -c "'$basin' run fill.yaml -q --no-provenance -o fill.h5 && cmp fill.h5 small/fill.h5"

# a file that does not fit, however much of it: a line that says so, an ordered end, and nothing stays
rm -rf small/*
check "a campaign of one shard" "$basin" run run.yaml -q --no-provenance -o campaign/ --shard 1/1
made() { # made NAME COMMAND...: with less and less room, NAME is made or nothing is
  local name=$1 free=600 code refused=0
  shift
  while [ $free -ge 0 ]; do
    head -c $((600 - free))k /dev/zero > small/filler 2>/dev/null
    "$@" >said 2>&1
    code=$?
    if [ $code = 0 ]; then
      check "$name with $free kB: it is there" "$basin" summary "small/$name" >/dev/null
    else
      refused=$((refused + 1))
      check "$name with $free kB: exit 1, not $code" test $code = 1
      check "$name with $free kB: the reason, not $(cat said)" grep -q "small/$name.*: No space left on device" said
      check "$name with $free kB: nothing stays but $(ls small | tr '\n' ' ')" test "$(ls small)" = filler
    fi
    rm -f small/*
    free=$((free > 40 ? free - 40 : free - 4))
  done
  check "$name: refused $refused times" test $refused -gt 3
}
made m.h5 "$basin" merge campaign/ -q --no-provenance -o small/m.h5
made t.h5 "$basin" run run.yaml -q --no-provenance --cell 0 --trial 1 -o small/t.h5
finish
