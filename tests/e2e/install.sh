#!/bin/bash
# SPDX-License-Identifier: MIT
# install.sh: what `make install` leaves is enough: the program of include/README.md, and one that reads every array, built with
# what pkg-config says and nothing else, against the shared library and the other one, in C and C++; the Debian packages;
# and `make demo`. BASIN_SOAK=1 installs the packages in a Debian that has nothing else.
. "$(dirname "$0")/../support/shell.sh"

# with the build as it is, whatever made it
makes() { # makes TARGET VARIABLE=VALUE...
  make -C "$here" --no-print-directory -s NVCC= BUILD="$build" -o "$build/flags" "$@" >> log 2>&1 || { tail log; false; }
}
install_into() { makes install "$@"; } # install_into VARIABLE=VALUE...

# ---- what is there ----

there=$work/there
check "it installs" install_into PREFIX="$there"
for file in bin/basin include/basin.h lib/libbasin.a lib/libbasin.so lib/libbasin.so.0 lib/pkgconfig/basin.pc \
  share/man/man1/basin.1 share/basin/experiments/resnet-table1.yaml share/basin/published/resnet-table1.csv \
  share/basin/source/include/seam/model.h share/basin/source/host/engine/lanes.c \
  share/doc/basin/README.md share/bash-completion/completions/basin lib/python3/dist-packages/basin.py; do
  check "$file is there" test -s "$there/$file"
done
version=$("$there/bin/basin" --version | awk '{ print $2 }')
check "one version everywhere" test -n "$version" -a "$version" = "$(PKG_CONFIG_PATH=$there/lib/pkgconfig pkg-config --modversion basin)"
check "the links lead to the versioned file" test "$(readlink -f "$there/lib/libbasin.so")" = \
  "$(readlink -f "$there/lib/libbasin.so.0")" -a "$(basename "$(readlink -f "$there/lib/libbasin.so")")" = "libbasin.so.$version"
check "its name is libbasin.so.0" sh -c "readelf -d '$there/lib/libbasin.so' | grep -q 'SONAME.*\[libbasin.so.0\]'"
check "the installed program runs an installed experiment" "$there/bin/basin" run \
  "$there/share/basin/experiments/resnet-table1.yaml" -q --trials 20 --backend cpu -o table1.h5
cp "$here/tests/support/doublewell.h" .
cat > well.yaml <<'Y'
model: ./doublewell.h
trials: 100
init: {x: {normal: 1}}
schedule: [{eta: 0.05}]
Y
check "and a header of one's own, with the sources that were installed" env -u BASIN_SOURCE BASIN_CACHE="$work/cache" \
  "$there/bin/basin" run well.yaml -q --isa generic -o well.h5
mkdir bare && cp "$there/bin/basin" bare/
expect 1 "sources.* are not there: looked for in $work/bare/../share/basin/source/" env -u BASIN_SOURCE BASIN_CACHE="$work/none" \
  bare/basin run well.yaml -q --isa generic -o bare.h5
expect 0 'ResNet w/o SSW' "$there/bin/basin" compare table1.h5 "$there/share/basin/published/resnet-table1.csv"
check "the completion is that of the sources" cmp "$here/host/cli/basin.bash" "$there/share/bash-completion/completions/basin"
cat > module.py <<'P'
import os, sys
sys.path.insert(0, sys.argv[1])
import basin
assert os.path.realpath(basin._library._name) == sys.argv[2], basin._library._name
assert basin.open("table1.h5").sizes["trial"] == 20
P
check "the Python module takes the library that it was installed with" /usr/bin/python3 module.py \
  "$there/lib/python3/dist-packages" "$there/lib/libbasin.so.$version"

# what the header declares is what the library shows, no more and no less
gcc -E -P "$there/include/basin.h" | grep -oE '\bbasin_[a-z_]+\(' | tr -d '(' | sort -u > declared
nm -D --defined-only "$there/lib/libbasin.so" | awk '{ print $3 }' | sort -u > shown
check "the library shows what basin.h declares: $(diff declared shown | tr '\n' ' ')" cmp -s declared shown
check "that is a library" test "$(wc -l < shown)" -gt 20
printf '#include <basin.h>\nint main(void) { return 0; }\n' > alone.c
cp alone.c alone.cpp
for compiler in 'gcc -std=c99' 'gcc -std=c17' 'g++ -std=c++11' 'g++ -std=c++20'; do
  case $compiler in *++*) source=alone.cpp ;; *) source=alone.c ;; esac
  check "$compiler takes basin.h" $compiler -Wall -Wextra -Wpedantic -Werror -I"$there/include" -fsyntax-only $source
