import { Buffer } from 'node:buffer'
import { ExactNumber } from '../exact-json.ts'
import { CallProblem } from './problem.ts'

/** How Go would name the type of a value, for messages. */
export function goType(value: unknown): string {
  if (value === undefined || value === null) return '<nil>'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (value instanceof ExactNumber) return 'float64'
  if (typeof value === 'function') return 'func'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}

/** Go's idea of an empty value: false, zero, nil, nothing in it. */
export function isTruthy(value: unknown): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0
  if (typeof value === 'object')
    return value instanceof ExactNumber ? Number(value.text) !== 0 : keysOf(value).length > 0
  return Boolean(value)
}

/** Own keys in Go's printing order; never those of a prototype. */
export function keysOf(value: object): string[] {
  if (value instanceof Map) return [...(value as ReadonlyMap<unknown, unknown>).keys()].map(String).sort(compareStrings)
  return Object.keys(value).sort(compareStrings)
}

/**
 * An own entry of a map, or undefined. Never a property that comes from a prototype, so that
 * `{{.constructor}}` and `{{.__proto__}}` are ordinary missing keys.
 */
export function entryOf(value: object, key: string): unknown {
  if (value instanceof Map) return (value as ReadonlyMap<unknown, unknown>).get(key)
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
}

export function hasEntry(value: object, key: string): boolean {
  return value instanceof Map ? value.has(key) : Object.hasOwn(value, key)
}

export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Stands in an object that is a struct in Go: its fields in the order in which `%v` prints them, without names. */
export const structFields: unique symbol = Symbol('fields of a struct')

const maxDepth = 100

/** What Go's `%v` prints. */
export function renderValue(value: unknown, depth = 0): string {
  if (depth > maxDepth) throw new CallProblem(`value is nested deeper than ${maxDepth} levels`)
  if (value === undefined || value === null) return depth === 0 ? '<no value>' : '<nil>'
  if (typeof value === 'string') return value
  if (typeof value === 'number') return renderNumber(value)
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof ExactNumber) return value.text
  if (typeof value === 'function') throw new CallProblem("can't print a function")
  if (Array.isArray(value)) return `[${value.map((item: unknown) => renderValue(item, depth + 1)).join(' ')}]`
  if (typeof value !== 'object') throw new CallProblem(`can't print a ${typeof value}`)
  if (structFields in value) {
    const fields = value[structFields] as readonly string[]
    return `{${fields.map((key) => renderValue(entryOf(value, key), depth + 1)).join(' ')}}`
  }
  const entries = keysOf(value).map((key) => `${key}:${renderValue(entryOf(value, key), depth + 1)}`)
  return `map[${entries.join(' ')}]`
}

/** Whole numbers as they are, others as Go's shortest `%g`. */
export function renderNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (Number.isSafeInteger(value)) return String(value)
  const [mantissa = '', exponentText = ''] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (exponent >= -4 && exponent < 21) return String(value)
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/** Length in bytes as Go counts it. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

export interface JsonStyle {
  /** Indentation; none when absent. */
  readonly indent?: string
  /** `<`, `>` and `&` become `\u003c`…, as Go's encoder does unless told otherwise. */
  readonly escapesHtml?: boolean
  /** Keep the order of the object's own keys rather than sort them as Go does with maps. */
  readonly keepsOrder?: boolean
}

/** Go's JSON: sorted keys, its escapes. */
export function renderJson(value: unknown, style: JsonStyle = {}): string {
  const text = JSON.stringify(toPlain(value, style.keepsOrder === true, 0), undefined, style.indent) ?? 'null'
  const safe = text.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  if (style.escapesHtml !== true) return safe
  return safe.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026')
}

function toPlain(value: unknown, keepsOrder: boolean, depth: number): unknown {
  if (depth > maxDepth) throw new CallProblem(`value is nested deeper than ${maxDepth} levels`)
  if (typeof value === 'bigint' || value instanceof ExactNumber) return rawNumber(value)
  if (typeof value === 'function') return undefined
  if (typeof value !== 'object' || value === null) return value ?? null
  if (Array.isArray(value)) return value.map((item: unknown) => toPlain(item, keepsOrder, depth + 1))
  const plain = Object.create(null) as Record<string, unknown>
  const keys = keepsOrder && !(value instanceof Map) ? Object.keys(value) : jsonKeysOf(value)
  for (const key of keys) plain[key] = toPlain(entryOf(value, key), keepsOrder, depth + 1)
  return plain
}

/** Fields of a struct as it has them, keys of a map sorted. */
function jsonKeysOf(value: object): readonly string[] {
  return structFields in value ? (value[structFields] as readonly string[]) : keysOf(value)
}

// Node 20 has no way to write a number of its own into JSON; beyond 2^53 digits are lost as in JavaScript.
function rawNumber(value: bigint | ExactNumber): number {
  return Number(value instanceof ExactNumber ? value.text : value)
}
