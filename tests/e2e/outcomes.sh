#!/bin/bash
# SPDX-License-Identifier: MIT
# outcomes.sh: outcomes that an experiment names. They are what Python finds in the full vectors and observables of the
# file, whatever runs the trials and however often it is interrupted, and everything tells them by name.
. "$(dirname "$0")/../support/shell.sh"
export BASIN_CACHE=$work/cache
data=$here/data/experiments
options=(-q --no-provenance --set allow.unresolved=1 --set allow.diverged=1)
run() { "$basin" run "${options[@]}" "$@"; }

# all steps are recorded: the last record of a trial is its end
cat > net.yaml <<'Y'
model: cnn
trials: 200
seed: 5
grid: {k: [4, 9]}
parameters: {p: 4}
define: {far: 1/k}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
stop: {at: 1e-4, max_steps: 150}
record: {trials: 200, steps: {every: 1}, parameters: true, final: [loss]}
outcomes:
  A: {near: {v: teacher, a: teacher}, within: 0.5*far, global: true}
  wide: {near: {a: [0.5, 0.25, 0, 0]}, within: 2*far, when: not (phi > 2) and norm_grad_a > 1e-12}
  fine: {when: loss < 0.2 or loss != loss, global: true}
  beside: {when: "loss < 1 and phi >= pi/2 and k == 9 and no_such_value > 0"}
  discover: {within: 0.8/far/k, match: 3}
Y
cat > steps.yaml <<'Y'
model: octopus
trials: 150
seed: 7
parameters: {d: 2}
init: {x: {uniform: [-1, 1]}}
schedule: [{eta: 0.05}]
stop: {at: 0.1, max_steps: 100}
record: {trials: 150, steps: {every: 1}, parameters: true, final: [passed]}
outcomes:
  here: {near: {x: [4*tau, 4*tau]}, within: 0.2}
  there: {near: {x: 4*tau}, within: 4*tau}
  early: {when: passed == 1}
  discover: {within: 2*tau, up_to: sign}
Y
sed -i '/no_such_value/d; /a: \[0.5/s/\[0.5, 0.25, 0, 0\]/{head: [0.5, 0.25]}/' net.yaml
for name in net steps; do check "$name" run $name.yaml --backend cpu -o $name.h5; done
check "the outcomes of the files are what their numbers say" /usr/bin/python3 - <<'P'
import h5py, numpy as np
def read(name):
    f = h5py.File(name)
    o = f["outcome"]
    word = dict(zip(o.attrs["flag_values"].tolist(), o.attrs["flag_meanings"].decode().split()))
    steps = f["steps"][:]
    def end(v):  # of every trial: [cell, trial, ...]
        v = f[v][:]
        c, t = np.indices(steps.shape)
        return v[c, t, np.minimum(steps, v.shape[2] - 1)]
    return f, o, np.vectorize(word.get)(o[:]), end
def distance(x, y, n):  # the first n entries
    return np.sqrt(((x - y) ** 2)[..., :n].sum(-1))
f, o, got, end = read("net.h5")
assert set(o.attrs["success_values"]) == {1, 7, 9}, o.attrs["success_values"]
for c, k in enumerate((4, 9)):
    a, v = end("vector_a")[c][:, :k], end("vector_v")[c]
    star = np.full(k, 1 / k)
    b = np.sqrt((1 - 1 / k) / 2)
    star[0] += b; star[1] -= b
    e1 = np.eye(4)[0]
    to = np.sqrt(distance(a, star, k) ** 2 + distance(v, e1, 4) ** 2)
    wide = np.zeros(k); wide[:2] = 0.5, 0.25
    loss, phi, grad = (end(x)[c] for x in ("loss", "phi", "norm_grad_a"))
    want = np.where(to <= 0.5 / k, "A", np.where((distance(a, wide, k) <= 2 / k) & ~(phi > 2) & (grad > 1e-12), "wide",
                    np.where(loss < 0.2, "fine", "")))
    named = want != ""
    assert (got[c][named] == want[named]).all(), (k, got[c], want)
    assert set(got[c][~named]) <= {"unresolved", "spurious", "global"}
    rate = np.isin(got[c], ["A", "fine", "global"]).mean()
    assert abs(f["success"][c] - rate) < 1e-12
    assert f["final_loss"][c].tolist() == loss.tolist()
assert {"A", "wide", "fine", "unresolved"} <= set(got.ravel()), set(got.ravel())
assert "final_phi" not in f and "final_norm_grad_a" not in f
f, o, got, end = read("steps.h5")
x, tau = end("vector_x")[0], 2.718281828459045
assert "success_values" in o.attrs and o.attrs["success_values"].tolist() == [1]
want = np.where(distance(x, 4 * tau, 2) <= 0.2, "here", np.where(distance(x, 4 * tau, 2) <= 4 * tau, "there",
                np.where(end("passed")[0] == 1, "early", "")))
