#!/bin/bash
# SPDX-License-Identifier: MIT
# cli.sh: the program as a user meets it: its words, its exit codes, its one-line complaints.
. "$(dirname "$0")/../support/shell.sh"

cat > small.yaml <<'Y'
model: cnn
trials: 200
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
record: {trials: 20, steps: {log: 20}}
Y

# help and version, everywhere
expect 0 '^basin [0-9]+\.[0-9]+\.[0-9]+$' "$basin" --version
expect 0 'Usage: basin COMMAND' "$basin" --help
expect 2 'Usage: basin COMMAND' "$basin"
for command in run summary rates compare check plot verify models info help; do
  expect 0 "^Usage: basin $command" "$basin" "$command" --help
  expect 0 "^Usage: basin $command" "$basin" help "$command"
done
expect 0 '75 interrupted' "$basin" --help
check "the manual page is clean roff" test -z "$("$basin" help --man | groff -man -Tutf8 -ww 2>&1 >/dev/null)"
expect 0 'basin run EXPERIMENT.yaml' sh -c "'$basin' help --man | MANPAGER=cat man -l - | cat"
expect 0 'population loss L' "$basin" models
expect 0 '^cnn: ' "$basin" models cnn
expect 0 'instruction sets .*generic' "$basin" info

# usage
expect 2 'did you mean `summary`' "$basin" sumary
expect 2 'did you mean --threads' "$basin" run small.yaml --thread 2
expect 2 'an argument is missing' "$basin" run
expect 2 'one argument too many' "$basin" run small.yaml other.yaml
expect 2 '--threads needs a value' "$basin" run small.yaml --threads
expect 2 '--quiet takes no value' "$basin" run small.yaml --quiet=1
expect 2 '--threads 0: expected a whole number from 1' "$basin" run small.yaml --threads 0
expect 2 '--backend gpu: expected auto, cpu or cuda' "$basin" run small.yaml --backend gpu
expect 2 '--isa sse: expected generic, avx2 or avx512' "$basin" run small.yaml --isa sse
expect 2 'none.yaml: cannot be read: No such file' "$basin" run none.yaml
expect 2 '--set grid.k=0: k is 0, expected a whole number from 1' "$basin" run small.yaml --set grid.k=0 -o none.h5
expect 2 'cannot be read as HDF5|cannot be read' "$basin" summary none.h5
expect 2 'go together' "$basin" run small.yaml --cell 1
expect 2 '--cell 2: expected a whole number from 0 to 1' "$basin" run small.yaml --cell 2 --trial 0
check "nothing was made by mistakes" test "$(ls)" = small.yaml

# a run, and everything that reads it
expect 0 '2 cells, 400 trials in .* at most .*B of memory and .*B of disk; cpu, ' "$basin" run small.yaml --dry-run --set stop.max_steps=20
check "a dry run makes nothing" test "$(ls)" = small.yaml
expect 0 'next: basin summary small.h5' "$basin" run small.yaml
expect 0 'complete already' "$basin" run small.yaml
expect 2 'small.h5: has 400 trials of this experiment, which asks for more: --extend' "$basin" run small.yaml --trials 300
check "a quiet run says nothing" test -z "$("$basin" run small.yaml -q -o quiet.h5 2>&1)"
expect 0 '\[0\.[0-9]{4}, ' "$basin" summary small.h5
"$basin" summary small.h5 --json > summary.json
check "JSON has what it promises" jq -e '
  .experiment == "small" and .seed == 0 and (.version | type) == "string" and (.cells | length) == 2 and
  (.cells[1] | .index == 1 and .variant == "" and .parameters.k == 9 and .parameters.p == 3 and .trials == 200 and
   ([.outcomes[]] | add) == 200 and (.outcomes | has("global") and has("spurious") and has("unresolved")) and
   .success.rate == .outcomes.global / 200 and .success.low < .success.rate and .success.high > .success.rate and
   .steps.median >= 0 and .steps.mean >= 0 and .steps.max >= .steps.median)' summary.json
