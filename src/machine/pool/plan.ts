import type { Pool } from './pool.ts'

/** What a pool should do next. Pure: what is seen in, steps out. */

/** A machine of the pool. */
export interface PoolMachine {
  readonly name: string
  /** `creating`: by us, at present · `broken`: its creation was interrupted · `leaving`: being removed by us. */
  readonly phase: 'creating' | 'ready' | 'broken' | 'leaving'
  /** When it became what it is, as far as we have seen. */
  readonly sinceMs: number
  /** As the endpoint sees it; absent: it has not joined, or the endpoint has forgotten it. */
  readonly node?: PoolNode
  /** The endpoint has known it at some time. */
  readonly hasJoined?: boolean
  /** It is not removed before: the last attempt failed. */
  readonly keptUntilMs?: number
}

export interface PoolNode {
  readonly isHealthy: boolean
  /** Closed for new containers. */
  readonly isClosed: boolean
  /** Containers that keep it, those on their way included. */
  readonly containers: number
  readonly nanoCpus: number
  readonly memoryBytes: number
  /** Since when it has had none; absent: it has some. */
  readonly idleSinceMs?: number
}

/** A container that waits for a node. */
export interface Waiting {
  readonly id: string
  readonly nanoCpus: number
  readonly memoryBytes: number
}

export interface PoolView {
  readonly pool: Pool
  readonly machines: readonly PoolMachine[]
  readonly waiting: readonly Waiting[]
  /** Containers that an idle machine of the pool did not help. */
  readonly hopeless: ReadonlySet<string>
  /** What one machine of the pool has, once one has been seen. */
  readonly capacity?: { readonly nanoCpus: number; readonly memoryBytes: number }
  readonly nowMs: number
  /** Nothing is created before: the last creation failed. */
  readonly notBeforeMs: number
}

export interface PoolPlan {
  /** Machines to be made now. */
  readonly create: number
  readonly remove: readonly { readonly name: string; readonly why: string }[]
  /** Waiting containers that more machines of this kind will not help. */
  readonly hopeless: readonly string[]
}

/** Machines that are made at the same time. */
export const maxCreating = 4
/** An idle machine has had the chance to take what waits after this. */
const settleMs = 5000
/** A machine that the endpoint does not know after this is not waited for. */
const joinMs = 120_000

export function planPool(view: PoolView): PoolPlan {
  const { machines, nowMs } = view
  const staying = machines.filter((each) => each.phase === 'creating' || each.phase === 'ready')
  const broken = machines.filter((each) => each.phase === 'broken')
  const idle = staying.filter((each) => isIdle(each))
  const hasWaited = idle.some(({ node }) => node?.isClosed === false && nowMs - (node.idleSinceMs ?? nowMs) >= settleMs)
  const open = view.waiting.filter((each) => !view.hopeless.has(each.id))
  const hopeless = hasWaited
    ? open.map((each) => each.id)
    : open.filter((each) => !fits(each, view)).map((each) => each.id)
  const demand = open.filter((each) => !hopeless.includes(each.id))
  const useless = chooseIdle(view, staying, idle, demand.length > 0)
  const left = staying.length - useless.length
  const remove = [...broken.map(({ name }) => ({ name, why: 'its creation was interrupted' })), ...useless]
  const kept = new Set(machines.flatMap(({ name, keptUntilMs = 0 }) => (nowMs < keptUntilMs ? [name] : [])))
  return {
    create: countNew(view, staying, left, demand),
    remove: remove.filter(({ name }) => !kept.has(name)),
    hopeless,
  }
}

function isIdle({ phase, node }: PoolMachine): boolean {
  return phase === 'ready' && node !== undefined && node.isHealthy && node.containers === 0
}

/** More than one machine can ever have is no reason to make one. */
function fits(waiting: Waiting, { capacity }: PoolView): boolean {
  return (
    capacity === undefined || (waiting.memoryBytes <= capacity.memoryBytes && waiting.nanoCpus <= capacity.nanoCpus)
  )
}

function chooseIdle(
  { pool, nowMs }: PoolView,
  staying: readonly PoolMachine[],
  idle: readonly PoolMachine[],
  isWanted: boolean,
): PoolPlan['remove'] {
  // Closed by us in an earlier life, which ended before the machine was removed.
  const closed = idle.filter(({ node }) => node?.isClosed === true)
  const old = idle
    .filter(({ node }) => node?.isClosed === false && nowMs - (node.idleSinceMs ?? nowMs) >= pool.idleMs)
    .sort((a, b) => (a.node?.idleSinceMs ?? 0) - (b.node?.idleSinceMs ?? 0))
  // One that was there once is not lost: an endpoint that has just started knows nobody, whatever runs on them.
  const lost = staying.filter(
    ({ phase, node, hasJoined, sinceMs }) =>
      phase === 'ready' && node === undefined && hasJoined !== true && nowMs - sinceMs >= joinMs + pool.idleMs,
  )
  const spare = Math.max(0, staying.length - closed.length - lost.length - pool.min)
  return [
    ...closed.map(({ name }) => ({ name, why: 'it is closed and empty' })),
    ...lost.map(({ name }) => ({ name, why: 'it has never joined the cluster' })),
    ...(isWanted ? [] : old.slice(0, spare)).map(({ name }) => ({ name, why: 'it is idle' })),
  ]
}

function countNew(view: PoolView, staying: readonly PoolMachine[], left: number, demand: readonly Waiting[]): number {
  const { pool, nowMs, notBeforeMs } = view
  if (nowMs < notBeforeMs) return 0
  const creating = staying.filter((each) => each.phase === 'creating').length
  const coming = staying.filter(({ phase, node, sinceMs }) => {
    const isUsable = node?.isHealthy === true && !node.isClosed
    return phase === 'creating' || (!isUsable && node === undefined && nowMs - sinceMs < joinMs)
  }).length
  const free = staying.filter((each) => isIdle(each) && each.node?.isClosed === false).length
  const forWork = countMachines(demand, view.capacity) - coming - free
  const wanted = Math.max(forWork, pool.min - left)
  return Math.max(0, Math.min(wanted, pool.max - left, maxCreating - creating))
}

/**
 * Machines that the containers need, first fit by falling size. Before the first machine was seen nobody knows how much goes
 * onto one: one is made, and the next look knows.
 */
export function countMachines(demand: readonly Waiting[], capacity: PoolView['capacity']): number {
  if (demand.length === 0) return 0
  if (capacity === undefined) return 1
  const bins: { nanoCpus: number; memoryBytes: number }[] = []
  for (const each of [...demand].sort((a, b) => b.memoryBytes - a.memoryBytes || b.nanoCpus - a.nanoCpus)) {
    const bin = bins.find((one) => one.nanoCpus >= each.nanoCpus && one.memoryBytes >= each.memoryBytes)
    if (bin === undefined) {
      bins.push({ nanoCpus: capacity.nanoCpus - each.nanoCpus, memoryBytes: capacity.memoryBytes - each.memoryBytes })
    } else {
      bin.nanoCpus -= each.nanoCpus
      bin.memoryBytes -= each.memoryBytes
    }
  }
  return bins.length
}
