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
  const [a, b] = [Array.from(left), Array.from(right)]
  let afterDigit = false
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const [x = '', y = ''] = [a[index], b[index]]
    if (x === y) {
      afterDigit = isDigit(x)
      continue
    }
    const [isLetterX, isLetterY] = [isLetter(x), isLetter(y)]
    if (isLetterX && isLetterY) return compareNames(x, y)
    if (isLetterX || isLetterY) return (afterDigit ? isLetterX : isLetterY) ? -1 : 1
    return compareRuns(a, b, index)
  }
  return a.length - b.length
}

function compareRuns(a: readonly string[], b: readonly string[], index: number): number {
  // Behind a digit that is not zero, a zero counts as part of the same number.
  let start = index
  while (start > 0 && isDigit(a[start - 1] ?? '')) start -= 1
  const follows = a.slice(start, index).some((digit) => digit !== '0')
  const isZero = a[index] === '0' || b[index] === '0'
  const lead = follows && isZero ? '1' : ''
  const [runX, runY] = [digitsAt(a, index), digitsAt(b, index)]
  const difference = BigInt(lead + runX || '0') - BigInt(lead + runY || '0')
  if (difference !== 0n) return difference < 0n ? -1 : 1
  if (runX.length !== runY.length) return runX.length - runY.length
  return compareNames(a[index] ?? '', b[index] ?? '')
}

function digitsAt(text: readonly string[], index: number): string {
  let end = index
  while (end < text.length && isDigit(text[end] ?? '')) end += 1
  return text.slice(index, end).join('')
}

function isDigit(character: string): boolean {
  return /^[0-9]$/.test(character)
}

function isLetter(character: string): boolean {
  return /^\p{L}$/u.test(character)
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
