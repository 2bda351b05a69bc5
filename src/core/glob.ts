/**
 * Tells whether a text matches a pattern in which `*` stands for any characters, also none, and `?` for
 * exactly one. No other character is special. The whole text has to match.
 *
 * Takes at most pattern × text steps whatever the number of stars, so that it is safe on a server.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0
  let inText = 0
  let star = -1
  let resume = 0
  while (inText < text.length) {
    const wanted = pattern[at]
    if (wanted === '*') {
      star = at
      resume = inText
      at += 1
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[inText])) {
      at += 1
      inText += 1
    } else if (star >= 0) {
      // Only the last star ever has to take one more character.
      resume += 1
      at = star + 1
      inText = resume
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at += 1
  return at === pattern.length
}
