#!/bin/bash
# SPDX-License-Identifier: MIT
# verify.sh BUILD: `basin verify` passes the closed forms that are right, and finds wrong ones: the loss as
# equation (5.3) of the thesis prints it, and others, put into a copy of the sources.
. "$(dirname "$0")/../support/shell.sh"

# ---- what is wrong is found ----

cp -r "$here"/{Makefile,host,include,cuda} .
mkdir tests && cp -r "$here"/tests/cudasim tests/
# with the machine's fused multiply-add, where the compiler has to be told of it: else fma() is slow
extra=$(grep -qw fma /proc/cpuinfo && echo -mfma)

# formulas MODEL HEADER: where the next changes are made
formulas() {
  header=include/$2 right=$(cat "include/$2")
  make=(make -s -j"$(nproc)" build/basin NVCC= MODELS="$1" ISAS=generic OPT=-O1 EXTRA="$extra")
}

# mutate WHAT CODE SED: change the formulas, build, and let verify look
mutate() {
  echo "$right" | sed -E "$3" > "$header"
  check "$1: the change is made" test "$right" != "$(cat "$header")"
  check "$1: it builds" sh -c "${make[*]} > log 2>&1 || { tail log; false; }"
  expect "$2" 'in 1e\+06 runs: [0-9]+$' build/basin verify --states 8 --inputs 262144
}

# the tables of one convolutional filter
formulas filter models/filter/filter_curves.h
mutate "the sum of the filter's own terms" 0 's/const double own = 1 \/ \(double\)k, other = 1 - own;/const double own = 1.0 \/ (double)k, other = 1 - own;/'
mutate "pairs of patches with weight 1" 3 's/const double own = 1 \/ \(double\)k, other = 1 - own;/const double own = 1 \/ (double)k, other = 1;/'
mutate "no pairs of equal patches" 3 's/scale \* \(own \* g\[0\] \+ other/scale * (0 * g[0] + other/'
mutate "the angle of a coordinate on the wrong sphere" 3 's/double power = odd \? sine : sine \* sine;/double power = odd ? sine * sine : sine;/'
finish