done

# ---- the program of include/README.md ----

sed -n '/^```c$/,/^```$/p' "$here/include/README.md" | grep -v '^```' > rates.c
check "include/README.md has a program" grep -q 'int main' rates.c
cp rates.c rates.cpp
cat > small.yaml <<'Y'
model: cnn
trials: 60
grid: {k: [4, 9]}
parameters: {p: 3}
teacher: {a: {sum: 1, norm: 2}, v: {head: [1]}}
init: {v: {sphere: 1}, a: {ball: 1}}
schedule: [{eta: 0.1}]
stop: {at: 1e-6, max_steps: 3000}
allow: {unresolved: 1}
record: {trials: 7, steps: {every: 50}, parameters: true, final: all}
Y
export PKG_CONFIG_PATH=$there/lib/pkgconfig
shared=$(pkg-config --cflags --libs basin)
both=$(pkg-config --static --cflags --libs basin)
static=$(pkg-config --define-variable=library=:libbasin.a --static --cflags --libs basin)

same_rates() { # what the program printed, and basin summary --json
  /usr/bin/python3 - "$1" small.h5 "$there/bin/basin" <<'P'
import json, subprocess, sys
text, output, basin = sys.argv[1:]
cells = json.loads(subprocess.run([basin, "summary", output, "--json"], check=True, capture_output=True).stdout)["cells"]
lines = [line.split() for line in open(text)]
assert len(lines) == len(cells) == 2, (lines, cells)
for (number, *values), cell in zip(lines, cells):
    assert int(number) == cell["index"], (number, cell)
    rate = [cell["success"][name] for name in ("rate", "low", "high")]
    assert [float(v) for v in values] == rate and 0 < rate[0] < 1, (values, rate)
P
}
for compiler in gcc g++ clang clang++; do
  command -v $compiler > /dev/null || { echo "skipped: no $compiler"; continue; }
  case $compiler in *++) source=rates.cpp ;; *) source=rates.c ;; esac
  for kind in shared both static; do
    rm -f rates small.h5
    flags=${!kind}
    check "$compiler, $kind: it builds" $compiler -Wall -Wextra -Wpedantic -Werror -o rates $source $flags
    [ $kind = static ] && libraries= || libraries=$there/lib
    check "$compiler, $kind: it runs" sh -c "LD_LIBRARY_PATH=$libraries ./rates small.yaml small.h5 > rates.txt"
    check "$compiler, $kind: the numbers are those of basin summary" same_rates rates.txt
  done
done
check "the last one has the library in it" sh -c "! readelf -d rates | grep -q libbasin"
expect 2 'nothere.yaml' ./rates nothere.yaml no.h5
expect 3 'unresolved' ./rates <(sed 's/unresolved: 1/unresolved: 0/; s/3000/50/' small.yaml) outside.h5

# ---- every array ----

cat > arrays.c <<'C'
#include <basin.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const basin_error *error) {
  fprintf(stderr, "%s\n", error->text);
  return 1;
}

