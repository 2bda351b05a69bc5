import type { ContainerView, MountView, NetworkEndpoint, PublishedPort } from '../model.ts'
import { SWARM_ID_LABEL } from '../model.ts'
import { toAscii } from '../ascii.ts'
import { copyContainer } from '../copies.ts'
import { ContainerRow } from '../container-row.ts'
import { hasPolicy, readRecipe } from '../recipe.ts'
import { isFields, readFields, readLabels, readList, readNumber, readText, readTexts } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { keepDetails, orNone, readDetails, shared, shift, toState } from './decode-details.ts'
import type { NodeFacts } from './decode-details.ts'

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
  const described = Object.assign(copyContainer(container), readDetails(inspect, container, facts))
  described.networkMode = shared(mode || container.networkMode)
  described.recipe = hasPolicy(container.labels) ? readRecipe(inspect, facts, container.recipe) : undefined
  described.row = container.row.withoutStatus()
  return described
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

/** Rows that `prepareRow` has been given. */
const prepared = new WeakMap<Fields, string>()

/** Does beforehand what takes the longest of comparing or decoding a row: of tens of thousands that is done bit by bit. */
export function prepareRow(row: Fields): void {
  prepared.set(row, renderMembers(row))
}

/** The rest of a row as text. Engines list mounts in any order. */
function renderMembers(row: Fields): string {
  const known = prepared.get(row)
  if (known !== undefined) return known
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
