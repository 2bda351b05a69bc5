/** Puts the words a command is called by into its description. */
export function fillProgram(description: string, words: string): string {
  return description.replaceAll('{program}', words)
}
