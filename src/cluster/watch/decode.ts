import type {
  ContainerState,
  ContainerView,
  ImageView,
  MountView,
  NetworkEndpoint,
  NetworkView,
  PortClaim,
  PublishedPort,
  VolumeView,
} from '../model.ts'
import { SWARM_ID_LABEL } from '../model.ts'
import { hasPolicy, readRecipe } from '../recipe.ts'
import { protocolOf, readBindings } from '../port-bindings.ts'
import {
  isFields,
  readBoolean,
  readCpuLimit,
  readFields,
  readLabels,
  readList,
  readMemory,
  readNumber,
  readText,
  readTexts,
  readTimeMs,
} from '../wire.ts'
import type { Fields } from '../wire.ts'

/** What decoding needs to know of the node. */
export interface NodeFacts {
  readonly cpus: number
  readonly clockDeltaMs: number
  readonly name: string
}

/**
 * A container from its list row and, where read, its inspect reply. Without the latter the details of
 * `previous` stay; without that too the view is partial.
 */
export function decodeContainer(
  row: Fields,
  inspect: Fields | undefined,
  previous: ContainerView | undefined,
  facts: NodeFacts,
): ContainerView {
  const published = readPublished(row)
  const details =
    inspect === undefined ? keepDetails(row, previous, published, facts) : readDetails(row, inspect, published, facts)
  const mode = inspect === undefined ? '' : readText(readFields(inspect, 'HostConfig'), 'NetworkMode')
  const labels = readLabels(row, 'Labels')
  const isKept = labels.size > 0 && hasPolicy(labels)
  // One literal: objects put together from several are slow to make, and there are many containers.
  return {
    id: readText(row, 'Id'),
    swarmId: readText(readFields(row, 'Labels'), SWARM_ID_LABEL),
    names: readNames(row),
    image: readText(row, 'Image'),
    imageId: readText(row, 'ImageID'),
    command: readText(row, 'Command'),
    labels,
    networkMode: mode || readText(readFields(row, 'HostConfig'), 'NetworkMode'),
    ports: details.ports,
    exposed: details.exposed,
    nanoCpus: details.nanoCpus,
    memoryBytes: details.memoryBytes,
    state: details.state,
    exitCode: details.exitCode,
    errorText: details.errorText,
    isOomKilled: details.isOomKilled,
    healthCheck: details.healthCheck,
    createdAtMs: details.createdAtMs,
    startedAtMs: details.startedAtMs,
    finishedAtMs: details.finishedAtMs,
    published,
    endpoints: readEndpoints(row),
    mounts: readMounts(row),
    isPartial: details.isPartial,
    recipe: !isKept
      ? undefined
      : inspect === undefined
        ? previous?.recipe
        : readRecipe(inspect, facts, previous?.recipe),
    row,
  }
}

function readDetails(row: Fields, inspect: Fields, published: readonly PublishedPort[], facts: NodeFacts): Details {
  const hostConfig = readFields(inspect, 'HostConfig')
  const state = readFields(inspect, 'State')
  const claims = readBindings(readFields(hostConfig, 'PortBindings'))
  const shares = Math.trunc((readNumber(hostConfig, 'CpuShares') * facts.cpus) / 1024)
  return {
    ports: settlePorts(claims, published),
    exposed: Object.keys(readFields(readFields(inspect, 'Config'), 'ExposedPorts')),
    nanoCpus: Math.max(shares * 1e9, readCpuLimit(hostConfig)),
    memoryBytes: readMemory(hostConfig),
    state: toState(readText(state, 'Status') || readText(row, 'State')),
    exitCode: readNumber(state, 'ExitCode'),
    errorText: readText(state, 'Error'),
    isOomKilled: readBoolean(state, 'OOMKilled'),
    healthCheck: toHealthCheck(readText(readFields(state, 'Health'), 'Status')),
    createdAtMs: shift(readTimeMs(inspect, 'Created') || readNumber(row, 'Created') * 1000, facts),
    startedAtMs: shift(readTimeMs(state, 'StartedAt'), facts),
    finishedAtMs: shift(readTimeMs(state, 'FinishedAt'), facts),
    isPartial: false,
  }
}

type Details = Pick<
  ContainerView,
  | 'ports'
  | 'exposed'
  | 'nanoCpus'
  | 'memoryBytes'
  | 'state'
  | 'exitCode'
  | 'errorText'
  | 'isOomKilled'
  | 'healthCheck'
  | 'createdAtMs'
  | 'startedAtMs'
  | 'finishedAtMs'
  | 'isPartial'
>

