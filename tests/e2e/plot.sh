#!/bin/bash
# SPDX-License-Identifier: MIT
# plot.sh: figures. Whatever the name and the texts, a whole picture replaces the old one or nothing does; and what
# is printed arrives, or the exit code says so.
. "$(dirname "$0")/../support/shell.sh"
trap 'umount "$work/tiny" 2>/dev/null; chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT

cat > small.yaml <<'Y'
model: cnn
trials: 60
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {trials: 20, steps: {log: 20}}
Y
check "a run" "$basin" run small.yaml -q
cat > whole.py <<'P'
import sys
import xml.dom.minidom
for name in sys.argv[1:]:
    data = open(name, 'rb').read()
    if name.endswith('.png'):
        assert data.startswith(b'\x89PNG\r\n\x1a\n') and data.endswith(b'IEND\xaeB`\x82'), name
    elif name.endswith('.pdf'):
        assert data.startswith(b'%PDF-') and data.rstrip().endswith(b'%%EOF'), name
    else:
        assert xml.dom.minidom.parseString(data).documentElement.tagName == 'svg', name
P
whole() { /usr/bin/python3 whole.py "$@"; }
plot() { "$basin" plot "$@"; }
plots() { plot "$@" && whole "${@: -1}"; } # the figure is named last

# a name is a name: no command, no home, no control character, no quote
export HOME=$work/home
mkdir home '~'
for name in '|touch ran #.svg' '| touch ran;:.png' '~/x.svg' "'.svg" "''a''.png" "it''s.svg" '"`touch ran`".svg' '$(touch ran).svg' \
  '-.png' ' x .svg' $'tab\tbell\a.svg' $'new\nline.svg' $'\x01.png' $'\xff.svg' 'back\slash\.svg'; do
  check "the name $(printf %q "$name")" plots small.h5 -o "$name"
done
check "none ran anything, none went home" sh -c '! ls -A . home | grep -qx "ran.*\|x.svg"'
rmdir home
expect 1 'tilde~/x.svg: cannot be made: No such file' "$basin" plot small.h5 -o 'tilde~/x.svg'
check "no temporary file" sh -c '! ls -A . | grep -q tmp'
mkdir folder.svg
expect 2 'folder.svg: a folder, a pipe' "$basin" plot small.h5 -o folder.svg
check "no temporary file beside a folder" sh -c '! ls -A . | grep -q tmp'

# texts too, in every kind of figure
cat > odd.yaml <<'Y'
model: cnn
trials: 40
grid: {k: [4]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
variants:
  "'lead": {init: {v: {sphere: 1}, a: {ball: 1}}}
  "two''in": {init: {v: {sphere: 1}, a: {ball: 0.5}}}
  "''": {init: {v: {sphere: 1}, a: {ball: 0.25}}}
schedule: [{eta: 0.1}]
record: {trials: 20, steps: {log: 20}, observables: [loss, phi]}
Y
check "a run with odd variants" "$basin" run odd.yaml -q
for title in "'lead" "two''in" "'" "''" "'''" "a'" "'a' 'b'" '"`touch ran`"' $'\xff\xc3(\xed\xa0\x80' $'a\x7f\x01b' '<&>' ''; do
  text=$(printf %q "$title")
  check "rates: $text" plots small.h5 --title "$title" -o title.svg
  check "starts: $text" plots small.h5 --map phi,loss --title "$title" -o title.pdf
  check "trajectories: $text" plots odd.h5 --observable loss --observable phi --title "$title" -o title.svg
  check "rates of the loss: $text" plots odd.h5 --rates --title "$title" -o title.svg
done
check "no text ran anything" test ! -e ran
check "variants" plots odd.h5 -o odd.svg
check "are drawn as they are" sh -c "sed \"s/&#39;\|&apos;/'/g\" odd.svg > text && grep -q \">'lead<\" text && grep -q \"two''in<\" text && grep -q \">''<\" text"

# an axis of one value, an observable of one value or none: gnuplot's own warnings and errors
cat > flat.yaml <<'Y'
model: cnn
trials: 20
grid: {q: [1e20]}
parameters: {k: 4, p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: "q * 1e-300"}]
stop: {max_steps: 8}
record: {trials: 20, steps: {every: 4}, observables: [loss, phi]}
allow: {unresolved: 1}
Y
check "nothing moves" "$basin" run flat.yaml -q
check "one record" "$basin" run flat.yaml -q -o once.h5 --set 'record.steps=[0]'
check "a loss of 0" "$basin" run flat.yaml -q -o zero.h5 --set 'init={v: {head: [1]}, a: {sum: 1, norm: 1}}'
check "no success" "$basin" run flat.yaml -q -o never.h5 --set stop.at=1e-300
check "infinity alone" "$basin" run flat.yaml -q -o inf.h5 --set 'grid={m: [inf]}' --set 'schedule=[{eta: 0.05}]' \
  --set 'gradient={sampled: {inputs: m, sampler: projected}}'
