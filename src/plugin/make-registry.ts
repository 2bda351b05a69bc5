import { FlotillaError } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import { findNearest } from '../core/suggest.ts'
import type { PluginKind, Registry } from './registry.ts'

/** One implementation that can be loaded by name. */
export interface PluginEntry {
  readonly aliases?: readonly string[]
  /** Where it comes from, for messages: `built-in`, a package name, a file. */
  readonly source: string
  readonly load: () => Promise<unknown>
}

/** Implementations by kind and name. */
export type PluginTable = { readonly [K in PluginKind]?: Readonly<Record<string, PluginEntry>> }

/**
 * Joins tables into one registry. Looking something up loads it and nothing else; what was loaded is kept.
 *
 * @param tables in lookup order: built-in first
 * @throws {plugin/duplicate} naming both sources when two tables claim one name
 */
export function makeRegistry(...tables: readonly PluginTable[]): Registry {
  const kinds = new Map<string, Map<string, PluginEntry>>()
  const canonical = new Map<string, string[]>()
  for (const table of tables) {
    for (const [kind, entries] of Object.entries(table)) {
      for (const [name, entry] of Object.entries(entries)) {
        for (const spelling of [name, ...(entry.aliases ?? [])]) claim(kinds, kind, spelling, entry)
        canonical.set(kind, [...(canonical.get(kind) ?? []), name])
      }
    }
  }
  const loaded = new Map<PluginEntry, Promise<unknown>>()
  return {
    names: (kind) => [...(canonical.get(kind) ?? [])].sort(),
    has: (kind, name) => kinds.get(kind)?.has(name) === true,
    find: (kind, name) => Promise.resolve(kinds.get(kind)?.has(name) === true),
    async load<T>(kind: PluginKind, name: string): Promise<T> {
      const entry = kinds.get(kind)?.get(name)
      if (entry === undefined) throw notFound(kind, name, [...(kinds.get(kind)?.keys() ?? [])])
      let value = loaded.get(entry)
      if (value === undefined) {
        value = entry.load()
        loaded.set(entry, value)
        // A failed load may be tried again.
        value.catch(() => loaded.delete(entry))
      }
      const found = await value
      checkShape(kind, name, entry.source, found)
      return found as T
    },
  }
}

function claim(kinds: Map<string, Map<string, PluginEntry>>, kind: string, name: string, entry: PluginEntry): void {
  let names = kinds.get(kind)
  if (names === undefined) {
    names = new Map()
    kinds.set(kind, names)
  }
  const other = names.get(name)
  if (other !== undefined) {
    throw new FlotillaError('plugin/duplicate', `${kind}.${name} is provided by ${other.source} and by ${entry.source}`)
  }
  names.set(name, entry)
}

function notFound(kind: PluginKind, name: string, known: readonly string[]): FlotillaError {
  const near = findNearest(name, known)
  const hint =
    near !== undefined ? `did you mean ${goQuote(near)}?` : `known are: ${[...known].sort().join(', ') || 'none'}`
  return new FlotillaError('plugin/not-found', `there is no ${kind} ${goQuote(name)}`, { hint })
}

/** What every implementation of a kind has, by the type of the property. */
const shapes: { readonly [K in PluginKind]?: Readonly<Record<string, 'function' | 'string' | 'object'>> } = {
  driver: { name: 'string', flags: 'object', load: 'function' },
  filter: { name: 'string', relevant: 'function', pass: 'function', explain: 'function' },
  strategy: { name: 'string', weigh: 'function' },
}

function checkShape(kind: PluginKind, name: string, source: string, value: unknown): void {
  const isThing = (typeof value === 'object' && value !== null) || typeof value === 'function'
  if (!isThing)
    throw new FlotillaError('plugin/invalid', `${kind}.${name} of ${source} is ${typeof value}, not an object`)
  if (kind === 'discovery' && typeof value !== 'function') {
    throw new FlotillaError('plugin/invalid', `${kind}.${name} of ${source} is ${typeof value}, expected a function`)
  }
  for (const [field, type] of Object.entries(shapes[kind] ?? {})) {
    const found: unknown = Reflect.get(value, field)
    if (typeof found !== type) {
      throw new FlotillaError(
        'plugin/invalid',
        `${kind}.${name} of ${source}: field ${goQuote(field)} is ${typeof found}, expected ${type}`,
      )
    }
  }
}
