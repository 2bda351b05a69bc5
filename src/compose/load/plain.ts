import type { Tree } from './tree.ts'

/**
 * What a plain (unquoted) YAML scalar means to the reference program: YAML 1.2 words for booleans and
 * null (`yes`, `on` and dates stay text), whole numbers also in base 2, 8 and 16 and with `_`, floats.
 *
 * A whole number beyond the exact range of a double stays text, so that long digits in an environment
 * survive.
 */
export function resolvePlain(text: string): Tree {
  const word = words.get(text)
  if (word !== undefined) return word
  if (!/^[-+.0-9]/.test(text)) return text
  const digits = text.replaceAll('_', '')
  const whole = toWhole(digits)
  if (whole !== undefined) return whole
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(digits)) return toFloat(Number(digits))
  return text
}

/**
 * Go tells a float from a whole number of the same value once it prints it: `1e6` is `1e+06`. JavaScript does not, so the
 * few that differ become the text they would be printed as.
 */
function toFloat(value: number): Tree {
  return Number.isSafeInteger(value) && Math.abs(value) >= exponentFrom ? renderExponent(value) : value
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
  // Beyond 64 bits the reference program reads a float; below, it keeps every digit.
  return signed >= -(2n ** 63n) && signed < 2n ** 64n ? signed.toString() : value
}

/** Go's `%v` of a scalar, as it appears in environment values, labels and options. */
export function renderScalar(value: Tree): string {
  if (typeof value === 'number') return renderNumber(value)
  if (value === null) return '<nil>'
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value)
}

/** Go prints small numbers with an exponent earlier than JavaScript, and exponents with two digits. */
export function renderNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const size = Math.abs(value)
  const isLargeFloat = size >= exponentFrom && !Number.isSafeInteger(value)
  return (size !== 0 && size < 1e-4) || isLargeFloat ? renderExponent(value) : String(value)
}
