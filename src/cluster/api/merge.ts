import type { Located } from '../directory.ts'
import { isValidated } from '../model.ts'
import type { ClusterSnapshot, NetworkView, NodeView, VolumeView } from '../model.ts'
import { chooseCopy } from '../volume-copies.ts'
import type { Fields } from '../wire.ts'
import { isRunning } from './list-containers.ts'
import { checkValues, compileLabels, readFlag } from './list-filter.ts'
import type { ListFilters, NameTest } from './list-filter.ts'
import { builtinNetworks, isLocal, nameNetworks, nameVolumes } from './names.ts'
import { compileEqual, compileNodes, startsWithAny } from './value-tests.ts'

/** Filter keys of `GET /networks`. */
export const networkFilterKeys: readonly string[] = [
  'dangling',
  'driver',
  'id',
  'label',
  'name',
  'node',
  'scope',
  'type',
]

/** Filter keys of `GET /volumes`. */
export const volumeFilterKeys: readonly string[] = ['dangling', 'driver', 'label', 'name', 'node']

/**
 * The network list: every network once by ID, by name. A network that spans nodes is its first node's row.
 *
 * @param names what the filter `name` says; undefined: it is not given
 */
export function listNetworks(
  snapshot: ClusterSnapshot,
  filters: ListFilters,
  names: NameTest | undefined,
): readonly Fields[] {
  checkValues(filters, 'type', 'type', ['builtin', 'custom'])
  const seen = new Set<string>()
  const isOnNode = compileNodes(filters)
  const isWanted = compileNetworkQuery(snapshot, filters)
  const swarm = findSwarmNetworks(snapshot)
  const rename = nameNetworks(snapshot)
  const rows: { name: string; id: string; row: Fields }[] = []
  for (const node of snapshot.nodes) {
    if (!isValidated(node) || isOnNode?.(node) === false) continue
    for (const network of node.networks) {
      if (network.scope === 'swarm' && swarm?.has(network.id) === false) continue
      const name = rename(node, network)
      if (seen.has(network.id) || !isWanted(network)) continue
      if (!isNamed(names, spellNetwork(node, network))) continue
      seen.add(network.id)
      rows.push({ name, id: network.id, row: { ...network.row, Name: name } })
    }
  }
  return sortRows(rows)
}

/**
 * IDs of the networks that swarm managers know: a worker keeps its copy for a while after the network is gone.
 *
 * @returns undefined when no manager answers
 */
function findSwarmNetworks(snapshot: ClusterSnapshot): ReadonlySet<string> | undefined {
  const managers = snapshot.nodes.filter((node) => node.swarmRole === 'manager' && node.health.state === 'healthy')
  if (managers.length === 0) return undefined
  return new Set(managers.flatMap((node) => node.networks.map((network) => network.id)))
}

function compileNetworkQuery(snapshot: ClusterSnapshot, filters: ListFilters): (network: NetworkView) => boolean {
  const dangling = readFlag(filters, 'dangling')
  const used = dangling === undefined ? undefined : findUsedNetworks(snapshot)
  const isKind = compileEqual(filters, 'type')
  const isDriver = compileEqual(filters, 'driver')
  const isScope = compileEqual(filters, 'scope')
  const ids = filters.get('id') ?? []
  const begins = ids.length === 0 ? undefined : startsWithAny(ids)
  const isLabelled = compileLabels(filters)
  return (network) => {
    const kind = builtinNetworks.has(network.name) ? 'builtin' : 'custom'
    const isUnused = used !== undefined && kind === 'custom' && !used.has(network.id)
    return (
      (used === undefined || isUnused === dangling) &&
      isKind?.(kind) !== false &&
      begins?.(network.id) !== false &&
      isDriver?.(network.driver) !== false &&
      isScope?.(network.scope) !== false &&
      isLabelled(network.labels)
    )
  }
}

/** A container that has ended keeps nobody from pruning its networks (moby daemon/network/filter.go). */
function findUsedNetworks(snapshot: ClusterSnapshot): ReadonlySet<string> {
  const used = new Set<string>()
  for (const container of snapshot.nodes.flatMap((node) => node.containers)) {
    if (isRunning(container)) for (const each of container.endpoints) used.add(each.networkId)
  }
  return used
}

/** One row of the volume list before it is written: the copies it stands for. */
interface VolumeRow {
  readonly name: string
  readonly copies: Located<VolumeView>[]
}

