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
import { noGpus, readGpuAsk } from '../gpus.ts'
import { SWARM_ID_LABEL } from '../model.ts'
import { toAscii } from '../ascii.ts'
import { ContainerRow } from '../container-row.ts'
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
  const createdAtMs = shift(readNumber(row, 'Created') * 1000, facts)
  const state = toState(readText(row, 'State'))
  const details =
    inspect === undefined
      ? keepDetails(row, previous, { published, state, createdAtMs })
      : readDetails(inspect, { published, state, createdAtMs }, facts)
  const mode = inspect === undefined ? '' : readText(readFields(inspect, 'HostConfig'), 'NetworkMode')
  const labels = readLabels(row, 'Labels')
  const isKept = labels.size > 0 && hasPolicy(labels)
  // One literal: objects put together from several are slow to make, and there are many containers.
  return {
    id: readText(row, 'Id'),
    swarmId: readText(readFields(row, 'Labels'), SWARM_ID_LABEL),
    names: readNames(row),
    image: shared(readText(row, 'Image')),
    imageId: shared(readText(row, 'ImageID')),
    command: shared(readText(row, 'Command')),
    labels,
    networkMode: shared(mode || readText(readFields(row, 'HostConfig'), 'NetworkMode')),
    ports: details.ports,
    exposed: details.exposed,
    nanoCpus: details.nanoCpus,
    memoryBytes: details.memoryBytes,
    gpus: details.gpus,
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
    isUnread: details.isUnread,
    recipe: !isKept
      ? undefined
      : inspect === undefined
        ? previous?.recipe
        : readRecipe(inspect, facts, previous?.recipe),
    row: new ContainerRow(renderMembers(row), details.isPartial ? readText(row, 'Status') : ''),
  }
}

/** A container of which the row is known, with what its inspect reply tells. */
export function describeContainer(container: ContainerView, inspect: Fields, facts: NodeFacts): ContainerView {
  const mode = readText(readFields(inspect, 'HostConfig'), 'NetworkMode')
  return {
    ...container,
    ...readDetails(inspect, container, facts),
    networkMode: shared(mode || container.networkMode),
    recipe: hasPolicy(container.labels) ? readRecipe(inspect, facts, container.recipe) : undefined,
    row: container.row.withoutStatus(),
  }
}

/** True when the row tells what the view shows, but for what time alone changes. */
export function isSameRow(container: ContainerView, row: Fields): boolean {
  return (
    container.state === toState(readText(row, 'State')) &&
    isSameTexts(container.names, readNames(row)) &&
    container.row.members === renderMembers(row) &&
    isSamePorts(container.published, readPublished(row))
  )
}

function isSameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}

function isSamePorts(a: readonly PublishedPort[], b: readonly PublishedPort[]): boolean {
  return a.length === b.length && a.every((port, index) => comparePorts(port, b[index]) === 0)
}

/** What lists write by themselves, and what no list row should hold. */
const ownMembers: ReadonlySet<string> = new Set([
  'Names',
  'Created',
  'Ports',
  'State',
  'Status',
  'SizeRw',
  'SizeRootFs',
])

/** The rest of a row as text. Engines list mounts in any order. */
function renderMembers(row: Fields): string {
  const rest: Record<string, unknown> = Object.create(null)
  rest['Id'] = readText(row, 'Id')
  for (const key of Object.keys(row)) if (!ownMembers.has(key)) rest[key] = row[key]
  const mounts = readList(row, 'Mounts')
  if (mounts.length > 1)
    rest['Mounts'] = mounts
      .map((mount) => JSON.stringify(mount))
      .sort()
      .map(parseBack)
  rest['Labels'] ??= {}
  rest['HostConfig'] ??= { NetworkMode: 'default' }
  rest['NetworkSettings'] ??= { Networks: {} }
  rest['Mounts'] ??= []
  return toAscii(JSON.stringify(rest).slice(1, -1))
}

function parseBack(text: string): unknown {
  return JSON.parse(text)
}

/** Texts that many containers have in common, kept once. */
const texts = new Map<string, string>()
const maxTexts = 4096

function shared(text: string): string {
  const known = texts.get(text)
  if (known !== undefined) return known
  if (texts.size >= maxTexts) texts.clear()
  texts.set(text, text)
  return text
}

/** What is known of a container before its inspect reply is looked at. */
type Known = Pick<ContainerView, 'published' | 'state' | 'createdAtMs'>

