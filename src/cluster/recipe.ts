import { RESCHEDULE_LABEL } from './model.ts'
import {
  isFields,
  noFields,
  readField,
  readFields,
  readList,
  readNumber,
  readText,
  readTexts,
  readTimeMs,
} from './wire.ts'
import type { Fields } from './wire.ts'

/** A network that a container is on, with the settings that a create or connect takes. */
export interface NetworkUse {
  readonly name: string
  readonly settings: Fields
}

/** A volume with a name, as its engine mounted it. Those without a name are made anew with each container. */
export interface VolumeUse {
  readonly name: string
  readonly driver: string
}

/** How to make a container once more, on whatever engine, when its own can no longer be asked. */
export interface Recipe {
  /** Body of a create call without networks. `CpuShares` counts CPUs, as clients of the cluster give it. */
  readonly body: Fields
  /** User-defined ones only. */
  readonly networks: readonly NetworkUse[]
  readonly volumes: readonly VolumeUse[]
  /** IDs of its endpoints: others mean that networks were connected or disconnected since. */
  readonly endpointIds: string
}

/** True for labels that say that the container is to be made anew when its node fails. */
export function hasPolicy(labels: ReadonlyMap<string, string>): boolean {
  const json = labels.get(RESCHEDULE_LABEL)
  if (json === undefined) return false
  try {
    const policies: unknown = JSON.parse(json)
    return Array.isArray(policies) && policies.length === 1 && policies[0] === 'on-node-failure'
  } catch {
    return false
  }
}

/**
 * Reads a container's recipe out of its inspect reply.
 *
 * @param before the recipe as it was read earlier, perhaps before the container was started for the first time
 */
export function readRecipe(
  inspect: Fields,
  node: { readonly cpus: number; readonly name: string },
  before?: Recipe,
): Recipe {
  const id = readText(inspect, 'Id')
  const hostConfig = cleanHostConfig(readFields(inspect, 'HostConfig'), node.cpus)
  const mode = readText(hostConfig, 'NetworkMode')
  const config = cleanConfig(readFields(inspect, 'Config'), id, mode, node.name)
  const networks = readFields(readFields(inspect, 'NetworkSettings'), 'Networks')
  return {
    body: { ...config, HostConfig: hostConfig },
    networks: readNetworks(networks, id, hasStarted(inspect) ? (before?.networks ?? []) : undefined),
    volumes: readVolumes(inspect, hostConfig),
    endpointIds: renderEndpoints(networks),
  }
}

/**
 * The recipe of a container that was just made, from the body of its create call: it may be lost before its engine has
 * described it. With addresses as they were asked for, which engines no longer show once it runs.
 */
export function draftRecipe(create: Fields): Recipe {
  const { NetworkingConfig: networking, ...body } = create
  const hostConfig = readFields(body, 'HostConfig')
  const networks = new Map<string, Fields>()
  const mode = readText(hostConfig, 'NetworkMode')
  if (!/^(?:|default|bridge|host|none|nat|container:.*)$/.test(mode)) networks.set(mode, {})
  const endpoints = isFields(networking) ? readFields(networking, 'EndpointsConfig') : noFields
  for (const [name, settings] of Object.entries(endpoints)) {
    if (!/^(?:default|bridge|host|none|nat)$/.test(name)) networks.set(name, isFields(settings) ? settings : noFields)
  }
  return {
    body,
    networks: [...networks].map(([name, settings]) => ({ name, settings })),
    volumes: listNamedVolumes(hostConfig),
    endpointIds: '',
  }
}

function listNamedVolumes(hostConfig: Fields): readonly VolumeUse[] {
  const drivers = new Map<string, string>()
  for (const bind of readTexts(hostConfig, 'Binds')) {
    const [source = '', target] = bind.split(':')
    if (target !== undefined && source !== '' && !source.startsWith('/')) {
      drivers.set(source, readText(hostConfig, 'VolumeDriver') || 'local')
    }
  }
  for (const mount of readList(hostConfig, 'Mounts')) {
    if (!isFields(mount) || readText(mount, 'Type') !== 'volume' || readText(mount, 'Source') === '') continue
    const driver = readFields(readFields(mount, 'VolumeOptions'), 'DriverConfig')
    drivers.set(readText(mount, 'Source'), readText(driver, 'Name') || 'local')
  }
  return [...drivers].map(([name, driver]) => ({ name, driver }))
}

/** The endpoints in the `Networks` of a list row or an inspect reply, as `Recipe.endpointIds` has them. */
export function renderEndpoints(networks: Fields): string {
  const names = Object.keys(networks).sort()
  return names.map((name) => `${name}=${readText(readFields(networks, name), 'EndpointID')}`).join(' ')
}

function cleanConfig(config: Fields, id: string, mode: string, nodeName: string): Fields {
  const clean = withoutNulls(config)
  const hostName = readText(config, 'Hostname')
  const isShared = mode.startsWith('container:')
  // Engines fill in a name of their own where none was given.
  if (isShared || hostName === id.slice(0, 12) || (mode === 'host' && hostName === nodeName)) delete clean['Hostname']
  // Belongs to the container whose network is joined; engines refuse it in the body.
  if (isShared) for (const key of ['Domainname', 'ExposedPorts', 'MacAddress']) delete clean[key]
  return clean
}