check "steps are told by outcome, and what they count" jq -e '.cells[] |
  .steps.until == "proved" and .steps.diverged.median == null and .steps.global.max <= .steps.max and
  (.steps.global | .low <= .median and .median <= .high and .mean <= .max)' summary.json
expect 0 '^Steps until the outcome was proved, by the early rule: give stop.at' "$basin" summary small.h5
expect 0 '^cell +k +global: median  95% interval +max +spurious: median ' "$basin" summary small.h5
check "a run to the optimum" "$basin" run small.yaml -q -o reached.h5 --trials 50 --set 'stop={at: 1e-6, at_spurious: 0.1}'
expect 0 '^Steps until the outcome was reached$' "$basin" summary reached.h5
check "one of both" "$basin" run small.yaml -q -o mixed.h5 --trials 50 --set 'variants={a: {}, b: {stop: {at: 1e-6, at_spurious: 0.1}}}'
expect 0 '^Steps until the outcome was reached, or proved, which is sooner$' "$basin" summary mixed.h5
expect 0 '^ +0 +a +4 +proved +[0-9]+  \[[0-9]+, [0-9]+\] ' "$basin" summary mixed.h5
expect 0 '^ +3 +b +9 +reached +[0-9]+  \[[0-9]+, [0-9]+\] ' "$basin" summary mixed.h5
"$basin" summary mixed.h5 --csv > mixed.csv
check "CSV and JSON say the same, in the fewest digits" /usr/bin/python3 - <<'P'
import csv, h5py, json, math, numpy, re, subprocess, sys
text = open("mixed.csv").read()
rows = list(csv.DictReader(text.splitlines()))
f = h5py.File("mixed.h5")
assert [row["steps_until"] for row in rows] == ["proved", "proved", "reached", "reached"]
for number in re.findall(r"[0-9][0-9.e+-]*", text.split("\n", 1)[1]):
    assert repr(float(number)) in (number, number + ".0"), number
for c, row in enumerate(rows):
    for outcome, name in enumerate(f["outcome"].attrs["flag_meanings"].decode().split()):
        steps = f["steps"][c][f["outcome"][c] == outcome]
        of = {key: float(row[f"steps_{name}_{key}"]) for key in ("median", "low", "high", "mean", "max")}
        if not len(steps): assert all(map(math.isnan, of.values()))
        else: assert of["median"] == numpy.median(steps) and of["max"] == max(steps) and of["low"] in steps and of["high"] in steps
P
check "CSV has a row per cell" test "$("$basin" summary small.h5 --csv | wc -l)" = 3

# published numbers
printf 'k,success,trials\n4,0.5,5000\n9,0.99,5000\n' > published.csv
expect 0 'DIFFERS' "$basin" compare small.h5 published.csv
expect 0 '1 of 2 cells|0 of 2 cells' "$basin" compare small.h5 published.csv
expect 0 ',differs$' "$basin" compare small.h5 published.csv --csv
printf 'q,success,trials\n4,0.5,5000\n' > bad.csv
expect 2 'no row names a cell' "$basin" compare small.h5 bad.csv
printf 'k,success,trials\n4,1.5,5000\n' > bad.csv
expect 2 'bad.csv:2:1: success is 1.5' "$basin" compare small.h5 bad.csv
printf 'k,success\n4,0.5\n' > bad.csv
expect 2 'bad.csv:1:1: expected a heading' "$basin" compare small.h5 bad.csv
printf 'variant,k,variant,success,trials\nsmall,1,large,0.5,9\n' > bad.csv
expect 2 'bad.csv:1:1: .* not more than one .variant.' "$basin" compare small.h5 bad.csv
printf 'variant,k,success,trials\nsmall,1,0.5,9\nsmall,1,0.5,x\n' > bad.csv
expect 2 'bad.csv:3:1: .x. is not a number' "$basin" compare small.h5 bad.csv # the row is freed, too: with sanitizers
printf 'k,success,trials\n4,0.5\n' > bad.csv
expect 2 'bad.csv:2:1: expected 3 columns' "$basin" compare small.h5 bad.csv
: > bad.csv
expect 2 'bad.csv: no rows' "$basin" compare small.h5 bad.csv

