import { VOLUMES_LABEL } from '../model.ts'
import type { Availability, NodeView } from '../model.ts'
import { isRemoteVolume } from '../volume-copies.ts'
import { readFields, readNumber, readText } from '../wire.ts'
import type { ContainerRecord, Home, MoveKind, RecordedVolume } from './record.ts'
import { renderSight } from './sight.ts'
import type { Sight } from './sight.ts'

/** What the decisions may know of the cluster. */
export interface World {
  /** By the engine's ID, in service or not; undefined when no address in discovery has it. */
  nodeOf(engineId: string): NodeView | undefined
  nodeAt(addr: string): NodeView | undefined
  /** True for engines that were asked directly and did not answer. */
  isConfirmedGone(engineId: string): boolean
  /** True while an engine that does not answer is being asked at another of its addresses. */
  isAskedElsewhere(engineId: string): boolean
  /** What other managers say of an engine that this one does not reach; undefined until they have said it. */
  sightOf(engineId: string): Sight | undefined
  /** A drain that takes containers without policy too. */
  isForced(engineId: string): boolean
}

/**
 * Where a recorded container stands. `here`: its engine has it · `missing`: its engine answers and has it no more ·
 * `unreached`: this manager does not reach its engine, but another one does or has not said yet · `lost`: its engine does
 * not answer, or is no more · `unclear`: nobody can tell yet.
 */
export type Whereabouts = 'here' | 'missing' | 'unreached' | 'lost' | 'unclear'

/**
 * This manager misses an engine when its probes failed as often as `--engine-failure-retry` says, when another engine has its
 * address, or when it left discovery and does not answer when asked once more. Being left out by discovery alone is no
 * failure: the containers may well be running. The engine is lost when no other manager that counts reaches it.
 */
export function locate(home: Home, world: World): Whereabouts {
  const node = world.nodeOf(home.engineId)
  if (node?.health.state === 'healthy') {
    return node.containers.some((each) => each.id === home.containerId) ? 'here' : 'missing'
  }
  if (!isMissed(home, world)) return 'unclear'
  return world.sightOf(home.engineId)?.isLost === true ? 'lost' : 'unreached'
}

/** Whether this manager, asked alone, would give the engine up. */
export function isMissed(home: Home, world: World): boolean {
  const node = world.nodeOf(home.engineId)
  if (node?.health.state === 'healthy') return false
  if (node?.health.state === 'unhealthy') return !world.isAskedElsewhere(home.engineId)
  const other = world.nodeAt(home.addr)
  if (other !== undefined && other.engineId !== home.engineId && other.health.state === 'healthy') return true
  return world.isConfirmedGone(home.engineId)
}

export type Verdict =
  /** Nothing to do. */
  | { readonly kind: 'stay' }
  /** It was removed: so is its record. */
  | { readonly kind: 'forget' }
  /** Its engine is not reached from here, and not given up: it stays until that changes. */
  | { readonly kind: 'hold'; readonly why: string }
  /** A move that had not begun is called off. */
  | { readonly kind: 'cancel'; readonly why: string }
  /** A move that ended half-way left it with another name. */
  | { readonly kind: 'rename' }
  | { readonly kind: 'move'; readonly move: MoveKind }

const stay: Verdict = { kind: 'stay' }

/** What is to happen with a recorded container. */
export function judge(record: ContainerRecord, world: World): Verdict {
  const { move, home } = record
  const where = locate(home, world)
  if (where === 'unclear') return stay
  if (where === 'unreached') {
    if (!record.hasPolicy && move?.target === undefined) return stay
    const why = renderSight(world.sightOf(home.engineId)) || 'not reached from here; the other managers are being asked'
    return { kind: 'hold', why: `node ${home.node} is ${why}` }
  }
  if (where === 'lost') {
    if (record.hasPolicy) return { kind: 'move', move: 'failure' }
    return move?.target === undefined ? stay : { kind: 'move', move: move.kind }
  }
  // What may have been begun is finished, whatever has changed since.
  if (move?.target !== undefined) return { kind: 'move', move: move.kind }
  if (where === 'missing') return { kind: 'forget' }
  if (hasPassingName(record, world)) return { kind: 'rename' }
  const availability: Availability = world.nodeOf(home.engineId)?.availability ?? 'active'
  const mayDrain = record.hasPolicy || world.isForced(home.engineId)
  if (availability === 'drain' && mayDrain) return { kind: 'move', move: 'drain' }
  if (move === undefined) return record.hasPolicy ? stay : { kind: 'forget' }
  if (move.kind === 'failure') return { kind: 'cancel', why: `node ${home.node} came back` }
  if (move.kind === 'drain') return { kind: 'cancel', why: `node ${home.node} is no longer drained` }
  return { kind: 'move', move: 'rebalance' }
}

/**
 * Names while a container moves: the new one's until it starts, and the old one's from then on, so that the name never
 * means both.
 */
export function toPassingName(record: Pick<ContainerRecord, 'name' | 'swarmId'>, which: 'moving' | 'leaving'): string {
  return `${record.name || 'container'}-${which}-${record.swarmId.slice(0, 8)}`
}

/** Whether a move has left it under another name. */
export function isPassingName(record: ContainerRecord, names: readonly string[]): boolean {
  return names.includes(toPassingName(record, 'moving')) || names.includes(toPassingName(record, 'leaving'))
}

