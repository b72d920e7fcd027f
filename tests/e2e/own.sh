#!/bin/bash
# SPDX-License-Identifier: MIT
# own.sh BUILD: models that are not part of the build, `model: ./mine.h`: compiled while the program runs, kept, and only
# where nobody else can put something in their place. An entry is compiled in a tenth of a second and `basin model` needs
# no more, so most is asked of that; an engine takes half a second.
. "$(dirname "$0")/../support/shell.sh"
export BASIN_CACHE=$work/cache TMPDIR=$work/tmp
mkdir tmp models
cp "$here"/tests/support/{doublewell,rolling}.h .
cp doublewell.h models/ # rolling.h includes it by that name
cat > well.yaml <<'Y'
title: A double well
model: ./doublewell.h
trials: 2000
grid: {tilt: [0.1, 0.3]}
init: {x: {normal: 1}}
schedule: [{eta: 0.05}]
record: {trials: 5, steps: {log: 20}, parameters: true, final: all}
Y
sed 's/doublewell/rolling/; s/^schedule.*/&\nmethod: {heavy_ball: {momentum: 0.5}}\nstop: {at: 1e-10, max_steps: 5000}/' well.yaml > ball.yaml
run() { "$basin" run -q --no-provenance --backend cpu --isa generic "$@"; }
entry() { "$basin" model well.yaml "$@" > shown; } # an entry is enough for it
count() { find "$@" 2>/dev/null | wc -l; }

# ---- it runs, as its formulas say ----

check "a header beside the experiment runs" run well.yaml -o well.h5
check "its entry and one engine are kept, and nothing else" test "$(count cache -name '*.so')$(count cache tmp -type f)" = 22
check "for nobody else" test "$(stat -c %a cache)" = 700
check "the basins and the paths are those of the landscape" /usr/bin/python3 - <<'P'
import h5py, math
f = h5py.File('well.h5')
steps, x, seen = list(f['time'][:]), f['position'][:], 0
for cell, tilt in enumerate((0.1, 0.3)):
    top = 0.0
    for _ in range(60):
        top -= (top**3 - top + tilt) / (3 * top * top - 1)
    p = 0.5 * math.erfc(-top / math.sqrt(2))
    outcome = f['outcome'][cell]
    assert abs((outcome == 1).mean() - p) < 4.5 * math.sqrt(p * (1 - p) / 2000), ((outcome == 1).mean(), p)
    assert ((outcome == 1) | (outcome == 2)).all()
text = f.attrs['experiment_headers']
text = text.decode() if isinstance(text, bytes) else text
assert text == 'header %d ./doublewell.h\n%s\n' % (len(open('doublewell.h').read()), open('doublewell.h').read())
P
check "another kind of its own, with an option; what it includes of its folder is found" run ball.yaml -o ball.h5
check "the heavy ball rolls as Polyak's formula says" /usr/bin/python3 - <<'P'
import h5py
f = h5py.File('ball.h5')
steps, seen = list(f['time'][:]), 0
for cell, tilt in enumerate((0.1, 0.3)):
    for trial in range(5):
        x, u = f['position'][cell, trial, 0], 0.0
        for step in range(200):
            if step in steps:
                want = f['position'][cell, trial, steps.index(step)]
                assert want != want or abs(x - want) < 1e-12, (step, x, want)
                seen += want == want
            u = 0.5 * u - 0.05 * (x**3 - x + tilt)
            x += u
assert seen > 50, seen
P
for isa in $("$basin" info | sed -n 's/^instruction sets *//p' | sed 's/(in use)//; s/generic//'); do
  check "$isa, threads and parts" run ball.yaml --isa "$isa" --threads 3 --part-trials 300 -o "$isa.h5"
  check "$isa: the same bits" cmp "$isa.h5" ball.h5
