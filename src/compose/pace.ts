import type { CallOptions } from '../core/call.ts'
import { callForShape } from '../engine/api/call.ts'
import { versions } from '../engine/api/shapes.ts'
import type { Engine } from '../engine/engine.ts'
import type { Plan, StepOp } from './plan/plan.ts'

/** How many steps at once may change containers, asked before each; absent: as many as calls. */
export interface Pace {
  readonly changing?: () => number
}

/** What all processors of a machine have done since some moment, milliseconds. */
export interface ProcessorTimes {
  readonly idleMs: number
  readonly totalMs: number
}

/**
 * As many changes at once as keep a machine's processors busy, and no more: they get in each other's way beyond that, and
 * below it the engine waits for its discs and the kernel while processors are idle. It begins with the most, since a few
 * containers are there before there is anything to learn, and moves by one, at most ten times a second:
 * docs/decisions/0046-processors-kept-busy.md.
 *
 * @param processors how many there are
 * @param read called at most ten times a second
 */
export function keepBusy(processors: number, read: () => ProcessorTimes, nowMs: () => number): () => number {
  const least = Math.max(2, processors)
  let limit = mostOfEach * least
  // Half a second passes before what is busy is taken for too much.
  let idleShare = manyIdle
  let last = read()
  let lastMs = nowMs()
  return () => {
    if (nowMs() - lastMs < lookMs) return limit
    const now = read()
    const totalMs = now.totalMs - last.totalMs
    if (totalMs > 0) {
      idleShare += smoothing * ((now.idleMs - last.idleMs) / totalMs - idleShare)
      limit = nextLimit(limit, idleShare, least)
    }
    last = now
    lastMs = nowMs()
    return limit
  }
}

/** Clocks of processors count in steps of 10 ms: a shorter look says little. */
const lookMs = 100
const smoothing = 0.3
/** Shares of idle time, measured: engines 20.10 and 28.5 gain nothing from more at once below the first. */
const manyIdle = 0.05
const hardlyIdle = 0.01
const mostOfEach = 4

function nextLimit(limit: number, idleShare: number, least: number): number {
  if (idleShare > manyIdle) return Math.min(mostOfEach * least, limit + 1)
  return idleShare < hardlyIdle ? Math.max(least, limit - 1) : limit
}

/**
 * The limit, where it is one: the nodes of a fleet have processors of their own, and of fewer steps all may go at once.
 *
 * @param changing what one engine does best at once, see `keepBusy`; undefined when nothing is known of its machine
 */
export async function paceOf(plan: Plan, changing: Pace['changing'], isCluster: () => Promise<boolean>): Promise<Pace> {
  if (changing === undefined || plan.steps.length <= changing() || (await isCluster())) return {}
  return { changing }
}

/**
 * What takes processors of the engine's machine for most of its time. A stop does where nobody waits for the program: one
 * that is given time takes as long as the program does.
 */
export function isChange(op: StepOp): boolean {
  if (op.kind === 'stop-container') return op.timeoutSeconds === 0
  return op.kind === 'create-container' || op.kind === 'start-container' || op.kind === 'remove-container'
}

/** Classic Swarm and ours answer with their own name as version. */
export async function isClusterEndpoint(engine: Engine, call: CallOptions): Promise<boolean> {
  const request = { method: 'GET', path: '/version' } as const
  const version = await callForShape<{ readonly Version?: string }>(engine, request, versions, call)
  return version.Version?.startsWith('swarm/') === true
}
