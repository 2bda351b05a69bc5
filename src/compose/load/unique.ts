import { GoScalar } from '../model/go-scalar.ts'
import { LoadError } from './failure.ts'
import { compileRules, stepRule } from './path-rule.ts'
import type { RuleNode } from './path-rule.ts'
import type { Places } from './place.ts'
import { renderScalar } from './plain.ts'
import { parseVolume } from './short-volume.ts'
import { isMap, renderPath } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'

/** What makes two entries of a list the same entry; `undefined`: an error, worded by the rule. */
type KeyOf = (entry: Tree) => { readonly key: string } | { readonly reason: (at: string) => string }

/** compose-go override/uncity.go: the lists whose later entry of a key takes the place of the earlier one. */
const uniqueRules: RuleNode<KeyOf> = compileRules<KeyOf>({
  'networks.*.labels': byName,
  'services.*.annotations': byName,
  'services.*.build.additional_contexts': byName,
  'services.*.build.args': byName,
  'services.*.build.labels': byName,
  'services.*.build.tags': byName,
  'services.*.cap_add': byName,
  'services.*.cap_drop': byName,
  'services.*.configs': (entry) => byMount(entry, ''),
  'services.*.deploy.labels': byName,
  'services.*.devices': byDevice,
  'services.*.dns': byName,
  'services.*.dns_opt': byName,
  'services.*.dns_search': byName,
  'services.*.env_file': byEnvFile,
  'services.*.environment': byName,
  'services.*.expose': byExposed,
  'services.*.labels': byName,
  'services.*.links': byName,
  'services.*.networks.*.aliases': byName,
  'services.*.networks.*.link_local_ips': byName,
  'services.*.ports': byPort,
  'services.*.profiles': byName,
  'services.*.secrets': (entry) => byMount(entry, '/run/secrets'),
  'services.*.sysctls': byName,
  'services.*.tmpfs': byName,
  'services.*.volumes': byVolume,
  // Upstream misses this one: labels of volumes given as lists in two files stay twice there.
  'volumes.*.labels': byName,
})

/** Drops all but the last of equal entries, at the place of the first. In place. */
export function enforceUnique(tree: TreeMap, places: Places): void {
  walk(tree, tree, [], uniqueRules, places)
}

function walk(root: TreeMap, map: TreeMap, path: TreePath, rules: RuleNode<KeyOf>, places: Places): void {
  for (const key of Object.keys(map)) {
    const below = stepRule(rules, key)
    if (below === undefined) continue
    const value = map[key] ?? null
    if (isMap(value)) walk(root, value, [...path, key], below, places)
    else if (Array.isArray(value) && below.rule !== undefined && value.length > 0) {
      map[key] = keepLast(root, value, [...path, key], below.rule, places)
    }
  }
}

function keepLast(root: TreeMap, list: Tree[], path: TreePath, keyOf: KeyOf, places: Places): Tree[] {
  const slots = new Map<string, number>()
  const indexes: number[] = []
  for (const [index, entry] of list.entries()) {
    const found = keyOf(entry)
    if ('reason' in found) {
      const message = found.reason(renderPath([...path, `[${index}]`]))
      throw new LoadError([places.problem(root, [...path, index], message)])
    }
    const slot = slots.get(found.key)
    if (slot === undefined) slots.set(found.key, indexes.push(index) - 1)
    else indexes[slot] = index
  }
  if (indexes.length === list.length) return list
  const kept = indexes.map((index) => list[index] ?? null)
  places.pickEntries(kept, list, indexes)
  return kept
}

/** Go's name of the type of a value, as its messages show it. */
export function goTypeOf(value: Tree): string {
  if (value === null) return '<nil>'
  if (value instanceof GoScalar) return value.type
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'int' : 'float64'
  return typeof value === 'boolean' ? 'bool' : 'string'
}

function byName(entry: Tree): ReturnType<KeyOf> {
  if (typeof entry !== 'string') return { reason: (at) => `${at}: unexpected type ${goTypeOf(entry)}` }
  const equals = entry.indexOf('=')
  return { key: equals < 0 ? entry : entry.slice(0, equals) }
}

function byExposed(entry: Tree): ReturnType<KeyOf> {
  const type = goTypeOf(entry)
  if (type === 'float64' || type === 'bool') {
    return { reason: (at) => `${at}: unsupported expose value %!s(${type}=${renderScalar(entry)})` }
  }
  return { key: renderScalar(entry) }
}

function byMount(entry: Tree, folder: string): ReturnType<KeyOf> {
  if (!isMap(entry)) return { key: `${folder}/${renderScalar(entry)}` }
  const target = entry['target'] ?? null
  return { key: target === null ? `${folder}/${renderScalar(entry['source'] ?? null)}` : renderScalar(target) }
}

function byVolume(entry: Tree): ReturnType<KeyOf> {
  if (isMap(entry)) {
    const target = entry['target']
    if (typeof target === 'string') return { key: target }
    return { reason: (at) => `service volume ${at} is missing a mount target` }
  }
  if (typeof entry !== 'string') return { key: '' }
  const parsed = parseVolume(entry)
  return 'reason' in parsed ? { reason: () => parsed.reason } : { key: parsed.target }
}

function byDevice(entry: Tree): ReturnType<KeyOf> {
  if (isMap(entry)) {
    const target = entry['target']
    if (typeof target === 'string') return { key: target }
    return { reason: (at) => `service device ${at} is missing a mount target` }
  }
  const parts = typeof entry === 'string' ? entry.split(':') : []
  return { key: parts[1] ?? parts[0] ?? '' }
}

function byEnvFile(entry: Tree): ReturnType<KeyOf> {
  if (!isMap(entry)) return { key: renderScalar(entry) }
  const path = entry['path']
  if (typeof path === 'string') return { key: path }
  return { reason: (at) => `environment path attribute ${at} is missing` }
}

function byPort(entry: Tree): ReturnType<KeyOf> {
  if (!isMap(entry)) return { key: renderScalar(entry) }
  const target = entry['target'] ?? null
  if (target === null) return { reason: (at) => `service ports ${at} is missing a target port` }
  const host = renderScalar(entry['host_ip'] ?? '0.0.0.0')
  const protocol = renderScalar(entry['protocol'] ?? 'tcp')
  return { key: `${host}:${renderScalar(entry['published'] ?? '')}:${renderScalar(target)}/${protocol}` }
}
