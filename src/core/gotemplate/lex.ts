import { parseProblem } from './problem.ts'

export type TokenKind =
  | 'text'
  | 'left'
  | 'right'
  | 'field'
  | 'dot'
  | 'variable'
  | 'word'
  | 'string'
  | 'number'
  | 'char'
  | 'pipe'
  | 'open'
  | 'close'
  | 'declare'
  | 'assign'
  | 'comma'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  /** Source text; for `text` what is to be written. */
  readonly text: string
  /** Offset in the source. */
  readonly at: number
  /** No blank stands before it. */
  readonly isGlued: boolean
}

/** Everything inside an action that is not a string; tried in order at one place. */
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  [
    'number',
    /[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/y,
  ],
  ['field', /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['dot', /\./y],
  ['variable', /\$[\p{L}\p{Nd}_]*/uy],
  ['word', /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['declare', /:=/y],
  ['assign', /=/y],
  ['pipe', /\|/y],
  ['open', /\(/y],
  ['close', /\)/y],
  ['comma', /,/y],
]

const blank = /[ \t\r\n]+/y
const strings = { '"': /"(?:[^"\\\n]|\\[^\n])*"/y, '`': /`[^`]*`/y, "'": /'(?:[^'\\\n]|\\[^\n])+'/y } as const

/** Cuts a template into tokens; the last one is `end`. Linear in its length. */
export function lexTemplate(source: string, name: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  // A `-}}` takes the blanks away at the start of the text that follows.
  let trimsNext = false
  while (at < source.length) {
    const left = source.indexOf('{{', at)
    const end = left < 0 ? source.length : left
    let text = source.slice(at, end)
    if (trimsNext) text = text.trimStart()
    const trimsHere = left >= 0 && /^\{\{-[ \t\r\n]/.test(source.slice(left, left + 4))
    if (trimsHere) text = text.trimEnd()
    if (text !== '') tokens.push({ kind: 'text', text, at, isGlued: false })
    if (left < 0) break
    const inside = left + (trimsHere ? 3 : 2)
    const comment = /^[ \t\r\n]*\/\*/.exec(source.slice(inside, inside + 64))
    const action = comment === null ? lexAction(source, inside, name) : skipComment(source, inside, name)
    if (comment === null) tokens.push({ kind: 'left', text: '{{', at: left, isGlued: false })
    for (const token of action.tokens) tokens.push(token)
    at = action.at
    trimsNext = action.trims
  }
  tokens.push({ kind: 'end', text: '', at: source.length, isGlued: false })
  return tokens
}

interface Action {
  readonly tokens: readonly Token[]
  readonly at: number
  readonly trims: boolean
}

function skipComment(source: string, at: number, name: string): Action {
  const end = source.indexOf('*/', at)
  if (end < 0) throw parseProblem(name, lineOf(source, at), 'unclosed comment')
  const close = /^(?:[ \t\r\n]+(-))?\}\}/.exec(source.slice(end + 2, end + 66))
  if (close === null) throw parseProblem(name, lineOf(source, end), 'comment ends before closing delimiter')
  return { tokens: [], at: end + 2 + close[0].length, trims: close[1] !== undefined }
}

function lexAction(source: string, start: number, name: string): Action {
  const tokens: Token[] = []
  let at = start
  let parens = 0
  for (;;) {
    const isGlued = !matches(blank, source, at)
    at = isGlued ? at : blank.lastIndex
    if (at >= source.length) throw parseProblem(name, lineOf(source, start), 'unclosed action')
    const close = /^(-)?\}\}/.exec(source.slice(at, at + 3))
    if (close !== null && (close[1] === undefined || !isGlued)) {
      if (parens > 0) throw parseProblem(name, lineOf(source, at), 'unclosed left paren')
      tokens.push({ kind: 'right', text: '}}', at, isGlued })
      return { tokens, at: at + close[0].length, trims: close[1] !== undefined }
    }
    const token = lexToken(source, at, name, isGlued)
    if (token.kind === 'open') parens += 1
    if (token.kind === 'close') parens -= 1
    if (parens < 0) throw parseProblem(name, lineOf(source, at), 'unexpected right paren')
    tokens.push(token)
    at += token.text.length
  }
}

function lexToken(source: string, at: number, name: string, isGlued: boolean): Token {
  const first = source.charAt(at)
  if (first === '"' || first === '`' || first === "'") {
    if (!matches(strings[first], source, at)) {
      const what = first === '"' ? 'quoted string' : first === '`' ? 'raw quoted string' : 'character constant'
      throw parseProblem(name, lineOf(source, at), `unterminated ${what}`)
    }
    const text = source.slice(at, strings[first].lastIndex)
    return { kind: first === "'" ? 'char' : 'string', text, at, isGlued }
  }
  for (const [kind, pattern] of patterns) {
    if (!matches(pattern, source, at)) continue
    const text = source.slice(at, pattern.lastIndex)
    if (kind === 'number' && matches(/[\p{L}\p{Nd}_]+/uy, source, pattern.lastIndex)) {
      const whole = /^[+-]?[\p{L}\p{Nd}_.]+/u.exec(source.slice(at, at + 100))?.[0] ?? text
      throw parseProblem(name, lineOf(source, at), `bad number syntax: ${JSON.stringify(whole)}`)
    }
    return { kind, text, at, isGlued }
  }
  const code = source.codePointAt(at) ?? 0
  const letter = String.fromCodePoint(code)
  if (letter === '}') throw parseProblem(name, lineOf(source, at), 'unexpected "}" in operand')
  const hex = code.toString(16).toUpperCase().padStart(4, '0')
  throw parseProblem(name, lineOf(source, at), `unexpected bad character U+${hex} '${letter}' in command`)
}

function matches(pattern: RegExp, source: string, at: number): boolean {
  pattern.lastIndex = at
  return pattern.test(source)
}

/** One-based line of an offset. */
export function lineOf(source: string, at: number): number {
  let line = 1
  for (let index = source.indexOf('\n'); index >= 0 && index < at; index = source.indexOf('\n', index + 1)) line += 1
  return line
}
