import type { Abilities } from './abilities.ts'
import type { ContainerRow } from './container-row.ts'

import type { GpuAsk, GpuUsage } from './gpus.ts'

/**
 * The cluster as plain immutable data. A node is replaced as a whole when anything about it changes; parts
 * that did not change keep their identity, so that readers can tell by `===` what has to be looked at again.
 */

import type { Recipe } from './recipe.ts'

/** `pending`: known but not validated · `disconnected`: taken out of discovery, final. */
export type NodeState = 'pending' | 'healthy' | 'unhealthy' | 'disconnected'

/** Whether an engine answers, and how well. */
export interface Health {
  readonly state: NodeState
  /** Connection failures in a row. */
  readonly failures: number
  /** 0 to 100: what the scheduler goes by; 0 unless healthy. */
  readonly indicator: number
}

export type PortProtocol = 'tcp' | 'udp' | 'sctp'

/** A host port (or one port out of a range, `from` < `to`) that a container holds or asks for. */
export interface PortClaim {
  /** Empty, `0.0.0.0` and `::` mean every interface. */
  readonly hostIp: string
  readonly from: number
  readonly to: number
  readonly protocol: PortProtocol
  /** `80/tcp`: the port inside the container. */
  readonly target: string
  /** The engine took any that was free; nobody asked for this one. */
  readonly isChosen?: true
}

/** What placing a container takes up on a node, whether the container exists or is only promised. */
export interface Workload {
  /** The engine's ID; for a promised container the reservation's. */
  readonly id: string
  /** `com.docker.swarm.id`, empty for containers made outside the cluster. */
  readonly swarmId: string
  /** Without the leading slash, the container's own name first. Link aliases contain a slash. */
  readonly names: readonly string[]
  /** As given at create: a reference or an ID. */
  readonly image: string
  readonly labels: ReadonlyMap<string, string>
  readonly networkMode: string
  /** Host ports of a bridge-mode container. */
  readonly ports: readonly PortClaim[]
  /** `80/tcp` list; a host-mode container takes these ports of the node. */
  readonly exposed: readonly string[]
  /** CPUs set aside, in units of 10⁻⁹ (from CpuShares by the ancestor's rule, NanoCpus or quota, the largest). */
  readonly nanoCpus: number
  readonly memoryBytes: number
  /** What it takes up is not known yet: it counts as nothing, and nothing is placed beside it until it is known. */
  readonly isUnread?: boolean
  readonly gpus: GpuAsk
}

/** In the order of a container's life. */
export const containerStates = [
  'created',
  'running',
  'paused',
  'restarting',
  'stopping',
  'removing',
  'exited',
  'dead',
] as const

export type ContainerState = (typeof containerStates)[number]

/** A port as the engine lists it. */
export interface PublishedPort {
  readonly ip: string
  readonly privatePort: number
  /** Absent when exposed but not published. */
  readonly publicPort: number | undefined
  readonly protocol: string
}

export interface NetworkEndpoint {
  readonly network: string
  readonly networkId: string
  readonly ipAddress: string
  readonly aliases: readonly string[]
}

export interface MountView {
  readonly kind: string
  /** Volume name, empty for binds. */
  readonly name: string
  readonly source: string
  readonly target: string
}

/** A container on a node. Times already carry the node's clock correction. */
export interface ContainerView extends Workload {
  readonly imageId: string
  readonly command: string
  readonly state: ContainerState
  readonly exitCode: number
  readonly errorText: string
  readonly isOomKilled: boolean
  /** `none` when the image has no health check. */
  readonly healthCheck: 'none' | 'starting' | 'healthy' | 'unhealthy'
  readonly createdAtMs: number
  /** 0 when never. */
  readonly startedAtMs: number
  readonly finishedAtMs: number
  readonly published: readonly PublishedPort[]
  readonly endpoints: readonly NetworkEndpoint[]
  readonly mounts: readonly MountView[]
  /** True while only the list row is known and the details (resources, times) are still being fetched. */
  readonly isPartial: boolean
  /** Kept for containers with a reschedule policy, once inspected. */
  readonly recipe: Recipe | undefined
  /** The engine's own list row. */
  readonly row: ContainerRow
}

/** An image on one node. */
export interface ImageView {
  readonly id: string
  readonly repoTags: readonly string[]
  readonly repoDigests: readonly string[]
  readonly createdAtMs: number
  readonly labels: ReadonlyMap<string, string>
  readonly row: Readonly<Record<string, unknown>>
}

/** A network as one node has it. */
export interface NetworkView {
  readonly id: string
  readonly name: string
  /** `local` on one node; `global` and `swarm` span nodes. */
  readonly scope: string
  readonly driver: string
  readonly labels: ReadonlyMap<string, string>
  readonly createdAtMs: number
  readonly row: Readonly<Record<string, unknown>>
}

/** A volume on one node. */
export interface VolumeView {
  readonly name: string
  readonly driver: string
  readonly scope: string
  readonly labels: ReadonlyMap<string, string>
  readonly row: Readonly<Record<string, unknown>>
}

/** A container that was placed but is not reported by its engine yet. Counts like a container until then. */
export interface Pending extends Workload {
  readonly nodeId: string
  /** Monotonic, as the next one. */
  readonly sinceMs: number
  /** The reservation lapses at this time when nobody confirmed or released it. */
  readonly expiresAtMs: number
}