/* every array to stdout: `name rank size... units`, then the values of all cells; read in two pieces */
int main(int count, char **word) {
  basin_results *results;
  basin_error error;
  if (count == 3 && !basin_results_open(word[1], &results, &error)) { /* an array that is not there */
    double value[4];
    return basin_results_read(results, word[2], 0, 0, 1, value, &error) ? fail(&error) : 0;
  }
  if (count == 4 && !basin_results_open(word[1], &results, &error)) { /* an entry of `outcome` that is not there */
    double value;
    return basin_results_read(results, "outcome", atol(word[2]), atol(word[3]), 1, &value, &error) ? fail(&error) : 0;
  }
  if (count != 2 || basin_results_open(word[1], &results, &error)) return fail(&error);
  for (int i = 0; i < basin_results_arrays(results); i++) {
    basin_array array, same;
    if (basin_results_array(results, i, &array, &error)) return fail(&error);
    if (basin_results_array_find(results, array.name, &same, &error)) return fail(&error);
    int64_t entry = 1;
    printf("%s %d", same.name, same.rank);
    for (int d = 0; d < array.rank; d++) {
      printf(" %lld", (long long)array.size[d]);
      if (d) entry *= array.size[d];
    }
    printf(" %s\n", array.units);
    double *value = malloc((size_t)(array.size[0] * entry) * sizeof *value);
    for (int64_t cell = 0; cell < basin_results_cells(results); cell++) {
      const int64_t half = array.size[0] / 3;
      if (basin_results_read(results, array.name, cell, 0, half, value, &error) ||
          basin_results_read(results, array.name, cell, half, array.size[0] - half, value + half * entry, &error))
        return fail(&error);
      fwrite(value, sizeof *value, (size_t)(array.size[0] * entry), stdout);
    }
    free(value);
  }
  basin_array none;
  if (!basin_results_array(results, basin_results_arrays(results), &none, &error)) return 1;
  basin_results_close(results);
  return 0;
}
C
check "a program that reads arrays builds" gcc -Wall -Wextra -Wpedantic -Werror -o arrays arrays.c $static
check "there are results" "$there/bin/basin" run small.yaml -q -o arrays.h5 --set on_divergence=halve
check "every array, value by value, as h5py reads it" /usr/bin/python3 - <<'P'
import subprocess, h5py, numpy
out = subprocess.run(["./arrays", "arrays.h5"], check=True, capture_output=True).stdout
file, names, at = h5py.File("arrays.h5"), [], 0
while at < len(out):
    end = out.index(b"\n", at)
    name, rank, *size, units = out[at:end].decode().split(" ")
    there, size = file[name], [int(s) for s in size]
    expected = there[:].astype("<f8")
    assert list(there.shape[1:]) == size and len(size) == int(rank) and there.attrs["units"].decode() == units, name
    assert out[end + 1:end + 1 + expected.nbytes] == expected.tobytes(), name
    names.append(name)
    at = end + 1 + expected.nbytes
of_cells = {name for name, v in file.items() if isinstance(v, h5py.Dataset) and v.ndim > 1 and v.shape[0] == 2 and v.dtype.kind in "if"}
assert set(names) == of_cells and {"outcome", "steps", "halvings", "final_loss", "eta_t", "loss", "vector_v"} <= of_cells, names
P
expect 1 'no array `nothing`, expected one of outcome, steps, ' ./arrays arrays.h5 nothing
expect 1 'no array `k`' ./arrays arrays.h5 k
expect 1 'no cell 2, expected 0 to 1' ./arrays arrays.h5 2 0
expect 1 'no cell -1' ./arrays arrays.h5 -1 0
expect 1 'outcome has 60 entries of a cell, no 1 from 60 on' ./arrays arrays.h5 0 60
expect 1 'no 1 from -1 on' ./arrays arrays.h5 0 -1
expect 0 '' ./arrays arrays.h5 1 59
/usr/bin/python3 - <<'P'
import h5py
with h5py.File("arrays.h5", "r+") as file:
    file["loss"][1, 3, 2] += 1e-9
P
expect 1 'loss.*cell 1' sh -c './arrays arrays.h5 > /dev/null'

# ---- elsewhere ----

check "it installs below DESTDIR" install_into DESTDIR="$work/stage" PREFIX=/opt/basin
check "the same files" diff <(cd "$there" && find . | sort) <(cd stage/opt/basin && find . | sort)
check "its basin.pc has the prefix, not DESTDIR" grep -qx 'prefix=/opt/basin' stage/opt/basin/lib/pkgconfig/basin.pc
expect 0 '^0 0\.[0-9]* 0' env LD_LIBRARY_PATH="$work/stage/opt/basin/lib" PKG_CONFIG_PATH="$work/stage/opt/basin/lib/pkgconfig" sh -c \
  "rm -f small.h5 && gcc -o staged rates.c \$(pkg-config --define-prefix --cflags --libs basin) && ./staged small.yaml small.h5"

# the module is found in lib/basin, by the program and by who has the library
mkdir -p "$there/lib/basin"
echo text > "$there/lib/basin/libbasin_cuda.so"
expect 0 "there/bin/../lib/basin/libbasin_cuda.so: file too short" "$there/bin/basin" info
cat > asks.c <<'C'
#include <basin.h>
#include <stdio.h>
int main(void) {
  basin_experiment *experiment;
  basin_error error;
  basin_need estimate;
  static basin_run_options options;
  options.output = "none.h5", options.backend = "cuda";
  if (basin_experiment_read("small.yaml", NULL, 0, &experiment, &error)) return 9;
  const int status = basin_need_run(experiment, &options, &estimate, &error);
  puts(error.text);
  basin_experiment_free(experiment);
  return status;
}
C
check "a program that asks for a device builds" gcc -o asks asks.c $shared
expect 2 "no CUDA device to run on: $there/lib/basin/libbasin_cuda.so: file too short" env LD_LIBRARY_PATH="$there/lib" ./asks

