import type { Places } from '../load/place.ts'
import { isMap, makeMap } from '../load/tree.ts'
import type { Tree, TreeMap } from '../load/tree.ts'

/** Top-level keys of every later format. A file without `services` that has none of these is version 1. */
const laterKeys = new Set([
  'version',
  'services',
  'name',
  'include',
  'networks',
  'volumes',
  'secrets',
  'configs',
  'models',
])

/** What is known only of files of version 1. */
export interface LegacyFinds {
  /** Names of volumes that are the engine's and not the project's. */
  readonly plainVolumes: Set<string>
  /** Service → driver of all its volumes, anonymous ones too. */
  readonly volumeDrivers: Map<string, string>
}

/**
 * File format 1 → services of today's format; any other file is returned as it is.
 *
 * Version 1 is a map of services and nothing else (classic docker-compose accepts it when neither `version`
 * nor `services` is there). Its containers sit on the engine's default bridge.
 *
 * @param found takes what the later formats have no place for
 */
export function convertLegacy(tree: TreeMap, places: Places, found: LegacyFinds): TreeMap {
  if (!isLegacy(tree)) return tree
  const services = makeMap()
  const volumes = makeMap()
  const made = makeMap()
  made['services'] = services
  const names = new Set(Object.keys(tree))
  for (const name of names) {
    const value = tree[name] ?? null
    if (name.startsWith('x-')) made[name] = value
    else if (isMap(value)) {
      const driver = take(value, 'volume_driver')
      if (typeof driver === 'string') found.volumeDrivers.set(name, driver)
      services[name] = convertService(value, names, volumes, typeof driver === 'string' ? driver : undefined)
    } else services[name] = value
    places.moveKey(tree, name.startsWith('x-') ? made : services, name)
  }
  if (Object.keys(volumes).length > 0) made['volumes'] = volumes
  for (const name of Object.keys(volumes)) found.plainVolumes.add(name)
  return made
}

function isLegacy(tree: TreeMap): boolean {
  const keys = Object.keys(tree)
  if (keys.some((key) => laterKeys.has(key))) return false
  const services = keys.filter((key) => !key.startsWith('x-')).map((key) => tree[key] ?? null)
  return services.length > 0 && services.every((service) => isMap(service) && looksLikeService(service))
}

/** Without this a file with one mistyped top-level key would be taken for version 1. */
function looksLikeService(value: TreeMap): boolean {
  return 'image' in value || 'build' in value || 'extends' in value
}

function convertService(
  service: TreeMap,
  names: ReadonlySet<string>,
  volumes: TreeMap,
  driver: string | undefined,
): TreeMap {
  convertBuild(service)
  convertLogging(service)
  convertNetwork(service, names)
  collectVolumes(service, volumes, driver)
  return service
}

function take(service: TreeMap, key: string): Tree | undefined {
  const value = service[key]
  delete service[key]
  return value
}

function convertBuild(service: TreeMap): void {
  const dockerfile = take(service, 'dockerfile')
  if (dockerfile === undefined) return
  const build = service['build']
  const made = isMap(build) ? build : makeMap()
  if (typeof build === 'string') made['context'] = build
  made['dockerfile'] = dockerfile
  service['build'] = made
}

function convertLogging(service: TreeMap): void {
  const driver = take(service, 'log_driver')
  const options = take(service, 'log_opt')
  if (driver === undefined && options === undefined) return
  const logging = makeMap()
  if (driver !== undefined) logging['driver'] = driver
  if (options !== undefined) logging['options'] = options
  service['logging'] = logging
}

/** `net: container:x` speaks of a service when there is one of this name. */
function convertNetwork(service: TreeMap, names: ReadonlySet<string>): void {
  const net = take(service, 'net')
  if (typeof net === 'string') {
    const target = /^container:(.+)$/.exec(net)?.[1]
    service['network_mode'] = target !== undefined && names.has(target) ? `service:${target}` : net
  }
  service['network_mode'] ??= 'default'
}

/**
 * Named volumes of version 1 are the engine's own, without the project's name in front. Beside a driver every source is
 * a name, also one that looks like a path (compose/config/config.py process_service).
 */
function collectVolumes(service: TreeMap, volumes: TreeMap, driver: string | undefined): void {
  const mounts = service['volumes']
  if (!Array.isArray(mounts)) return
  for (const [index, mount] of mounts.entries()) {
    if (typeof mount !== 'string') continue
    const text = driver === undefined ? mount : mount.replace(/^\.\/(?=[\w.-]+:)/, '')
    mounts[index] = text
    const source = /^([a-zA-Z0-9][\w.-]+):/.exec(text)?.[1]
    if (source === undefined || volumes[source] !== undefined) continue
    const volume = makeMap()
    volume['name'] = source
    if (driver !== undefined) volume['driver'] = driver
    volumes[source] = volume
  }
}
