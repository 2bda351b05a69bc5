import type { Buffer } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { makeNestingGuard, makeScanner, parseJsonBody } from './json-documents.ts'

/** Answers from this size on take tens of milliseconds. */
export const largeBytes: number = 1024 * 1024
/** What is read before others have their turn: a few milliseconds. */
const sliceBytes = 256 * 1024

/**
 * Parses a large body, others having their turn in between. Lists are cut between their elements, also one that is the
 * first field of an object, as that of volumes; anything else is parsed in one go.
 *
 * @throws {engine/protocol} as `parseJsonBody`, and for deep nesting
 */
export async function parseLargeJson(body: Buffer, maxDepth: number): Promise<unknown> {
  const list = await readList(body, maxDepth)
  if (list === undefined) {
    makeNestingGuard(maxDepth)(body)
    return parseJsonBody(body)
  }
  if (list.key === undefined) return list.items
  const rest = parseTail(list.key, body.toString('utf8', list.end))
  return rest === undefined ? parseJsonBody(body) : { ...rest, [list.key]: list.items }
}

interface CutList {
  /** Of the field that it is; undefined: it is the whole. */
  readonly key: string | undefined
  readonly items: readonly unknown[]
  /** Offset behind its closing bracket. */
  readonly end: number
}

const opening = /^\s*(?:\{\s*"([A-Za-z]{1,32})"\s*:\s*)?\[/

/** @returns undefined when it is no list of objects, or no JSON: whoever parses it as a whole knows better */
async function readList(body: Buffer, maxDepth: number): Promise<CutList | undefined> {
  const [head, key] = opening.exec(body.toString('latin1', 0, 256)) ?? []
  if (head === undefined) return undefined
  const scanner = makeScanner(maxDepth, key === undefined ? 1 : 2)
  const items: unknown[] = []
  /** Behind the last element that was parsed, and behind the last one that was found. */
  let parsed = head.length
  let found = head.length
  for (let from = head.length; from < body.length;) {
    const window = body.subarray(0, Math.min(from + sliceBytes, body.length))
    for (let end = scanner.scan(window, from); end !== -1; end = scanner.scan(window, end)) {
      const first = findFirst(body, found, end)
      if (first === undefined) return undefined
      if (first === ']') {
        if (!/^\s*\]$/.test(body.toString('latin1', found, end))) return undefined
        if (!take(items, body, parsed, found)) return undefined
        if (key === undefined && body.toString('latin1', end).trim() !== '') return undefined
        return { key, items, end }
      }
      found = end
    }
    from = window.length
    if (found - parsed >= sliceBytes) {
      if (!take(items, body, parsed, found)) return undefined
      parsed = found
    }
    await setImmediate()
  }
  return undefined
}

/** What a piece of a list begins with: an element, or the end. */
function findFirst(body: Buffer, from: number, end: number): '{' | ']' | undefined {
  for (let at = from; at < end; at += 1) {
    const byte = body[at] ?? 0
    if (byte === 0x7b) return '{'
    if (byte === 0x5d) return ']'
    // Commas and blanks.
    if (byte !== 0x2c && byte > 0x20) return undefined
  }
  return undefined
}

/** Takes some elements out. @returns false when they are no JSON */
function take(items: unknown[], body: Buffer, from: number, end: number): boolean {
  if (end === from) return true
  const text = body.toString('utf8', from, end).trim()
  const isNext = text.startsWith(',')
  if (isNext !== items.length > 0) return false
  try {
    for (const item of JSON.parse(`[${isNext ? text.slice(1) : text}]`) as readonly unknown[]) items.push(item)
    return true
  } catch {
    return false
  }
}

/** The other fields of the object. */
function parseTail(key: string, tail: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(`{"${key}":[]${tail}`) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