assert (got[0][want != ""] == want[want != ""]).all()
assert {"here", "there", "early"} <= set(got[0]), set(got[0])
P

# the order in which they are asked; what has no value holds nowhere
check "another order" run steps.yaml -o order.h5 --set 'outcomes={there: {near: {x: 4*tau}, within: 4*tau}, here: {near: {x: 4*tau}, within: 0.2}}'
expect 0 '^ +0 +150 +[0-9.]+ .* there ' bash -c '"$0" summary order.h5 | sed -n "/^cell.*there/{p;n;s/\$/ there /;p;q}"' "$basin"
check "nothing is left for the second" test "$("$basin" summary order.h5 --json | grep -o '"here": 0' | head -1)" = '"here": 0'
check "a condition without a value" run net.yaml -o none.h5 --set 'outcomes={A: {when: not (1/(k - k) > 0)}, B: {when: train_loss >= 0 or train_loss < 0 or not train_loss > 0}, C: {when: log(loss - 1e9) == 0}, D: {when: loss >= 0 or 1/0 > 1}}'
check "holds nowhere" test "$("$basin" export none.h5 | cut -d, -f4 | sort -u | tr '\n' ' ')" = "D outcome "

# ---- the same bits: threads, parts, instruction sets, backends, both backends' orders ----

for how in "--threads 1 --part-trials 7" "--threads 3 --isa generic" "--isa generic --part-trials 64"; do
  for name in net steps; do
    check "$name, $how" run $name.yaml --backend cpu $how -o other.h5
    check "$name, $how: the same bytes" cmp $name.h5 other.h5
    rm -f other.h5
  done
done
cat > set.yaml <<'Y'
model: resnet
trials: 40
parameters: {k: 4, p: 3}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {w: {ball: 0.5}, a: {ball: 1}}
schedule: [{eta: 0.1}]
gradient: {sampled: {inputs: {fixed: 32, batch: 4}}}
stop: {at: 1e-3, max_steps: 60}
outcomes: {A: {near: {a: teacher}, within: 0.5}, fine: {when: train_loss < 0.1, global: true}, discover: {within: 0.02, by: [train_loss]}}
Y
cat > factor.yaml <<'Y'
model: factorisation
trials: 12
parameters: {d1: 4, d2: 3, r: 2, reg: 0}
teacher: {sigma: 1}
init: {U: {normal: 0.5}, V: {normal: 0.5}}
schedule: [{eta: 0.05}]
record: {trials: 12, steps: {every: 1}, parameters: true}
stop: {at: 1e-3, max_steps: 60}
outcomes: {fine: {when: loss < 1}, A: {near: {U: 0}, within: 2}, discover: {within: 0.6, by: [U], up_to: permutation}}
Y
for name in set factor; do check "$name" run $name.yaml --backend cpu -o $name.h5; done
check "a data set has named outcomes" grep -q '"fine": [1-9]' <("$basin" summary set.h5 --json)

# ---- stop.when: a trial ends at the first step at which it holds, whatever its model, kind and rule ----

when() { # when NAME FROM CONDITION: NAME.yaml is FROM without names, with the condition, all steps recorded
  local name=$1 from=$2 condition=$3
  sed "/^outcomes/,\$d; s/^trials.*/trials: 120/; /^stop\|^record/d" "$from.yaml" > "$name.yaml"
  echo "stop: {when: \"$condition\", max_steps: 150}
record: {trials: 120, steps: {every: 1}}" >> "$name.yaml"
  whens+=("$name")
  check "$name" run "$name.yaml" --backend cpu -o "$name.h5"
}
whens=()
when w_net net 'loss < 0.3*far/far and not 2*phi - 1 > min(error_w, 3)^2 or 1/(k - k) > loss'
when w_leaps steps 'passed == 1'
when w_leap steps 'norm_grad > 6 and passed >= 1'
when w_batch set 'train_loss < 0.1 and phi/2 < 1'
when w_factor factor 'loss^2 <= 1 and sqrt(loss) > abs(-loss)/10'
check "they end where it holds first, as stationary" /usr/bin/python3 - <<'P'
import h5py, numpy as np
def look(name, needs, holds, least):
    f = h5py.File(name + ".h5")
    word = dict(zip(f["outcome"].attrs["flag_values"].tolist(), f["outcome"].attrs["flag_meanings"].decode().split()))
    seen = 0
    for c in range(len(f["steps"])):
        with np.errstate(invalid="ignore"):
            held = holds(*[f[n][c] for n in needs])
        for t in range(held.shape[0]):
            end, out = f["steps"][c, t], word[f["outcome"][c, t]]
            assert not held[t, :end].any(), (name, c, t, end)
            assert (out == "stationary") == bool(held[t, end]), (name, c, t, end, out)
            seen += bool(held[t, end] and end > 0)
    assert least <= seen, (name, seen)
