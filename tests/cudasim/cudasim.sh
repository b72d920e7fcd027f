# SPDX-License-Identifier: MIT
# cudasim.sh: how to build with the simulator. Sourced; a KIND is plain, asan (with UBSan) or tsan.
#   cudasim_toolkit           the toolkit's headers, or nothing where there are none
#   cudasim_quickly           options with which long functions compile in half the time
#   cudasim_calls             AddressSanitizer's checks as calls: kernels compile faster still
#   cudasim_untraced          ThreadSanitizer told of no calls: a race is told with its places, not with who called
#   cudasim_flags KIND        options to compile .cu files, and other C++ files of the program, with
#   cudasim_link KIND         options to link with, together with libcudasim.a
#   cudasim_library KIND DIR  builds DIR/libcudasim.a, in parallel, unless it is newer than its sources
cudasim_home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

cudasim_toolkit() {
  local home
  for home in ${CUDA_HOME:+"$CUDA_HOME"} /usr/local/cuda /usr/local/cuda-*; do
    if [ -f "$home/include/cuda_runtime.h" ]; then echo "$home/include"; return; fi
  done
}

cudasim_sanitizer() {
  case $1 in
  asan) echo "-fsanitize=address,undefined -fno-sanitize-recover=all" ;;
  tsan) echo "-fsanitize=thread" ;;
  esac
}

# for builds with sanitizers (numeric/real.h); of loops that stay loops gcc believes that they might not begin
cudasim_plain="-DBASIN_PLAIN -Wno-maybe-uninitialized"

# kernels and engines are long functions: what takes the compiler's time there is left out
cudasim_quickly="-fno-tree-pta -fno-forward-propagate -fno-if-conversion -fno-if-conversion2 -fira-region=one \
-fira-algorithm=priority -fno-ipa-modref"

# for kernels, which run for moments. Not for engines: with a call for each vector they take two to six times as long
cudasim_calls="--param asan-instrumentation-with-call-threshold=0"

cudasim_untraced="--param tsan-instrument-func-entry-exit=0"

cudasim_flags() {
  echo "-std=c++17 -O1 $cudasim_quickly $cudasim_calls $cudasim_untraced" \
    "-g1 -fPIC -ffp-contract=off -Wno-unknown-pragmas" \
    "-isystem $(cudasim_toolkit) -include $cudasim_home/cudasim.h" \
    "$(cudasim_sanitizer "$1") $([ "$1" = plain ] || echo "$cudasim_plain") -x c++"
}

cudasim_link() { echo "$(cudasim_sanitizer "$1") -pthread"; }

cudasim_library() {
  local flags="-Wall -Wextra -Wpedantic -Wconversion -Werror -std=c++17 -g1 -fPIC"
  flags="$flags -O2 -isystem $(cudasim_toolkit)"
  # TSan must not see the simulator: sanitizers.h
  if [ "$1" = tsan ]; then flags="$flags -DCUDASIM_TSAN"; else flags="$flags $(cudasim_sanitizer "$1")"; fi
  mkdir -p "$2" || return
  if [ -f "$2/libcudasim.a" ] &&
    [ -z "$(find "$cudasim_home" -newer "$2/libcudasim.a" -name '*.[chs]*')" ]; then return; fi
  local files
  files=$(cd "$cudasim_home" && ls -- *.cpp | grep -v '^test_') || return
  xargs -P "$(nproc)" -I{} g++ $flags -c "$cudasim_home/{}.cpp" -o "$2/{}.o" <<<"${files//.cpp/}" || return
  rm -f "$2/libcudasim.a"
  ar rcs "$2/libcudasim.a" $(sed "s|.*|$2/&|; s|cpp$|o|" <<<"$files")
}