# figures
check "a figure of rates" "$basin" plot small.h5 -o rates.svg --published published.csv
check "it is SVG" grep -q '<svg' rates.svg
check "a figure of trajectories" "$basin" plot small.h5 -o paths.png --observable phi --observable loss --log
check "it is PNG" sh -c 'head -c 4 paths.png | grep -q PNG'
expect 2 'no recorded observable `psi`, expected loss, phi' "$basin" plot small.h5 -o x.svg --observable psi
expect 2 'expected a name that ends in .svg, .png or .pdf' "$basin" plot small.h5 -o x.eps
expect 2 'not both' "$basin" summary small.h5 --json --csv
check "a grid of one value" "$basin" plot small.h5 -o one.svg --x k
expect 2 'no grid parameter of that name' "$basin" plot small.h5 -o x.svg --x q
expect 2 'is missing' "$basin" plot small.h5
expect 1 'gnuplot is not installed' env PATH=/nowhere "$basin" plot small.h5 -o x.svg
# names and texts are texts: nothing in them runs, nothing in them is mark-up
check "odd texts" "$basin" run small.yaml -q --trials 50 --set 'title="`touch ran`_{x} $(touch ran) '"'"'"' -o odd.h5
check "odd names" eval '"$basin" plot odd.h5 -o "my_fig {a}^b.svg" --title "\`touch ran\` it'"'"'s" && test -s "my_fig {a}^b.svg"'
check "nothing was run" test ! -e ran
check "a text is drawn as it is" grep -q "it's\|it&#39;s\|it&apos;s" "my_fig {a}^b.svg"
check "no temporary file" test -z "$(ls | grep tmp)"
expect 1 'nowhere/x.svg: cannot be made: No such file' "$basin" plot small.h5 -o /nowhere/x.svg
check "no figure is left half made" sh -c '! ls | grep -q "^x\|tmp"'

# one trial again: the same bits, shown or written
expect 0 'trial 17: (global|spurious) after [0-9]+ steps' "$basin" run small.yaml --cell 1 --trial 17
few=(run small.yaml --cell 1 --trial 17)
many=("${few[@]}" --set 'record.steps={log: 200}')
expect 0 '^\(2[01] of [2-9][0-9] recorded steps; --csv and --json show all, -o FILE keeps them\)$' "$basin" "${many[@]}"
expect 0 '^\(2[01] of [2-9][0-9] recorded steps; many.h5 has all\)$' "$basin" "${many[@]}" -o many.h5
expect 0 '^trial 17: ' env TMPDIR="$work/nowhere" "$basin" "${few[@]}" # it needs no file to be shown
"$basin" "${few[@]}" -o few.h5 > few.txt
check "what is shown of a trial is what is written, whole where the steps are few" /usr/bin/python3 - <<'P'
import h5py, numpy
f = h5py.File("few.h5")
lines = open("few.txt").read().splitlines()
at = next(i for i, line in enumerate(lines) if line.split()[:1] == ["step"])
names, rows = lines[at].split()[1:], [[float(x) for x in line.split()] for line in lines[at + 1:]]
assert "loss" in names and len(rows) > 5
assert [row[0] for row in rows] == [t for t in f["time"][:] if t <= f["steps"][0, 0]]
for column, name in enumerate(names):
    assert [row[1 + column] for row in rows] == [float("%.15e" % x) for x in f[name][0, 0, :len(rows)]], name
assert lines[at - 2].startswith("trial 17: ") and f"after {f['steps'][0, 0]} steps" in lines[at - 2]
P
"$basin" "${many[@]}" --csv > many.csv
"$basin" "${many[@]}" --json -q > many.json # the one is asked for, the other not
check "all of it as CSV and as JSON: the bits of the file" /usr/bin/python3 - <<'P'
import csv, h5py, json
f, trial = h5py.File("many.h5"), json.load(open("many.json"))
columns = list(zip(*csv.reader(open("many.csv"))))
steps = [int(t) for t in columns[0][1:]]
assert len(steps) > 22 and steps == [t for t in f["time"][:] if t <= f["steps"][0, 0]] == trial["trajectory"]["step"]
assert [c[0] for c in columns] == list(trial["trajectory"]) and len(columns) > 5
for name, *values in columns[1:]:
    assert [float(x) for x in values] == f[name][0, 0, :len(steps)].tolist() == trial["trajectory"][name], name
