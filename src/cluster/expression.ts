import { defaultLimits } from './limits.ts'
import type { Expression, ExpressionList } from './placement.ts'

/** Compiles a pattern in Go syntax; `undefined` is not possible, a bad pattern throws an error with the reason. */
export type CompileRegex = (pattern: string) => (text: string) => boolean

const keyPattern = /^[a-z_][a-z0-9\-_.]+$/i
const valuePattern = /^[=!/]?~?[a-z0-9:\-_ \t\n\f\r.*/()?+[\]\\^$|]+$/i
/** Characters that make a value more than literal text, `*` and `.`. */
const regexCharacters = /[()?+[\]\\^$|]/

/** Most conditions of one kind in one request. */
export const maxExpressions = 1000

/** Thrown by `parseExpression`; its message is the ancestor's. */
class ExpressionProblem extends Error {}

/** As that, where the ancestor has no limit. */
class BeyondLimit extends ExpressionProblem {}

/**
 * Reads `KEY==VALUE` texts. Values that need a regular expression call `compile`; see `needsRegex`.
 * Stops at the first that cannot be read and keeps its problem in the ancestor's words.
 *
 * @param about what they are conditions on, `constraint` or `affinity`: equal words about different things are not equal
 * @param longest value of one expression, in characters
 */
export function parseExpressions(
  texts: readonly string[],
  compile: CompileRegex,
  about = '',
  longest: number = defaultLimits.patternLength,
): ExpressionList {
  if (texts.length > maxExpressions) {
    const problem = `${String(texts.length)} expressions are too many, at most ${String(maxExpressions)} are allowed`
    return { expressions: [], problem, isBeyondLimit: true }
  }
  const expressions: Expression[] = []
  let problem: string | undefined
  for (const text of texts) {
    try {
      expressions.push(parseExpression(text, compile, longest))
    } catch (error) {
      if (!(error instanceof ExpressionProblem)) throw error
      if (error instanceof BeyondLimit) return { expressions, problem: error.message, isBeyondLimit: true }
      problem = error.message
      break
    }
  }
  if (!expressions.some((each) => each.isCostly === true)) return { expressions, problem }
  const key = about + JSON.stringify(texts)
  const hasSoft = expressions.some((each) => each.isSoft)
  return { expressions, problem, patterns: { key, hardKey: `~${key}`, count: expressions.length, hasSoft } }
}

/** Both lists in one; patterns among the second are not matched beforehand. */
export function joinLists(a: ExpressionList, b: ExpressionList): ExpressionList {
  return {
    expressions: [...a.expressions, ...b.expressions],
    problem: a.problem ?? b.problem,
    ...(a.isBeyondLimit === true ? { isBeyondLimit: true } : {}),
    patterns: a.patterns,
  }
}

function parseExpression(text: string, compile: CompileRegex, longest: number): Expression {
  const { key, operator, value } = split(text)
  if (!keyPattern.test(key)) throw new ExpressionProblem(`Key '${key}' is invalid`)
  if (value.length > longest) {
    throw new BeyondLimit(`Value '${value.slice(0, 32)}...' is invalid: longer than ${String(longest)} characters`)
  }
  if (!valuePattern.test(value)) throw new ExpressionProblem(`Value '${value}' is invalid`)
  const bare = value.replace(/^~+/, '')
  try {
    return {
      key,
      isNegated: operator === '!=',
      value: bare,
      isSoft: value.startsWith('~'),
      isLiteral: isLiteral(bare),
      isCostly: isSlashed(bare) || regexCharacters.test(bare) || bare.includes('*'),
      matches: compileValue(bare, compile),
    }
  } catch (error) {
    throw new ExpressionProblem(
      `Value '${value}' is invalid: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function split(text: string): { key: string; operator: '==' | '!='; value: string } {
  // `==` is looked for first wherever it stands: a!=b==c has the key `a!=b` (classicswarm scheduler/filter/expr.go).
  for (const operator of ['==', '!='] as const) {
    const at = text.indexOf(operator)
    if (at >= 0) return { key: text.slice(0, at), operator, value: text.slice(at + 2) }
  }
  throw new ExpressionProblem('One of operator ==, != is expected')
}

/** True when reading one of these texts takes the regular expression engine, which is loaded only then. */
export function needsRegex(texts: readonly string[]): boolean {
  return texts.some((text) => {
    const equal = text.indexOf('==')
    const at = equal >= 0 ? equal : text.indexOf('!=')
    const value = at < 0 ? '' : text.slice(at + 2).replace(/^~+/, '')
    return isSlashed(value) || regexCharacters.test(value)
  })
}

function isLiteral(value: string): boolean {
  return !isSlashed(value) && !regexCharacters.test(value) && !/[*.]/.test(value)
}

function isSlashed(value: string): boolean {
  return value.length > 1 && value.startsWith('/') && value.endsWith('/')
}

function compileValue(value: string, compile: CompileRegex): (text: string) => boolean {
  if (isSlashed(value)) return compile(value.slice(1, -1))
  if (regexCharacters.test(value)) return compile(`^${value.replaceAll('*', '.*')}$`)
  if (isLiteral(value)) return (text) => text === value
  const pieces = value.split('*')
  return (text) => matchGlob(pieces, text)
}

/**
 * Anchored match of pieces with anything (except line feeds) between them; `.` stands for any one
 * character. Each piece takes its leftmost place, so nothing is tried twice.
 */
function matchGlob(pieces: readonly string[], text: string): boolean {
  const first = pieces[0] ?? ''
  const last = pieces[pieces.length - 1] ?? ''
  if (text.includes('\n')) return false
  if (pieces.length === 1) return text.length === first.length && fitsAt(first, text, 0)
  if (text.length < first.length + last.length) return false
  if (!fitsAt(first, text, 0) || !fitsAt(last, text, text.length - last.length)) return false
  let at = first.length
  const end = text.length - last.length
  for (let index = 1; index < pieces.length - 1; index += 1) {
    const piece = pieces[index] ?? ''
    const found = find(piece, text, at, end)
    if (found < 0) return false
    at = found + piece.length
  }
  return true
}

function find(piece: string, text: string, from: number, end: number): number {
  if (!piece.includes('.')) {
    const at = text.indexOf(piece, from)
    return at >= 0 && at + piece.length <= end ? at : -1
  }
  for (let at = from; at + piece.length <= end; at += 1) if (fitsAt(piece, text, at)) return at
  return -1
}

function fitsAt(piece: string, text: string, at: number): boolean {
  if (!piece.includes('.')) return text.startsWith(piece, at)
  for (let index = 0; index < piece.length; index += 1) {
    const code = piece.charCodeAt(index)
    if (code !== 46 && code !== text.charCodeAt(at + index)) return false
  }
  return true
}

/** `==`: some candidate matches; `!=`: none does. No candidates at all reads as no match. */
export function accepts(expression: Expression, candidates: Iterable<string>): boolean {
  for (const candidate of candidates) if (expression.matches(candidate)) return !expression.isNegated
  return expression.isNegated
}

/** The expression as refusal messages print it, without `~`. */
export function renderExpression(expression: Expression): string {
  return `${expression.key}${expression.isNegated ? '!=' : '=='}${expression.value}`
}
