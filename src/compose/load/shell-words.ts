/**
 * Splits a command line into words: quotes and backslashes as in a shell, nothing is expanded.
 *
 * @returns `undefined` when a quote is not closed or a line ends in a backslash
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = []
  let word = ''
  let isWord = false
  let quote = ''
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at)
    if (character === '\\' && quote !== "'") {
      at += 1
      if (at >= line.length) return undefined
      word += line.charAt(at)
      isWord = true
    } else if (quote !== '') {
      if (character === quote) quote = ''
      else word += character
    } else if (character === '"' || character === "'") {
      quote = character
      isWord = true
    } else if (/[ \t\r\n]/.test(character)) {
      if (isWord) words.push(word)
      word = ''
      isWord = false
    } else if (character === '`' || character === '(') {
      // A command substitution stays as it is, blanks included; a bracket without `$` is a mistake.
      const end = line.indexOf(character === '(' ? ')' : '`', at + 1)
      if (end < 0 || (character === '(' && !word.endsWith('$'))) return undefined
      word += line.slice(at, end + 1)
      isWord = true
      at = end
    } else if (/[;&|<>]/.test(character)) {
      // mattn/go-shellwords ends at a shell operator when it does not parse operators.
      break
    } else {
      word += character
      isWord = true
    }
  }
  if (quote !== '') return undefined
  if (isWord) words.push(word)
  return words
}