function cleanHostConfig(hostConfig: Fields, cpus: number): Fields {
  const clean = withoutNulls(hostConfig)
  // Back to what clients of the cluster give: classicswarm cluster/config.go has the rule.
  const shares = Math.trunc((readNumber(hostConfig, 'CpuShares') * cpus) / 1024)
  if (shares > 0) clean['CpuShares'] = shares
  else delete clean['CpuShares']
  const links = readTexts(hostConfig, 'Links').map(toLinkOption)
  if (links.length > 0) clean['Links'] = links
  return clean
}

function withoutNulls(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

/** Engines show `/db:/web/alias` for what was given as `db:alias`. */
function toLinkOption(link: string): string {
  const [source = '', alias = ''] = link.split(':')
  return `${source.replace(/^\//, '')}:${alias.slice(alias.lastIndexOf('/') + 1)}`
}

const givenSettings = ['IPAMConfig', 'Links', 'DriverOpts', 'GwPriority'] as const

function hasStarted(inspect: Fields): boolean {
  return readTimeMs(readFields(inspect, 'State'), 'StartedAt') !== 0
}

/** IDs of networks that native swarm mode manages; others are 64 hexadecimal digits. */
const swarmNetworkId = /^[0-9a-z]{25}$/

/**
 * @param before networks as read before the first start; undefined: it was not started. From then on engines show the
 *   address that native swarm mode assigned in the place of one that was asked for.
 */
function readNetworks(networks: Fields, id: string, before: readonly NetworkUse[] | undefined): readonly NetworkUse[] {
  const uses: NetworkUse[] = []
  for (const [name, endpoint] of Object.entries(networks)) {
    if (/^(?:bridge|host|none|nat)$/.test(name) || !isFields(endpoint)) continue
    const settings: Record<string, unknown> = {}
    for (const key of givenSettings) {
      const value = readField(endpoint, key)
      if (value !== undefined && value !== null) settings[key] = value
    }
    if (before !== undefined && swarmNetworkId.test(readText(endpoint, 'NetworkID'))) {
      const asked = before.find((use) => use.name === name)
      if (asked === undefined || !Object.hasOwn(asked.settings, 'IPAMConfig')) delete settings['IPAMConfig']
      else settings['IPAMConfig'] = asked.settings['IPAMConfig']
    }
    // Engines before 25 add the short ID by themselves.
    const aliases = readTexts(endpoint, 'Aliases').filter((alias) => alias !== id.slice(0, 12))
    if (aliases.length > 0) settings['Aliases'] = aliases
    uses.push({ name, settings })
  }
  return uses
}

function readVolumes(inspect: Fields, hostConfig: Fields): readonly VolumeUse[] {
  const given = new Set<string>()
  for (const bind of readTexts(hostConfig, 'Binds')) given.add(bind.split(':')[0] ?? '')
  for (const mount of readList(hostConfig, 'Mounts')) if (isFields(mount)) given.add(readText(mount, 'Source'))
  const uses: VolumeUse[] = []
  for (const mount of readList(inspect, 'Mounts')) {
    if (!isFields(mount) || readText(mount, 'Type') !== 'volume') continue
    const name = readText(mount, 'Name')
    // 64 digits are what engines invent; one that was asked for by that name is meant all the same.
    if (given.has(name) || !/^[0-9a-f]{64}$/.test(name)) uses.push({ name, driver: readText(mount, 'Driver') })
  }
  return uses
}

/**
 * The body of a create call with its networks.
 *
 * @param isManyAllowed engines from API 1.44 on take any number of networks at create, older ones one
 * @returns also the networks that have to be connected afterwards
 */
export function withNetworks(
  body: Fields,
  networks: readonly NetworkUse[],
  isManyAllowed: boolean,
): { readonly body: Fields; readonly later: readonly NetworkUse[] } {
  const mode = readText(readFields(body, 'HostConfig'), 'NetworkMode')
  const isUserDefined = networks.some((use) => use.name === mode)
  const now = networks.filter((use) => use.name === mode || (isManyAllowed && isUserDefined))
  const later = networks.filter((use) => !now.includes(use))
  if (now.length === 0) return { body, later }
  const endpoints = Object.fromEntries(now.map((use) => [use.name, use.settings]))
  return { body: { ...body, NetworkingConfig: { EndpointsConfig: endpoints } }, later }
}

/** The settings without a requested address. */
export function withoutAddress(use: NetworkUse): NetworkUse {
  const { IPAMConfig: _, ...settings } = use.settings as Fields & { readonly IPAMConfig?: unknown }
  return { ...use, settings }
}

/** The body with more labels. */
export function withLabels(body: Fields, labels: Readonly<Record<string, string>>): Fields {
  return { ...body, Labels: { ...(readFields(body, 'Labels') ?? noFields), ...labels } }
}