done
# step sizes of t: Python's recursion; the same bytes whatever runs it, and interrupted; and what is no step size
cat > pace.yaml <<'Y'
model: ./doublewell.h
trials: 400
init: {x: {uniform: [-1.4, 1.4]}}
define: {T: 500}
schedule: [{eta: 0.1/sqrt(1 + t)}]
variants:
  root: {}
  cosine: {schedule: [{eta: "0.15*(1 + cos(pi*min(t, T)/T))/2 + 1e-3"}]}
  warm: {schedule: [{steps: 100, eta: 0.2*(1 + t)/100}, {eta: 0.2}]}
stop: {at: 1e-8, max_steps: 600}
allow: {unresolved: 1}
record: {trials: 9, steps: {every: 1}, final: all}
Y
check "step sizes of t" run pace.yaml -o pace.h5
check "as Python has them" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File('pace.h5')
t = np.arange(600)
eta = {0: 0.1 / np.sqrt(1 + t), 1: 0.15 * (1 + np.cos(np.pi * np.minimum(t, 500) / 500)) / 2 + 1e-3,
       2: np.where(t < 100, 0.2 * (1 + t) / 100, 0.2)}
seen = 0
for cell in range(3):
    assert np.allclose(f['eta_t'][cell], np.concatenate([[0], np.cumsum(eta[cell])]), rtol=1e-12, atol=0)
    for trial in range(9):
        x = f['position'][cell, trial, 0]
        for step in range(600):
            x -= eta[cell][step] * (x**3 - x + 0.1)
            want = f['position'][cell, trial, step + 1]
            assert want != want or abs(x - want) < 1e-12, (cell, step, x, want)
            seen += want == want
assert seen > 3000, seen
P
check "by other code, threads and parts" run pace.yaml --isa "$("$basin" info | sed -n 's/^instruction sets.* \([a-z0-9]*\) (in use)/\1/p')" --threads 3 --part-trials 33 -o paces.h5
check "the same bytes" cmp pace.h5 paces.h5
"$basin" run -q pace.yaml --cell 1 --trial 7 --csv > again.csv
check "one trial again is that trial" /usr/bin/python3 - <<'P'
import csv, h5py
rows = list(csv.DictReader(line for line in open('again.csv') if not line.startswith('#')))
want = h5py.File('pace.h5')['position'][1, 7]
assert len(rows) > 10 and all(abs(float(row['position']) - want[int(row['step'])]) < 1e-14 for row in rows)
P
expect 2 'eta_x at t = 300: .*division by zero' run pace.yaml --set 'schedule.0.eta=1/abs(t - 300)' --set stop.at=1e-300 -o refused.h5
rm -rf refused.h5.parts # where another thread was under way
expect 2 'stop: no rule can end' run pace.yaml --set 'stop={max_steps: 600}' --set allow.unresolved=0 -o none.h5
expect 2 'needs quotes' run pace.yaml --set 'schedule=[{eta: min(1, t)}]' -o none.h5

expect 2 'method.heavy_ball.momentum is 2, expected a number from 0 to 1' run ball.yaml --set method.heavy_ball.momentum=2 -o none.h5
expect 0 'doublewell: a tilted double well' "$basin" model well.yaml
check "its header is shown" sh -c "'$basin' model well.yaml --header | cmp - doublewell.h"
expect 2 'cnn is of this build: its header is include/models/cnn.h' "$basin" model "$here/data/experiments/cnn-table5-1.yaml" --header
check "models of the build alone are listed" sh -c "'$basin' models > models.txt && grep -q ^cnn: models.txt && ! grep -q doublewell models.txt"

