import type { Written, WrittenService } from '../model/project.ts'
import { toClassicPorts } from './classic-port.ts'
import { isWrittenMap, mapOf, pairsIn, textsIn, told, toPythonText, Untold } from './classic-written.ts'

type Fields = Readonly<Record<string, Written>>
type Merge = (base: Written | undefined, override: Written | undefined) => Written

/**
 * A service of one or more files; an empty map stands for a file without it.
 *
 * @returns undefined when it is not known what docker-compose 1 makes of it
 */
export function mergeAllClassic(parts: readonly WrittenService[]): WrittenService | undefined {
  const [first = {}, ...others] = parts
  try {
    return others.reduce(mergeClassic, first)
  } catch (error) {
    if (error instanceof Untold) return undefined
    throw error
  }
}

/**
 * A service of several files as docker-compose 1 sees it before it looks closer (compose/config/config.py
 * merge_service_dicts): lists become sorted, pairs maps. A service of one of the files goes the same way, with nothing
 * for the other.
 *
 * @throws {Untold} for what is not known here
 */
export function mergeClassic(base: WrittenService, override: WrittenService): WrittenService {
  const made: WrittenService = {}
  for (const key of new Set([...Object.keys(base), ...Object.keys(override)])) {
    if (key.startsWith('x-')) continue
    const merge = merges.get(key)
    made[key] = merge === undefined ? scalar(base, override, key) : merge(base[key], override[key])
  }
  return made
}

function scalar(base: Fields, override: Fields, key: string): Written {
  return (key in override ? override[key] : base[key]) ?? null
}

function entriesOf(value: Written | undefined): readonly (readonly [string, Written])[] {
  return value === undefined || value === null ? [] : Object.entries(mapOf(value))
}

/** A map of both, the second one's entries over the first one's. */
function mapping(parse: (value: Written) => readonly (readonly [string, Written])[]): Merge {
  const read = (value: Written | undefined): ReturnType<typeof parse> => (isNothing(value) ? [] : parse(value ?? null))
  return (base, override) => Object.fromEntries([...read(base), ...read(override)])
}

function isNothing(value: Written | undefined): boolean {
  return value === undefined || value === null || value === ''
}

function listOf(value: Written | undefined): readonly Written[] {
  if (isNothing(value)) return []
  if (!Array.isArray(value)) throw new Untold()
  return value
}

const unique: Merge = (base, override) => {
  const texts = [...listOf(base), ...listOf(override)].map(toPythonText)
  return [...new Set(texts)].sort()
}

const concatenated: Merge = (base, override) =>
  [base, override].flatMap((value) => (typeof value === 'string' ? [value] : [...listOf(value)]))

/** By the path in the container, which is the key of each. */
const paths: Merge = (base, override) => {
  const byTarget = new Map<string, Written>()
  for (const entry of [...listOf(base), ...listOf(override)]) {
    const target = isWrittenMap(entry) ? entry['target'] : targetOf(entry)
    if (typeof target !== 'string') throw new Untold()
    byTarget.set(target, entry)
  }
  return [...byTarget].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
}

function targetOf(entry: Written): string {
  if (typeof entry !== 'string') throw new Untold()
  const [host = '', target, ...mode] = entry.split(':')
  if (mode.length > 1) throw new Untold()
  return target ?? host
}

/** One for each key, sorted by it. */
function keyed(keyOf: (entry: Written) => string): Merge {
  return (base, override) => {
    const found = new Map([...listOf(base), ...listOf(override)].map((entry) => [keyOf(entry), entry]))
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
  }
}

const links: Merge = (base, override) => {
  const byAlias = new Map<string, readonly [string, string]>()
  for (const link of [...listOf(base), ...listOf(override)].flatMap((entry) => textsIn([entry]))) {
    const at = link.indexOf(':')
    const target = at === -1 ? link : link.slice(0, at)
    const alias = at === -1 || at === link.length - 1 ? target : link.slice(at + 1)
    byAlias.set(alias, [target, alias])
  }
  return [...byAlias.values()]
    .sort(([a, b], [c, d]) => (a === c ? (b < d ? -1 : 1) : a < c ? -1 : 1))
    .map(([target, alias]) => (target === alias ? target : `${target}:${alias}`))
}

/** Each once, sorted by the port of the container. */
const ports: Merge = (base, override) => {
  const found = new Map<string, WrittenService>()
  for (const port of told(toClassicPorts([...listOf(base), ...listOf(override)]))) {
    const [target = null, published = null, protocol = null, mode = null, address = null] = port as readonly Written[]
    const fields = { target, published, protocol, mode, external_ip: address }
    const kept = Object.entries(fields).filter(([, value]) => value !== null)
    found.set(JSON.stringify([target, published, address, protocol]), Object.fromEntries(kept))
  }
  return [...found.values()].sort((a, b) => Number(a['target']) - Number(b['target']))
}

