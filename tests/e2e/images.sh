#!/bin/bash
# SPDX-License-Identifier: MIT
# images.sh BUILD: data sets of images from a file, those of networks, and laws of inputs, from the command line: paths,
# runs that go on, campaigns, other numbers; figures of vectors.
. "$(dirname "$0")/../support/shell.sh"

mkdir there elsewhere
/usr/bin/python3 - <<'P'
import h5py, numpy as np
rng = np.random.default_rng(1)
for name, shift in ("there/images.h5", 0), ("elsewhere/images.h5", 1):
    h5py.File(name, "w").create_dataset("pixels", data=rng.integers(0, 255, (40, 8, 8), dtype=np.uint8), compression="gzip")
P
cat > there/e.yaml <<'Y'
model: filter
trials: 40
parameters: {k: 36, p: 9}
teacher: {w: {head: [0.1, -0.05, 0.03]}}
init: {w: {sphere: 0.05, around: teacher}}
schedule: [{eta: 1e-5}]
gradient: {sampled: {inputs: {file: images.h5, variable: pixels, size: 3, batch: 4}}}
stop: {at: 1e-30, max_steps: 300}
allow: {unresolved: 1}
record: {trials: 3, steps: [0, 10, 300], parameters: true}
Y
run() { "$basin" run -q --no-provenance "$@"; }
check "from the folder of the experiment" run there/e.yaml -o there/a.h5
check "whatever the folder, the threads and the parts" sh -c 'cd elsewhere && "$0" run -q --no-provenance ../there/e.yaml -o ../b.h5 --threads 2 --part-trials 7' "$basin"
check "the same bytes" cmp there/a.h5 b.h5
check "a campaign" run there/e.yaml -o camp/ --shard 1/2
check "its other half, from elsewhere" sh -c 'cd elsewhere && "$0" run -q --no-provenance ../there/e.yaml -o ../camp/ --shard 2/2' "$basin"
check "merged" "$basin" merge camp/ -q --no-provenance -o c.h5
check "merged: the same bytes" cmp b.h5 c.h5
expect 0 '40 trials in 1 part; at most .*B of memory' "$basin" run there/e.yaml --dry-run
expect 2 'inputs.file: there/elsewhere/images.h5: no HDF5 file that can be read' "$basin" run there/e.yaml --set gradient.sampled.inputs.file=elsewhere/images.h5
expect 2 'b.h5: holds another experiment' "$basin" run there/e.yaml -o b.h5 --set gradient.sampled.inputs.file=../elsewhere/images.h5
expect 0 'cell,trial,step,.*train_loss' "$basin" export b.h5 --trajectories
check "an image of a vector" "$basin" plot there/a.h5 --vector w --shape 3x3 --trial 2 -o w.svg
check "three panels" test "$(grep -c 'teacher\|start\|step 300' w.svg)" = 3
expect 2 '--shape 2x4: w has 9 entries' "$basin" plot there/a.h5 --vector w --shape 2x4 -o w.svg
expect 2 '--shape is missing: expected' "$basin" plot there/a.h5 --vector w -o w.svg
expect 2 '--trial 3: expected one of the 3 recorded trials' "$basin" plot there/a.h5 --vector w --shape 3x3 --trial 3 -o w.svg
expect 2 '--shape goes with --vector' "$basin" plot there/a.h5 --shape 3x3 -o w.svg

# ---- the data of networks ----

printf '1,0,0.5,1\n0,1,0.5,-1\n1,1,-1,2\n' >there/data.csv
cat > there/n.yaml <<'Y'
model: network
trials: 30
layers: [{dense: 4, activation: tanh}, {dense: 1}]
data: {file: data.csv, labels: 1}
schedule: [{eta: 0.01}]
stop: {at: 1e-30, max_steps: 50}
allow: {unresolved: 1}
record: {trials: 3, steps: [0, 50], observables: [loss]}
Y
check "a network on a file" run there/n.yaml -o n.h5
check "a campaign of it" run there/n.yaml -o nets/ --shard 1/2
check "its other half, from elsewhere" sh -c 'cd elsewhere && "$0" run -q --no-provenance ../there/n.yaml -o ../nets/ --shard 2/2' "$basin"
check "merged" "$basin" merge nets/ -q --no-provenance -o nets.h5
check "merged: the same bytes" cmp n.h5 nets.h5
printf '1,0,0.5,1\n0,1,0.5,-1\n1,1,-1,2.5\n' >there/data.csv
expect 2 'n.h5: holds another experiment' "$basin" run there/n.yaml -o n.h5
printf '1,0,0.5,1\n0,1,0.5\n' >there/data.csv
expect 2 'n.yaml:4:14: there/data.csv:2: this row has another number of entries' "$basin" run there/n.yaml -o n.h5
finish