function keepDetails(
  row: Fields,
  previous: ContainerView | undefined,
  published: readonly PublishedPort[],
  facts: NodeFacts,
): Details {
  const state = toState(readText(row, 'State'))
  if (previous !== undefined) {
    return {
      ports: settlePorts(previous.ports, published),
      exposed: previous.exposed,
      nanoCpus: previous.nanoCpus,
      memoryBytes: previous.memoryBytes,
      state,
      exitCode: previous.exitCode,
      errorText: previous.errorText,
      isOomKilled: previous.isOomKilled,
      healthCheck: previous.healthCheck,
      createdAtMs: previous.createdAtMs,
      startedAtMs: previous.startedAtMs,
      finishedAtMs: previous.finishedAtMs,
      isPartial: previous.isPartial,
    }
  }
  return {
    ports: settlePorts([], published),
    exposed: [],
    nanoCpus: 0,
    memoryBytes: 0,
    state,
    exitCode: 0,
    errorText: '',
    isOomKilled: false,
    healthCheck: 'none',
    createdAtMs: shift(readNumber(row, 'Created') * 1000, facts),
    startedAtMs: 0,
    finishedAtMs: 0,
    isPartial: true,
  }
}

function shift(timeMs: number, facts: NodeFacts): number {
  return timeMs === 0 ? 0 : timeMs + facts.clockDeltaMs
}

/** Without the slash in front; the container's own name before link aliases. */
function readNames(row: Fields): readonly string[] {
  const names = readTexts(row, 'Names').map((name) => (name.startsWith('/') ? name.slice(1) : name))
  if (names.length < 2) return names
  return [...names.filter((name) => !name.includes('/')), ...names.filter((name) => name.includes('/'))]
}

function readPublished(row: Fields): readonly PublishedPort[] {
  return readList(row, 'Ports')
    .filter(isFields)
    .map((port) => ({
      ip: readText(port, 'IP'),
      privatePort: readNumber(port, 'PrivatePort'),
      publicPort: readNumber(port, 'PublicPort') || undefined,
      protocol: readText(port, 'Type') || 'tcp',
    }))
}

/** Asked ports plus those the engine chose; a range that led to a port is settled by it. */
function settlePorts(claims: readonly PortClaim[], published: readonly PublishedPort[]): readonly PortClaim[] {
  const live: PortClaim[] = []
  for (const { ip, privatePort, publicPort, protocol } of published) {
    if (publicPort === undefined) continue
    const target = `${String(privatePort)}/${protocol}`
    live.push({ hostIp: ip, from: publicPort, to: publicPort, protocol: protocolOf(target), target })
  }
  if (live.length === 0) return claims
  const settled = claims.filter((claim) => claim.from === claim.to || !live.some((port) => isWithin(port, claim)))
  const isKnown = (port: PortClaim): boolean =>
    settled.some((claim) => claim.from === port.from && claim.to === port.to && claim.protocol === port.protocol)
  return [...settled, ...live.filter((port) => !isKnown(port))]
}

function isWithin(port: PortClaim, range: PortClaim): boolean {
  return port.target === range.target && port.from >= range.from && port.to <= range.to
}

function readEndpoints(row: Fields): readonly NetworkEndpoint[] {
  const networks = readFields(readFields(row, 'NetworkSettings'), 'Networks')
  return Object.entries(networks).map(([network, value]) => {
    const endpoint = isFields(value) ? value : {}
    return {
      network,
      networkId: readText(endpoint, 'NetworkID'),
      ipAddress: readText(endpoint, 'IPAddress'),
      aliases: readTexts(endpoint, 'Aliases'),
    }
  })
}

function readMounts(row: Fields): readonly MountView[] {
  return readList(row, 'Mounts')
    .filter(isFields)
    .map((mount) => ({
      kind: readText(mount, 'Type'),
      name: readText(mount, 'Name'),
      source: readText(mount, 'Source'),
      target: readText(mount, 'Destination'),
    }))
}

const states: readonly string[] = [
  'created',
  'running',
  'paused',
  'restarting',
  'stopping',
  'removing',
  'exited',
  'dead',
] satisfies readonly ContainerState[]

function toState(text: string): ContainerState {
  return states.includes(text) ? (text as ContainerState) : 'created'
}

function toHealthCheck(text: string): ContainerView['healthCheck'] {
  return text === 'starting' || text === 'healthy' || text === 'unhealthy' ? text : 'none'
}

export function decodeImage(row: Fields): ImageView {
  return {
    id: readText(row, 'Id'),
    repoTags: readTexts(row, 'RepoTags').filter((tag) => tag !== '<none>:<none>'),
    repoDigests: readTexts(row, 'RepoDigests').filter((digest) => digest !== '<none>@<none>'),
    createdAtMs: readNumber(row, 'Created') * 1000,
    labels: readLabels(row, 'Labels'),
    row,
  }
}

export function decodeNetwork(row: Fields): NetworkView {
  return {
    id: readText(row, 'Id'),
    name: readText(row, 'Name'),
    scope: readText(row, 'Scope') || 'local',
    driver: readText(row, 'Driver'),
    labels: readLabels(row, 'Labels'),
    createdAtMs: readTimeMs(row, 'Created'),
    row,
  }
}

export function decodeVolume(row: Fields): VolumeView {
  return {
    name: readText(row, 'Name'),
    driver: readText(row, 'Driver'),
    scope: readText(row, 'Scope') || 'local',
    labels: readLabels(row, 'Labels'),
    row,
  }
}