look("w_net", ("loss", "phi", "error_w"), lambda l, p, e: (l < 0.3) & ~(2 * p - 1 > np.minimum(e, 3) ** 2), 30)
look("w_leaps", ("passed",), lambda p: p == 1, 50)
look("w_leap", ("norm_grad", "passed"), lambda g, p: (g > 6) & (p >= 1), 20)
look("w_batch", ("train_loss", "phi"), lambda l, p: (l < 0.1) & (p / 2 < 1), 10)
look("w_factor", ("loss",), lambda l: (l * l <= 1) & (np.sqrt(l) > l / 10), 5)
P
sed 's/, batch: 4//' set.yaml > full.yaml
when w_full full 'train_loss < 0.1'
check "a data set without mini-batches" grep -q '"stationary": [1-9]' <("$basin" summary w_full.h5 --json)
for how in "--threads 1 --part-trials 7" "--threads 3 --isa generic"; do
  for name in "${whens[@]}"; do
    check "$name, $how" run "$name.yaml" --backend cpu $how -o other.h5
    check "$name, $how: the same bytes" cmp "$name.h5" other.h5
    rm -f other.h5
  done
done
"$basin" run w_net.yaml "${options[@]}" --trials 30000 -o long.h5
interrupt INT 40 "$basin" run w_net.yaml "${options[@]}" --trials 30000 -o other.h5
check "interrupted, and gone on with" run w_net.yaml --trials 30000 -o other.h5
check "interrupted: the same bytes" cmp long.h5 other.h5
"$basin" run w_net.yaml -q --cell 1 --trial 77 -o one.h5
check "one trial again" /usr/bin/python3 -c "
import h5py
a, b = h5py.File('w_net.h5'), h5py.File('one.h5')
assert all(a[x][1, 77].tobytes() == b[x][0, 0].tobytes() for x in ('steps', 'outcome', 'loss'))"
# a name of the experiment's own goes before; stop.at, passages and halving beside it
check "with names, at, passages and halving" run w_net.yaml -o named.h5 --set 'outcomes={fine: {when: loss < 0.3, global: true}}' \
  --set stop.at=0.01 --set on_divergence=halve --set 'record.passages={loss: {below: [1, 0.4]}}'
check "they are told" grep -q '"fine": [1-9]' <("$basin" summary named.h5 --json)
expect 2 'holds another experiment' "$basin" run w_net.yaml -o w_net.h5 -q --set 'stop.when=loss < 0.25'
not_asked() { expect 2 "$1" "$basin" run w_net.yaml -o no.h5 --set "stop.when=$2"; }
not_asked 'did you mean `loss`' 'los < 1'
not_asked 'log of an observable is not asked at every step' 'log(loss) < 1'
not_asked '`train_loss` is no observable of this cell' 'train_loss < 1'
not_asked 'has no observable: it holds always or never' 'k > 3'
not_asked 'expected one of < <= > >= == !=' 'loss'
not_asked 'this power of an observable' 'loss^phi < 1'
not_asked '`t` is no observable of this cell' 't > 3'
not_asked 'is too long: over 40 operations' "loss$(printf ' + loss%.0s' {1..30}) < 1"

if [ -f "$build/tests/cudasim/libbasin_cuda.so" ]; then
  export BASIN_CUDA_MODULE=$build/tests/cudasim/libbasin_cuda.so
  for order in 0 1; do
    export CUDASIM_ORDER=$order CUDASIM_DEVICES=$((order + 1))
    for name in net steps set factor "${whens[@]}"; do
      check "$name by CUDA, order $order" run $name.yaml --backend cuda --part-trials $((40 + order)) -o cuda.h5
      check "$name by CUDA, order $order: the same bytes" cmp $name.h5 cuda.h5
      rm -f cuda.h5
    done
  done
else
  echo "skipped: the CUDA toolkit's headers are missing, so the kernels cannot be simulated"
fi

unset BASIN_CUDA_MODULE CUDASIM_ORDER CUDASIM_DEVICES

# ---- interrupted, killed, in shards, extended, replayed ----

cat > long.yaml <<'Y'
model: cnn
trials: 1500
grid: {k: [4, 9]}
parameters: {p: 6}
teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.0005}]
stop: {at: 1e-7, max_steps: 60000}
outcomes:
  A: {near: {v: teacher, a: teacher}, within: 0.01, global: true}
  flat: {when: loss > 0.1}
  discover: {within: 0.5}
Y
work_ms=$(cpu_of run long.yaml --threads 1 -o whole.h5)
turns=0
for signal in TERM KILL TERM KILL TERM; do
  interrupt $signal $((work_ms / 5)) "$basin" run long.yaml "${options[@]}" --threads 1 --part-trials 700 -o turns.h5 2>/dev/null && break
  turns=$((turns + 1))
