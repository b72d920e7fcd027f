#!/bin/bash
# SPDX-License-Identifier: MIT
# kernels.sh BUILD: what the real compiler made of the kernels, by tests/tools/sass, where BUILD has the module for real
# devices; and that this tool sees what it is there to see, in listings in which something is wrong.
. "$(dirname "$0")/../support/shell.sh"
sass=$here/tests/tools/sass
if [ ! -f "$build/libbasin_cuda.so" ]; then
  echo "skipped: no nvcc, so the module for real devices is not built"
  finish
fi
check "registers, loops and operations are within their limits" sh -c "'$sass' '$build' > kernels.txt"
cat kernels.txt

# every pair of the build's list, for two architectures: kernel_start, kernel_observe; kernel_run in registers for either
# rule and with what is watched; in arrays for both rules and with that in shared memory, and for all in the device's
pairs=$(make -s -C "$here" list | grep -cvE ':(input|whole)$')
kernels=$((2 * 5 * pairs))
check "every kernel is in the report: $kernels" test "$(grep -c registers, kernels.txt)" = $kernels

# ---- the tool fails where it should ----

models=wrong/cuda/models/resnet
mkdir -p $models
log=$build/cuda/models/resnet/population.log
ln -s "$build/cuda/models/resnet/population.o" $models/
sed '0,/ 0 bytes spill stores/s// 8 bytes spill stores/' "$log" > $models/population.log
expect 1 '^FAILED: resnet/population, .*: 8 bytes of spills, at most 0$' "$sass" wrong
sed '0,/ 0 bytes stack frame/s// 24 bytes stack frame/' "$log" > $models/population.log
expect 1 '^FAILED: resnet/population, .*: 24 bytes of stack, at most 0$' "$sass" wrong
sed -E 's/Used [0-9]+ registers/Used 105 registers/' "$log" > $models/population.log
expect 1 '^FAILED: resnet/population, kernel_run early, sm_90: 4 blocks a multiprocessor, at least 5$' "$sass" wrong
sed 's/Compiling entry/Listing entry/' "$log" > $models/population.log
expect 1 '^FAILED: resnet/population: ptxas said something' "$sass" wrong

cuobjdump=$(sed -n 's/^listed by //p' kernels.txt)
if [ -z "$cuobjdump" ]; then
  finish
fi
cp "$log" $models/population.log
cat > cuobjdump <<S
#!/bin/sh
PATH=$(dirname "$cuobjdump"):\$PATH '$cuobjdump' "\$@" | sed -E "\$WRONG"
S
chmod +x cuobjdump
# wrong PATTERN EDIT: listings in which lines are changed
wrong() { expect 1 "$1" env CUOBJDUMP="$work/cuobjdump" WRONG="$2" "$sass" wrong; }
wrong '^FAILED: resnet/population, kernel_run early: [0-9]+ instructions a turn of its hot loop, at most' '/ (FSEL|DSETP|BSSY|BSYNC|IMAD[.0-9A-Z]*) /p'
wrong '^FAILED: resnet/population, kernel_run early: it has a loop of 43 double' 's/ DADD / MOV /'
wrong 'none otherwise; but .*mul.f64' 's/mul\.rn\.f64/mul.f64/'
wrong 'none otherwise; but .*rcp.approx.ftz.f64' '0,/div\.rn\.f64/s//rcp.approx.ftz.f64/'
wrong 'none otherwise; but .*max.f64 %' 's/(max\.f64 *%[a-z0-9]+, *)(%[a-z0-9]+), *0d[0-9A-F]+/\1\2, \2/'
wrong 'FAILED: resnet/population: 0 operations' 's/.*//'
finish
