import stringWidth from 'string-width'

/** Columns a text takes on a terminal: wide letters count two, combining marks and escape sequences none. */
export function textWidth(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text)
}

/**
 * Cuts text so that it takes at most `columns`, with an ellipsis where something was cut. Escape sequences
 * must not be in it: colour after cutting.
 */
export function truncateText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  if (columns <= 0) return ''
  let cut = ''
  let width = 0
  for (const character of text) {
    width += textWidth(character)
    if (width > columns - 1) break
    cut += character
  }
  return `${cut}…`
}

/** Pads with spaces on the right. */
export function padText(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)))
}
