#!/bin/bash
# SPDX-License-Identifier: MIT
# first_gpu.sh BUILD: the folder for a first look at a GPU (bench/first_gpu), with the simulated device: it is packed, moved,
# and runs where neither the tree nor the libraries are; a piece that fails is told.
. "$(dirname "$0")/../support/shell.sh"
simulated

# ---- packed: of a build folder that has small cases beside the programs ----

mkdir -p few/carried
ln -s "$build/carried/basin" few/carried/basin
ln -s "$build/gpu_alone" few/gpu_alone
check "hashes by the CPU" sh -c "'$here/tests/tools/gpu_hashes' '$build' few > few/gpu_cases.sha256"
check "of each case" test "$(grep -cE '^[a-z0-9-]+ [0-9a-f]{64}$' few/gpu_cases.sha256)" = 4
ln -s "$build" whole
check "starts for the peers" "$here/bench/run_gpu" whole starts few/gpu_starts
check "packed" sh -c "'$here/bench/pack_gpu' '$work/few' '$work/first_gpu' '$build/tests/cudasim' > packed.txt"
mkdir moved
check "unpacked elsewhere" tar xzf first_gpu.tar.gz -C moved
check "it can be carried: $(du -m first_gpu.tar.gz | cut -f1) MB" test "$(stat -c %s first_gpu.tar.gz)" -lt 50000000
folder=$work/moved/first_gpu

# ---- a bare machine: no variables, no libraries of the program's, no tree ----

mkdir empty
cat > hide <<H
#!/bin/bash
for file in $(ldd "$build/basin" | awk '/hdf5|fyaml|xxhash|curl|crypto/ { printf "%s ", $3 }'); do
  mount --bind /dev/null "\$file" || exit 99
done
mount --bind "$work/empty" "$here" && cd / && exec "\$@"
H
cat > bare <<H
#!/bin/bash
exec $(unshare -rm true 2>/dev/null && echo "unshare -rm bash $work/hide") env -i PATH=/usr/bin:/bin TMPDIR="$work" GPU_CASES=few \\
  RATE_SECONDS=0.02 WHOLE_MS=600 "\$@"
H
chmod +x bare
if grep -q unshare bare; then
  check "a bare machine: the program of the build does not run" sh -c "! ./bare '$work/few/carried/basin' info 2> why.txt"
else
  echo "skipped: the libraries cannot be hidden here: no user namespaces"
fi
first() { ./bare "${also[@]}" "$folder/bench/first_gpu" "$@"; }
also=()
came_to() { grep -qE "^$2 +$3 " "$1/summary"; } # OUT PIECE HOW
good=(machine bits rates hard files interruptions table1)
first "$work/out" "${good[@]}" variants > told.txt 2>&1
check "its pieces pass: exit $?" test $? = 0
for piece in "${good[@]}"; do
  check "$piece passes" came_to out "$piece" passed
  check "$piece has a log" test -s "out/$piece.log"
done
check "no variants: skipped" came_to out variants skipped
check "every library is found" sh -c '! grep "not found" out/machine.log'
check "those of the program in the folder" grep -q "libhdf5.*=> $folder/build/lib/" out/machine.log
check "bits: every comparison is in the log" test "$(grep -c 'same bits, same bits in' out/bits.log)" -gt 200
check "rates of the device, resnet and cnn" test "$(sed -n '/^rates/,/^$/p' out/summary | grep -cE '^  (peak: (fma|add)|resnet|cnn).*[0-9]')" = 4
check "one file has all of it" test "$(tar tzf out/logs.tar.gz | grep -c log)" = 8
check "the table is told at the end" cmp <(tail -n 9 out/summary) <(tail -n 9 told.txt)

# ---- what fails ----

expect 2 'there is no piece bit; there are machine bits' first "$work/bad" bit
expect 2 'sizes, for the$' first
# a device that fails
also=(env CUDASIM_FAIL=launch:0:3 CUDASIM_LEAKS=0)
expect 1 '^bits +FAILED .* 0 passed, 234 failed' first "$work/bad" bits
also=()
# other bytes than those of the CPU, once; a module that is none; a piece that hangs
sed -i '2s/ ..../ 0000/' "$folder/build/gpu_cases.sha256"
mkdir "$folder/build/variants" && echo nothing > "$folder/build/variants/none.so"
cat > "$folder/build/peak_gpu" <<'S2'
#!/bin/sh
exec sleep 60
S2
expect 1 '^files +FAILED ' first "$work/bad" files
check "files: whose bytes are other ones" grep -q "^FAILED: cnn-sgd: the CPU of this machine writes other bytes than beforehand" bad/files.log
expect 1 '^variants +FAILED ' first "$work/bad" variants
also=(env FIRST_GPU_SECONDS=6)
expect 1 '^rates +TIMED OUT' first "$work/bad" rates files
check "for files no time was left" came_to bad files 'not run'
rm "$folder/build/about"
expect 2 'run .make first-gpu. first' first "$work/bad"
finish