const networks: Merge = (base, override) => {
  const read = (value: Written | undefined): Fields =>
    Array.isArray(value) ? Object.fromEntries(textsIn(value).map((name) => [name, {}])) : mapOf(value ?? {})
  const [first, second] = [read(base), read(override)]
  const names = new Set([...Object.keys(first), ...Object.keys(second)])
  return Object.fromEntries(
    [...names].map((name) => [name, mergeFields(first[name], second[name], networkMerges, networkFields)]),
  )
}

const networkFields = ['aliases', 'link_local_ips', 'priority', 'ipv4_address', 'ipv6_address']
const networkMerges: ReadonlyMap<string, Merge> = new Map([
  ['aliases', unique],
  ['link_local_ips', unique],
])

/** The known fields of both; a field without a merge is a scalar. */
function mergeFields(
  base: Written | undefined,
  override: Written | undefined,
  how: ReadonlyMap<string, Merge>,
  known: readonly string[],
): WrittenService {
  const [first, second] = [mapOf(base ?? {}), mapOf(override ?? {})]
  const made: WrittenService = {}
  for (const key of known) {
    if (!(key in first) && !(key in second)) continue
    made[key] = how.get(key)?.(first[key], second[key]) ?? scalar(first, second, key)
  }
  return made
}

const logging: Merge = (base, override) => {
  const [first, second] = [mapOf(base ?? {}), mapOf(override ?? {})]
  const hasDriver = 'driver' in first || 'driver' in second
  const driver = scalar(first, second, 'driver')
  const isSame = driver === (first['driver'] ?? null) || isNothing(first['driver'])
  const options = isSame ? mapping(entriesOf)(first['options'], second['options']) : (second['options'] ?? null)
  const hasOptions = isSame ? 'options' in first || 'options' in second : !isNothing(second['options'])
  return { ...(hasDriver && { driver }), ...(hasOptions && { options }) }
}

const pairs = mapping((value) => pairsIn(value))
const variables = mapping((value) => pairsIn(value, null))
const fields = mapping(entriesOf)
const hosts = mapping((value) => {
  if (!Array.isArray(value)) return entriesOf(value)
  return textsIn(value).map((entry): [string, Written] => {
    const at = entry.indexOf(':')
    if (at === -1) throw new Untold()
    return [entry.slice(0, at).trim(), entry.slice(at + 1).trim()]
  })
})

const build: Merge = (base, override) => {
  const read = (value: Written | undefined): Written => (typeof value === 'string' ? { context: value } : (value ?? {}))
  const how = new Map([
    ['args', variables],
    ['cache_from', unique],
    ['labels', pairs],
    ['extra_hosts', hosts],
  ])
  const known = ['context', 'dockerfile', 'network', 'target', 'shm_size', 'isolation', ...how.keys()]
  return mergeFields(read(base), read(override), how, known)
}

const byPath = keyed((entry) => toPythonText(mapOf(entry)['path'] ?? null))
const rates = ['device_read_bps', 'device_read_iops', 'device_write_bps', 'device_write_iops', 'weight_device']

/** Of devices in no known order there may be one. */
const devices: Merge = (base, override) => {
  const all = [...listOf(base), ...listOf(override)]
  if (all.length > 1) throw new Untold()
  return all
}

const resources: Merge = (base, override) =>
  mergeFields(
    base,
    override,
    new Map<string, Merge>([
      ['limits', fields],
      ['reservations', (a, b) => mergeFields(a, b, new Map([['devices', devices]]), ['cpus', 'memory', 'devices'])],
    ]),
    ['limits', 'reservations'],
  )

const deploy: Merge = (base, override) =>
  mergeFields(
    base,
    override,
    new Map([
      ['restart_policy', fields],
      ['resources', resources],
    ]),
    ['mode', 'endpoint_mode', 'replicas', 'restart_policy', 'resources'],
  )

const toSource = keyed((entry) => toPythonText(isWrittenMap(entry) ? (entry['source'] ?? null) : entry))

const merges: ReadonlyMap<string, Merge> = new Map<string, Merge>([
  ['environment', variables],
  ['labels', pairs],
  ['ulimits', fields],
  ['sysctls', pairs],
  [
    'depends_on',
    mapping((value) =>
      Array.isArray(value)
        ? textsIn(value).map((name) => [name, { condition: 'service_started' }] as const)
        : entriesOf(value),
    ),
  ],
  ['storage_opt', fields],
  ['extra_hosts', hosts],
  ['links', links],
  ['secrets', toSource],
  ['configs', toSource],
  ['security_opt', keyed(toPythonText)],
  ['networks', networks],
  ['volumes', paths],
  ['devices', paths],
  ...['cap_add', 'cap_drop', 'expose', 'external_links', 'volumes_from', 'device_cgroup_rules', 'profiles'].map(
    (name): [string, Merge] => [name, unique],
  ),
  ...['dns', 'dns_search', 'env_file', 'tmpfs'].map((name): [string, Merge] => [name, concatenated]),
  ['logging', logging],
  ['ports', ports],
  ['blkio_config', (a, b) => mergeFields(a, b, new Map(rates.map((name) => [name, byPath])), ['weight', ...rates])],
  ['healthcheck', fields],
  ['deploy', deploy],
  ['build', build],
])
