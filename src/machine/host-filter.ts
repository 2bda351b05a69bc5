import { FlotillaError } from '../core/errors.ts'
import type { Host } from './host.ts'

/**
 * The swarm each machine belongs to: the name of the master with the same discovery, marked when it is the
 * machine itself.
 */
export function findSwarms(hosts: readonly Host[]): ReadonlyMap<string, string> {
  const masters = new Map<string, string>()
  for (const { name, options } of hosts) {
    if (options.SwarmOptions.Master) masters.set(options.SwarmOptions.Discovery, name)
  }
  const swarms = new Map<string, string>()
  for (const { name, options } of hosts) {
    const { Discovery: discovery, Master: isMaster } = options.SwarmOptions
    const master = masters.get(discovery)
    if (discovery !== '' && master !== undefined) swarms.set(name, isMaster ? `${master} (master)` : master)
  }
  return swarms
}

/** What `--filter` asks for: values by key; one key's values are alternatives. */
export type HostFilter = Readonly<Record<'driver' | 'state' | 'name' | 'label' | 'swarm', readonly string[]>>

/** @throws {machine/usage} with docker-machine's texts */
export function parseFilters(texts: readonly string[]): HostFilter {
  const filter = { driver: [], state: [], name: [], label: [], swarm: [] } as Record<keyof HostFilter, string[]>
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at < 0) throw new FlotillaError('machine/usage', 'Unsupported filter syntax')
    const key = text.slice(0, at).toLowerCase()
    if (!Object.hasOwn(filter, key))
      throw new FlotillaError('machine/usage', `Unsupported filter key '${text.slice(0, at)}'`)
    filter[key as keyof HostFilter].push(text.slice(at + 1))
  }
  return filter
}

/**
 * True when the record passes every key but `state`.
 *
 * @param matchesName the compiled `name` expressions
 */
export function passesFilter(
  host: Host,
  filter: HostFilter,
  masters: ReadonlyMap<string, string>,
  matchesName: (name: string) => boolean,
): boolean {
  const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
  if (filter.driver.length > 0 && !filter.driver.some((driver) => isSame(driver, host.driverName))) return false
  if (filter.name.length > 0 && !matchesName(host.name)) return false
  const swarm = (masters.get(host.name) ?? '').replace(/ \(master\)$/, '')
  if (filter.swarm.length > 0 && !filter.swarm.includes(swarm)) return false
  const labels = host.options.EngineOptions.Labels ?? []
  return filter.label.length === 0 || filter.label.some((wanted) => labels.some((label) => isSameLabel(label, wanted)))
}

/** Keys are compared exactly, values in any case. */
function isSameLabel(label: string, wanted: string): boolean {
  const [key, value] = splitLabel(label)
  const [wantedKey, wantedValue] = splitLabel(wanted)
  return key === wantedKey && value.toLowerCase() === wantedValue.toLowerCase()
}

function splitLabel(label: string): readonly [string, string] {
  const at = label.indexOf('=')
  return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)]
}
