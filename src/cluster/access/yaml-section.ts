import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Node } from 'yaml'
import { FlotillaError } from '../../core/errors.ts'

/** A value of a YAML or JSON file that knows where it stands, so that whoever cannot use it can say so. */
export interface Spot {
  readonly file: string
  readonly lines: LineCounter
  /** Keys down to it: `users.alice.role`; empty for the whole file. */
  readonly path: string
  readonly node: unknown
}

/** @throws {cluster/invalid-option} naming file, line and key */
export function fail(spot: Spot, message: string): never {
  const at = positionOf(spot)
  const what = spot.path === '' ? message : `${spot.path}: ${message}`
  throw new FlotillaError('cluster/invalid-option', `${spot.file}:${at}: ${what}`)
}

function positionOf({ lines, node }: Spot): number {
  const range = typeof node === 'object' && node !== null ? (node as Partial<Node>).range : undefined
  return range === undefined || range === null ? 1 : Math.max(1, lines.linePos(range[0]).line)
}

/** Reads a file of one document; JSON is YAML. @throws {cluster/invalid-option} naming file and line */
export function parseSpot(text: string, file: string): Spot {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) {
    const line = lines.linePos(problem.pos[0]).line
    const why = plainWords[problem.code] ?? problem.message.split('\n')[0] ?? ''
    throw new FlotillaError('cluster/invalid-option', `${file}:${Math.max(1, line)}: ${why}`, { cause: problem })
  }
  return { file, lines, path: '', node: document.contents }
}

/** For mistakes that the parser names in words of its own. */
const plainWords: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'the same key stands twice',
  MULTIPLE_DOCS: 'there is more than one document',
}

/** The values of a map by key, in the order of the file. @throws {cluster/invalid-option} */
export function readMap(spot: Spot): ReadonlyMap<string, Spot> {
  const { node } = spot
  if (!isMap(node)) return fail(spot, 'is no map of keys and values')
  const entries = new Map<string, Spot>()
  for (const pair of node.items) {
    const key = { ...spot, node: pair.key }
    if (!isScalar(pair.key) || typeof pair.key.value !== 'string')
      return fail(key, 'a key is no text: put it in quotes')
    const name = pair.key.value
    const path = spot.path === '' ? name : `${spot.path}.${name}`
    if (isAlias(pair.value)) return fail({ ...key, path }, 'references (*name) are not taken here')
    // What has no value is complained of at its key.
    const isEmpty = pair.value === null || (isScalar(pair.value) && pair.value.value === null)
    entries.set(name, { ...spot, path, node: isEmpty ? pair.key : pair.value })
    if (isEmpty) return fail({ ...key, path }, 'has no value')
  }
  return entries
}

/** As `readMap`, for a map with fixed keys. @throws {cluster/invalid-option} naming one that is not known */
export function readKnown(spot: Spot, known: readonly string[]): ReadonlyMap<string, Spot> {
  const entries = readMap(spot)
  for (const [key, value] of entries) {
    if (!known.includes(key)) fail(value, `unknown key; known are ${known.join(', ')}`)
  }
  return entries
}

/** @throws {cluster/invalid-option} */
export function readTextAt(spot: Spot): string {
  if (!isScalar(spot.node) || typeof spot.node.value !== 'string') return fail(spot, 'is no text: put it in quotes')
  return spot.node.value === '' ? fail(spot, 'is empty') : spot.node.value
}

/** @throws {cluster/invalid-option} */
export function readNumberAt(spot: Spot): number {
  const value = isScalar(spot.node) ? spot.node.value : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : fail(spot, 'is no number')
}

/** @throws {cluster/invalid-option} also for a text that stands twice */
export function readTextsAt(spot: Spot): readonly { readonly text: string; readonly spot: Spot }[] {
  const { node } = spot
  if (!isSeq(node)) return fail(spot, 'is no list')
  const read = node.items.map((item) => {
    const each = { ...spot, node: item }
    return { text: readTextAt(each), spot: each }
  })
  for (const [at, { text, spot: each }] of read.entries()) {
    if (read.findIndex((other) => other.text === text) < at) fail(each, `${JSON.stringify(text)} stands twice`)
  }
  return read
}

/** One of some words. @throws {cluster/invalid-option} naming them */
export function readWordAt<T extends string>(spot: Spot, words: readonly T[]): T {
  const text = readTextAt(spot)
  const word = words.find((each) => each === text)
  return word ?? fail(spot, `${JSON.stringify(text)} is none of ${words.join(', ')}`)
}
