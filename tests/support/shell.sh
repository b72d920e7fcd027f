# SPDX-License-Identifier: MIT
# tests/support/shell.sh: what the shell tests share. Sourced with $1 = the build folder; ends with `finish`.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:-$here/build}" && pwd)
basin=$build/basin
work=$(mktemp -d "${TMPDIR:-/tmp}/basin-test.XXXXXX")
trap 'chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# check WHAT COMMAND...: the command must succeed
check() {
  local what=$1
  shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what"; fi
}

# expect CODE PATTERN COMMAND...: the exit code, and a line of its output (both streams) that matches
expect() {
  local code=$1 pattern=$2
  shift 2
  local text got
  text=$("$@" 2>&1 </dev/null)
  got=$?
  if [ $got = "$code" ] && grep -qE -- "$pattern" <<<"$text"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $*: exit $got, expected $code and /$pattern/; it said: ${text:0:600}"
  fi
}

# processor time, in ms: of a command, which is run; of a process until it has used so much, or has ended. A busy
# machine stretches the clock, not this.
cpu_of() {
  local TIMEFORMAT='%U %S'
  { time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ print int(1000 * ($1 + $2)) }'
}
await_cpu() { # await_cpu PID MS
  local used=0
  while [ "$used" -lt "$2" ] && kill -0 "$1" 2>/dev/null; do
    sleep 0.005
    used=$(awk '{ print 10 * ($14 + $15) }' "/proc/$1/stat" 2>/dev/null)
    [ -n "$used" ] || return
  done
}

# interrupt SIGNAL MS COMMAND...: the program gets the signal when it has used so much processor time; its exit code
interrupt() {
  local signal=$1 ms=$2
  shift 2
  env --default-signal=INT "$@" & # the shell would have it ignored
  local pid=$!
  await_cpu $pid "$ms"
  kill -"$signal" $pid 2>/dev/null
  wait $pid
}

# stop_with PID SIGNAL...: send them to a child of this shell and wait for it; its exit code, and in `took` the ms of
# processor time that it has used after that
children_cpu() { # of all children that have ended, into `cpu`
  local user system one
  times > "$work/.times"
  { read -r _ && read -r user system; } < "$work/.times"
  cpu=0
  for one in "$user" "$system"; do # 1m2.345s
    one=${one%s}
    cpu=$((cpu + 60000 * ${one%m*}))
    one=${one#*m}
    cpu=$((cpu + 10#${one/./}))
  done
}
stop_with() {
  local pid=$1 before code signal stat=()
  shift
  children_cpu
  before=$cpu
  read -r -a stat 2>/dev/null < "/proc/$pid/stat" && before=$((cpu + 10 * (stat[13] + stat[14])))
  for signal; do kill -"$signal" "$pid" 2>/dev/null; done
  wait "$pid"
  code=$?
  children_cpu
  took=$((cpu - before))
  return $code
}

# simulated: from here on the CUDA module is the one that the simulator executes; where it is not built, for want of the
# toolkit's headers, the test ends
simulated() {
  export BASIN_CUDA_MODULE=$build/tests/cudasim/libbasin_cuda.so
  [ ! -f "$BASIN_CUDA_MODULE" ] || return
  echo "skipped: the CUDA toolkit's headers are missing, so the kernels cannot be simulated"
  finish
  exit
}

finish() {
  echo "$passed passed, $failed failed"
  [ $failed = 0 ]
}
