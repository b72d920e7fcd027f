#!/bin/bash
# SPDX-License-Identifier: MIT
# e2e_library.sh: what the library promises its callers: it prints nothing and does not exit; OpenBLAS is opened by who
# needs it alone; a module that was compiled from other headers is told by its layout.
. "$(dirname "$0")/shell.sh"

# ---- it prints nothing ----

mkdir objects
(cd objects && ar x "$build/libbasin.a")
prints='^(printf|vprintf|puts|putchar|perror|__printf_chk|__vprintf_chk|stdout|stderr|exit|_exit|abort)(@.*)?$'
objects=0
for object in objects/*.o; do
  case $(basename "$object" .o) in
    # the program's own: they are the ones that talk to the user
    cli | commands | command_* | request | report | plot | plot_* | published) continue ;;
  esac
  objects=$((objects + 1))
  calls=$(nm -u "$object" | awk '{ print $NF }' | grep -E "$prints")
  check "$(basename "$object") prints nothing and does not exit, but calls $(echo $calls)" test -z "$calls"
done
check "there are objects to look at: $objects" test $objects -gt 50
check "the program does print" sh -c "nm -u objects/command_info.o | grep -qE ' (printf|puts)(@.*)?$'"

# ---- OpenBLAS ----

# the library takes memory and threads when it is opened, and asks for ever where there is none
for room in 60000 200000; do
  expect 0 '^basin [0-9]' sh -c "ulimit -v $room; exec timeout 60 '$basin' --version"
done
cp "$here/tests/fixed.yaml" .
cat > small.yaml <<'Y'
model: cnn
trials: 20
parameters: {k: 4, p: 3}
teacher: {a: {sum: 1, norm: 2}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
Y
mkdir without
echo text > without/libopenblas.so.0
without=(env LD_LIBRARY_PATH="$work/without" "$basin")
missing='fixed data sets need the library OpenBLAS, which cannot be opened: .*libopenblas.so.0: (file too short|invalid ELF header)'
expect 0 '^next: basin summary small.h5' "${without[@]}" run small.yaml --backend cpu
expect 1 "$missing" "${without[@]}" run fixed.yaml -q --backend cpu
check "nothing is left of it" test ! -e fixed.h5 -a ! -e fixed.h5.parts
expect 1 "$missing" "${without[@]}" run fixed.yaml --cell 0 --trial 0
expect 0 '^BLAS +none: .*libopenblas.so.0' "${without[@]}" info
expect 0 '^trial 0: ' "$basin" run fixed.yaml --cell 0 --trial 0
check "the program starts without it" sh -c "! LD_TRACE_LOADED_OBJECTS=1 '$basin' | grep openblas"

# ---- the layout of what crosses the seam ----

cat > layouts.py <<'P'
"""Every exchange of two neighbours in a structure or an enum that crosses the seam must change basin_layout()."""
import re, subprocess, sys

include, structures = sys.argv[1], sys.argv[2:]
source = '#include "layout.h"\n#include <stdio.h>\nint main(void) { printf("%llx", (unsigned long long)basin_layout()); }\n'
text = subprocess.run(["gcc", "-E", "-P", f"-I{include}", "-x", "c", "-"], input=source, text=True, check=True,
                      capture_output=True).stdout


def layout(text, number):
    subprocess.run(["gcc", "-O0", "-w", "-x", "c", "-o", f"layout{number}", "-"], input=text, text=True, check=True)
    return subprocess.run([f"./layout{number}"], check=True, capture_output=True, text=True).stdout


def exchanged(name):
    """the text with neighbours i and i + 1 in the body of a structure or enum in each other's place, for every i"""
    match = re.search(rf"(?:struct|enum) {name} \{{([^{{}}]*)\}}", text)
    body, mark = match.group(1), ";" if text[match.start()] == "s" else ","
    piece = [p for p in body.split(mark) if p.strip()]
    if mark == ";":  # int a, b: one at a time, but for functions
        piece = [one for p in piece for one in split(p)]
    for i in range(len(piece) - 1):
        order = piece[:i] + [piece[i + 1], piece[i]] + piece[i + 2:]
        yield f"{piece[i].strip()} and {piece[i + 1].strip()}", text[:match.start(1)] + mark.join(order) + (
            mark if mark == ";" else "") + text[match.end(1):]


def split(declaration):
    if "(" in declaration or "," not in declaration:
        return [declaration]
    first, *others = declaration.split(",")
    kind = re.match(r"\s*(.*?)\s*\**\s*\w+(\[.*\])?\s*$", first, re.S).group(1)
    return [first] + [f"{kind} {other}" for other in others]


same, bad, count = layout(text, 0), 0, 0
for name in structures:
    for what, other in exchanged(name):
        count += 1
        if layout(other, 1) == same:
            bad += 1
            print(f"{name}: {what} exchanged, and nobody notices")
print(f"{count} exchanges")
sys.exit(bad > 0 or count < 100)
P
check "two neighbours exchanged, in any structure or enum: another layout" /usr/bin/python3 layouts.py "$here/include" \
  basin_model basin_symbol basin_norm basin_vector basin_stage basin_stop basin_gradient basin_setting basin_job \
  basin_part basin_flight basin_watch basin_dynamics basin_source basin_outcome basin_worker_status
cat > one.c <<'C'
#include "layout.h"
#include <stdio.h>
int main(void) { printf("%llx\n", (unsigned long long)basin_layout()); }
C
cp one.c one.cpp
gcc -std=c17 -I"$here/include" -o one_c one.c && g++ -std=c++17 -I"$here/include" -o one_cpp one.cpp
check "C and C++ have the same layout" test "$(./one_c)" = "$(./one_cpp)" -a -n "$(./one_c)"

# a module that was compiled when the dynamics had another order
mkdir other
cp -r "$here/include/." other/
sed -i -E 's/^  BASIN_FLOW,.*//; s/^  BASIN_DIRECT,/  BASIN_DIRECT, BASIN_FLOW,/' other/model.h
cat > stale.c <<'C'
#include "cuda_module.h"
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
  static basin_cuda_module stale = {.abi = BASIN_CUDA_ABI, .version = BASIN_VERSION, .devices = devices,
                                    .describe = describe};
  stale.layout = basin_layout();
  return &stale;
}
C
for headers in other "$here/include"; do
  gcc -shared -fPIC -I"$headers" -o stale.so stale.c || failed=$((failed + 1))
  [ "$headers" = other ] && said='backend cuda +none: .*stale.so: of another version of basin' || said='backend cuda +1 device;'
  expect 0 "$said" env BASIN_CUDA_MODULE="$work/stale.so" "$basin" info
done
finish