done
check "it was interrupted: $turns times" test $turns -ge 2
check "and goes on" run long.yaml --part-trials 700 -o turns.h5
check "to the same bytes" cmp whole.h5 turns.h5
run long.yaml --trials 400 -o small.h5
run long.yaml --trials 900 -o fresh.h5
check "extended" run long.yaml --trials 900 -o small.h5 --extend
check "to the bytes of a fresh run" cmp small.h5 fresh.h5
expect 2 'holds another experiment' run long.yaml --trials 900 -o fresh.h5 --set outcomes.A.within=0.02
expect 2 'holds another experiment' run long.yaml --trials 900 -o fresh.h5 --set outcomes.A.global=false
expect 2 'holds another experiment' run long.yaml --trials 900 -o fresh.h5 --set 'outcomes.flat.when=loss > 0.2'
expect 2 'holds another experiment' run long.yaml --trials 1900 --extend -o fresh.h5 --set 'outcomes.flat.when=loss > 0.2'
for shard in 1 2 3; do
  check "shard $shard" "$basin" run long.yaml -q --trials 900 -o shards/ --set allow.unresolved=1 --set allow.diverged=1 --shard $shard/3
done
expect 0 '(^| )A( |$)' "$basin" status shards/
check "merged" "$basin" merge shards/ -q --no-provenance -o merged.h5
check "merged: the same bytes" cmp fresh.h5 merged.h5
# a range's trials in the file, and each alone: outcome and steps
check "trials replayed have the outcome of the file" /usr/bin/python3 - "$basin" <<'P'
import json, subprocess, sys, h5py
basin = sys.argv[1]
for name, trials in (("net", range(3, 11)), ("steps", range(0, 6)), ("set", range(0, 4))):
    f = h5py.File(name + ".h5")
    o = f["outcome"]
    word = dict(zip(o.attrs["flag_values"].tolist(), o.attrs["flag_meanings"].decode().split()))
    for t in trials:
        one = json.loads(subprocess.run([basin, "run", name + ".yaml", "--cell", "0", "--trial", str(t), "--json"],
                                        check=True, capture_output=True).stdout)
        assert (one["outcome"], one["steps"]) == (word[int(o[0, t])], int(f["steps"][0, t])), (name, t, one["outcome"])
        assert set(one["final"]) == {v[6:] for v in f if v.startswith("final_")}, one["final"]
P
named=$("$basin" export net.h5 | awk -F, '$1 == 1 && $4 == "A" { print $3; exit }')
expect 0 "trial $named: A after" "$basin" run net.yaml --cell 1 --trial "$named"

# trials that begin again with smaller steps are named by where they end
halve=(net.yaml --set on_divergence=halve --set 'schedule=[{eta: 30}]' --set 'record={final: [loss]}')
check "halved" run "${halve[@]}" --backend cpu -o halve.h5 --threads 1
check "in parts" run "${halve[@]}" --backend cpu -o halve7.h5 --part-trials 7 --isa generic
check "the same" cmp halve.h5 halve7.h5
check "trials that were halved have named outcomes" grep -qE '^[01],[49],[0-9]+,(A|fine),[0-9]+,[1-9]' <("$basin" export halve.h5)

# ---- until and refine count what succeeds ----

check "until" run net.yaml -o until.h5 --trials 20 --set 'until={halfwidth: 0.05, max_trials: 2000}' --set 'record={final: [loss]}'
check "the intervals are as narrow as asked for" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File("until.h5")
n = f["trials"][:]
assert (((f["success_high"][:] - f["success_low"][:]) / 2 <= 0.05) | (n == 2000)).all()
assert (f["success"][:] > 0.2).all() and not (f["outcome"][:] == 1).any() and n.max() > 100, n
P

# ---- told by name ----

expect 0 '^cell .*success .* A +flat .*unresolved' "$basin" summary whole.h5
expect 0 'count as not successful' "$basin" summary net.h5
expect 0 'A: median' "$basin" summary whole.h5
expect 0 '^index,.*,left,A,flat,success,.*steps_A_median' "$basin" summary whole.h5 --csv
check "JSON" /usr/bin/python3 - "$basin" <<'P'
import json, subprocess, sys, h5py
d = json.loads(subprocess.run([sys.argv[1], "summary", "whole.h5", "--json"], check=True, capture_output=True).stdout)
f = h5py.File("whole.h5")
for c, cell in enumerate(d["cells"]):
    o, counts = f["outcome"][c], cell["outcomes"]
    assert sum(counts.values()) == cell["trials"] == 1500
    assert counts["A"] == (o == 7).sum() > 0 and counts["flat"] == (o == 8).sum() > 0
    assert cell["steps"]["A"]["max"] == f["steps"][c][o == 7].max()
    assert abs(cell["success"]["rate"] - ((o == 7) | (o == 1)).mean()) < 1e-12
