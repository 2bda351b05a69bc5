import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { startDeadline } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import { joinSignals } from '../../io/join-signals.ts'
import { inspectContainer } from '../../engine/api/containers.ts'
import { watchEvents } from '../../engine/api/events.ts'
import type { ContainerState } from '../../engine/api/types.ts'
import type { Engine } from '../../engine/engine.ts'
import type { WaitCondition } from '../plan/plan.ts'
import { isDoubtful, lastCheckOf } from './health-doubt.ts'
import { describeLastCheck } from './health-words.ts'

/** A look at the engine's truth even when no event came: a lost event must not hang the command. */
const fallbackMs = 2000

/** What runs without a health check is looked at again after this, as 2.40 does: it may be done, or fail, at once. */
const settleMs = 500

/** Wakes waits when something happened to their container. One event stream serves all waits of a run. */
export interface Waker {
  /** Starts listening; resolves when no later event can be missed. */
  ready(): Promise<void>
  /** Resolves at the next event of the container, or after a while without one. */
  next(containerId: string, signal?: AbortSignal): Promise<void>
  stop(): void
}

export function makeWaker(engine: Engine, clock: Clock, o: CallOptions): Waker {
  const listening = new AbortController()
  const sleepers = new Map<string, Set<() => void>>()
  let started: Promise<void> | undefined

  async function listen(): Promise<void> {
    const signal = joinSignals(o.signal, listening.signal)
    const filters = { type: ['container'], event: ['start', 'die', 'destroy', 'health_status'] }
    const events = await watchEvents(engine, { filters }, { signal })
    void follow(events)
  }
  async function follow(events: AsyncIterable<object>): Promise<void> {
    try {
      for await (const event of events) for (const wake of sleepers.get(idOf(event)) ?? []) wake()
    } catch {
      // The fallback of `next` goes on without events.
    }
  }
  return {
    async ready() {
      started ??= listen().catch(() => {})
      await started
    },
    async next(containerId, signal) {
      const done = new AbortController()
      const timer = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal])
      const set = sleepers.get(containerId) ?? new Set<() => void>()
      sleepers.set(containerId, set)
      let wake = (): void => {}
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      set.add(wake)
      try {
        await Promise.race([woken, clock.sleep(fallbackMs, timer)])
      } finally {
        set.delete(wake)
        done.abort()
      }
    },
    stop() {
      listening.abort()
    },
  }
}

function idOf(event: object): string {
  const actor: unknown = Reflect.get(event, 'Actor')
  const id: unknown = typeof actor === 'object' && actor !== null ? Reflect.get(actor, 'ID') : Reflect.get(event, 'id')
  return typeof id === 'string' ? id : ''
}

/** What is waited for. */
export interface WaitTarget {
  readonly id: string
  readonly name: string
  readonly service: string
  readonly condition: WaitCondition
  /** It was paused until now: what a check says that had begun before may be of then. */
  readonly isUnpaused?: boolean
}

/** How waits come to know, and how long each may take, in milliseconds; absent: as long as the container needs. */
export interface WaitMeans {
  readonly waker: Waker
  readonly clock: Clock
  readonly waitLimitMs?: number
}

/**
 * Waits until a container meets a condition. Event driven.
 *
 * @throws {compose/execute} when it can no longer meet it, in the reference program's words, or has not in time
 */
export async function waitForContainer(
  engine: Engine,
  target: WaitTarget,
  { waker, clock, waitLimitMs }: WaitMeans,
  o: CallOptions,
): Promise<void> {
  await waker.ready()
  const limit = waitLimitMs === undefined ? {} : { deadlineMs: waitLimitMs }
  const deadline = startDeadline(clock, { ...limit, ...(o.signal && { signal: o.signal }) })
  const settledMs = clock.monotonicMs() + settleMs
  let atFirst: string | undefined
  try {
    for (;;) {
      const { State: state, Config: config } = await inspectContainer(engine, target.id, {}, o)
      if (target.isUnpaused === true) atFirst ??= lastCheckOf(state)
      if (!isDoubtful(state, config.Healthcheck, atFirst) && isMet(state, target)) {
        const leftMs = target.condition === 'running' && !hasHealth(state) ? settledMs - clock.monotonicMs() : 0
        if (leftMs <= 0) return
        await nextWithin(waker, clock, target.id, leftMs, o)
        continue
      }
      o.signal?.throwIfAborted()
      if (deadline.signal?.aborted === true) throw late(target, state, waitLimitMs)
      // The end of the time wakes it too, for a last look.
      await waker.next(target.id, deadline.signal).catch(() => {})
      o.signal?.throwIfAborted()
    }
  } finally {
    deadline.release()
  }
}

/** Until something happens to a container, for so many milliseconds. @throws when the call is broken off */
async function nextWithin(waker: Waker, clock: Clock, id: string, limitMs: number, o: CallOptions): Promise<void> {
  const limit = startDeadline(clock, { deadlineMs: limitMs, ...(o.signal && { signal: o.signal }) })
  try {
    await waker.next(id, limit.signal).catch(() => {})
    o.signal?.throwIfAborted()
  } finally {
    limit.release()
  }
}

function hasHealth(state: ContainerState): boolean {
  return (state.Health?.Status ?? 'none') !== 'none'
}

function isMet(state: ContainerState, target: WaitTarget): boolean {
  const isOver = state.Status === 'exited' || state.Status === 'dead'
  if (target.condition === 'completed') {
    if (!isOver) return false
    if (state.ExitCode === 0) return true
    const text = `service "${target.service}" didn't complete successfully: exit ${state.ExitCode}`
    throw new FlotillaError('compose/execute', text)
  }
  if (isOver) throw failed(target, `exited (${state.ExitCode})`)
  const health = state.Health?.Status ?? 'none'
  if (health === 'unhealthy') throw failed(target, 'is unhealthy', describeLastCheck(state))
  if (target.condition === 'running') return state.Running && (health === 'none' || health === 'healthy')
  if (health === 'none' && state.Running) throw failed(target, 'has no healthcheck configured')
  return health === 'healthy'
}

function late(target: WaitTarget, state: ContainerState, limitMs = 0): FlotillaError {
  const what = { completed: 'has not completed', running: 'is not running', healthy: 'is not healthy' }[
    target.condition
  ]
  return failed(target, `${what} after ${limitMs / 1000}s`, describeLastCheck(state))
}

function failed(target: WaitTarget, what: string, detail: { readonly hint?: string } = {}): FlotillaError {
  const prefix = target.condition === 'healthy' ? 'dependency failed to start: ' : ''
  return new FlotillaError('compose/execute', `${prefix}container ${target.name} ${what}`, detail)
}