function hasPassingName(record: ContainerRecord, world: World): boolean {
  if (record.name === '') return false
  const container = world.nodeOf(record.home.engineId)?.containers.find((each) => each.id === record.home.containerId)
  return container !== undefined && isPassingName(record, container.names)
}

// --- damping ---

const hourMs = 60 * 60_000
/** Of one container within an hour; more is a sign of a node or network that comes and goes. */
export const maxPerHour = 3

/**
 * Why a container that was made anew too often lately has to wait.
 * @param nowMs of this manager's clock; times of another manager that are ahead of it count as now
 */
export function findDamping(history: readonly number[], nowMs: number): string | undefined {
  const recent = trimHistory(history, nowMs)
  if (recent.length < maxPerHour) return undefined
  const waitMinutes = Math.ceil(
    (Math.min(recent[recent.length - maxPerHour] ?? nowMs, nowMs) + hourMs - nowMs) / 60_000,
  )
  return `rescheduled ${String(recent.length)} times within an hour: waiting ${String(waitMinutes)} more minutes`
}

/** The part of a history that still counts. */
export function trimHistory(history: readonly number[], nowMs: number): readonly number[] {
  return history.filter((at) => at > nowMs - hourMs).slice(-maxPerHour)
}

/** Times that are ahead are those of a clock that was: taken for now, they pass like others. The same list when none is. */
export function settleHistory(history: readonly number[], nowMs: number): readonly number[] {
  return history.some((at) => at > nowMs) ? history.map((at) => Math.min(at, nowMs)) : history
}

// --- retries ---

const firstRetryMs = 5000
const longestRetryMs = 5 * 60_000

/** Until a move that failed is tried again. @param random in [0, 1) */
export function retryDelayMs(attempts: number, random: number): number {
  const base = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(Math.max(attempts - 1, 0), 10))
  return Math.round(base * (0.8 + 0.4 * random))
}

// --- order ---

/** Those with the fewest places to go first, big ones before small ones; equal ones by swarm ID. */
export function compareNeed(a: ContainerRecord, b: ContainerRecord): number {
  const [left, right] = [measureNeed(a), measureNeed(b)]
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0
    if (value !== other) return other - value
  }
  return a.swarmId < b.swarmId ? -1 : a.swarmId > b.swarmId ? 1 : 0
}

function measureNeed(record: ContainerRecord): readonly number[] {
  const labels = readFields(record.body, 'Labels')
  const hostConfig = readFields(record.body, 'HostConfig')
  const hard = ['com.docker.swarm.constraints', 'com.docker.swarm.affinities', 'com.docker.swarm.whitelists']
  const rules = hard.reduce((sum, key) => sum + countHard(readText(labels, key)), 0)
  const ports = Object.keys(readFields(hostConfig, 'PortBindings')).length
  const localNetworks = record.networks.filter((network) => !network.isSpanning).length
  const cpus = readNumber(hostConfig, 'CpuShares') + readNumber(hostConfig, 'NanoCpus') / 1e9
  return [rules + localNetworks, ports, readNumber(hostConfig, 'Memory'), cpus]
}

function countHard(json: string): number {
  return (json.match(/(?:==|!=)(?!~)/g) ?? []).length
}

// --- volumes ---

function isRemote({ driver, options }: RecordedVolume): boolean {
  return isRemoteVolume(driver, readText(options, 'type'))
}

/**
 * Why a container must not go to another node: its data is on this one. Undefined when it has none, or when somebody
 * agreed that it is left behind.
 */
export function findVolumeHold(record: ContainerRecord, isLossAllowed: boolean): string | undefined {
  if (isLossAllowed || readText(readFields(record.body, 'Labels'), VOLUMES_LABEL) === 'new') return undefined
  const local = record.volumes.find((volume) => !isRemote(volume))
  if (local === undefined) return undefined
  return `the data of its volume ${local.name} is on node ${record.home.node} only`
}

/** Volumes that another node can have too, to be made there before the container. */
export function listRemoteVolumes(record: ContainerRecord): readonly RecordedVolume[] {
  return record.volumes.filter(isRemote)
}

// --- networks ---

/**
 * The nodes that have what the container's networks need; undefined when any node has.
 * A string says which network no other node has.
 */
export function listNetworkNodes(
  record: ContainerRecord,
  nodes: readonly NodeView[],
): ReadonlySet<string> | string | undefined {
  let names: Set<string> | undefined
  for (const network of record.networks) {
    const fitting = nodes.filter((node) => node.health.state === 'healthy' && hasNetwork(node, network))
    const found = new Set(fitting.map((node) => node.name))
    if (![...found].some((name) => name !== record.home.node)) {
      return network.isSpanning
        ? `no other node is part of network ${network.name}`
        : `network ${network.name} is on node ${record.home.node} only`
    }
    const before: Set<string> | undefined = names
    names = before === undefined ? found : new Set([...before].filter((name) => found.has(name)))
  }
  return names
}

function hasNetwork(node: NodeView, network: ContainerRecord['networks'][number]): boolean {
  if (node.networks.some((each) => each.name === network.name)) return true
  // A worker knows a network of the swarm only while it is used there.
  return network.isSpanning && node.swarmRole !== 'none'
}
