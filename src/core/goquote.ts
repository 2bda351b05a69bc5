const named: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

// What Go's unicode.IsPrint accepts: letters, marks, numbers, punctuation, symbols and the ASCII space.
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

/**
 * Quotes text as Go's `%q` does: double quotes, Go escapes, unprintable characters as `\x..`, `\u....` or
 * `\U........`. The way user input is shown in messages, so that control characters never reach a terminal.
 */
export function goQuote(text: string): string {
  let quoted = '"'
  for (const character of text) {
    quoted += named[character] ?? (printable.test(character) ? character : escapeCharacter(character))
  }
  return `${quoted}"`
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  // A lone surrogate has no UTF-8 form; Go shows the replacement character.
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd'
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}
