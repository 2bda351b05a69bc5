const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

const escape = /\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.|$))/gsu

/** The value of a Go string literal with its quotes; undefined when an escape is wrong. */
export function readString(literal: string): string | undefined {
  const body = literal.slice(1, -1)
  if (literal.startsWith('`')) return body.replaceAll('\r', '')
  let isGood = true
  const value = body.replace(escape, (_, short?: string, x?: string, u?: string, long?: string, octal?: string) => {
    if (short !== undefined) return escapes[short] ?? ''
    const code = octal === undefined ? Number.parseInt(x ?? u ?? long ?? '-1', 16) : Number.parseInt(octal, 8)
    if (code >= 0 && code <= 0x10ffff) return String.fromCodePoint(code)
    isGood = false
    return ''
  })
  return isGood ? value : undefined
}

/** The code of a Go character literal with its quotes; undefined when it is not one character. */
export function readCharacter(literal: string): number | undefined {
  const value = readString(literal)
  if (value === undefined || Array.from(value).length !== 1) return undefined
  return value.codePointAt(0)
}

/** The value of a Go number literal; undefined when it is none. */
export function readNumber(literal: string): number | undefined {
  const text = literal.replace(/^\+/, '').replaceAll('_', '')
  const isNegative = text.startsWith('-')
  const magnitude = isNegative ? text.slice(1) : text
  // Old octal notation: 010 is eight.
  const value = /^0[0-7]+$/.test(magnitude) ? Number.parseInt(magnitude, 8) : Number(magnitude)
  if (!Number.isFinite(value) || magnitude === '') return undefined
  return isNegative ? -value : value
}