assert trial["outcome"] in ("global", "spurious") and trial["steps"] == f["steps"][0, 0] and trial["trial"] == 17
assert trial["cell"] == {"index": 1, "variant": "", "parameters": {"k": 9, "p": 3}} and trial["until"] == "proved"
assert trial["final"] == {name[6:]: f[name][0, 0] for name in f if name.startswith("final_")}
P
expect 2 'show a single trial: they go with --cell and --trial' "$basin" run small.yaml --csv
expect 2 '--json or --csv, not both' "$basin" "${few[@]}" --csv --json
cat > models.yaml <<'Y'
trials: 1
parameters: {p: 3}
variants:
  one: {model: cnn, teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}, init: {v: {sphere: 1}, a: {ball: 1}}}
  two: {model: relu_sum, parameters: {d: 3}, teacher: {v: {head: [1]}}, init: {w: {normal: 1}}, stop: {at: 0.1}}
schedule: [{eta: 0.05}]
record: {observables: [phi, loss]}
Y
expect 0 '^ +0 +nan +[0-9]' "$basin" run models.yaml --cell 1 --trial 0 # the first column is of the other model
check "a trial into a file" "$basin" run small.yaml --cell 1 --trial 17 -q -o one.h5
expect 2 'one.h5: exists' "$basin" run small.yaml --cell 1 --trial 17 -o one.h5
check "the trial is the one of the full run" /usr/bin/python3 - <<'P'
import h5py, numpy
one, full = h5py.File('one.h5'), h5py.File('small.h5')
assert one['trial'][0] == 17 and one['cell'][0] == 1
for name in full:
    if name.startswith('final_') or name in ('outcome', 'steps'):
        assert one[name][0, 0].tobytes() == full[name][1, 17].tobytes(), name
for name in ('phi', 'loss', 'norm_v'):
    assert one[name][0, 0].tobytes() == full[name][1, 17].tobytes(), name
P

# exit code 3: more unresolved trials than allowed; and the file is there all the same
# it counts the cells, names the worst, and says what to change, by what is known of it
excess='2 of 2 cells have more unresolved trials than the experiment allows, the worst is cell 0 \(k = 4\) with 34.5% of its trials; '
expect 3 "three.h5: ${excess}give a larger stop.max_steps, or allow: .unresolved: 0.35.\$" "$basin" run small.yaml -o three.h5 --set stop.max_steps=20
expect 3 "three.h5: $excess" "$basin" run small.yaml -o three.h5 --set stop.max_steps=20 # as of a file that is there
outside() { # outside PATTERN SETTING...: in the line of a run that ends with 3
  local pattern=$1 given=()
  shift
  for setting; do given+=(--set "$setting"); done
  rm -f outside.h5
  expect 3 "$pattern" "$basin" run small.yaml -q -o outside.h5 --trials 50 "${given[@]}"
}
far='stop={at: 1e-12, max_steps: 5000'
outside 'where trials come to the spurious optimum .* give stop.at_spurious; else a larger stop.max_steps, or allow' "$far}"
outside 'give a larger stop.max_steps, or a larger tolerance, or allow' 'stop={at: 1e-6, at_spurious: 0.1, max_steps: 400}'
check "what it advises resolves them" "$basin" run small.yaml -q -o inside.h5 --trials 50 --set "$far, at_spurious: 0.1}"
outside 'no trial of it has a proof: give a larger stop.max_steps, smaller step sizes, or stop.at, or' 'schedule=[{eta: 3}]' stop.max_steps=30
outside '2 of 2 cells have more diverged trials .* with 100% of its trials; give smaller step sizes, or on_divergence: halve, or allow: .diverged: 1.' 'schedule=[{eta: 40}]'
outside '^basin: outside.h5: 1 of 4 cells has more unresolved trials .*, the worst is cell 3 \(far, k = 9\) with .* spurious' \
  'variants={near: {}, far: {parameters: {p: 4}, stop: {at: 1e-12, max_steps: 5000}}}' 'allow={unresolved: 0.4}'
