/** Our lines in a file that belongs to the host: marked, so that they can be replaced and everything else stays as it is. Pure. */

const begin = '# begin: written by Flotilla, do not edit'
const end = '# end: written by Flotilla'

/** The text with our block at its end instead of the one it holds, if any. */
export function replaceBlock(text: string, block: string): string {
  const rest = removeBlock(text)
  const before = rest === '' || rest.endsWith('\n') ? rest : `${rest}\n`
  return `${before}${begin}\n${block.trimEnd()}\n${end}\n`
}

/** The text without our block, byte for byte as it was before there was one. */
export function removeBlock(text: string): string {
  const from = text.indexOf(begin)
  if (from < 0) return text
  const to = text.indexOf(end, from)
  return to < 0 ? text.slice(0, from) : text.slice(0, from) + text.slice(to + end.length).replace(/^\n/, '')
}
