const plain = /^[A-Za-z0-9_@%+=:,./-]+$/

/** One word for a POSIX shell: what comes out of the shell's parsing is the text, byte for byte. */
export function quoteShell(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Several words, joined by blanks. */
export function quoteShellWords(words: readonly string[]): string {
  return words.map(quoteShell).join(' ')
}