P
expect 0 ',early,[0-9]+,' "$basin" export steps.h5
expect 0 '^ +1 +9 ' "$basin" rates net.h5 --outcome A
expect 2 'no outcome `B`, expected unresolved, global, .*, left, A, wide, fine$' "$basin" rates net.h5 --outcome B
expect 0 '^cell .* success .* A .*not ended' "$basin" run net.yaml --dry-run
if command -v gnuplot >/dev/null; then
  for kind in '--map v[0],v[1]' '--histogram steps' '--ecdf steps' '--observable loss'; do
    check "plot $kind" "$basin" plot net.h5 -o net.svg $kind
    check "plot $kind: its legend" grep -q 'A ([0-9]*)' net.svg
  done
fi

# nine of them, all kinds of plots
nine='outcomes={'
for i in 0 1 2 3 4 5 6 7 8; do nine+="o$i: {when: round(1e6*phi) % 9 == $i, global: true}, "; done
check "nine" run net.yaml -o nine.h5 --set "${nine%, }}"
if command -v gnuplot >/dev/null; then
  for kind in '--map v[0],v[1]' '--histogram steps' '--ecdf steps' '--observable loss' '--rates'; do
    check "nine: plot $kind" "$basin" plot nine.h5 -o nine.svg $kind
    check "nine: plot $kind: all are in it" test "$(grep -o 'o[0-8] ([0-9]*)' nine.svg | cut -c1-2 | sort -u | wc -l)" = 9
  done
fi

# ---- discovered: the attractors of the file are what Python finds in the points of its trials ----

cat > found.py <<'P'
import itertools, sys, h5py, numpy as np
def distance(x, points, up_to):  # x [n, m]: n rows
    d = [np.sqrt(((x - p) ** 2).sum()) for p in points]
    if up_to == "sign":
        d = np.minimum(d, [np.sqrt(((x + p) ** 2).sum()) for p in points])
    if up_to == "permutation":
        orders = list(itertools.permutations(range(len(x))))
        d = [min(np.sqrt(((x[list(o)] - p) ** 2).sum()) for o in orders) for p in points]
    return d
def groups(at, rests, within, up_to=None):
    points, number = [], []
    for x, rest in zip(at, rests):
        d = distance(x, points, up_to) if points and rest else [np.inf]
        if rest and np.min(d) > within:
            points.append(x)
            d = [1] * (len(points) - 1) + [0]
        number.append(int(np.argmin(d)) if rest else -1)
    return np.array(number), points
