/**
 * Completion scripts. Each asks `PROGRAM __complete WORDS… CURRENT`, whose answer is a candidate a line
 * (a tab and a text after it) and a last line `:4` (only these) or `:0` (file names).
 */

/** For bash 3.2 and later; does not need the bash-completion package. */
export function renderBashCompletion(program: string): string {
  const name = toFunctionName(program)
  return `# bash completion for ${program}; load it with: source <(flotilla completion bash ${program})
${name}() {
  local -a words=() answer=()
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
  directive=\${answer[\${#answer[@]}-1]}
  for ((index = 0; index < \${#answer[@]} - 1; index++)); do
    line=\${answer[index]%%$'\\t'*}
    # Only what follows the last = or : is replaced.
    if [[ $current == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then line=\${line#"\${current%"\${current##*[=:]}"}"}; fi
    COMPREPLY+=("$line")
  done
  if [[ $directive == :4 ]]; then
    compopt +o default 2>/dev/null
  elif ((\${#COMPREPLY[@]} == 0)); then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${current##*[=:]}")
  fi
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
  local -a answer candidates
  local line directive
  answer=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  directive=\${answer[-1]}
  for line in "\${(@)answer[1,-2]}"; do
    # _describe wants NAME:TEXT, with the colons of the name escaped.
    if [[ $line == *$'\\t'* ]]; then
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    else
      candidates+=("\${line//:/\\\\:}")
    fi
  done
  if ((\${#candidates} > 0)); then
    _describe -V '${program}' candidates
  elif [[ $directive == :0 ]]; then
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
    if test (count $answer) -gt 1
        printf '%s\\n' $answer[1..-2]
    else if test $answer[-1] = ':0'
        __fish_complete_path "$current"
    end
end
complete -c ${program} -f -a '(${name})'
`
}

function toFunctionName(program: string): string {
  return `__complete_${program.replaceAll('-', '_')}`
}