/** Sum over containers of every state and promised ones. */
export interface NodeUsage {
  readonly nanoCpus: number
  readonly memoryBytes: number
  readonly gpus: GpuUsage
  readonly containers: number
  /** Those among them of which it is not known yet what they take up. */
  readonly unread: number
  /** Fixed host ports by number. Keeps its identity when no port came or went. */
  readonly hostPorts: ReadonlyMap<number, readonly PortClaim[]>
  /** Claims of one port out of a range that the engine has not settled yet. */
  readonly portRanges: readonly PortClaim[]
  /** Ports exposed by host-mode containers, `80/tcp`, with how many containers do. */
  readonly hostModePorts: ReadonlyMap<string, number>
}

/** Whether a node is given containers. `pause`: nothing new · `drain`: nothing new, and what may be moved is. */
export type Availability = 'active' | 'drain' | 'pause'

/** What operators said of a node through the endpoint, on top of what its engine says. */
export interface NodeMark {
  readonly availability: Availability
  /** Win over the engine's labels of the same key. */
  readonly labels: ReadonlyMap<string, string>
}

export const unmarked: NodeMark = { availability: 'active', labels: new Map() }

/** An engine's labels with those of its mark. The same map where the mark has none. */
export function markLabels(labels: ReadonlyMap<string, string>, mark: NodeMark): ReadonlyMap<string, string> {
  return mark.labels.size === 0 ? labels : new Map([...labels, ...mark.labels])
}

/** One engine as the scheduler and the lists see it. */
export interface NodeView {
  /** `<engine ID>|<address>`; `addr` alone before validation. */
  readonly id: string
  readonly engineId: string
  /** Host name of the engine; empty before validation. */
  readonly name: string
  /** As discovery gave it, `host:port`. The key of a node: never changes. */
  readonly addr: string
  readonly ip: string
  readonly health: Health
  readonly availability: Availability
  /** Why it is pending or unhealthy; empty when all is well. */
  readonly errorText: string
  readonly updatedAtMs: number
  /** Since when it has been in the state that `health` says. */
  readonly stateSinceMs: number
  readonly cpus: number
  readonly memoryBytes: number
  /** With overcommit: what may be handed out. */
  readonly totalCpus: number
  readonly totalMemoryBytes: number
  readonly serverVersion: string
  readonly apiVersion: string
  readonly minApiVersion: string
  readonly osType: string
  /** As the kernel says it, `x86_64`. */
  readonly architecture: string
  /** Names of its GPUs, see `readNodeGpus`. */
  readonly gpus: readonly string[]
  readonly abilities: Abilities
  /** Part of the node in the engines' own swarm mode; overlay networks are made by a manager of it. */
  readonly swarmRole: 'none' | 'worker' | 'manager'
  readonly labels: ReadonlyMap<string, string>
  /** Manager clock minus engine clock, 0 when under two seconds. */
  readonly clockDeltaMs: number
  readonly usage: NodeUsage
  readonly containers: readonly ContainerView[]
  readonly pending: readonly Pending[]
  readonly images: readonly ImageView[]
  readonly networks: readonly NetworkView[]
  readonly volumes: readonly VolumeView[]
}

/** Frozen view of everything at one moment. */
export interface ClusterSnapshot {
  readonly revision: number
  /** Validated and pending nodes, by name then address; nodes without a name last. */
  readonly nodes: readonly NodeView[]
  readonly pending: readonly Pending[]
}

/** Label keys of the wire. */
export const SWARM_ID_LABEL = 'com.docker.swarm.id'
export const CONSTRAINTS_LABEL = 'com.docker.swarm.constraints'
export const AFFINITIES_LABEL = 'com.docker.swarm.affinities'
export const WHITELISTS_LABEL = 'com.docker.swarm.whitelists'
export const RESCHEDULE_LABEL = 'com.docker.swarm.reschedule-policies'
/** How often the container was made anew in the place of another: of two with one swarm ID the higher counts. */
export const GENERATION_LABEL = 'flotilla.generation'

/** How often the container was made anew, by its label. */
export function readGeneration(container: ContainerView): number {
  return parseGeneration(container.labels.get(GENERATION_LABEL) ?? '')
}

/** The same of the label's text. */
export function parseGeneration(text: string): number {
  const value = Number(text)
  return Number.isSafeInteger(value) && value > 0 ? value : 0
}
/** `new`: the container may be made anew without the data of its local volumes. */
export const VOLUMES_LABEL = 'flotilla.reschedule.volumes'

/** True for nodes that were validated once and are still in discovery: those the scheduler is offered. */
export function isValidated(node: NodeView): boolean {
  return node.health.state === 'healthy' || node.health.state === 'unhealthy'
}

/** A container's own name, without aliases; empty when it has none. */
export function primaryName(workload: Workload): string {
  return workload.names[0] ?? ''
}

/** Names that count for uniqueness and lookup: aliases made by links are left out. */
export function ownNames(workload: Workload): readonly string[] {
  for (const name of workload.names) {
    if (name.includes('/')) return workload.names.filter((each) => !each.includes('/'))
  }
  return workload.names
}

/** By name, then address; nodes without a name last. */
export function compareNodes(a: NodeView, b: NodeView): number {
  if (a.name === '' || b.name === '') {
    if (a.name !== '') return -1
    if (b.name !== '') return 1
  }
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.addr < b.addr ? -1 : a.addr > b.addr ? 1 : 0
}
