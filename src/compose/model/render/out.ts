import { compareNames } from '../dictionary.ts'
import { GoScalar } from '../go-scalar.ts'

/** What a writer gets: maps keep the order they were built in. */
export type Out = null | boolean | number | string | NumberText | GoScalar | readonly Out[] | OutMap

export type OutMap = ReadonlyMap<string, Out>

/** A number whose digits are chosen already. */
export class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** The fewest digits that give the same float32 again. */
export function float32Text(value: number): string {
  for (let digits = 1; digits <= 9; digits += 1) {
    const shortened = Number(value.toPrecision(digits))
    if (Math.fround(shortened) === Math.fround(value)) return String(shortened)
  }
  return String(value)
}

/** Names in the order of one writer. */
export type NameOrder = (left: string, right: string) => number

/** Go's JSON: by bytes. */
export const jsonOrder: NameOrder = compareNames

/**
 * Go's YAML: letters after other characters (before them right after a digit), runs of digits by value.
 */
export function yamlOrder(left: string, right: string): number {
  const at = firstDifference(left, right)
  if (at === undefined) return left.length - right.length
  const isLetterX = isLetter(left, at)
  const isLetterY = isLetter(right, at)
  if (isLetterX && isLetterY) return compareNames(characterAt(left, at), characterAt(right, at))
  if (isLetterX || isLetterY) return (isDigit(left, at - 1) ? isLetterX : isLetterY) ? -1 : 1
  return compareRuns(left, right, at)
}

/** Where the characters of two texts begin to differ; nowhere when one is the beginning of the other. */
function firstDifference(left: string, right: string): number | undefined {
  const end = Math.min(left.length, right.length)
  let at = 0
  while (at < end && left.charCodeAt(at) === right.charCodeAt(at)) at += 1
  if (at === end) return undefined
  // The second halves of two characters differ: so do the characters.
  const isHalf = at > 0 && Math.max(left.codePointAt(at - 1) ?? 0, right.codePointAt(at - 1) ?? 0) > 0xffff
  return isHalf ? at - 1 : at
}

function characterAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0)
}

function compareRuns(left: string, right: string, at: number): number {
  // Behind a digit that is not zero, a zero counts as part of the same number.
  let start = at
  let follows = false
  for (; start > 0 && isDigit(left, start - 1); start -= 1) follows ||= left[start - 1] !== '0'
  const isZero = left[at] === '0' || right[at] === '0'
  const lead = follows && isZero ? '1' : ''
  const runX = digitsAt(left, at)
  const runY = digitsAt(right, at)
  const difference = compareWhole(lead + runX, lead + runY)
  if (difference !== 0) return difference
  if (runX.length !== runY.length) return runX.length - runY.length
  return compareNames(characterAt(left, at), characterAt(right, at))
}

/** Two runs of digits by value; none is 0. */
function compareWhole(left: string, right: string): number {
  if (left.length <= safeDigits && right.length <= safeDigits) return Number(left) - Number(right)
  const difference = BigInt(left) - BigInt(right)
  return difference === 0n ? 0 : difference < 0n ? -1 : 1
}

/** So many digits every number of JavaScript holds exactly. */
const safeDigits = 15

function digitsAt(text: string, at: number): string {
  let end = at
  while (isDigit(text, end)) end += 1
  return text.slice(at, end)
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}

function isLetter(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if (code < 0x80) return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
  return /^\p{L}$/u.test(characterAt(text, at))
}

/** Free-form data (`x-` values, models that were not bound) with sorted maps. */
export function toOut(value: unknown, order: NameOrder): Out {
  if (value instanceof GoScalar) return value
  if (Array.isArray(value)) return value.map((entry) => toOut(entry, order))
  if (typeof value === 'object' && value !== null) {
    const held = value as Readonly<Record<string, unknown>>
    const names = Object.keys(held).sort(order)
    return new Map(names.map((name) => [name, toOut(held[name], order)]))
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return null
}
