import { LoadError } from './failure.ts'
import type { Places } from './place.ts'
import { renderScalar } from './plain.ts'
import { isIpAddress } from './short-port.ts'
import { isMap, mapAt, renderPath } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'

/** Values every service gets that does not set them (compose-go transform/defaults.go), in place. */
export function setDefaults(tree: TreeMap): void {
  for (const service of Object.values(mapAt(tree, 'services') ?? {})) {
    if (!isMap(service)) continue
    const build = mapAt(service, 'build')
    if (build !== undefined) build['context'] ??= '.'
    for (const secret of listAt(service, 'secrets'))
      secret['target'] ??= `/run/secrets/${renderScalar(secret['source'] ?? '')}`
    for (const port of listAt(service, 'ports')) {
      port['protocol'] ??= 'tcp'
      port['mode'] ??= 'ingress'
    }
    for (const request of listAt(service, 'gpus').concat(reservedDevices(service))) {
      if (request['count'] === undefined && request['device_ids'] === undefined) request['count'] = 'all'
    }
  }
}

function listAt(tree: TreeMap, key: string): TreeMap[] {
  const value = tree[key]
  return Array.isArray(value) ? value.filter(isMap) : []
}

function reservedDevices(service: TreeMap): TreeMap[] {
  const resources = mapAt(mapAt(service, 'deploy') ?? {}, 'resources')
  const reservations = resources === undefined ? undefined : mapAt(resources, 'reservations')
  return reservations === undefined ? [] : listAt(reservations, 'devices')
}

/**
 * What a schema cannot say (compose-go validation/): sources of secrets and configs, external volumes,
 * device requests, host addresses.
 *
 * @throws {compose/invalid} for the first mistake
 */
export function checkSemantics(tree: TreeMap, places: Places): void {
  const check = new Check(tree, places)
  for (const [name, service] of Object.entries(mapAt(tree, 'services') ?? {})) {
    if (isMap(service)) check.service(service, ['services', name])
  }
  for (const [name, volume] of Object.entries(mapAt(tree, 'volumes') ?? {})) check.volume(volume, ['volumes', name])
  for (const [kind, sources] of fileSources) {
    for (const [name, object] of Object.entries(mapAt(tree, kind) ?? {})) check.source(object, [kind, name], sources)
  }
}

const fileSources: readonly (readonly [string, readonly string[]])[] = [
  ['configs', ['file', 'environment', 'content']],
  ['secrets', ['file', 'environment']],
]

class Check {
  readonly #root: TreeMap
  readonly #places: Places

  constructor(root: TreeMap, places: Places) {
    this.#root = root
    this.#places = places
  }

  #fail(path: TreePath, message: string): never {
    throw new LoadError([this.#places.problem(this.#root, path, message)])
  }

  service(service: TreeMap, path: TreePath): void {
    for (const [index, port] of listAt(service, 'ports').entries()) {
      const address = port['host_ip']
      if (typeof address === 'string' && !isIpAddress(address)) {
        this.#fail([...path, 'ports', index], `${renderPath(path)}.ports.[]: invalid ip address: ${address}`)
      }
    }
    for (const [index, rule] of listAt(mapAt(service, 'develop') ?? {}, 'watch').entries()) {
      if (rule['path'] !== '') continue
      this.#fail(
        [...path, 'develop', 'watch', index],
        `${renderPath(path)}.develop.watch.[].path: value can't be blank`,
      )
    }
    this.#requests(listAt(service, 'gpus'), [...path, 'gpus'])
    this.#requests(reservedDevices(service), [...path, 'deploy', 'resources', 'reservations', 'devices'])
  }

  #requests(requests: readonly TreeMap[], path: TreePath): void {
    for (const [index, request] of requests.entries()) {
      if (request['count'] === undefined || request['device_ids'] === undefined) continue
      this.#fail([...path, index], `${renderPath(path)}.[]: "count" and "device_ids" attributes are exclusive`)
    }
  }

  volume(volume: Tree, path: TreePath): void {
    if (!isMap(volume) || volume['external'] !== true) return
    for (const key of Object.keys(volume)) {
      if (key === 'name' || key === 'external' || key.startsWith('x-')) continue
      this.#fail([...path, key], `${renderPath(path)}: conflicting parameters "external" and "${key}" specified`)
    }
  }

  source(object: Tree, path: TreePath, sources: readonly string[]): void {
    const held = isMap(object) ? object : {}
    const count = sources.filter((source) => source in held).length
    const list = sources.join('|')
    if (count > 1) this.#fail(path, `${renderPath(path)}: ${list} attributes are mutually exclusive`)
    if (count === 0 && !('driver' in held) && !('external' in held)) {
      this.#fail(path, `${renderPath(path)}: one of ${list} must be set`)
    }
  }
}
