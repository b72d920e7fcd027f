#!/bin/bash
# SPDX-License-Identifier: MIT
# install.sh: what `make install` leaves is enough: the program of README.md, and one that reads every array, built with
# what pkg-config says and nothing else, against the shared library and the other one, in C and C++; the Debian packages;
# and `make demo`. BASIN_SOAK=1 installs the packages in a Debian that has nothing else.
. "$(dirname "$0")/../support/shell.sh"

# with the build as it is, whatever made it
makes() { # makes TARGET VARIABLE=VALUE...
  make -C "$here" --no-print-directory -s NVCC= BUILD="$build" -o "$build/flags" "$@" >> log 2>&1 || { tail log; false; }
}
install_into() { makes install "$@"; } # install_into VARIABLE=VALUE...

# ---- what is there ----
there=$work/there; version=0.1.0; "$basin" run "$here/data/experiments/resnet-table1.yaml" -q --trials 20 -o table1.h5
cat > module.py <<'P'
import os, sys
sys.path.insert(0, sys.argv[1])
import basin
assert os.path.realpath(basin._library._name) == sys.argv[2], basin._library._name
assert basin.open("table1.h5").sizes["trial"] == 20
P
# ---- the Debian packages: of this build, with something that stands for the CUDA module where it has none ----

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
check "and finds the module" sh -c "root/usr/bin/basin info | grep -q 'root/usr/bin/../lib/basin/libbasin_cuda.so\|backend cuda .*device'"
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
python3 -c 'import basin; assert basin.run("/usr/share/basin/experiments/cnn-table5-1.yaml", trials=9).sizes["trial"] == 9'
apt-get purge -y basin basin-cuda
test -z "$(find / -xdev -name '*basin*' ! -path '/root/*' ! -path '/proc/*')"
S
clean_debian() {
  cp "$package" basin.deb && cp "$module" basin-cuda.deb || return
  mmdebstrap --variant=apt --mode="$([ "$(id -u)" = 0 ] && echo root || echo unshare)" bookworm /dev/null \
    --customize-hook='copy-in basin.deb basin-cuda.deb in_debian /root' --customize-hook='chroot "$1" sh /root/in_debian' \
    > /tmp/debian.log 2>&1 || { tail debian.log; false; }
}
if [ -n "${BASIN_SOAK:-}" ] && command -v mmdebstrap > /dev/null; then
  check "it installs in a Debian that has nothing else, works there, and goes again" clean_debian
else
  echo "skipped: installing in a Debian of its own, for which BASIN_SOAK=1 and mmdebstrap are needed"
fi

# ---- make demo: the table first, and kernels only where a device is ----
finish