expect 0 "unresolved" "$basin" summary three.h5
expect 0 'wrote' "$basin" run small.yaml -o four.h5 --set stop.max_steps=20 --set allow.unresolved=1

# a run that cannot resolve a trial is refused before it begins, by every way to begin one, at the place of its `stop`;
# where that is meant, or a rule is there, it is not; one trial alone may be looked at
sampled='gradient={sampled: {inputs: 4, sampler: direct}}'
refused=(--set stop.max_steps=20 --set "$sampled")
reason='stop: no rule can end a trial of 2 of 2 cells, the first of them cell 0: .* expected stop.at or when, or .allow: .unresolved: 1'
(cat small.yaml && printf 'gradient: {sampled: {inputs: 4, sampler: direct}}\nstop: {max_steps: 20}\n') > noisy.yaml
expect 2 "^basin: noisy.yaml:$(wc -l < noisy.yaml):8: $reason" "$basin" run noisy.yaml -o five.h5
expect 2 "^basin: --set stop.max_steps=20: $reason" "$basin" run small.yaml --dry-run "${refused[@]}"
expect 2 "^basin: small.yaml:1:1: $reason" "$basin" run small.yaml -q -o five.h5 --trials 2 --set "$sampled"
expect 2 "$reason" "$basin" run small.yaml -o five/ --shard 1/2 "${refused[@]}"
expect 2 "$reason" "$basin" submit small.yaml -o five/ --shards 2 "${refused[@]}"
check "nothing is left of it" sh -c '! ls -d five* 2>/dev/null'
expect 2 'stop: no rule can end a trial of 2 of 4 cells, the first of them cell 2: ' "$basin" run small.yaml -o five.h5 \
  --set stop.max_steps=20 --set 'variants={exact: {}, noisy: {gradient: {sampled: {inputs: 4, sampler: direct}}}}'
expect 2 'stop: no rule can end a trial of 2 of 2 cells' "$basin" run small.yaml -o five.h5 "${refused[@]}" --set allow.unresolved=0.99
check "a fixed number of steps" "$basin" run small.yaml -q -o five.h5 --trials 2 "${refused[@]}" --set allow.unresolved=1
expect 3 'no rule ends its trials: give stop.at, or' "$basin" run small.yaml -o five.h5 --trials 2 "${refused[@]}" # it is there
check "a tolerance" "$basin" run small.yaml -q -o six.h5 --trials 2 "${refused[@]}" --set stop.at=10
check "one trial" "$basin" run small.yaml -q -o lone.h5 --cell 0 --trial 1 "${refused[@]}"

# no permission, no folder
mkdir locked && chmod 500 locked
expect 1 '/nowhere/x.h5.parts: cannot be made: No such file' "$basin" run small.yaml -o /nowhere/x.h5
if [ "$(id -u)" != 0 ]; then
  expect 1 'locked/x.h5.parts: cannot be made: Permission denied' "$basin" run small.yaml -o locked/x.h5
elif command -v setpriv >/dev/null; then
  chmod 755 "$work" && cp "$basin" small.yaml . 2>/dev/null
  expect 1 'Permission denied' setpriv --reuid=65534 --regid=65534 --clear-groups "$work/basin" run "$work/small.yaml" -o "$work/locked/x.h5"
fi

# the page on experiments begins with one, and the README has one
experiment_of() { sed -n '/^```yaml/,/^```/p;/^```yaml/,$ { /^```$/q }' "$here/$1" | grep -v '^```'; }
experiment_of README.md > first.yaml
expect 0 '^12 cells, 24000 trials' "$basin" run first.yaml --dry-run --set stop.max_steps=100
experiment_of data/experiments/README.md > page.yaml
expect 0 '^12 cells, 60000 trials' "$basin" run page.yaml --dry-run --set stop.max_steps=100
expect 0 '^12 cells, 60000 trials' "$basin" run page.yaml --dry-run --set stop.max_steps=100 --set stop.at=1e-3 --set 'gradient={sampled: {inputs: 16, sampler: projected}}'
finish
