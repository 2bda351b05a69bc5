import { isValidated } from '../model.ts'
import type { ClusterSnapshot, NetworkView, NodeView, VolumeView } from '../model.ts'
import type { Fields } from '../wire.ts'
import { hasLabels, isAny, readFlag } from './list-filter.ts'
import type { ListFilters } from './list-filter.ts'

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

const builtinNetworks: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'nat'])

/** True for networks that live on one node only. */
export function isLocal(thing: { readonly scope: string }): boolean {
  return thing.scope === 'local'
}

/** What the endpoint calls a network: `NODE/name` for those of one node. */
export function renderNetworkName(node: NodeView, network: NetworkView): string {
  return isLocal(network) ? `${node.name}/${network.name}` : network.name
}

/** What the endpoint calls a volume: `NODE/name` for the `local` driver. */
export function renderVolumeName(node: NodeView, volume: VolumeView): string {
  return volume.driver === 'local' || volume.driver === '' ? `${node.name}/${volume.name}` : volume.name
}

/** The network list: every network once by ID, by name. A network that spans nodes is its first node's row. */
export function listNetworks(snapshot: ClusterSnapshot, filters: ListFilters): readonly Fields[] {
  const seen = new Set<string>()
  const used = readFlag(filters, 'dangling') === undefined ? undefined : findUsedNetworks(snapshot)
  const swarm = findSwarmNetworks(snapshot)
  const rows: { name: string; id: string; row: Fields }[] = []
  for (const node of snapshot.nodes) {
    if (!isValidated(node) || !isOnNode(filters, node)) continue
    for (const network of node.networks) {
      if (network.scope === 'swarm' && swarm?.has(network.id) === false) continue
      if (seen.has(network.id) || !isWantedNetwork(network, node, filters, used)) continue
      seen.add(network.id)
      const name = renderNetworkName(node, network)
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

function isWantedNetwork(
  network: NetworkView,
  node: NodeView,
  filters: ListFilters,
  used: ReadonlySet<string> | undefined,
): boolean {
  const full = renderNetworkName(node, network)
  const kind = builtinNetworks.has(network.name) ? 'builtin' : 'custom'
  const isUnused = used !== undefined && kind === 'custom' && !used.has(network.id)
  return (
    (used === undefined || isUnused === readFlag(filters, 'dangling')) &&
    isAny(filters, 'type', (value) => value === kind) &&
    isAny(filters, 'name', (value) => network.name.includes(value) || full.includes(value)) &&
    isAny(filters, 'id', (value) => network.id.startsWith(value)) &&
    isAny(filters, 'driver', (value) => value === network.driver) &&
    isAny(filters, 'scope', (value) => value === network.scope) &&
    hasLabels(filters, network.labels)
  )
}

function findUsedNetworks(snapshot: ClusterSnapshot): ReadonlySet<string> {
  const used = new Set<string>()
  for (const node of snapshot.nodes) {
    for (const container of node.containers) for (const each of container.endpoints) used.add(each.networkId)
  }
  return used
}

/** The volume list: each engine's copy, by name; a volume whose driver spans nodes once. */
export function listVolumes(snapshot: ClusterSnapshot, filters: ListFilters): readonly Fields[] {
  const seen = new Set<string>()
  const dangling = readFlag(filters, 'dangling')
  const rows: { name: string; id: string; row: Fields }[] = []
  for (const node of snapshot.nodes) {
    if (!isValidated(node) || !isOnNode(filters, node)) continue
    const used = dangling === undefined ? undefined : findUsedVolumes(node)
    for (const volume of node.volumes) {
      const name = renderVolumeName(node, volume)
      if (seen.has(name) || (used !== undefined && used.has(volume.name) === dangling)) continue
      if (!isWantedVolume(volume, name, filters)) continue
      seen.add(name)
      rows.push({ name, id: node.addr, row: { ...volume.row, Name: name } })
    }
  }
  return sortRows(rows)
}

function isWantedVolume(volume: VolumeView, name: string, filters: ListFilters): boolean {
  return (
    isAny(filters, 'name', (value) => name.includes(value)) &&
    isAny(filters, 'driver', (value) => value === volume.driver) &&
    hasLabels(filters, volume.labels)
  )
}

function findUsedVolumes(node: NodeView): ReadonlySet<string> {
  const used = new Set<string>()
  for (const container of node.containers) {
    for (const mount of container.mounts) if (mount.kind === 'volume') used.add(mount.name)
  }
  return used
}

function isOnNode(filters: ListFilters, node: NodeView): boolean {
  return isAny(filters, 'node', (value) => value === node.name || value === node.id || value === node.engineId)
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
