# SPDX-License-Identifier: MIT
# basin.bash: completion for bash. It knows no command and no option: `basin help --words` says them, the words that
# each takes, and the names behind those words, so what completes is what the program at hand takes.
# `make install` puts it where bash-completion looks; without that: source basin.bash

# add what can stand for WHAT, one or several words joined by `|`: names that the program lists for the word, file names
# with the word's ending, folders, or the word itself where it is one to be typed
_basin_offer() { # _basin_offer WHAT
  local what ending
  local -a whats
  IFS='|' read -ra whats <<<"$1"
  for what in "${whats[@]}"; do
    if [[ -n ${_basin_names[$what]-} ]]; then
      _basin_add -W "${_basin_names[$what]}"
    elif [[ $what == */ ]]; then
      _basin_add -d
      compopt -o filenames 2>/dev/null
    elif [[ $what == *.* ]]; then
      ending=${what##*.}
      [[ $ending == yaml ]] && ending='y?(a)ml'
      _basin_add -f -X "!*.$ending"
      _basin_add -d
      compopt -o filenames 2>/dev/null
    elif [[ $what == KEY=* ]]; then
      _basin_add -W "${_basin_names[KEY]}" -S =
      compopt -o nospace 2>/dev/null
    elif [[ $what == [a-z]* ]]; then
      _basin_add -W "$what"
    fi
  done
}

# add what compgen makes of the word at the cursor, nothing twice
_basin_add() {
  local reply
  while IFS= read -r reply; do
    [[ $'\n'$(printf '%s\n' "${COMPREPLY[@]}")$'\n' == *$'\n'"$reply"$'\n'* ]] || COMPREPLY+=("$reply")
  done < <(shopt -s extglob; compgen "$@" -- "$current")
}

# the shipped experiments, for a word that no file here begins with
_basin_offer_shipped() { # _basin_offer_shipped PROGRAM
  local program
  program=$(readlink -f -- "$(type -P -- "$1")") || return
  local current=${program%/bin/*}/share/basin/experiments/$current
  [[ -d ${current%/*} ]] && _basin_add -f -X '!*.yaml'
}

_basin() {
  local program=${1/#~\//$HOME/} kind first second what='' word option='' glue='' place=0 current results=''
  local -A _basin_names=() takes=()
  local -a options=() places=() given=()
  COMPREPLY=()
  # bash takes `--option=value` and `key=value` for three words
  for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ ${#given[@]} -gt 0 && ($word == = || -n $glue) ]]; then given[-1]+=$word; else given+=("$word"); fi
    [[ $word == = ]] && glue=yes || glue=
  done
  current=${given[-1]-}
  unset 'given[-1]'

  # a file of results that is given has outcomes of its own
  for word in "${given[@]:1}"; do [[ $word == *.h5 && -f $word ]] && results=$word; done

  # the table: names behind a word, what stands behind the command, its options and what they take
  while IFS=$'\t' read -r kind first second what; do
    case $kind in
    names) _basin_names[$first]=$second ;;
    arguments) [[ $first == "${given[0]-}" ]] && read -ra places <<<"$second" ;;
    option) [[ $first == "${given[0]-}" ]] && for word in $second; do options+=("$word"); takes[$word]=$what; done ;;
    esac
  done < <(command "$program" help --words ${results:+"$results"} 2>/dev/null)

  if ((${#given[@]} == 0)); then
    _basin_add -W "${_basin_names[COMMAND]-} --help --version"
    return
  fi
  # which argument is at the cursor: that of an option, or the how manieth without one
  for word in "${given[@]:1}"; do
    [[ $word != -- ]] || return
    if [[ -n $option ]]; then option=
    elif [[ $word != -* ]]; then place=$((place + 1))
    elif [[ -n ${takes[$word]-} ]]; then option=$word
    fi
  done
  if [[ $current == --*=* && -z $option ]]; then # what is completed is what stands behind the last =
    option=${current%%=*}
    current=${current#*=}
  fi
  if [[ -n $option ]]; then
    _basin_offer "${takes[$option]-}"
  elif [[ $current == -* ]]; then
    _basin_add -W "${options[*]}"
  else
    what=${places[place]-}
    [[ -z $what && ${places[*]} == *... ]] && what=${places[-1]}
    _basin_offer "${what%...}"
    [[ ${#COMPREPLY[@]} == 0 && $what == *.yaml* && $current != */* ]] && _basin_offer_shipped "$program"
  fi
}
complete -F _basin basin