/**
 * The volume list: by name, copies that are equal as one row, others each with its node. A row shows the copy that
 * `inspect` shows.
 *
 * @param names what the filter `name` says; undefined: it is not given
 */
export function listVolumes(
  snapshot: ClusterSnapshot,
  filters: ListFilters,
  names: NameTest | undefined,
): readonly Fields[] {
  const isOnNode = compileNodes(filters)
  const isDriver = compileEqual(filters, 'driver')
  const isLabelled = compileLabels(filters)
  const dangling = readFlag(filters, 'dangling')
  const isUsed = makeUse()
  const rows: { name: string; id: string; row: Fields }[] = []
  for (const { name, copies } of groupVolumes(snapshot)) {
    const found = isOnNode === undefined ? copies : copies.filter(({ node }) => isOnNode(node))
    const copy = chooseCopy(found, isUsed)
    if (copy === undefined || !found.some(({ node, item }) => isNamed(names, spellVolume(node, item)))) continue
    if (isDriver?.(copy.item.driver) === false || !isLabelled(copy.item.labels)) continue
    if (dangling !== undefined && found.some(({ node, item }) => isUsed(node, item.name)) === dangling) continue
    rows.push({ name, id: copy.node.addr, row: { ...copy.item.row, Name: name } })
  }
  return sortRows(rows)
}

function groupVolumes(snapshot: ClusterSnapshot): Iterable<VolumeRow> {
  const rename = nameVolumes(snapshot)
  const rows = new Map<string, VolumeRow>()
  for (const node of snapshot.nodes) {
    if (!isValidated(node)) continue
    for (const item of node.volumes) {
      const name = rename(node, item)
      const row = rows.get(name)
      if (row === undefined) rows.set(name, { name, copies: [{ node, item }] })
      else row.copies.push({ node, item })
    }
  }
  return rows.values()
}

/** The ways a name may be written in a filter. */
interface Spelling {
  readonly bare: string
  /** With the node. */
  readonly full: string
}

function spellNetwork(node: NodeView, network: NetworkView): Spelling {
  const { name } = network
  return { bare: name, full: isLocal(network) ? `${node.name}/${name}` : name }
}

function spellVolume(node: NodeView, volume: VolumeView): Spelling {
  return { bare: volume.name, full: `${node.name}/${volume.name}` }
}

/** Bare, and with the node where the filter has one. */
function isNamed(names: NameTest | undefined, { bare, full }: Spelling): boolean {
  return names === undefined || names.any(bare) || names.withNode(full)
}

/** Every spelling of every network, or volume, that a name filter may be asked about. */
export function* spellAll(snapshot: ClusterSnapshot, what: 'networks' | 'volumes'): Generator<string, void> {
  for (const node of snapshot.nodes) {
    for (const { name } of node[what]) {
      yield name
      yield `${node.name}/${name}`
    }
  }
}

/** Which volumes containers use; every node is looked through once. */
function makeUse(): (node: NodeView, name: string) => boolean {
  const used = new Map<NodeView, ReadonlySet<string>>()
  return (node, name) => {
    const known = used.get(node) ?? findUsedVolumes(node)
    used.set(node, known)
    return known.has(name)
  }
}

function findUsedVolumes(node: NodeView): ReadonlySet<string> {
  const used = new Set<string>()
  for (const container of node.containers) {
    for (const mount of container.mounts) if (mount.kind === 'volume') used.add(mount.name)
  }
  return used
}

function sortRows(
  rows: readonly { readonly name: string; readonly id: string; readonly row: Fields }[],
): readonly Fields[] {
  return [...rows]
    .sort((a, b) => (a.name === b.name ? (a.id < b.id ? -1 : 1) : a.name < b.name ? -1 : 1))
    .map((each) => each.row)
}

/** Where a network or volume that is to be made goes: on the node its name begins with, or anywhere. */
export interface NamedTarget {
  /** The name without the node. */
  readonly name: string
  readonly node: NodeView | undefined
}

/** Splits `node/name` when the part before the slash is a node; any other name stays whole. */
export function splitNodeName(name: string, findNode: (reference: string) => NodeView | undefined): NamedTarget {
  const bare = name.startsWith('/') ? name.slice(1) : name
  const slash = bare.indexOf('/')
  const node = slash > 0 ? findNode(bare.slice(0, slash)) : undefined
  return node === undefined ? { name, node } : { name: bare.slice(slash + 1), node }
}
