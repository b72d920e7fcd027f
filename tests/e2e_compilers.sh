#!/bin/bash
# SPDX-License-Identifier: MIT
# e2e_compilers.sh BUILD OTHER: two builds by different compilers write the same bytes, for every instruction set.
. "$(dirname "$0")/shell.sh"
other=$(cd "$here" && cd "$2" && pwd)/basin
for name in resnet-table1 cnn-signs resnet-figure3; do
  check "$name by the first" "$basin" run "$here/data/experiments/$name.yaml" -q --no-provenance --trials 300 -o $name.h5
  for isa in generic avx2 avx512; do
    "$basin" info | grep -q "instruction sets.* $isa" || continue
    check "$name by the second, $isa" "$other" run "$here/data/experiments/$name.yaml" -q --no-provenance --trials 300 \
      --isa $isa -o $name-$isa.h5
    check "$name: the same bytes, $isa" cmp $name.h5 $name-$isa.h5
  done
done
finish
