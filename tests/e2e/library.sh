#!/bin/bash
# SPDX-License-Identifier: MIT
# library.sh: what the library promises its callers: it prints nothing and does not exit; a module that was compiled from
# other headers is told by its layout.
. "$(dirname "$0")/../support/shell.sh"

# ---- it prints nothing ----

mkdir objects
(cd objects && ar x "$build/libbasin.a")
prints='^(printf|vprintf|puts|putchar|perror|__printf_chk|__vprintf_chk|stdout|stderr|exit|_exit|abort)(@.*)?$'
objects=0
for object in objects/*.o; do
  objects=$((objects + 1))
  calls=$(nm -u "$object" | awk '{ print $NF }' | grep -E "$prints")
  check "$(basename "$object") prints nothing and does not exit, but calls $(echo $calls)" test -z "$calls"
  names=$(nm -g --defined-only "$object" | awk 'NF == 3 { print $3 }' | grep -v '^basin_')
  check "every name of $(basename "$object") begins with basin_, but $(echo $names)" test -z "$names"
done
check "there are objects to look at: $objects" test $objects -gt 50
check "the program is none of them" test ! -e objects/main.o -a ! -e objects/commands.o
check "the program does print" sh -c "nm -u '$build/host/cli/command_info.o' | grep -qE ' (printf|puts)(@.*)?$'"

# the program takes little to start
for room in 60000 200000; do
  expect 0 '^basin [0-9]' sh -c "ulimit -v $room; exec timeout 60 '$basin' --version"
done

# ---- the seam ----

# a word of the headers' text: who changes any of them, in any way, has another
mkdir -p copy/tests
cp -r "$here"/{Makefile,include} copy/
cp -r "$here/tests/cudasim" copy/tests/ # the Makefile asks it for the toolkit
word() { # the word as the build makes it, of the copy
  rm -f copy/build/layout_word.h
  make -C copy -s NVCC= build/layout_word.h && cut -d' ' -f3 copy/build/layout_word.h
}
same=$(word)
check "the build has a word" grep -qx "#define BASIN_LAYOUT_WORD $same" "$build/layout_word.h"
check "of sixteen digits" sh -c "echo '$same' | grep -qE '^0x[0-9a-f]{16}ull$'"
words=$same
for header in copy/include/basin.h copy/include/seam/*.h; do
  cp "$header" kept
  sed -i '$s/$/ /' "$header"
  words+=" $(word)"
  mv kept "$header"
done
check "another word for a change in any header" test "$(echo $words | tr ' ' '\n' | sort -u | wc -l)" = \
  "$(($(ls copy/include/seam | wc -l) + 2))"
check "the same again for the same headers" test "$(word)" = "$same"

# a module that was compiled from other headers is told by it
cat > stale.c <<'C'
#include "seam/cuda_module.h"
static basin_worker_status devices(int *count, int *driver, int *runtime, basin_error *error) {
  (void)error;
  *count = 1, *driver = *runtime = 13000;
  return BASIN_WORKER_OK;
}
static basin_worker_status describe(int device, basin_cuda_device *about, basin_error *error) {
  (void)device, (void)error;
  *about = (basin_cuda_device){.name = "none"};
  return BASIN_WORKER_OK;
}
const basin_cuda_module *basin_cuda_module_table(void);
const basin_cuda_module *basin_cuda_module_table(void) {
  static const basin_cuda_module module = {.abi = BASIN_CUDA_ABI, .layout = LAYOUT, .version = BASIN_VERSION,
                                           .devices = devices, .describe = describe};
  return &module;
}
C
for layout in 0x1234567890abcdefull "$same"; do
  gcc -shared -fPIC -fvisibility=hidden -I"$here/include" -DLAYOUT="$layout" -o hidden.so stale.c
  gcc -shared -fPIC -I"$here/include" -DLAYOUT="$layout" -o stale.so stale.c || failed=$((failed + 1))
  [ "$layout" = "$same" ] && said='backend cuda +1 device;' || said='backend cuda +none: .*stale.so: of another version of basin'
  expect 0 "$said" env BASIN_CUDA_MODULE="$work/stale.so" "$basin" info
done
expect 0 'backend cuda +none: .*hidden.so: no module of basin' env BASIN_CUDA_MODULE="$work/hidden.so" "$basin" info
finish
