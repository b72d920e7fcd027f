#!/bin/bash
# SPDX-License-Identifier: MIT
# compilers.sh BUILD OTHER: two builds by different compilers write the same bytes, for every instruction set that the other has.
. "$(dirname "$0")/../support/shell.sh"
other=$(cd "$here" && cd "$2" && pwd)/basin
for name in resnet-table1 cnn-signs resnet-figure3 resnet-sgd neuron-figure1 octopus-figure7-3; do
  less=()
  [ $name = resnet-sgd ] && less=(--set 'grid={B: [1, 3]}' --set 'stop.max_steps=100' --set variants='{direct: {gradient: {sampled: {inputs: B, sampler: direct}}, schedule: [{eta: 1/k^2}]}, projected: {schedule: [{eta: 1/k^2}]}, mixed: {gradient: {sampled: {inputs: B, sampler: direct, precision: mixed}}, schedule: [{eta: 1/k^2}]}}')
  [ $name = neuron-figure1 ] && less=(--trials 5 --set 'grid={n: [1, 3]}' --set stop.max_steps=60 --set variants='{descent: {}, flow: {method: gradient_flow}, direct: {gradient: {sampled: {inputs: 3, sampler: direct}}}, projected: {gradient: {sampled: {inputs: 3, sampler: projected}}}}')
  check "$name by the first" "$basin" run "$here/data/experiments/$name.yaml" -q --no-provenance --trials 300 "${less[@]}" -o $name.h5
  for isa in generic avx2 avx512; do
    "$other" info | grep -q "instruction sets.* $isa" || continue
    check "$name by the second, $isa" "$other" run "$here/data/experiments/$name.yaml" -q --no-provenance --trials 300 "${less[@]}" \
      --isa $isa -o $name-$isa.h5
    check "$name: the same bytes, $isa" cmp $name.h5 $name-$isa.h5
  done
done
finish