function readDetails(inspect: Fields, known: Known, facts: NodeFacts): Details {
  const hostConfig = readFields(inspect, 'HostConfig')
  const state = readFields(inspect, 'State')
  const claims = readBindings(readFields(hostConfig, 'PortBindings'))
  const shares = Math.trunc((readNumber(hostConfig, 'CpuShares') * facts.cpus) / 1024)
  const status = readText(state, 'Status')
  const createdAtMs = readTimeMs(inspect, 'Created')
  return {
    ports: settlePorts(claims, known.published),
    exposed: orNone(Object.keys(readFields(readFields(inspect, 'Config'), 'ExposedPorts')).map(shared)),
    nanoCpus: Math.max(shares * 1e9, readCpuLimit(hostConfig)),
    memoryBytes: readMemory(hostConfig),
    state: status === '' ? known.state : toState(status),
    gpus: readGpuAsk(hostConfig),
    exitCode: readNumber(state, 'ExitCode'),
    errorText: readText(state, 'Error'),
    isOomKilled: readBoolean(state, 'OOMKilled'),
    healthCheck: toHealthCheck(readText(readFields(state, 'Health'), 'Status')),
    createdAtMs: createdAtMs === 0 ? known.createdAtMs : shift(createdAtMs, facts),
    startedAtMs: shift(readTimeMs(state, 'StartedAt'), facts),
    finishedAtMs: shift(readTimeMs(state, 'FinishedAt'), facts),
    isPartial: false,
    isUnread: false,
  }
}

const none: readonly never[] = []

/** One empty list for all. */
function orNone<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? none : list
}

type Details = Pick<
  ContainerView,
  | 'ports'
  | 'exposed'
  | 'nanoCpus'
  | 'memoryBytes'
  | 'gpus'
  | 'state'
  | 'exitCode'
  | 'errorText'
  | 'isOomKilled'
  | 'healthCheck'
  | 'createdAtMs'
  | 'startedAtMs'
  | 'finishedAtMs'
  | 'isPartial'
> & { readonly isUnread: boolean }

function keepDetails(row: Fields, previous: ContainerView | undefined, known: Known): Details {
  const { published, state, createdAtMs } = known
  if (previous !== undefined) {
    return {
      ports: settlePorts(previous.ports, published),
      exposed: previous.exposed,
      nanoCpus: previous.nanoCpus,
      memoryBytes: previous.memoryBytes,
      gpus: previous.gpus,
      state,
      exitCode: previous.exitCode,
      errorText: previous.errorText,
      isOomKilled: previous.isOomKilled,
      healthCheck: previous.healthCheck,
      createdAtMs: previous.createdAtMs,
      startedAtMs: previous.startedAtMs,
      finishedAtMs: previous.finishedAtMs,
      isPartial: previous.isPartial,
      isUnread: previous.isUnread ?? false,
    }
  }
  return {
    ports: settlePorts(none, published),
    exposed: none,
    nanoCpus: 0,
    memoryBytes: 0,
    gpus: noGpus,
    state,
    ...readStatus(readText(row, 'Status')),
    errorText: '',
    isOomKilled: false,
    createdAtMs,
    startedAtMs: 0,
    finishedAtMs: 0,
    isPartial: true,
    isUnread: true,
  }
}

/** `Exited (137) 2 hours ago`, `Up 3 minutes (healthy)`: what filters look at, until more is known. */
function readStatus(status: string): Pick<Details, 'exitCode' | 'healthCheck'> {
  const exit = /^(?:Exited|Restarting) \((\d+)\)/.exec(status)?.[1]
  const health = /\((?:health: )?(starting|healthy|unhealthy)\)$/.exec(status)?.[1]
  return { exitCode: Number(exit ?? 0), healthCheck: toHealthCheck(health ?? '') }
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

/** In a fixed order: engines list ports in any. */
function readPublished(row: Fields): readonly PublishedPort[] {
  const ports = readList(row, 'Ports')
    .filter(isFields)
    .map((port) => ({
      ip: shared(readText(port, 'IP')),
      privatePort: readNumber(port, 'PrivatePort'),
      publicPort: readNumber(port, 'PublicPort') || undefined,
      protocol: shared(readText(port, 'Type') || 'tcp'),
    }))
  return orNone(ports.length > 1 ? ports.sort(comparePorts) : ports)
}

function comparePorts(a: PublishedPort, b: PublishedPort | undefined): number {
  if (b === undefined) return 1
  if (a.privatePort !== b.privatePort) return a.privatePort - b.privatePort
  if (a.protocol !== b.protocol) return a.protocol < b.protocol ? -1 : 1
  if (a.publicPort !== b.publicPort) return (a.publicPort ?? 0) - (b.publicPort ?? 0)
  return a.ip === b.ip ? 0 : a.ip < b.ip ? -1 : 1
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
  const endpoints = Object.entries(networks).map(([network, value]) => {
    const endpoint = isFields(value) ? value : {}
    return {
      network,
      networkId: shared(readText(endpoint, 'NetworkID')),
      ipAddress: readText(endpoint, 'IPAddress'),
      aliases: orNone(readTexts(endpoint, 'Aliases')),
    }
  })
  return orNone(endpoints)
}

function readMounts(row: Fields): readonly MountView[] {
  const mounts = readList(row, 'Mounts')
    .filter(isFields)
    .map((mount) => ({
      kind: shared(readText(mount, 'Type')),
      name: readText(mount, 'Name'),
      source: readText(mount, 'Source'),
      target: shared(readText(mount, 'Destination')),
    }))
  return orNone(mounts)
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
