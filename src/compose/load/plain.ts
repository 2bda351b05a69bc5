import { GoScalar } from '../model/go-scalar.ts'
import { resolveDate } from './plain-date.ts'
import type { Tree } from './tree.ts'

/**
 * What a plain (unquoted) YAML scalar means to the reference program: YAML 1.2 words for booleans and
 * null (`yes` and `on` stay text), whole numbers also in base 2, 8 and 16 and with `_`, floats, dates.
 */
export function resolvePlain(text: string): Tree {
  const word = words.get(text)
  if (word !== undefined) return word
  if (!mayBeNumber(text)) return text
  if (plainWhole.test(text)) return Number(text)
  const digits = text.replaceAll('_', '')
  const whole = toWhole(digits)
  if (whole !== undefined) return whole
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(digits)) {
    const value = Number(digits)
    return Number.isFinite(value) ? toFloat(value) : text
  }
  return resolveDate(text) ?? text
}

/** A whole number as nearly all are written; so many digits every number of JavaScript holds exactly. */
const plainWhole = /^(?:0|[1-9][0-9]{0,14})$/

/** Numbers and dates begin with a digit, a sign or a point. */
function mayBeNumber(text: string): boolean {
  const first = text.charCodeAt(0)
  return (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d || first === 0x2e
}

/** Go tells a float from a whole number of the same value; beyond 2^53 a number of JavaScript is a float. */
export function toFloat(value: number): Tree {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return value
  return new GoScalar('float', Math.abs(value) >= exponentFrom ? renderExponent(value) : String(value))
}

/** From here on Go's `%v` of a float has an exponent. */
const exponentFrom = 1e6

function renderExponent(value: number): string {
  return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2')
}

const words: ReadonlyMap<string, Tree> = new Map<string, Tree>([
  ...['', '~', 'null', 'Null', 'NULL'].map((text) => [text, null] as const),
  ...['true', 'True', 'TRUE'].map((text) => [text, true] as const),
  ...['false', 'False', 'FALSE'].map((text) => [text, false] as const),
  ...['.nan', '.NaN', '.NAN'].map((text) => [text, Number.NaN] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((text) => [text, Number.POSITIVE_INFINITY] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((text) => [text, Number.NEGATIVE_INFINITY] as const),
])

/** Go's rule for a number literal of any base; `0444` is octal. */
function toWhole(digits: string): Tree | undefined {
  const match = /^([-+]?)(?:(0[xX][0-9a-fA-F]+|0[bB][01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/.exec(digits)
  if (match === null) return undefined
  const [, sign = '', prefixed, octal, decimal] = match
  const exact = BigInt(prefixed ?? (octal === undefined ? (decimal ?? '0') : `0o${octal}`))
  const signed = sign === '-' ? -exact : exact
  const value = Number(signed)
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? 0 : value
  if (signed >= -(2n ** 63n) && signed < 2n ** 64n) return new GoScalar('whole', signed.toString())
  // Beyond 64 bits decimal digits are a float to the reference program, and others a text.
  return decimal === undefined ? undefined : value
}

/** Go's `%v` of a scalar, as it appears in environment values, labels and options. */
export function renderScalar(value: Tree): string {
  if (typeof value === 'number') return renderNumber(value)
  if (value === null) return '<nil>'
  if (value instanceof GoScalar) return value.text
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value)
}

/** Go prints small numbers with an exponent earlier than JavaScript, and exponents with two digits. */
export function renderNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (Object.is(value, -0)) return '-0'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const size = Math.abs(value)
  const isLargeFloat = size >= exponentFrom && !Number.isSafeInteger(value)
  return (size !== 0 && size < 1e-4) || isLargeFloat ? renderExponent(value) : String(value)
}
