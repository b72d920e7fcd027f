#!/bin/bash
# SPDX-License-Identifier: MIT
# completion.sh: what bash offers at the TAB key: commands, options, files of the right kind, names; asked of the function,
# and once of an interactive bash.
. "$(dirname "$0")/../support/shell.sh"

mkdir -p empty there/bin there/share/basin/experiments 'a folder'
touch small.yaml other.yml 'with blank.yaml' small.h5 table.csv notes.txt there/share/basin/experiments/{one,other}.yaml
cp "$basin" there/bin/
PATH=$work/there/bin:$PATH
. "$here/host/cli/basin.bash"

# offered WORD...: what is offered for the last one of them, sorted, in one line
offered() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _basin basin "${!#}" "${*: -2:1}"
  printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd' '
}
offers() { # offers EXPECTED WORD...
  local expected=$1
  shift
  check "$* offers: $expected; it offers: $(offered "$@")" test "$(offered "$@")" = "$expected"
}

# every command and every option that the program's help has
commands=$("$basin" --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')
check "there are commands" test "$(wc -w <<<"$commands")" -gt 10
offers "$({ echo "$commands"; printf '%s\n' --help --version; } | sort | paste -sd' ')" basin ''
for command in $commands; do
  options=$("$basin" "$command" --help | sed -nE 's/^  (-[a-zA-Z], |    )(--[a-z-]+).*/\2/p' | sort | paste -sd' ')
  offers "$options" basin "$command" --
done
offers "submit summary" basin su
offers "" basin nothing --t
offers "--threads --trial --trials" basin run --t
offers "" basin submit small.yaml -- --t

offers "steps" basin plot a.h5 --histogram st
offers "loss loss_rises" basin plot a.h5 --ecdf los

# files of the right kind, and folders
offers "a folder empty other.yml small.yaml there with blank.yaml" basin run ''
offers "small.yaml" basin run sm
offers "with blank.yaml" basin run w
offers "a folder empty small.h5 there" basin status ''
offers "a folder empty small.h5 there" basin summary ''
offers "small.h5" basin run small.yaml -o sm
offers "small.h5" basin run small.yaml --output = sm
offers "table.csv" basin compare small.h5 ta
offers "" basin compare small.h5 table.csv ta
offers "small.h5" basin compare sm
offers "" basin run small.yaml sm
offers "small.yaml" basin run -q --threads 3 --set trials = 5 sm
offers "small.yaml" basin run -q --output = x.h5 sm

# names
offers "auto cpu cuda" basin run small.yaml --backend ''
offers "cpu cuda" basin run --backend = c
offers "generic" basin run --isa g
offers "trials=" basin run --set tri
offers "" basin run --set trials = ''
offers "" basin run --threads ''
offers "cnn factorisation filter network octopus relu_sum resnet" basin models ''
offers "cnn" basin verify resnet c
offers "global" basin rates small.h5 --outcome g
cat > there/named.yaml <<'Y'
model: octopus
trials: 1
init: {x: [1, 1]}
schedule: [{eta: 0.1}]
stop: {max_steps: 1}
allow: {unresolved: 1}
outcomes: {nearby: {when: loss < 1}}
Y
"$basin" run there/named.yaml -q -o there/named.h5
offers "nearby" basin rates there/named.h5 --outcome n
offers "" basin rates small.h5 --outcome n
offers "phi" basin plot small.h5 --observable ph
offers "compare" basin help com

# a word that no file begins with: the experiments that were installed with the program
offers "$work/there/share/basin/experiments/one.yaml" basin run one
offers "other.yml" basin run oth
offers "" basin run ./one
offers "" basin run nothing

# of the program that is asked, wherever it is
offers_of() { # offers_of PROGRAM EXPECTED WORD...
  local program=$1 expected=$2
  shift 2
  COMP_WORDS=("$program" "$@") COMP_CWORD=$#
  _basin "$program" "${!#}" ''
  check "$program $*: ${COMPREPLY[*]}" test "${COMPREPLY[*]}" = "$expected"
}
printf '#!/bin/sh\nprintf "arguments\\tgo\\tOUT.h5\\noption\\tgo\\t--far -f\\tnear|wide\\nnames\\tCOMMAND\\tgo\\n"\n' > empty/basin
chmod +x empty/basin
offers_of "$work/empty/basin" "go --help --version" ''
offers_of "$work/empty/basin" wide go -f w
HOME=$work offers_of '~/empty/basin' --far go --f
offers_of "$work/nothing/basin" "" run ''

# readline itself: quotes, slashes, what follows an =
cat > typed.py <<'P'
import os, pty, sys
keys, script = sys.argv[1].encode().decode("unicode_escape").encode(), sys.argv[2]
pid, terminal = pty.fork()
if not pid:
    os.environ.update(PS1="", TERM="dumb", INPUTRC="/dev/null")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
os.write(terminal, b"stty -echo; bind 'set enable-bracketed-paste off'; . " + script.encode() + b"; basin() { printf 'got<%s>\\n' \"$@\"; }\n")
os.write(terminal, keys + b"\nexit\n")
said = b""
try:
    while more := os.read(terminal, 4096):
        said += more
except OSError:
    pass
print(" ".join(l for l in said.decode().replace("\r", "").split("\n") if l.startswith("got<")))
P
typed() { # typed EXPECTED KEYS
  local got
  got=$(timeout 60 /usr/bin/python3 typed.py "$2" "$here/host/cli/basin.bash")
  check "typed $2: $got" test "$got" = "$1"
}
typed "got<summary> got<small.h5>" 'basin summ\tsm\t'
typed "got<run> got<with blank.yaml> got<--backend=cuda>" 'basin run wi\t--backend=cu\t'
typed "got<run> got<a folder/>" 'basin run a\t'
typed "got<run> got<--set> got<trials=5> got<small.yaml>" 'basin run --set tria\t5 sm\t'
typed "got<run> got<$work/there/share/basin/experiments/one.yaml>" 'basin run one\t'
finish