# octopus as it is built in, and a copy of it under its name, which draws the same; with two variants at once
mkdir same
echo '#include "models/octopus.h"' > same/octopus.h
"$basin" init octopus > octopus.yaml
sed 's#^model.*#model: ./same/octopus.h#' octopus.yaml > copy.yaml
check "a model of the build" run octopus.yaml --trials 50 -o built.h5
check "and a copy of it" run copy.yaml --trials 50 -o copied.h5
check "have the same numbers, and not one identity" /usr/bin/python3 - <<'P'
import h5py
a, b = h5py.File('built.h5'), h5py.File('copied.h5')
names = [n for n in a if isinstance(a[n], h5py.Dataset) and a[n].dtype.kind != 'O']
assert len(names) > 10 and all(a[n][()].tobytes() == b[n][()].tobytes() for n in names)
assert a.attrs['identity'] != b.attrs['identity']
P
expect 2 'holds another experiment' run copy.yaml -o built.h5
echo '#include "models/cnn.h"' > same/cnn.h
cat > cnn.yaml <<'Y'
model: ./same/cnn.h
parameters: {p: 3, k: 4}
teacher: {a: {sum: 1, norm: 2}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
Y
expect 0 'cnn: ' "$basin" model cnn.yaml
expect 2 'model cnn has no fixed data sets|no gradient sampled so' "$basin" model cnn.yaml --set 'gradient={sampled: {inputs: {fixed: 20}}}'

# ---- sizes that are expressions, and a rule of the gradient ----

sed -e 's/X(tilt, 0.1.*/X(tilt, 0.1, 1e-6, 2, 0, "1", "tilt") X(n, 4, 1, 100, 0, "1", "size")/' \
  -e '/^#define MODEL_INITIAL/i #define MODEL_SIZES(X) X(half, P(n) / 2) X(more, fmax(P(n), 3) + 1)\n#define MODEL_AT_GRADIENT' \
  -e 's/^#define MODEL_TEACHER.*/#define MODEL_TEACHER(X) X(w, half, more, "a matrix")/' \
  -e 's/^#define MODEL_OUTCOMES.*/#define MODEL_OUTCOMES BASIN_CAN(BASIN_STATIONARY) | \\/' \
  -e 's/outcome\[BASIN_GLOBAL\] = r_le(left \* left, .*/const real slope = well_slope(c, x[0]);\n  (void)left; (void)right;\n  outcome[BASIN_STATIONARY] = r_le(slope * slope, r_set(c->tolerance));/' \
  -e '/outcome\[BASIN_SPURIOUS\] = r_le/d; s/setting->stop.tolerance;/setting->stop.tolerance_gradient;/' doublewell.h > sizes.h
cat > sizes.yaml <<'Y'
model: ./sizes.h
trials: 200
parameters: {n: 4}
teacher: {w: [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]}
init: {x: {normal: 1}}
schedule: [{eta: 0.05}]
stop: {at_gradient: 1e-12, max_steps: 20000}
record: {trials: 200, final: all, steps: [0]}
Y
check "sizes that are expressions of parameters, stop.at_gradient of the model" run sizes.yaml -o sizes.h5
check "every trial came to rest, at a root of the slope" /usr/bin/python3 -c "
import h5py
f = h5py.File('sizes.h5')
x, steps = f['final_position'][:], f['steps'][:]
assert (abs(x**3 - x + 0.1) <= 1e-6).all() and (steps > 50).all() and (f['outcome'][:] > 2).all(), (x, steps)"
expect 2 'teacher.w: its number of rows, P\(n\) / 2, is 2.5 here, expected a whole number from 1' "$basin" model sizes.yaml --set parameters.n=5
expect 2 'teacher.w.*expected' "$basin" model sizes.yaml --set parameters.n=6
expect 0 'w  *a matrix, P\(n\) / 2 rows of length fmax\(P\(n\), 3\) \+ 1' "$basin" model sizes.yaml
expect 2 'holds another experiment' run sizes.yaml --set stop.at_gradient=1e-4 -o sizes.h5
expect 2 'stop.at_gradient goes with a fixed data set' "$basin" model well.yaml --set 'stop={at_gradient: 1e-4}'

# ---- kept: the next time there is nothing to compile ----

check "no compiler is asked for what is kept" env BASIN_CC=false "$basin" run well.yaml -q --no-provenance --isa generic -o again.h5
check "the same file" cmp again.h5 well.h5
elsewhere() { env BASIN_CACHE="$work/empty" "$@" "$basin" run well.yaml -o none.h5; }
expect 1 'well.yaml:2:8: model doublewell: the compiler fails without a word' elsewhere BASIN_CC=false
expect 1 'BASIN_CC=no-such-cc: cannot be run' elsewhere BASIN_CC=no-such-cc
expect 1 'needs a C compiler: install gcc \(Debian: apt install gcc libc6-dev\)' elsewhere PATH=/nonexistent
expect 1 "sources.*are not there: looked for in $work/nowhere/" elsewhere BASIN_SOURCE="$work/nowhere"
mkdir -p other/host && cp -r "$here"/{include,cuda} other/ && cp -r "$here"/host/{model,engine} other/host/
echo '/* */' >> other/include/seam/setting.h
expect 1 "$work/other/: sources of another basin than this program" elsewhere BASIN_SOURCE="$work/other"
check "what cannot be compiled leaves nothing behind" test ! -e none.h5 -a ! -e none.h5.parts -a "$(count empty tmp -type f)" = 0
if command -v clang > /dev/null; then
  check "clang" env BASIN_CC=clang BASIN_CACHE="$work/clang" "$basin" run well.yaml -q --no-provenance --isa generic -o clang.h5
  check "gives the same bits" cmp clang.h5 well.h5
fi
for what in summary rates 'export'; do
  check "$what needs neither compiler nor cache" env BASIN_CC=false BASIN_CACHE="$work/empty" "$basin" $what well.h5 > shown
done

# several processes at once, each with nothing
for i in 1 2 3 4 5 6; do BASIN_CACHE=$work/both entry & pids[i]=$!; done
for i in "${pids[@]}"; do check "one process of six at once" wait "$i"; done
check "they have one file" test "$(count both -name '*.so')$(count both -type f)" = 11

# what is damaged is made again, and never loaded
harm_entry() { # harm_entry WHAT COMMAND...: of the one file of that folder, its path behind the command
  local what=$1 file
  file=$(echo both/*.so)
  cp "$file" good && shift && "$@" "$file" 2> /dev/null
  check "$what: it is another" sh -c "! cmp -s good '$file'"
  check "$what: not loaded without being made again" sh -c "! BASIN_CC=false BASIN_CACHE='$work/both' '$basin' model well.yaml > /dev/null 2>&1"
  check "$what: and so it works" env BASIN_CACHE="$work/both" "$basin" model well.yaml > shown
  check "$what: it is whole again" sh -c "BASIN_CC=false BASIN_CACHE='$work/both' '$basin' model well.yaml > /dev/null"
}
flip() { printf 'basin' | dd of="$1" bs=1 seek=3000 conv=notrunc status=none; }
other() { cp "$(find cache -name '*.so' ! -name "${1##*/}" | head -1)" "$1"; } # whole, of another key
harm_entry "empty" truncate -s 0
harm_entry "cut off" truncate -s -1
harm_entry "half" truncate -s 5000
harm_entry "bytes changed" flip
harm_entry "one in the place of another" other
touch both/own.so.tmp-"$(uname -n)"-4194303-0123abcd both/mine.txt
BASIN_CACHE=$work/both check "a later one" entry
check "sweeps up what killed ones left, and nothing else" test "$(cd both && echo *tmp* mine.txt)" = '*tmp* mine.txt'

# a signal while it compiles: an answer at once, nothing is left, of the compiler's temporary files neither
cat > slow-cc <<'S'
#!/bin/sh
case "$*" in *model/entry.c*) exec cc "$@" ;; esac
trap 'rm -f "$TMPDIR/slow-cc.s"; exit 1' TERM
: > "$TMPDIR/slow-cc.s"
sleep 30 & wait
S
chmod +x slow-cc
BASIN_CC=$work/slow-cc BASIN_CACHE=$work/slow "$basin" run well.yaml -q -o none.h5 & pid=$!
for _ in $(seq 200); do [ "$(count slow -name 'own.h.tmp*')" = 1 ] && [ "$(count slow -name '*.so')" = 1 ] && break; sleep 0.05; done
before=$SECONDS
kill -TERM $pid
wait $pid
check "interrupted while it compiles: 75" test $? = 75
check "at once, and the compiler has ended too" test $((SECONDS - before)) -lt 20 -a -z "$(pgrep -f "$work/slow-cc")"
check "nothing is left of it" test "$(count slow -name '*tmp*')$(count . -maxdepth 1 -name 'none*')$(count tmp -type f)" = 000

