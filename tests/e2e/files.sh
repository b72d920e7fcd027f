#!/bin/bash
# SPDX-License-Identifier: MIT
# files.sh: what is not basin's stays, whatever its name; what is no plain file is told at once; names and files
# that are too long; what to do about missing parts.
. "$(dirname "$0")/../support/shell.sh"
cat > e.yaml <<'Y'
model: cnn
trials: 200
parameters: {k: 4, p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {final: [loss]}
Y
# far longer than any of it takes: only what would never end ends there
soon() { timeout -k 5 120 "$@"; }
run() { soon "$basin" run e.yaml -q --no-provenance --part-trials 50 "$@"; }
told() { soon "$basin" run e.yaml --no-provenance --part-trials 50 "$@"; }
check "an undisturbed run" run -o whole.h5
cell() { printf 'c000000-t%013d-n50.part' "$1"; }
node=$(uname -n)
true & dead=$!
wait $dead

# ---- files of the user ----
# of killed processes: they go
gone=("b.h5.tmp-$node-$dead-0123abcd" "b.h5.tmp-elsewhere-7-0123abcd")
# of others, or of basins that run, here or elsewhere: they stay
kept=('notes on b.h5.tmp-run.txt' 'b.h5.tmp-run.txt' "ab.h5.tmp-$node-$dead-0123abcd" "b.h5.tmp-$node-$$-0123abcd"
  "b.h5.tmp-$node-$dead-0123ABCD" "b.h5.tmp-$node-0$dead-0123abcd" "b.h5.tmp-$node-$dead-0123abcd.txt"
  "b.h5.tmp-$node-0123abcd" "xb.h5.tmp-elsewhere-7-0123abcd")
for name in "${gone[@]}" "${kept[@]}"; do echo mine > "$name"; done
touch -d '2020-01-01' "${gone[@]}" "${kept[@]}"
echo mine > b.h5.tmp-elsewhere-8-0123abcd
mkdir "b.h5.tmp-$node-$dead-01234567"
check "beside others' files" run -o b.h5
check "the file" cmp whole.h5 b.h5
for name in "${kept[@]}" b.h5.tmp-elsewhere-8-0123abcd; do check "stays: $name" grep -qsx mine "$name"; done
for name in "${gone[@]}"; do check "goes: $name" test ! -e "$name"; done
check "a folder of such a name stays" test -d "b.h5.tmp-$node-$dead-01234567"

mkdir p.h5.parts target
others=('x.part.txt' 'my.part' "$(cell 0).txt" "c0-t0-n50.part" "c-00001-t$(printf %013d 0)-n50.part" 'notes.tmp-mine'
  "notes.txt.tmp-$node-$dead-0123abcd")
for name in "${others[@]}"; do echo mine > "p.h5.parts/$name"; done
echo mine > "p.h5.parts/$(cell 0).tmp-$node-$dead-0123abcd"
echo mine > target/thing
ln -s ../target/thing "p.h5.parts/$(printf 'c000009-t%013d-n50.part.saved' 0)"
touch -d '2020-01-01' p.h5.parts/*
expect 0 'p.h5.parts: left, for there are other things in it' told -o p.h5
check "the file beside them" cmp whole.h5 p.h5
for name in "${others[@]}"; do check "stays among the parts: $name" grep -qsx mine "p.h5.parts/$name"; done
check "what a link leads to stays" grep -qsx mine target/thing
check "and the link" test -L p.h5.parts/*.saved
check "no part is left, nor a temporary file" test "$(ls p.h5.parts | wc -l)" = $((${#others[@]} + 1))

mkdir behind
echo mine > "behind/$(cell 0).tmp-$node-$dead-0123abcd"
echo mine > behind/my.part
touch -d '2020-01-01' behind/*
ln -s behind s.h5.parts
expect 0 's.h5.parts: a symbolic link: the parts that it leads to are left' told -o s.h5
check "the file through a link" cmp whole.h5 s.h5
check "nothing goes through a link" eval 'test -L s.h5.parts && grep -qsx mine behind/my.part &&
  grep -qsx mine behind/*-0123abcd && test -e "behind/$(cell 0)"'
check "once more" run -o s.h5
check "nothing goes then" test -e "behind/$(cell 0)"

# a campaign's folder, its parts and its shards
check "a campaign" run -o camp/
for folder in camp camp/parts camp/running; do echo mine > "$folder/notes.tmp-x"; done
echo mine > "camp/parts/$(cell 0).tmp-$node-$dead-0123abcd"
echo mine > "camp/parts/$(cell 0).tmp-$node-$$-0123abcd"
echo mine > "camp/running/shard-2-of-3.$node.$dead.tmp-$node-$dead-0123abcd"
echo mine > "camp/campaign.tmp-$node-$dead-0123abcd"
touch -d '2020-01-01' camp/*tmp* camp/parts/*tmp* camp/running/*tmp*
check "the campaign again" soon "$basin" run camp/ -q
check "its own old temporary files go" test -z "$(find camp -name "*-$dead-0123abcd")"
check "other files, and those of a process that runs, stay" test "$(find camp -name '*tmp*' | wc -l)" = 4
rm camp/notes* camp/running/notes* camp/parts/*tmp*

# ---- names in DIR/running that no shard has ----
for name in shard-0-of-9.h.1 shard--5-of-9.h.1 shard-10-of-9.h.1 shard-1-of-999999999999.h.1 shard-7-of-0.h.1 \
  shard-1-of-99999999999999999999999.h.1 shard-1-of-9.h.-1 shard-1-of-9.h.0 shard-1-of-9.h.99999999999 shard-1-of-9.1 \
  shard-01-of-9.h.1 shard-1-of-9.h.1x "shard-1-of-9.$(printf 'h%.0s' {1..200}).1"; do
  echo '1 200 1e3' > "camp/running/$name"
  touch "camp/running/$name"
  expect 0 '^camp: 4 of 4 parts, 200 of 200 trials' soon "$basin" status camp
  check "no shard: $name" eval '"$basin" status camp --json | jq -e ".shards == [] and .shards_idle == []" >/dev/null'
  rm "camp/running/$name"
done
echo '1 200 1e3' > camp/running/shard-2-of-9.a.b-c.1
expect 0 'shard 2 of 9  a.b-c, process 1: 1 of 200 trials' soon "$basin" status camp
rm camp/running/shard-2-of-9.a.b-c.1
mkfifo camp/running/shard-2-of-9.h.1 camp/submit.sh
expect 0 '^camp: 4 of 4 parts' soon "$basin" status camp
rm camp/running/shard-2-of-9.h.1 camp/submit.sh

# ---- links that lead nowhere, pipes: one clear line, at once ----
ln -s nowhere d.h5.parts
expect 1 'd.h5.parts: a symbolic link that leads nowhere' run -o d.h5
ln -s l.h5.parts l.h5.parts
expect 1 'l.h5.parts: .*symbolic links' run -o l.h5
mkfifo f.h5.parts
expect 1 'f.h5.parts: is there and is no folder' run -o f.h5
check "nothing is made of these" test ! -e d.h5 -a ! -e l.h5 -a ! -e f.h5
mkfifo pipe.h5
ln -s nowhere dangling.h5
ln -s loop.h5 loop.h5
for name in pipe dangling loop; do
  expect 2 "$name.h5: a folder, a pipe, or a link that leads nowhere" run -o $name.h5
  expect 2 "$name.h5: a folder, a pipe, or a link that leads nowhere" soon "$basin" merge camp -o $name.h5
  expect 2 "$name.h5: a folder, a pipe, or a link that leads nowhere|$name.h5: exists" run --cell 0 --trial 1 -o $name.h5
  expect 2 "$name.h5: a folder, a pipe, or a link that leads nowhere" soon "$basin" summary $name.h5
done
check "they are as they were" test -p pipe.h5 -a -L dangling.h5 -a -L loop.h5
cp -r camp pipes
rm pipes/campaign && mkfifo pipes/campaign
expect 2 'pipes/campaign: no plain file' soon "$basin" status pipes

cp -r camp nul
printf '\0what is behind it\n' >> nul/campaign
expect 2 'nul/campaign: the experiment in it: e.yaml:[0-9]+' soon "$basin" status nul
expect 2 'nul/campaign: the experiment in it: e.yaml:[0-9]+' soon "$basin" run nul

# what another file has: h5py would make it in a line, the netCDF library cannot; so the C interface of HDF5
cat > link.c <<'C'
#include <hdf5.h>
int main(int count, char **word) {
  hid_t file = H5Fopen(word[1], H5F_ACC_RDWR, H5P_DEFAULT);
  return count != 4 || H5Ldelete(file, word[2], H5P_DEFAULT) < 0 ||
         H5Lcreate_external(word[3], "/outcome", file, word[2], H5P_DEFAULT, H5P_DEFAULT) < 0 ||
         H5Fclose(file) < 0;
}
C
if cc -o link link.c $(pkg-config --cflags --libs hdf5 2>/dev/null || echo -lhdf5) 2>/dev/null; then
  for variable in outcome steps trials; do
    cp whole.h5 foreign.h5
    check "an external link for $variable" ./link foreign.h5 $variable pipe.h5
    expect 2 'foreign.h5: not an output file of basin, or damaged' soon "$basin" summary foreign.h5
  done
else
  echo "skipped: no compiler with HDF5 for a file with external links"
fi

# ---- a part that is a folder, a link that leads nowhere, a pipe: redone as a damaged one ----
for kind in folder loop dangling pipe; do
  part=odd-$kind/parts/$(cell 50)
  rm -rf odd-$kind && cp -r camp odd-$kind && rm "$part"
  case $kind in
  folder) mkdir "$part" && echo mine > "$part/thing" ;;
  loop) ln -s "$(cell 50)" "$part" ;;
  dangling) ln -s nowhere "$part" ;;
  pipe) mkfifo "$part" ;;
  esac
  expect 0 '3 of 4 parts, 150 of 200 trials; 1 damaged part, which will be run again' soon "$basin" status odd-$kind
  expect 2 "damaged: $(cell 50)" soon "$basin" merge odd-$kind -o odd-$kind.h5
  check "a part that is a $kind: a partial merge" soon "$basin" merge odd-$kind -o partial-$kind.h5 --partial -q 2>said
  check "a part that is a $kind: goes on" soon "$basin" run odd-$kind -q
  check "a part that is a $kind: the same file" eval \
    'soon "$basin" merge odd-$kind -o odd-$kind.h5 -q --no-provenance && cmp whole.h5 odd-$kind.h5'
  check "a part that is a $kind: set aside" test "$(find odd-$kind/parts -name "$(cell 50).aside-*" | wc -l)" = 1
done
check "what was in the folder" grep -qx mine odd-folder/parts/*.aside-*/thing
mkdir -p o.h5.parts/"$(cell 100)" && mkfifo o.h5.parts/"$(cell 0)" o.h5.parts/"$(cell 50)".saved
check "such parts of one run" run -o o.h5
check "such parts of one run: the same file" cmp whole.h5 o.h5

# ---- names and files that are too long ----
long=$(printf 'n%.0s' {1..237}).h5
expect 2 'its name has 240 bytes, expected at most [0-9]+' run -o "$long"
expect 2 'its name has 240 bytes, expected at most [0-9]+' run --cell 0 --trial 1 -o "$long"
expect 2 'its name has 240 bytes, expected at most [0-9]+' soon "$basin" merge camp -o "$long"
check "nothing is made before that" test -z "$(find . -name 'nnn*')"
most=$("$basin" run e.yaml -q -o "$long" 2>&1 | sed -n 's/.*expected at most \([0-9]*\).*/\1/p')
fits=$(printf "n%.0s" $(seq $((most - 3)))).h5
check "a name of $most bytes will do" eval 'run -o $fits && cmp whole.h5 $fits'

cut() { (ulimit -f 1 && exec "$@"); }
expect 1 'cannot write this part: File too large' cut "$basin" run e.yaml -q --set record.final='[loss, phi]' -o cut.h5
check "without that limit it goes on" run -o cut.h5 --set record.final='[loss, phi]'

# ---- what merge says of missing parts, and what to do ----
cat > many.yaml <<'Y'
model: cnn
trials: 400
grid: {k: [4, 9, 16]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {final: [loss]}
Y
check "one shard of three" soon "$basin" run many.yaml -q -o 'my camp/' --shard 1/3 --part-trials 10
all=120
here=$(ls 'my camp/parts' | wc -l)
"$basin" merge 'my camp' -o many.h5 2> said
check "few lines for $((all - here)) parts: $(wc -l < said)" test "$(wc -l < said)" -le 4
check "how many are missing" grep -qE "my camp: $((all - here)) of $all parts are missing" said
check "and which" grep -qE "^missing: c[0-9]+-t[0-9]+-n10.part to c000002-t[0-9]+-n10.part, $((all - here)) parts$" said
check "with the batch script" eval '"$basin" submit many.yaml -o "my camp/" --shards 3 --dry-run >/dev/null'
"$basin" merge 'my camp' -o many.h5 2> said
check "a line a shard" test "$(grep -cE '^missing: .* parts, of shard [23] of 3$' said)" = 2
check "all are counted" test "$(awk '/^missing/ { n += $(NF - 6) } END { print n }' said)" = $((all - here))
check "the command for the cluster" grep -qF "go on with \`sbatch --array=2-3 'my camp'/submit.sh\`" said
rm 'my camp/submit.sh'
command=$("$basin" merge 'my camp' -o many.h5 2>&1 | sed -n 's/.*go on with `\(basin run .*\)`$/\1/p')
basin() { soon "$basin" "$@"; }
check "the command: $command" eval "$command -q"
check "finishes them" basin merge 'my camp' -o many.h5 -q
for ((i = 0; i < 390; i += 10)); do echo no > "my camp/parts/$(printf 'c000001-t%013d-n10.part' $i)"; done
"$basin" merge 'my camp' -o damaged.h5 2> said
check "damaged ones are named, as far as one can read: $(wc -l < said)" test "$(wc -l < said)" -le 14
check "and counted" grep -q '^damaged: 29 more$' said
check "they come back" basin run 'my camp' -q

# one shard of five runs: those that do not are listed, and the command is that of the first of them
"$basin" run many.yaml -q -o idle/ --shard 2/5 --set 'stop={at: 1e-300, max_steps: 1e12}' & pid=$!
for ((i = 0; i < 600; i++)); do [ -z "$(ls idle/running 2>/dev/null)" ] || break; sleep 0.05; done
"$basin" merge idle -o idle.h5 2> said
kill -9 $pid
wait $pid 2>/dev/null
check "who does not run: $(cat said)" grep -qF 'not running: shards 1,3-5 of 5; ' said
check "and what to give" grep -qE 'give again with `basin run idle --shard 1/5`, and so for shards 3-5$' said

# the name of an experiment that needs quotes; more trials, another file; and the file of another experiment
cp e.yaml 'the e.yaml'
next() { sed -n 's/^next: //p'; }
command=$("$basin" run 'the e.yaml' -o e/ 2>&1 | next)
check "the next command: $command" eval "$command -q"
check "makes the file" test -s 'the e.h5'
command=$("$basin" run 'the e.yaml' --trials 300 -o e/ 2>&1 | next)
check "the next command after more trials: $command" eval "$command -q"
check "makes another file" test -s 'the e-2.h5'
expect 2 '^basin: the e.h5: holds another experiment, or other trials' basin merge e
expect 2 "^next: basin merge e -o 'the e-2.h5'\$" basin merge e # the name that is there already has it
command=$("$basin" status e/ | next)
check "the next command of status: $command" eval "$command -q"
check "which is there" test ! -e 'the e-3.h5'
finish