for file in flat once zero never inf; do
  check "$file: rates" plots $file.h5 -o $file.svg
  check "$file: trajectories" plots $file.h5 --observable loss --observable phi -o $file.png
done
for file in flat once zero inf; do check "$file: rates, log" plots $file.h5 --log -o $file.svg; done
for file in flat once; do check "$file: trajectories, log" plots $file.h5 --observable loss --log -o $file.svg; done
check "one record is a point, for each outcome" sh -c '"$1" plot once.h5 --observable loss -o point.svg &&
  test $(grep -c "<use xlink:href=.#gpPt[0-9]*. transform=.translate" point.svg) = $((2 * $(grep -c ">[a-z]* ([0-9]*)<" point.svg)))' sh "$basin"
check "flat: rates of the loss" plots flat.h5 --rates -o flat.svg
expect 2 'no cell has a rate above 0, which --log needs, to draw' "$basin" plot never.h5 --log -o x.svg
expect 2 'no value of loss is finite and above 0: nothing to draw' "$basin" plot zero.h5 --observable loss --log -o x.svg
check "no figure is left of these" test ! -e x.svg

# a gnuplot that fails, or ends before its picture does: the old figure stays
mkdir fake
fake() { printf '#!/bin/sh\ncat > script\n%s\n' "$1" > fake/gnuplot && chmod +x fake/gnuplot; }
faked() { env PATH="$work/fake:$PATH" "$basin" plot small.h5 -o fig."$1"; }
for kind in svg png pdf; do
  check "a figure" plots small.h5 -o fig.$kind
  cp fig.$kind old.$kind
done
for kind in svg png pdf; do
  fake ':'
  expect 1 'fig.(svg|png|pdf): gnuplot ended well, but its picture is not whole' faked $kind
  fake "head -c 3000 old.$kind"
  expect 1 'its picture is not whole' faked $kind
  fake "cat old.$([ $kind = svg ] && echo png || echo svg)"
  expect 1 'its picture is not whole' faked $kind
  fake "cat old.$kind; printf '\n         line 3: out of paint\n\n' >&2; exit 1"
  expect 1 'gnuplot failed: line 3: out of paint' faked $kind
  fake "cat old.$kind; kill -9 \$\$"
  expect 1 'gnuplot failed: Killed' faked $kind
  check "the old $kind stays" cmp fig.$kind old.$kind
  fake "cat old.$kind; echo 'warning: all is well' >&2"
  check "a warning is no failure" faked $kind
done
expect 1 'gnuplot is not installed' env PATH=/nowhere "$basin" plot small.h5 -o fig.svg
check "gnuplot sees no path" sh -c '! grep "fig\.\|^set output\|tmp-" script'

# what is no plain file, and what is read, stays
cp small.h5 small.svg
mkfifo pipe.svg
ln -s nowhere dangling.svg
ln -s /dev/null device.svg
for name in folder pipe dangling device; do
  expect 2 "^basin: $name.svg: a folder, a pipe, or a link that leads nowhere" timeout 60 "$basin" plot small.h5 -o $name.svg
done
check "they are as they were" test -d folder.svg -a -p pipe.svg -a -L dangling.svg -a -L device.svg -a ! -e nowhere
expect 2 '^basin: small.svg: is what is read' "$basin" plot small.svg -o small.svg
check "what is read stays" cmp small.h5 small.svg

# a file that cannot grow, and a full disk
limited() { (trap '' XFSZ && ulimit -f 2 && exec "$basin" plot small.h5 -o fig.svg); }
expect 1 'fig.svg: (gnuplot ended well, but its picture is not whole|cannot be written)' limited
check "the old figure stays" cmp fig.svg old.svg
mkdir tiny
if mount -t tmpfs -o size=64k tmpfs tiny 2>/dev/null; then
  cp old.svg old.png tiny/
  head -c 100k /dev/zero > tiny/filler 2>/dev/null
  for kind in svg png; do
    expect 1 "tiny/old.$kind: cannot be written: No space left on device" "$basin" plot small.h5 -o tiny/old.$kind --title new
    check "the old $kind stays on a full disk" cmp tiny/old.$kind old.$kind
  done
  check "no temporary file is left there" test "$(ls tiny | tr '\n' ' ')" = "filler old.png old.svg "
  rm tiny/filler
  check "it is drawn when there is room" plots small.h5 --title new -o tiny/old.svg
