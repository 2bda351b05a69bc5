import type { FlotillaError } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import { toPluginTable } from './define-plugin.ts'
import { makeRegistry } from './make-registry.ts'
import type { PluginEntry, PluginTable } from './make-registry.ts'
import { configProblem, parseConfig } from './parse-config.ts'
import type { ProgramSource } from './programs.ts'
import type { PluginKind, Registry } from './registry.ts'

/** One package of the configuration file. */
export interface PackageEntry {
  /** Name of an npm package, or a path that starts with `.` or `/`. */
  readonly name: string
  /** Its names may stand for others that exist already. */
  readonly isReplacing: boolean
}

/** The user's packages, as far as they have been asked for. */
export interface PackageSource {
  /** What the configuration names, in order; empty without one. Cheap, called for every part that is loaded. */
  list(): Promise<readonly PackageEntry[]>
  /** What the package exports as its default. */
  load(entry: PackageEntry): Promise<unknown>
}

/**
 * Built-in parts first, then those of the user's packages, then programs on the PATH. Nothing of a package is loaded
 * before a name is asked for that is not built in, or one that a package with `replace` may have taken over.
 */
export function makeOpenRegistry(builtins: PluginTable, packages: PackageSource, programs?: ProgramSource): Registry {
  const own = makeRegistry(builtins)
  let opened: Promise<Registry> | undefined
  function open(): Promise<Registry> {
    opened ??= joinAll(builtins, packages)
    // What failed may be tried again.
    opened.catch(() => (opened = undefined))
    return opened
  }
  return {
    names: (kind) => own.names(kind),
    has: (kind, name) => own.has(kind, name),
    async find(kind, name) {
      if (own.has(kind, name) || (await open()).has(kind, name)) return true
      return (await programs?.find(kind, name)) !== undefined
    },
    async load<T>(kind: PluginKind, name: string): Promise<T> {
      const isOwn = own.has(kind, name) && !(await packages.list()).some((entry) => entry.isReplacing)
      const registry = isOwn ? own : await open()
      const program = registry.has(kind, name) ? undefined : await programs?.find(kind, name)
      if (program === undefined) return registry.load<T>(kind, name)
      return makeRegistry({ [kind]: { [name]: program } }).load<T>(kind, name)
    },
  }
}

async function joinAll(builtins: PluginTable, packages: PackageSource): Promise<Registry> {
  let tables: readonly PluginTable[] = [builtins]
  for (const entry of await packages.list()) {
    const table = toPluginTable(await packages.load(entry), entry.name)
    tables = [...(entry.isReplacing ? tables.map((each) => withoutNamesOf(each, table)) : tables), table]
  }
  return makeRegistry(...tables)
}

/** A table without the names, aliases included, that another one has. */
function withoutNamesOf(table: PluginTable, other: PluginTable): PluginTable {
  const kept: { [K in PluginKind]?: Record<string, PluginEntry> } = {}
  for (const [kind, entries] of Object.entries(table) as [PluginKind, Readonly<Record<string, PluginEntry>>][]) {
    const taken = other[kind] ?? {}
    const rest = Object.entries(entries).filter(([name]) => !Object.hasOwn(taken, name))
    kept[kind] = Object.fromEntries(
      rest.map(([name, entry]) => [
        name,
        { ...entry, aliases: (entry.aliases ?? []).filter((alias) => !Object.hasOwn(taken, alias)) },
      ]),
    )
  }
  return kept
}

/**
 * Reads `{"plugins": ["name", "./path", {"name": "…", "replace": true}]}`. Other members are left for others.
 *
 * @param file its path, for messages
 * @throws {plugin/invalid} naming the file and what is wrong in it
 */
export function parsePluginConfig(text: string | undefined, file: string): readonly PackageEntry[] {
  const invalid = (problem: string): FlotillaError => configProblem(file, problem)
  const config = parseConfig(text, file)
  const list: unknown = Object.hasOwn(config, 'plugins') ? Reflect.get(config, 'plugins') : []
  if (!Array.isArray(list)) throw invalid('"plugins" is not a list')
  const entries = list.map((item: unknown, at) => readEntry(item, (problem) => invalid(`plugins[${at}] ${problem}`)))
  const names = entries.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw invalid(`plug-in ${goQuote(twice)} is listed twice`)
  return entries
}

function readEntry(item: unknown, invalid: (problem: string) => FlotillaError): PackageEntry {
  if (typeof item === 'string' && item !== '') return { name: item, isReplacing: false }
  if (typeof item !== 'object' || item === null) throw invalid('is neither a name nor an object')
  const name: unknown = Reflect.get(item, 'name')
  const replace: unknown = Reflect.get(item, 'replace') ?? false
  if (typeof name !== 'string' || name === '') throw invalid('has no "name"')
  if (typeof replace !== 'boolean') throw invalid('has a "replace" that is neither true nor false')
  return { name, isReplacing: replace }
}
