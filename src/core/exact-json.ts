/**
 * JSON whose numbers and unknown fields survive a round trip. `JSON.parse` rounds integers above 2^53
 * and lets a key called `__proto__` change an object; records of other programs may hold either.
 */

import { FlotillaError } from './errors.ts'

/** A number that a double cannot hold exactly, kept as it was written. */
export class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toJSON(): number {
    return Number(this.text)
  }
}

export type JsonValue = null | boolean | number | string | ExactNumber | readonly JsonValue[] | JsonObject

/** Null-prototype when it comes from `parseExactJson`. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined
}

const usualDepth = 128
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const stringPattern = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y
const blankPattern = /[ \t\n\r]*/y

interface Cursor {
  readonly text: string
  readonly maxDepth: number
  readonly maxValues: number
  /** How many values there may still be. */
  left: number
  at: number
}

/**
 * Reads one JSON document.
 *
 * @param maxDepth most levels of lists and objects; a few thousand at most, for the stack's sake
 * @param maxValues most values of any kind, objects and lists among them: a million of them take a second
 * @throws {core/invalid-json} with the offset of the first wrong character
 */
export function parseExactJson(
  text: string,
  maxDepth: number = usualDepth,
  maxValues: number = Number.POSITIVE_INFINITY,
): JsonValue {
  const cursor: Cursor = { text, maxDepth, maxValues, left: maxValues, at: 0 }
  const value = parseValue(cursor, 0)
  skipBlanks(cursor)
  if (cursor.at < text.length) throw unexpected(cursor)
  return value
}

function parseValue(cursor: Cursor, depth: number): JsonValue {
  if (depth > cursor.maxDepth)
    throw new FlotillaError('core/invalid-json', `JSON is nested deeper than ${cursor.maxDepth} levels`)
  cursor.left -= 1
  if (cursor.left < 0) throw new FlotillaError('core/invalid-json', `JSON has more than ${cursor.maxValues} values`)
  skipBlanks(cursor)
  switch (cursor.text[cursor.at]) {
    case '{':
      return parseObject(cursor, depth)
    case '[':
      return parseArray(cursor, depth)
    case '"':
      return parseString(cursor)
    case 't':
      return parseWord(cursor, 'true', true)
    case 'f':
      return parseWord(cursor, 'false', false)
    case 'n':
      return parseWord(cursor, 'null', null)
    default:
      return parseNumber(cursor)
  }
}

function parseObject(cursor: Cursor, depth: number): JsonObject {
  const object: Record<string, JsonValue> = Object.create(null)
  cursor.at += 1
  skipBlanks(cursor)
  if (cursor.text[cursor.at] === '}') {
    cursor.at += 1
    return object
  }
  for (;;) {
    skipBlanks(cursor)
    const key = parseString(cursor)
    skipBlanks(cursor)
    expect(cursor, ':')
    const value = parseValue(cursor, depth + 1)
    // The last one counts, and has its place in the order.
    if (key in object) delete object[key]
    object[key] = value
    skipBlanks(cursor)
    if (cursor.text[cursor.at] === '}') break
    expect(cursor, ',')
  }
  cursor.at += 1
  return object
}

function parseArray(cursor: Cursor, depth: number): readonly JsonValue[] {
  const items: JsonValue[] = []
  cursor.at += 1
  skipBlanks(cursor)
  if (cursor.text[cursor.at] === ']') {
    cursor.at += 1
    return items
  }
  for (;;) {
    items.push(parseValue(cursor, depth + 1))
    skipBlanks(cursor)
    if (cursor.text[cursor.at] === ']') break
    expect(cursor, ',')
  }
  cursor.at += 1
  return items
}

function parseString(cursor: Cursor): string {
  const raw = match(cursor, stringPattern)
  if (raw === undefined) throw unexpected(cursor)
  try {
    const value: unknown = JSON.parse(raw)
    if (typeof value === 'string') return value
  } catch {
    cursor.at -= raw.length
  }
  throw unexpected(cursor)
}

function parseNumber(cursor: Cursor): number | ExactNumber {
  const raw = match(cursor, numberPattern)
  if (raw === undefined) throw unexpected(cursor)
  const value = Number(raw)
  return String(value) === raw ? value : new ExactNumber(raw)
}

function parseWord<T extends boolean | null>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.at)) throw unexpected(cursor)
  cursor.at += word.length
  return value
}

function match(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0]
  if (found === undefined || found === '') return undefined
  cursor.at += found.length
  return found
}

function skipBlanks(cursor: Cursor): void {
  match(cursor, blankPattern)
}

function expect(cursor: Cursor, character: string): void {
  if (cursor.text[cursor.at] !== character) throw unexpected(cursor)
  cursor.at += 1
}

function unexpected(cursor: Cursor): FlotillaError {
  const character = cursor.text[cursor.at]
  if (character === undefined) return new FlotillaError('core/invalid-json', 'unexpected end of JSON input')
  const shown = JSON.stringify(character)
  return new FlotillaError('core/invalid-json', `invalid character ${shown} at offset ${cursor.at} of JSON input`)
}

/**
 * Writes a value as Go's `json.MarshalIndent` does, so that a file re-saved without change keeps its
 * bytes: `<`, `>`, `&`, U+2028 and U+2029 escaped, empty lists and objects on one line, no final newline.
 *
 * @param indent blanks per level; 0 gives one line without blanks
 */
export function renderExactJson(value: JsonValue, indent = 0): string {
  return render(value, indent, '\n', renderString)
}

/** The same value on one line for a program to read: without Go's escapes, which take half a second of a few megabytes. */
export function renderPlainJson(value: JsonValue): string {
  return render(value, 0, '\n', JSON.stringify)
}

function render(value: JsonValue, indent: number, lineStart: string, quote: (text: string) => string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'string') return quote(value)
  if (value instanceof ExactNumber) return value.text
  const inner = indent === 0 ? '' : lineStart + ' '.repeat(indent)
  const outer = indent === 0 ? '' : lineStart
  const deeper = indent === 0 ? lineStart : inner
  if (Array.isArray(value)) {
    const items: readonly JsonValue[] = value
    if (items.length === 0) return '[]'
    return `[${inner}${items.map((item) => render(item, indent, deeper, quote)).join(`,${inner}`)}${outer}]`
  }
  const colon = indent === 0 ? ':' : ': '
  const rows: string[] = []
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) rows.push(`${quote(key)}${colon}${render(field, indent, deeper, quote)}`)
  }
  return rows.length === 0 ? '{}' : `{${inner}${rows.join(`,${inner}`)}${outer}}`
}

const goEscapes: ReadonlyMap<string, string> = new Map([
  ['<', '\\u003c'],
  ['>', '\\u003e'],
  ['&', '\\u0026'],
  ['\u2028', '\\u2028'],
  ['\u2029', '\\u2029'],
  ['\b', '\\u0008'],
  ['\f', '\\u000c'],
])

function renderString(text: string): string {
  return JSON.stringify(text)
    .replace(/[<>&\u2028\u2029]/g, (character) => goEscapes.get(character) ?? character)
    .replace(/(?<!\\)((?:\\\\)*)\\([bf])/g, (_, before: string, letter: string) =>
      letter === 'b' ? `${before}\\u0008` : `${before}\\u000c`,
    )
}