# bounded: those that were not used for longest go
old=both/$(printf '%032d' 7).so young=both/$(printf '%032d' 8).so
truncate -s 200M "$old" "$young" && touch -d '2020-01-01' "$old"
BASIN_CACHE=$work/both check "one more" entry --set model=./rolling.h
check "the oldest has gone" test ! -e "$old" -a -e "$young"
rm "$young"

# ---- a folder that others could write to is not used ----

expect_refusal() { expect 1 "compiled models are not kept there: $1" env BASIN_CACHE="$2" "$basin" model well.yaml; }
mkdir open group && chmod 777 open && chmod 770 group
expect_refusal 'others may write to it' "$work/open"
expect_refusal 'others may write to it' "$work/group"
mkdir -p above/inside && chmod 777 above
expect_refusal 'others may write to .* above it' "$work/above/inside"
ln -s "$work/cache" link
expect_refusal 'it is a symbolic link' "$work/link"
expect_refusal 'it is a symbolic link' "$work/link/"
touch plain
expect_refusal 'it is no folder' "$work/plain"
mkdir theirs
if chown 12345 theirs 2> /dev/null; then expect_refusal 'it is another user' "$work/theirs"; fi
check "nothing was put there" test "$(count open group above theirs -type f)" = 0

# without a place for a cache it runs all the same, and leaves nothing
for cache in /proc/none/here /dev/null/basin; do
  BASIN_CACHE=$cache check "without a cache ($cache)" entry
  check "it is the same" grep -q 'doublewell: a tilted double well' shown