def check(name, at, within, up_to=None, match=np.inf):
    # groups of every cell, and their numbers from cell to cell
    f = h5py.File(name)
    numbers, before, got = 0, {}, f["attractor"][:]
    for c in range(len(got)):
        rests = ~np.isin(f["outcome"][c], [0, 4, 6])
        group, points = groups(at(f, c), rests, within(c), up_to)
        own = {}
        for g, p in enumerate(points):
            own[g] = -1
            if before and next(iter(before.values())).shape == p.shape:
                d = np.array(distance(p, list(before.values()), up_to))
                k = list(before)[int(np.argmin(d))]
                if int(np.argmin(distance(before[k], points, up_to))) == g and d.min() <= match:
                    own[g] = k
        for g in own:
            if own[g] < 0:
                own[g], numbers = numbers, numbers + 1
        want = np.array([own[g] if g >= 0 else -1 for g in group])
        assert (got[c] == want).all(), (name, c, got[c][got[c] != want], want[got[c] != want])
        n = f["trials"][c]
        for g, k in own.items():
            count = (want == k).sum()
            assert f["attractor_trials"][c, k] == count and f["attractor_first_trial"][c, k] == np.argmax(want == k)
            p, z = count / n, 1.959963984540054
            middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
            share = [p, (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
            have = [f["attractor_share" + e][c, k] for e in ("", "_low", "_high")]
            assert np.allclose(have, share, rtol=0, atol=1e-12), (have, share)
        assert f["attractor_trials"][c].sum() == (want >= 0).sum() and f["attractor_other"][c] == 0
        before = {own[g]: p for g, p in enumerate(points)}
    return f, numbers
P
check "the attractors of the files are the groups of the vectors at the end" /usr/bin/python3 - <<'P'
import sys; sys.path.insert(0, "")
from found import *
def end(f, c, *names):
    t = np.arange(f["steps"].shape[1])
    all = [f["vector_" + v][c][t, f["steps"][c]] for v in names]
    return np.concatenate([x[:, ~np.isnan(x[0])] for x in all], 1)[:, None, :]
f, n = check("net.h5", lambda f, c: end(f, c, "v", "a"), lambda c: 0.8, match=3)
assert n > 6 and not (set(f["attractor"][0]) & set(f["attractor"][1])) - {-1}, n
for c, k in enumerate((4, 9)):
    for number in set(f["attractor"][c]) - {-1}:
        first = f["attractor_first_trial"][c, number]
        assert f["attractor_at_a"][c, number][:k].tolist() == end(f, c, "a")[first, 0].tolist()
        assert np.isnan(f["attractor_at_a"][c, number][k:]).all()
        assert f["attractor_loss"][c, number] == f["final_loss"][c, first]
f, n = check("steps.h5", lambda f, c: end(f, c, "x"), lambda c: 2 * 2.718281828459045, "sign")
assert n > 1
f, n = check("set.h5", lambda f, c: f["final_train_loss"][c][:, None, None], lambda c: 0.02)
assert n > 2 and f["attractor_at_train_loss"].shape == (1, n)
f, n = check("factor.h5", lambda f, c: end(f, c, "U").reshape(-1, 4, 2), lambda c: 0.6, "permutation")
assert 1 < n < 12 and f["attractor_at_U"].shape == (1, n, 8)
P

# a landscape whose attractors are known, by gradient descent in numpy; its four minima have one number in every cell
cp "$data/himmelblau.yaml" .
himmelblau=(himmelblau.yaml --set 'grid.eta=[0.005, 0.01]')
check "himmelblau" run "${himmelblau[@]}" --trials 1500 --set record.trials=1500 -o himmelblau.h5
check "himmelblau: the attractors of numpy" /usr/bin/python3 - <<'P'
import sys; sys.path.insert(0, "")
from found import *
def descend(f, c):
    x, y = (f["vector_" + v][c, :, 0, 0] for v in "xy")
    eta = f["eta"][c]
    for step in range(5000):
        gx, gy = 4 * x * (x * x + y - 11) + 2 * (x + y * y - 7), 2 * (x * x + y - 11) + 4 * y * (x + y * y - 7)
        if (gx * gx + gy * gy <= 1e-14).all():
            break
        x, y = x - eta * gx, y - eta * gy
    return np.stack([x, y], 1)[:, None, :]
f, n = check("himmelblau.h5", descend, lambda c: 0.1)
want = [[-3.779310, -3.283186], [-2.805118, 3.131313], [3, 2], [3.584428, -1.848127]]
for c in (0, 1):
    at = np.concatenate([f["attractor_at_x"][c], f["attractor_at_y"][c]], 1)
    assert n == 4 and np.allclose(sorted(at.tolist()), want, atol=1e-6), at
P
for how in "--threads 1 --part-trials 7 --isa generic" "--part-trials 400"; do
  check "himmelblau, $how" run "${himmelblau[@]}" --trials 1500 --set record.trials=1500 -o himmelblau2.h5 $how
  check "himmelblau, $how: the same bytes" cmp himmelblau.h5 himmelblau2.h5
  rm -f himmelblau2.h5
done
many=("${himmelblau[@]}" --set outcomes.discover.within=1e-14 --set record.trials=0 --set 'record.final=[]')
check "trials beyond the 1000 attractors" run "${many[@]}" --trials 1200 -o many.h5
check "extended" run "${many[@]}" --trials 1700 -o many.h5 --extend
check "fresh" run "${many[@]}" --trials 1700 -o many2.h5
check "are the same bytes" cmp many.h5 many2.h5
expect 0 'trials rest at points beyond the 1000 attractors' "$basin" summary many.h5
check "as a campaign" run "${many[@]}" --trials 1700 -o many/
expect 0 '^basin: warning: many3.h5: [0-9]+ trials rest at points beyond the 1000 attractors' "$basin" merge many/ -q --no-provenance -o many3.h5
check "merged to the same bytes" cmp many2.h5 many3.h5
check "two minima followed while one appears and the other goes" run "$data/doublewell-tilt.yaml" --trials 2000 -o tilt.h5
check "with the numbers of the sides, and the shares that the maximum between them says" /usr/bin/python3 - <<'P'
import h5py, numpy as np
f = h5py.File("tilt.h5")
assert f["attractor_share"].shape[1] == 2
for c, a in enumerate(f["a"][:]):
    roots = np.sort([r.real for r in np.roots([1, 0, -1, a]) if abs(r.imag) < 1e-9])
    right = 1.0 * (a < 0) if len(roots) == 1 else (2 - roots[1]) / 4
    for number, share in ((0, right), (1, 1 - right)):
        spread = np.sqrt(share * (1 - share) / 2000) + 1e-9
        assert abs(f["attractor_share"][c, number] - share) < 5 * spread, (a, number)
        assert share == 0 or f["attractor_at_x"][c, number, 0] * (1 - 2 * number) > 0
P
refined=(himmelblau.yaml --trials 200 --set record.trials=0 --set 'refine={eta: {to: 0.001, where: 0.8}}' --set 'grid.eta=[0.01, 0.02]' --set 'same_draw=[]')
check "cells that refine adds" run "${refined[@]}" -o refined.h5
check "in small parts" run "${refined[@]}" -o refined2.h5 --part-trials 50 --threads 1
check "the same bytes" cmp refined.h5 refined2.h5
check "have the same attractors" /usr/bin/python3 -c 'import h5py; f = h5py.File("refined.h5"); assert f["attractor_share"].shape == (len(f["eta"]), 4) and len(f["eta"]) > 3'
if command -v gnuplot >/dev/null; then
  check "plot shares" "$basin" plot tilt.h5 -o tilt.svg --attractors
  check "plot shares: the legend" grep -q '1: x = -0.62' tilt.svg
  check "plot a map of attractors" "$basin" plot himmelblau.h5 -o map.svg --map 'x[0],y[0]' --attractors
  check "plot a map of attractors: the legend" grep -q 'x = 3, y = 2 ([0-9]*)' map.svg
fi
expect 2 'attractors: the experiment looks for none' "$basin" plot order.h5 -o no.svg --attractors
expect 0 'x = 3, y = 2 .* [0-9]+  0\.[0-9]{4}  \[0\.' "$basin" summary himmelblau.h5
expect 0 ',attractor_0_trials,.*,attractor_3_loss' "$basin" summary himmelblau.h5 --csv
expect 0 '^cell,eta,trial,outcome,steps,attractor' "$basin" export himmelblau.h5
check "JSON of attractors" /usr/bin/python3 - "$basin" <<'P'
import json, subprocess, sys, h5py
d = json.loads(subprocess.run([sys.argv[1], "summary", "himmelblau.h5", "--json"], check=True, capture_output=True).stdout)
f = h5py.File("himmelblau.h5")
for c, cell in enumerate(d["cells"]):
    assert len(cell["attractors"]) == 4 and cell["attractors_beyond"] == 0
    for a in cell["attractors"]:
        n = a["number"]
        assert a["trials"] == f["attractor_trials"][c, n] and a["point"]["x"] == [f["attractor_at_x"][c, n, 0]]
        assert a["share"]["low"] == f["attractor_share_low"][c, n] and a["loss"] == f["attractor_loss"][c, n]
P
check "a single trial's file" run "${himmelblau[@]}" --cell 1 --trial 3 -o single.h5
check "tells of none" /usr/bin/python3 -c 'import h5py; assert "attractor" not in h5py.File("single.h5")'
check "all of it is checked" "$basin" check himmelblau.h5

# an experiment that names none has files as ever
check "none" run long.yaml --trials 20 -o plain.h5 --set 'outcomes={x: {when: loss < 0}}'
sed '/^outcomes/,$d' long.yaml > plain.yaml
check "plain" run plain.yaml --trials 20 -o plain2.h5
check "no attribute of a plain file says what succeeds" /usr/bin/python3 - <<'P'
import h5py
assert "success_values" not in h5py.File("plain2.h5")["outcome"].attrs
assert "success_values" in h5py.File("plain.h5")["outcome"].attrs
assert h5py.File("plain.h5")["steps"][:].tolist() == h5py.File("plain2.h5")["steps"][:].tolist()
P

# ---- refused ----

refused() { # refused PATTERN OUTCOMES
  expect 2 "$1" "$basin" run net.yaml -o no.h5 --set "outcomes=$2"
}
refused 'outcomes: expected a mapping of names' '[A]'
refused 'outcomes: expected a mapping of names' '{}'
refused '`global` is an outcome of basin.s own' '{global: {when: loss < 1}}'
refused '`k` is the name of a parameter' '{k: {when: loss < 1}}'
refused '`success` is the name of' '{success: {when: loss < 1}}'
refused '`a b` cannot be a name' '{a b: {when: loss < 1}}'
refused 'outcomes.A: expected a condition: `near` or `when`' '{A: {global: true}}'
refused 'unknown key `whn` in outcomes.A, did you mean `when`' '{A: {whn: loss < 1}}'
refused 'unknown key `w` in outcomes.A.near, expected one of: a, v' '{A: {near: {w: 1}, within: 1}}'
expect 2 'outcomes.A.near.v: steps of the kind projected do not know v' "$basin" run net.yaml -o no.h5 \
  --set 'gradient={sampled: {inputs: 4, sampler: projected}}' --set 'outcomes={A: {near: {a: 0, v: 1}, within: 1}}'
check "what it knows may be near" run net.yaml -o near.h5 --trials 3 --set 'gradient={sampled: {inputs: 4, sampler: projected}}' \
  --set 'outcomes={A: {near: {a: 0}, within: 1}}'
refused 'outcomes.A.near: expected a mapping' '{A: {near: 1, within: 1}}'
refused '`within` is missing' '{A: {near: {v: 1}}}'
refused '`within` goes with `near`' '{A: {when: loss < 1, within: 1}}'
refused 'outcomes.A.within is 0, expected a distance above 0' '{A: {near: {v: 1}, within: 0}}'
refused 'outcomes.A.within is -0.25, ' '{A: {near: {v: 1}, within: -1/k}}'
refused 'outcomes.A.near.v: 2 entries, expected 4' '{A: {near: {v: [1, 2]}, within: 1}}'
refused 'unknown key `ball`' '{A: {near: {v: {ball: 1}}, within: 1}}'
refused '`los` is no observable of the model, nor a parameter, did you mean `loss`' '{A: {when: los < 1}}'
refused 'outcomes.A.global: expected true or false' '{A: {when: loss < 1, global: 1}}'
refused 'expected one of < <= > >= == !=' '{A: {when: loss}}'
refused 'did you mean `==`' '{A: {when: loss = 1}}'
refused 'comparisons are of two values' '{A: {when: 0 < loss < 1}}'
refused 'expected `\)`, `and` or `or`' '{A: {when: "(loss < 1 and phi > 2"}}'
refused 'ends too early' '{A: {when: "loss < 1 and"}}'
refused 'nested deeper' "{A: {when: $(printf 'not %.0s' {1..80}) loss < 1}}"
refused 'outcomes: more than 9 names' '{a1: {when: loss < 1}, a2: {when: loss < 1}, a3: {when: loss < 1}, a4: {when: loss < 1}, a5: {when: loss < 1}, a6: {when: loss < 1}, a7: {when: loss < 1}, a8: {when: loss < 1}, a9: {when: loss < 1}, b1: {when: loss < 1}}'
refused 'outcomes.discover: expected a mapping, as in' '{discover: 1}'
refused 'unknown key `withn` in outcomes.discover, did you mean `within`' '{discover: {withn: 1}}'
refused 'outcomes.discover: `within` is missing' '{discover: {by: [a]}}'
refused 'outcomes.discover.within is 0, expected a distance above 0' '{discover: {within: 0}}'
refused 'outcomes.discover.match is -1, expected a distance above 0' '{discover: {within: 1, match: -1}}'
refused 'outcomes.discover.by: expected a list' '{discover: {within: 1, by: []}}'
refused 'outcomes.discover.by: expected names' '{discover: {within: 1, by: [[a]]}}'
refused 'outcomes.discover.by: `los` is no vector of the state and no observable of the model, did you mean `loss`' '{discover: {within: 1, by: [los]}}'
refused 'outcomes.discover.by: `a` is there twice' '{discover: {within: 1, by: [a, v, a]}}'
refused 'outcomes.discover.up_to: expected sign or permutation' '{discover: {within: 1, up_to: signs}}'
refused 'outcomes.discover.up_to: sign is of vectors of the state, and `loss`' '{discover: {within: 1, by: [a, loss], up_to: sign}}'
expect 2 'rows are permuted together, and `a` has 9 of them, `v` 4' "$basin" run net.yaml -o no.h5 --set grid.k=9 --set 'outcomes={discover: {within: 1, up_to: permutation}}'
sed 's/^  discover: {within.*/  discover: {within: 1, by: [a, w]}/' net.yaml > place.yaml
expect 2 'place.yaml:16:33: outcomes.discover.by: `w` is no vector' "$basin" run place.yaml -o no.h5
expect 2 'no teacher has that name' "$basin" run steps.yaml -o no.h5 --set 'outcomes={A: {near: {x: teacher}, within: 1}}'
cat > two.yaml <<'Y'
trials: 30
variants:
  net: {model: cnn, teacher: {a: 1, v: {head: [1]}}, init: {v: {sphere: 1}, a: {ball: 1}}, outcomes: {A: {when: phi < 1, global: true}}}
  steps: {model: octopus, init: {x: {uniform: [-1, 1]}}, outcomes: {B: {when: passed > 0}, A: {when: phi < 1, global: true}}}
schedule: [{eta: 0.02}]
stop: {max_steps: 200}
Y
expect 2 'another `by` or `up_to` than in another variant' run two.yaml -o no.h5 --set 'variants.net.outcomes={discover: {within: 1, by: [loss]}}' --set 'variants.steps.outcomes={discover: {within: 1}}'
check "variants have their own" run two.yaml -o two.h5
expect 0 '^ +1 +steps .* 30 ' "$basin" summary two.h5
expect 2 'outcomes.A: `global: true` in one variant and not in another' run two.yaml --set variants.steps.outcomes.A.global=false -o no.h5
finish