# it goes again
rm -r "$there/lib/basin" # that was not installed
mkdir "$there/share/mine" && touch "$there/lib/other"
check "what was installed goes again" makes uninstall PREFIX="$there"
check "and nothing else: $(cd "$there" && find .)" test "$(cd "$there" && find . ! -type d)" = ./lib/other -a -d "$there/share/mine"
check "nor is an empty folder left" test -z "$(find "$there" -name '*basin*')"
check "it installs where Python looks" env PATH="/usr/bin:$PATH" make -C "$here" --no-print-directory -s NVCC= BUILD="$build" \
  -o "$build/flags" DESTDIR="$work/local" install
check "that is a folder of Python's own" test -s "local$(/usr/bin/python3 -c 'import sys; print(*[p for p in sys.path if "/usr/local" in p])')/basin.py"

# ---- the Debian packages: of this build, with something that stands for the CUDA module where it has none ----

export DPKG_DEB_COMPRESSOR_LEVEL=1 # the module is tens of megabytes
mkdir one two
cp "$build"/{basin,libbasin.so,libbasin.a,basin.1} one/
cp "$build/libbasin_cuda.so" one/ 2>/dev/null || cp "$build/libbasin.so" one/libbasin_cuda.so
cp one/* two/
packs() { # packs FOLDER VARIABLE=VALUE...: its packages, in it
  local of=$work/$1
  shift
  make -C "$here" --no-print-directory -s NVCC= BUILD="$of" -o "$of/basin" -o "$of/libbasin.so" -o "$of/basin.1" deb "$@" \
    >> log 2>&1 || { tail log; false; }
}
architecture=$(dpkg --print-architecture)
package=$work/one/basin_${version}_$architecture.deb
module=$work/one/basin-cuda_${version}_$architecture.deb
check "the packages are made" packs one
check "there are two" test "$(cd one && echo *.deb)" = "$(basename "$module") $(basename "$package")"
check "somebody else makes them at another time" eval "(umask 077; sleep 1; TZ=Asia/Tokyo LC_ALL=C packs two)"
check "the same bytes" eval 'cmp "$package" "two/${package##*/}" && cmp "$module" "two/${module##*/}"'
rm two/libbasin_cuda.so
check "without the module there is one" eval '(export SOURCE_DATE_EPOCH=1000000000; packs two) && test "$(cd two && echo *.deb)" = "${package##*/}"'
check "SOURCE_DATE_EPOCH is its time" eval 'dpkg-deb -c "two/${package##*/}" | grep "2001-09-09.*usr/bin/basin$" > /dev/null'
field() { dpkg-deb -f "$package" "$1"; } # field NAME
check "its version" test "$(field Version)" = "$version"
for library in libc6 libhdf5-103 libfyaml0 libxxhash0; do
  check "it depends on $library: $(field Depends)" grep -q "$library" <<<"$(field Depends)"
done
check "the module's package needs this version" grep -qF "basin (= $version)" <<<"$(dpkg-deb -f "$module" Depends)"
check "all belongs to root" test -z "$(dpkg-deb -c "$package" | grep -v ' root/root ')"
check "nobody else may write, all may read" test -z "$(dpkg-deb -c "$package" | grep -v '^[-ld]rw[-x]r-[-x]r-[-x] \|^lrwxrwxrwx ')"
check "it unpacks" dpkg-deb -x "$package" root
list() { (cd "$1" && find usr ! -type d | sed "s/\.gz$//; s|/$(gcc -print-multiarch)/|/|" | sort); } # list FOLDER
check "make install" install_into DESTDIR="$work/plain" PREFIX=/usr PYTHONDIR=/usr/lib/python3/dist-packages
rm -rf plain/usr/lib/basin
check "it has what make install leaves, but for the licence: $(comm -23 <(list plain) <(list root))" test \
  "$(comm -23 <(list plain) <(list root))" = usr/share/doc/basin/LICENSE
check "and what a package must have: $(comm -13 <(list plain) <(list root))" test "$(comm -13 <(list plain) <(list root) | paste -sd' ')" = \
  "usr/share/doc/basin/changelog usr/share/doc/basin/copyright usr/share/lintian/overrides/basin"
check "the module unpacks beside it" dpkg-deb -x "$module" root
check "the manual page is compressed" eval 'zcat root/usr/share/man/man1/basin.1.gz | cmp - one/basin.1'
check "the licence is told" grep -q 'WITHOUT WARRANTY OF ANY KIND' root/usr/share/doc/basin/copyright
check "the program runs" root/usr/bin/basin run root/usr/share/basin/experiments/resnet-table1.yaml -q --trials 20 --backend cpu \
  -o packed.h5 --no-provenance
check "and finds the module" sh -c "root/usr/bin/basin info | grep '^backend cuda' | grep -qv 'there is no module'"
check "the Python module takes the library" /usr/bin/python3 module.py root/usr/lib/python3/dist-packages \
  "$work/root/usr/lib/libbasin.so.$version"
expect 0 "^Inst basin \\($version .*" apt-get -s -o Debug::NoLocking=1 --no-install-recommends install "$package" "$module"
if command -v lintian > /dev/null; then
  check "lintian has no complaint" lintian --fail-on error,warning --allow-root "$package"
else
  echo "skipped: lintian is not installed"
fi

# in a Debian that has nothing else, with all that apt takes with it
cat > in_debian <<'S'
set -ex
cd /root
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --install-recommends ./basin.deb ./basin-cuda.deb
basin run /usr/share/basin/experiments/resnet-table1.yaml -q --trials 20 -o t.h5
basin compare t.h5 /usr/share/basin/published/resnet-table1.csv
basin plot t.h5 -o t.svg
basin info | grep '/usr/bin/../lib/basin/libbasin_cuda.so\|backend cuda .*device'
basin run /usr/share/basin/experiments/erm.yaml -q --trials 2 --set stop.max_steps=10 -o e.h5 || test $? = 3
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-xarray python3-netcdf4
python3 -c 'import basin; assert basin.run("/usr/share/basin/experiments/cnn-table5-1.yaml", trials=9).sizes["trial"] == 9'
apt-get purge -y basin basin-cuda
test -z "$(find / -xdev -name '*basin*' ! -path '/root/*' ! -path '/proc/*')"
S
clean_debian() {
  cp "$package" basin.deb && cp "$module" basin-cuda.deb || return
  mmdebstrap --variant=apt --mode="$([ "$(id -u)" = 0 ] && echo root || echo unshare)" bookworm /dev/null \
    --customize-hook='copy-in basin.deb basin-cuda.deb in_debian /root' --customize-hook='chroot "$1" sh /root/in_debian' \
    > debian.log 2>&1 || { tail debian.log; false; }
}
if [ -n "${BASIN_SOAK:-}" ] && command -v mmdebstrap > /dev/null; then
  check "it installs in a Debian that has nothing else, works there, and goes again" clean_debian
else
  echo "skipped: installing in a Debian of its own, for which BASIN_SOAK=1 and mmdebstrap are needed"
fi

# ---- make demo: the table first, and kernels only where a device is ----

mkdir -p demo/tests demo/build tools
cp -r "$here"/{Makefile,include,cuda,data} demo/
cp -r "$here/tests/cudasim" demo/tests/
cp "$basin" demo/build/
touch demo/build/libbasin.so
printf '#!/bin/sh\necho "$@" >> %s/compiled\nexit 1\n' "$work" > tools/nvcc
printf '#!/bin/sh\n[ -e %s/device ] && echo "GPU 0: one"\n' "$work" > tools/nvidia-smi
chmod +x tools/*
demo=(env PATH="$work/tools:$PATH" make -C demo -s -o build/basin -o build/libbasin.so demo-run NVCC="$work/tools/nvcc")
rm -f device
expect 0 'no CUDA device is here; `make` builds the module too' "${demo[@]}"
check "it has shown the table, and compiled no kernel" test -s demo/table1.h5 -a -s demo/table1.svg -a -s demo/table1.png -a ! -e compiled
rm -f demo/table1.*
touch device
expect 2 'and now the CUDA module' "${demo[@]}"
check "with a device the kernels are compiled after the table" test -s demo/table1.png -a compiled -nt demo/table1.png
finish