done
check "without a home" env -u BASIN_CACHE -u XDG_CACHE_HOME -u HOME "$basin" run well.yaml -q --no-provenance --isa generic -o homeless.h5
check "the same file" cmp homeless.h5 well.h5
check "nothing is left of it" test -z "$(ls -A tmp)"
check "in ~/.cache, by default" env -u BASIN_CACHE -u XDG_CACHE_HOME HOME="$work/home" "$basin" model well.yaml > shown
check "it is there, for nobody else" test "$(stat -c %a home/.cache/basin)$(count home -name '*.so')" = 7001
if mkdir small && mount -t tmpfs -o size=64k,mode=700 none small 2> /dev/null; then
  BASIN_CACHE=$work/small check "on a full disk" run well.yaml -o small.h5
  check "the same file" cmp small.h5 well.h5
  check "nothing is left there" test "$(count small -name '*tmp*')" = 0
  umount small
else
  echo "skipped: no small disk can be mounted here"
fi

# ---- what is wrong is told ----

wrong() { # wrong PATTERN HEADER
  sed "s#^model.*#model: ./$2#" well.yaml > wrong.yaml
  expect 2 "$1" "$basin" model wrong.yaml
}
sed 's/r_fma(x \* x, x,/r_fma(x * z, x,/' doublewell.h > slip.h
wrong "wrong.yaml:2:8: model slip: slip.h:$(grep -n 'x \* z' slip.h | cut -d: -f1):[0-9]+: error: .*'z'" slip.h
sed 's/well_slope(c, x\[0\])/well_slop(c, x[0])/' doublewell.h > typo.h
wrong "model typo: typo.h:$(grep -n 'well_slop(' typo.h | head -1 | cut -d: -f1):[0-9]+: error: implicit declaration of function 'well_slop'" typo.h
sed 's/well_step, /no_such_step, /' doublewell.h > lost.h
expect 2 'the model does not compile: .*no_such_step' run well.yaml --set model=./lost.h -o none.h5
echo 'double x = ;' > models/broken.h
{ echo '#include "models/broken.h"'; cat doublewell.h; } > including.h
wrong 'model including: models/broken.h:1:12: error: expected expression' including.h
echo '#include "circle.h"' > circle.h
wrong 'circle.h: cannot be read: too much is included, or in a circle' circle.h
wrong 'model: ./missing.h: cannot be read: No such file' missing.h
mkdir folder.h
wrong 'cannot be read: no plain file' folder.h
head -c 100 /dev/zero > zero.h
wrong 'it is no text' zero.h
wrong 'expected up to 60 letters, digits and _' 2-wells.h
sed 's/X(position, "1", "x")/X(outcome, "1", "x")/; s/ROW_reached/&/' doublewell.h > taken.h
wrong 'model taken: the name `outcome` of its tables is taken' taken.h

