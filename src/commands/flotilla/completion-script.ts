/**
 * Completion scripts. Each asks `PROGRAM __complete WORDS… CURRENT`, whose answer is a candidate a line (a tab and a text
 * after it) and a last line: a colon and the sum of 2 (no blank behind a candidate), 4 (no file names besides), 8 (the lines
 * are ends of file names) and 16 (folders only).
 */

/** For bash 3.2 and later; does not need the bash-completion package. */
export function renderBashCompletion(program: string): string {
  const name = toFunctionName(program)
  return `# bash completion for ${program}; load it with: source <(flotilla completion bash ${program})
${name}() {
  local -a words=() answer=() ends=()
  local word line current directive index
  COMPREPLY=()
  # bash cuts words at = and :, the program wants them whole.
  for ((index = 1; index <= COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if ((\${#words[@]} > 0)) && [[ $word == [=:] || \${words[\${#words[@]}-1]} == *[=:] ]]; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
  done
  current=\${words[\${#words[@]}-1]}
  while IFS= read -r line; do answer+=("$line"); done < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null)
  ((\${#answer[@]} > 0)) || return 0
  directive=\${answer[\${#answer[@]}-1]#:}
  [[ $directive == [0-9]* ]] || return 0
  if ((directive & 8)); then
    ends=("\${answer[@]:0:\${#answer[@]}-1}")
    answer=()
  fi
  for ((index = 0; index < \${#answer[@]} - 1; index++)); do
    line=\${answer[index]%%$'\\t'*}
    # Only what follows the last = or : is replaced.
    if [[ $current == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then line=\${line#"\${current%"\${current##*[=:]}"}"}; fi
    COMPREPLY+=("$line")
  done
  ((directive & 28)) && compopt +o default 2>/dev/null
  if ((!(directive & 4) && \${#COMPREPLY[@]} == 0)); then
    # Names of files alone: bash quotes them, and puts a slash behind folders.
    compopt -o filenames 2>/dev/null
    current=\${current##*[=:]}
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
      if ((directive & 24)); then compgen -d -- "$current"; else compgen -f -- "$current"; fi
      for word in "\${ends[@]}"; do compgen -f -X "!*.$word" -- "$current"; done
    )
  elif ((!(directive & 4))); then
    # Beside names of ours bash must not quote: the colon behind them is no part of a file.
    while IFS= read -r line; do
      printf -v word %q "$line"
      if [[ -d $line ]]; then word+=/; fi
      COMPREPLY+=("$word")
    done < <(compgen -f -- "\${current##*[=:]}")
  fi
  # A blank behind the only one there is, unless it goes on.
  if ((directive & 2)) && [[ \${COMPREPLY[0]} == *[=:/] ]]; then compopt -o nospace 2>/dev/null; fi
  return 0
}
complete -o default -F ${name} ${program}
`
}

/** For zsh with compinit loaded; also works as a file \`_PROGRAM\` on fpath. */
export function renderZshCompletion(program: string): string {
  const name = toFunctionName(program)
  return `#compdef ${program}
# zsh completion for ${program}; load it with: source <(flotilla completion zsh ${program})
${name}() {
  local -a answer candidates behind
  local line directive ends
  answer=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  directive=\${answer[-1]#:}
  [[ $directive == <-> ]] || return
  if ((directive & 8)); then
    ends="(\${(j:|:)answer[1,-2]})"
    answer=()
  fi
  for line in "\${(@)answer[1,-2]}"; do
    # _describe wants NAME:TEXT, with the colons of the name escaped.
    if [[ $line == *$'\\t'* ]]; then
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    else
      candidates+=("\${line//:/\\\\:}")
    fi
  done
  if ((directive & 2)); then behind=(-S ''); fi
  if ((\${#candidates} > 0)); then _describe -V '${program}' candidates "\${behind[@]}"; fi
  ((directive & 4)) && return
  # The name of a flag is no part of the file's.
  [[ $PREFIX == -*=* ]] && compset -P '*='
  if ((directive & 16)); then
    _files -/
  elif [[ -n $ends ]]; then
    _files -g "*.$ends"
  else
    _files
  fi
}
if [[ $funcstack[1] == _${program} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`
}

/** For fish 3. */
export function renderFishCompletion(program: string): string {
  const name = toFunctionName(program)
  return `# fish completion for ${program}; load it with: flotilla completion fish ${program} | source
function ${name}
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    set -q answer[1]; or return
    set -l directive (string sub -s 2 -- $answer[-1])
    string match -qr '^[0-9]+$' -- "$directive"; or return
    # The name of a flag is no part of the file's, and has to stand before it again.
    set -l flag (string match -r -- '^-[^=]*=' "$current")
    set -l file (string replace -r -- '^-[^=]*=' '' "$current")
    if test (math "floor($directive / 8) % 2") -eq 1
        set -l ends (string join '|' $answer[1..-2])
        __fish_complete_path "$file" | string match -r '^[^\\t]*(?:/|\\.(?:'"$ends"'))(?:\\t.*)?$' | string replace -r -- '^' "$flag"
        return
    end
    if test (count $answer) -gt 1
        printf '%s\\n' $answer[1..-2]
    end
    if test (math "floor($directive / 16) % 2") -eq 1
        __fish_complete_directories "$file" | string replace -r -- '^' "$flag"
    else if test (math "floor($directive / 4) % 2") -eq 0
        __fish_complete_path "$file" | string replace -r -- '^' "$flag"
    end
end
complete -c ${program} -f -a '(${name})'
`
}

function toFunctionName(program: string): string {
  return `__complete_${program.replaceAll('-', '_')}`
}
