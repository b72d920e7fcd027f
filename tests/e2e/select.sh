#!/bin/bash
# SPDX-License-Identifier: MIT
# select.sh: which cells a command shows: --cell, --where, --variant.
. "$(dirname "$0")/../support/shell.sh"

cat > grid.yaml <<'Y'
model: cnn
trials: 20
grid: {k: [4, 9, 16], ratio: [0.5, 1/3], angle: [pi/4, 0.3]}
parameters: {p: 3}
define: {s: sqrt(ratio)}
teacher: {a: {sum: s, norm: 1}, v: {head: [cos(angle), sin(angle)]}}
init: {v: {sphere: 1}, a: {ball: 1}}
variants:
  "slow, small": {schedule: [{eta: 0.05}]}
  fast: {schedule: [{eta: 0.1}]}
same_draw: [variant]
record: {trials: 5, steps: {log: 20}}
Y
cat > plain.yaml <<'Y'
model: cnn
trials: 20
grid: {k: [1000001, 1000002], m: [8, inf]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {head: [1]}, a: {sum: 1, norm: 1}}
schedule: [{eta: 1e-9}]
gradient: {sampled: {inputs: m, sampler: projected}}
stop: {at: 1e-3, max_steps: 1}
Y
check "a run" "$basin" run grid.yaml -q
check "and another" "$basin" run plain.yaml -q

# shows FILE CELLS OPTION...: the table, CSV and JSON have these cells and no others
shows() {
  local file=$1 cells=$2
  shift 2
  local text=$("$basin" summary "$file" "$@") csv=$("$basin" summary "$file" --csv "$@") json=$("$basin" summary "$file" --json "$@")
  check "summary $*" test "$(sed -n '/^cell /,/^$/p; /^Steps/q' <<<"$text" | awk 'NR > 1 && NF { printf "%s ", $1 }')" = "$cells "
  check "summary --csv $*" test "$(sed 1d <<<"$csv" | cut -d, -f1 | tr '\n' ' ')" = "$cells "
  check "summary --json $*" test "$(jq -r '.cells[].index' <<<"$json" | tr '\n' ' ')" = "$cells "
}
shows grid.h5 3 --cell 3
shows grid.h5 '3 5 6 7 23' --cell 23,5-7 --cell=3
shows grid.h5 '8 10 20 22' --where k=16 --where angle=pi/4
shows grid.h5 '0 1 2 3 8 9 10 11' --where k=16,4 --variant 'slow, small'
shows grid.h5 '14 15' --where ratio=1/3 --where k=4 --variant fast
shows grid.h5 '14 15' --where ratio=0.333333 --where k=4 --variant fast # as the table prints it
shows grid.h5 '14' --where 'angle=max(pi/4, 0.1)' --where k=4.0 --variant fast --where ratio=3.3333333333333333e-1
shows grid.h5 '1 13' --where k=4 --where ratio=5e-1 --cell 1,2,13
shows grid.h5 '0 12' --cell 0,12 --where p=3 --variant fast --variant 'slow, small'
shows plain.h5 '0 1' --where k=1000001
shows plain.h5 '0 1 2 3' --where k=1e+06 # as the table prints both
shows plain.h5 '1 3' --where m=inf
shows plain.h5 '0 1 2 3'

# the rows are those of the whole table; pairs and draws are those of the cells shown
check "a row is that of the whole table" bash -c 'cmp <("$1" summary grid.h5 --csv --cell 7 | sed 1d) <("$1" summary grid.h5 --csv | sed -n 9p)' bash "$basin"
check "pairs of the cells shown alone" test "$("$basin" summary grid.h5 --pairs --csv --where k=9 --where ratio=0.5 | cut -d, -f1,2 | tr '\n' ' ')" = "first,second 4,16 5,17 "
expect 0 '^  cells 4, 16: ' "$basin" summary grid.h5 --cell 4,16,5
expect 0 '^no two cells share their draws' "$basin" summary grid.h5 --cell 4,5 --pairs
check "no draws are shared by one cell" sh -c '! "$1" summary grid.h5 --cell 4,17 | grep "cells 4"' sh "$basin"

# of other commands
check "rates" test "$("$basin" rates grid.h5 --json --where k=9 --variant fast | jq -r '.cells[].index' | tr '\n' ' ')" = "16 17 18 19 "
printf 'k,success,trials\n9,0.5,5000\n' > published.csv
check "compare" test "$("$basin" compare grid.h5 published.csv --csv --where k=9 --variant fast | sed 1d | cut -d, -f1 | tr '\n' ' ')" = "16 17 18 19 "

# what is wrong is told, with what there is
said() { expect 2 "^basin: $1\$" "$basin" summary "${@:2}"; }
said '--where k=5: no cell is left; k is: 4, 9, 16' grid.h5 --where k=5
said '--where k=4: no cell is left; of the others, k is: 16' grid.h5 --where k=16 --where k=4
said '--cell 3: no cell is left; of the others, the cells are: 8, 9, 10, 11, 20, 21, 22, 23' grid.h5 --where k=16 --cell 3
said '--where rati=1: no parameter `rati`, did you mean `ratio`\?; there are: k, ratio, angle, p' grid.h5 --where rati=1
said '--where speed=1: no parameter `speed`; there are: k, ratio, angle, p' grid.h5 --where speed=1
said '--variant fats: unknown, did you mean `fast`\?; there are: slow, small, fast' grid.h5 --variant fats
said '--variant CNN: the experiment has no variants' plain.h5 --variant CNN
said '--where m=16: no cell is left; m is: 8, inf' plain.h5 --where m=16
said '--where k=1000003,1000004: no cell is left; k is: 1000001, 1000002' plain.h5 --where k=1000003,1000004
said '--cell 24: no such cell, expected 0 to 23' grid.h5 --cell 24
said '--cell 5-24: no such cell, expected 0 to 23' grid.h5 --cell 5-24
for bad in x 3- -1 5-3 1,,2 1.5 '3 4' ''; do said "--cell $bad: expected numbers of cells, as in 3 or 3,5-7" grid.h5 --cell "$bad"; done
for bad in k =4 k= ''; do said "--where $bad: expected NAME=VALUE, as in ratio=4 or k=16,25" grid.h5 --where "$bad"; done
for bad in many 4,, 1/0 'k' 4x; do said "--where k=${bad}: \`[^\`]*\` is no number" grid.h5 --where "k=$bad"; done
finish