# ---- an edited formula is another model ----

run well.yaml -o far/ --shard 1/2 --part-trials 250 2> said
check "a campaign is begun" test -s far/campaign -a "$(count far/parts -type f)" -gt 3
cp -r far moved
sed -i 's/well_slope(c, x\[0\]), x\[0\]);/well_slope(c, x[0]) * r_set(0.5), x[0]);/' doublewell.h
check "the edit is one" sh -c "! cmp -s doublewell.h '$here/tests/support/doublewell.h'"
expect 2 'holds another experiment: the header of model doublewell has changed' run well.yaml -o well.h5
expect 2 'holds a campaign of another experiment' run well.yaml -o far/
check "the campaign has its own text, and goes on" run far/
rm doublewell.h
check "without the file too, from another folder, and without a compiler" sh -c "cd tmp && BASIN_CC=false '$basin' run ../moved/ -q --isa generic"
for one in far moved; do check "$one is merged" "$basin" merge $one -o $one.h5 --no-provenance > shown; done
check "they are one, and what one run gives" sh -c 'cmp far.h5 moved.h5 && cmp far.h5 well.h5'
cp "$here/tests/support/doublewell.h" .
check "a file of results is extended" run well.yaml --trials 2500 --extend -o again.h5

# C of a file of results is not run because somebody looks at it
mkdir stranger && cp well.h5 stranger/
picture=(--vector x --shape 1x1 --cell 0 -o v.svg)
expect 2 'C out of a file of results is not run unasked' env BASIN_CACHE="$work/empty" "$basin" plot stranger/well.h5 "${picture[@]}"
check "where the user has compiled it, it is" sh -c "! '$basin' plot stranger/well.h5 ${picture[*]} 2>&1 | grep 'not run unasked'"
cp doublewell.h stranger/
check "and where the header is beside it" sh -c "! BASIN_CACHE='$work/empty' '$basin' plot stranger/well.h5 ${picture[*]} 2>&1 | grep 'not run unasked'"

# ---- kernels, as the simulator executes them ----

simulated
cat > nvcc <<C
#!/bin/sh
echo >> "$work/nvcc.calls"
exec "$here/tests/cudasim/nvcc" "\$@"
C
chmod +x nvcc
export BASIN_NVCC=$work/nvcc
for what in well ball; do
  check "$what by its kernels" "$basin" run $what.yaml -q --no-provenance --trials 500 --part-trials 200 --backend cuda -o cuda.h5
  check "$what: the same bits" sh -c "'$basin' run $what.yaml -q --no-provenance --trials 500 --isa generic -o cpu.h5 && cmp cuda.h5 cpu.h5"
  rm -f cuda.h5 cpu.h5
done
calls=$(wc -l < nvcc.calls)
check "they are kept" "$basin" run well.yaml -q --trials 50 --backend cuda -o kept.h5
check "and not made again" test "$calls" = "$(wc -l < nvcc.calls)"
export BASIN_NVCC=no-such-nvcc
expect 0 'warning: model rolling: BASIN_NVCC=no-such-nvcc: cannot be run.*going on with the CPU' "$basin" run ball.yaml \
  --set method=gradient_descent --trials 50 -o warned.h5
expect 1 'model octopus: BASIN_NVCC=no-such-nvcc: cannot be run' "$basin" run copy.yaml --backend cuda -o none.h5
finish