else
  echo "skipped: no permission to mount a small file system"
fi

# a trial that has ended is not drawn on at its last value
cat > path.yaml <<'Y'
model: cnn
trials: 40
grid: {k: [4]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.05}]
stop: {at: 1e-6, max_steps: 3000}
record: {trials: 40, steps: {every: 5}, observables: [loss]}
allow: {unresolved: 1}
Y
check "a run of trials that end at different times" "$basin" run path.yaml -q
fake 'head -c 99999999 old.svg'
check "their figure, through a gnuplot of our own" env PATH="$work/fake:$PATH" "$basin" plot path.h5 -o path.svg --observable loss
check "its curves end where the trials do" /usr/bin/python3 - <<'P'
import re
import h5py
import numpy as np

script, file = open("script").read(), h5py.File("path.h5")
blocks = [np.array([line.split() for line in text.splitlines()], float)
          for text in re.findall(r"^\$bundle0_\d+ << EOD\n(.*?)^EOD$", script, re.M | re.S)]
steps, loss, outcome = (file[name][()] for name in ("time", "loss", "outcome"))
loss, outcome = loss[0], outcome[0][:len(loss[0])]
assert len(blocks) == len(set(outcome)) == 2, outcome
held = 0
for o, rows in zip(sorted(set(outcome), key=lambda o: (o - 1) % 100), blocks):
    x = loss[outcome == o]
    n, running = len(x), np.isfinite(x)
    ended = (~running).sum(0)
    full = np.array([np.interp(steps, steps[k], row[k]) for row, k in zip(x, running)])

    def alive(t, tail):
        """whether the trials whose values make up both quantiles are under way"""
        order, places = np.argsort(full[:, t], kind="stable"), np.array([tail, 1 - tail]) * (n - 1)
        return running[order[np.concatenate([np.floor(places), np.ceil(places)]).astype(int)], t].all()

    over = [False] * 3
    for t in range(len(steps)):
        over = [before or not alive(t, tail) for before, tail in zip(over, (0.5, 0.25, 0.05))]
        if over[0]:
            break
        assert rows[t, 0] == steps[t], t
        for band, tail in enumerate((0.5, 0.25, 0.05)):
            drawn = rows[t, 1 + 2 * band:3 + 2 * band]
            if over[band]:
                assert np.isnan(drawn).all(), (t, band)
                continue
            assert np.allclose(drawn, np.percentile(full[:, t], [100 * tail, 100 * (1 - tail)]), rtol=1e-8), (t, band)
    assert len(rows) == (t if over[0] else t + 1)
    held += (ended > 0).any()
assert held, "no trial has ended early: this tests nothing"
P
check "and the real one draws them" plots path.h5 --observable loss --log -o path.png

# what is printed arrives, or the exit code says so
full() { "$basin" "$@" > /dev/full; }
lost='basin: standard output cannot be written: No space left on device'
printf 'k,success,trials\n4,0.5,5000\n9,0.99,5000\n' > published.csv
expect 1 "$lost" full --version
expect 1 "$lost" full --help
expect 1 "$lost" full help
expect 1 "$lost" full help plot
expect 1 "$lost" full help --man
for command in run submit status merge summary rates compare plot verify models info help; do
  expect 1 "$lost" full $command --help
  expect 1 "$lost" full $command --version
done
expect 1 "$lost" full summary small.h5
expect 1 "$lost" full summary small.h5 --json
expect 1 "$lost" full summary small.h5 --csv
expect 1 "$lost" full rates path.h5
expect 1 "$lost" full compare small.h5 published.csv
expect 1 "$lost" full models
expect 1 "$lost" full info
expect 1 "$lost" full run small.yaml --dry-run
expect 1 "$lost" full run small.yaml --cell 0 --trial 1
expect 2 'unknown command' full nothing
closed() { "$basin" "$@" >&-; }
expect 1 'standard output cannot be written: Bad file' closed --version
expect 1 'standard output cannot be written: Bad file' closed summary small.h5
expect 0 '' closed run small.yaml -q -o closed.h5
check "a file is not printed into" sh -c '"$1" run small.yaml -q --no-provenance -o a.h5 && "$1" run small.yaml --no-provenance -o b.h5 0<&- >&- 2>&-; cmp a.h5 b.h5' sh "$basin"
finish
