import * as posix from 'node:path/posix'
import type { Dictionary } from '../model/dictionary.ts'
import { isMap, makeMap, mapAt } from './tree.ts'
import type { Tree, TreeMap } from './tree.ts'

/** Where a service may share a namespace with another one. */
const namespaces = ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']

/**
 * What follows from what is written (compose-go loader/normalize.go), in place: the default network, names
 * of resources, defaults of builds, dependencies implied by links and shared namespaces, values of
 * variables given by name.
 */
export function normalize(tree: TreeMap, projectName: string, environment: Dictionary<string>): void {
  addDefaultNetwork(tree)
  for (const service of Object.values(mapAt(tree, 'services') ?? {})) {
    if (isMap(service)) normalizeService(service, environment)
  }
  for (const kind of ['networks', 'volumes', 'configs', 'secrets']) nameResources(tree, kind, projectName)
}

function addDefaultNetwork(tree: TreeMap): void {
  let isUsed = false
  for (const service of Object.values(mapAt(tree, 'services') ?? {})) {
    if (!isMap(service) || 'provider' in service || 'network_mode' in service) continue
    const networks = mapAt(service, 'networks')
    if (networks === undefined || Object.keys(networks).length === 0) {
      service['networks'] = Object.assign(makeMap(), { default: null })
      isUsed = true
    } else if ('default' in networks) isUsed = true
  }
  const networks = mapAt(tree, 'networks') ?? makeMap()
  if (isUsed && !('default' in networks)) networks['default'] = null
  if (Object.keys(networks).length > 0) tree['networks'] = networks
}

function normalizeService(service: TreeMap, environment: Dictionary<string>): void {
  if (service['pull_policy'] === 'if_not_present') service['pull_policy'] = 'missing'
  const build = mapAt(service, 'build')
  if (build !== undefined) {
    build['context'] ??= '.'
    if ((build['dockerfile_inline'] ?? null) === null) build['dockerfile'] ??= 'Dockerfile'
    if (build['args'] !== undefined) build['args'] = fillIn(build['args'], environment, false)
  }
  if (service['environment'] !== undefined) {
    service['environment'] = fillIn(service['environment'], environment, true)
  }
  addDependencies(service)
  const mounts = service['volumes']
  if (!Array.isArray(mounts)) return
  for (const mount of mounts) {
    if (isMap(mount) && typeof mount['target'] === 'string') mount['target'] = cleanPath(mount['target'])
  }
}

/** Go's `path.Clean`. */
function cleanPath(path: string): string {
  const clean = posix.normalize(path)
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean
}

/** Gives variables without value the value around; those that have none are kept or dropped. */
function fillIn(value: Tree, environment: Dictionary<string>, keepsUnset: boolean): Tree {
  if (isMap(value)) {
    for (const key of Object.keys(value)) {
      if (value[key] !== null) continue
      const found = environment[key]
      if (found !== undefined) value[key] = found
      else if (!keepsUnset) delete value[key]
    }
    return value
  }
  if (!Array.isArray(value)) return value
  return value.flatMap((entry) => {
    if (typeof entry !== 'string' || entry.includes('=')) return [entry]
    const found = environment[entry]
    return found === undefined ? (keepsUnset ? [entry] : []) : [`${entry}=${found}`]
  })
}

function addDependencies(service: TreeMap): void {
  const known = mapAt(service, 'depends_on') ?? makeMap()
  const add = (name: string, restart: boolean): void => {
    known[name] ??= Object.assign(makeMap(), { condition: 'service_started', restart, required: true })
  }
  for (const link of textsAt(service, 'links')) {
    const parts = link.split(':')
    add(parts.length === 2 ? (parts[0] ?? link) : link, true)
  }
  for (const namespace of namespaces) {
    const reference = service[namespace]
    if (typeof reference === 'string' && reference.startsWith('service:')) add(reference.slice('service:'.length), true)
  }
  for (const source of textsAt(service, 'volumes_from')) {
    if (!source.startsWith('container:')) add(source.split(':')[0] ?? source, false)
  }
  if (Object.keys(known).length > 0) service['depends_on'] = known
}

function textsAt(service: TreeMap, key: string): readonly string[] {
  const value = service[key]
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}

function nameResources(tree: TreeMap, kind: string, projectName: string): void {
  const resources = mapAt(tree, kind)
  if (resources === undefined) return
  for (const key of Object.keys(resources)) {
    const held = resources[key]
    const resource = isMap(held) ? held : makeMap()
    resource['name'] ??= isTrue(resource['external']) ? key : `${projectName}_${key}`
    resources[key] = resource
  }
}

function isTrue(value: Tree | undefined): boolean {
  return value === true || value === 'true'
}
