import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { EventTrail, toNanoseconds } from '../../compose/view/event-trail.ts'
import { isSteady, pauseBeforeAgain } from '../../compose/view/follow-again.ts'
import { isClusterEndpoint } from '../../compose/pace.ts'
import { watchTimedEvents } from '../../engine/api/events.ts'
import type { TimedEvent } from '../../engine/api/events.ts'
import type { Filters } from '../../engine/api/types.ts'
import type { Engine } from '../../engine/engine.ts'
import { isEngineDown } from '../../engine/errors.ts'

/** What is followed, and with what. */
export interface FollowOptions {
  readonly filters: Filters
  /** Epoch seconds, with a fraction after a dot. */
  readonly since: string | undefined
  readonly until: string | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The stream of a fleet has ended and is followed again; once each time. */
  onAgain(): void
}

/**
 * Events until `until` or the signal. Where a fleet's stream ends before, with the manager that carried it, it is
 * followed again at the same endpoint for a bounded time, from before its end and without what was told.
 *
 * @throws {engine/unreachable} when the stream has ended for good
 */
export async function* followEvents(engine: Engine, o: FollowOptions): AsyncGenerator<TimedEvent, void> {
  const { clock, signal, filters, until } = o
  const trail = new EventTrail(toNanoseconds(o.since ?? (clock.nowMs() / 1000).toFixed(3)))
  let events = await watchTimedEvents(engine, toQuery(o.since), { signal })
  // Asked while it answers: at the end it is too late.
  const isFleet = await isClusterEndpoint(engine, { signal }).catch(() => false)
  let openedMs = clock.monotonicMs()
  let sinceMs = openedMs

  function toQuery(since: string | undefined): Parameters<typeof watchTimedEvents>[1] {
    return { filters, ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
  }

  /** @throws `failure` when the time is over */
  async function openAgain(failure: unknown): Promise<AsyncIterable<TimedEvent>> {
    let last = failure
    for (let tries = 0; ; tries += 1) {
      const pauseMs = pauseBeforeAgain({ isFleet, sinceMs, nowMs: clock.monotonicMs(), tries })
      if (pauseMs === undefined || !mayPass(last)) throw last
      if (tries === 0) o.onAgain()
      await clock.sleep(pauseMs, signal)
      try {
        return await watchTimedEvents(engine, toQuery(trail.since()), { signal })
      } catch (error) {
        last = error
      }
    }
  }

  for (;;) {
    let failure: unknown = new FlotillaError('engine/unreachable', 'the event stream ended', {
      hint: isFleet ? 'the manager was stopped' : 'the engine was stopped',
    })
    try {
      for await (const timed of events) {
        const { Action: action, Actor: actor } = timed.event
        if (trail.take({ id: actor.ID, action, timeNs: timed.timeNs })) yield timed
      }
      // An engine that is stopped ends its streams as if they were over.
      if (signal.aborted || (until !== undefined && (!isFleet || isOver(until, clock)))) return
    } catch (error) {
      failure = error
    }
    const nowMs = clock.monotonicMs()
    if (isSteady(nowMs - openedMs)) sinceMs = nowMs
    events = await openAgain(failure)
    openedMs = clock.monotonicMs()
  }
}

/** By the clock of this computer, which may be a little behind that of the endpoint. */
function isOver(until: string, clock: Clock): boolean {
  return clock.nowMs() >= Number(until) * 1000 - 2000
}

/** Failures that pass when a manager has taken the place of another. */
function mayPass(error: unknown): boolean {
  return isEngineDown(error) || (isFlotillaError(error) && error.status !== undefined && error.status >= 500)
}
