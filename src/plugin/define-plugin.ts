import { FlotillaError } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import type { PluginEntry, PluginTable } from './make-registry.ts'
import type { PluginKind } from './registry.ts'

/** Loads one implementation: a module with it as default export, or the thing itself. */
export type PluginLoader = () => Promise<unknown>

/** What a package exports as its default: names to loaders, by kind. */
export interface PluginDefinition {
  readonly apiVersion: 1
  readonly drivers?: Readonly<Record<string, PluginLoader>>
  readonly provisioners?: Readonly<Record<string, PluginLoader>>
  readonly stores?: Readonly<Record<string, PluginLoader>>
  readonly filters?: Readonly<Record<string, PluginLoader>>
  readonly strategies?: Readonly<Record<string, PluginLoader>>
  readonly discoveries?: Readonly<Record<string, PluginLoader>>
  readonly leaders?: Readonly<Record<string, PluginLoader>>
  readonly transports?: Readonly<Record<string, PluginLoader>>
  readonly commands?: Readonly<Record<string, PluginLoader>>
}

/** Field of a definition → kind. */
const kinds: Readonly<Record<Exclude<keyof PluginDefinition, 'apiVersion'>, PluginKind>> = {
  drivers: 'driver',
  provisioners: 'provisioner',
  stores: 'store',
  filters: 'filter',
  strategies: 'strategy',
  discoveries: 'discovery',
  leaders: 'leader',
  transports: 'transport',
  commands: 'command',
}

/** Gives a plug-in its type; does nothing else. */
export function definePlugin(definition: PluginDefinition): PluginDefinition {
  return definition
}

/**
 * Checks what a package exports and turns it into a table for the registry. Loads nothing.
 *
 * @param source the package's name, for messages
 * @throws {plugin/invalid} naming the package and the field
 */
export function toPluginTable(exported: unknown, source: string): PluginTable {
  const invalid = (problem: string): FlotillaError =>
    new FlotillaError('plugin/invalid', `plug-in ${goQuote(source)}: ${problem}`)
  if (typeof exported !== 'object' || exported === null) throw invalid('its default export is not an object')
  const version: unknown = Reflect.get(exported, 'apiVersion')
  if (version !== 1)
    throw invalid(`field "apiVersion" is ${JSON.stringify(version) ?? 'missing'}, this program knows 1`)
  const table: { [K in PluginKind]?: Record<string, PluginEntry> } = {}
  for (const [field, entries] of Object.entries(exported)) {
    if (field === 'apiVersion') continue
    const kind = Object.hasOwn(kinds, field) ? kinds[field as keyof typeof kinds] : undefined
    if (kind === undefined) throw invalid(`field ${goQuote(field)} is not known`)
    if (typeof entries !== 'object' || entries === null) throw invalid(`field ${goQuote(field)} is not an object`)
    table[kind] = Object.fromEntries(
      Object.entries(entries as Readonly<Record<string, unknown>>).map(([name, load]) => {
        if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) {
          throw invalid(`${field}: name ${goQuote(name)} is not lower-case words with dashes between`)
        }
        if (typeof load !== 'function') throw invalid(`${field}.${name} is ${typeof load}, expected a function`)
        return [name, { source: `package ${goQuote(source)}`, load: () => loadDefault(load as PluginLoader) }]
      }),
    )
  }
  return table
}

async function loadDefault(load: PluginLoader): Promise<unknown> {
  const value = await load()
  const isModule = typeof value === 'object' && value !== null && 'default' in value
  return isModule ? value.default : value
}
