import { readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { listStale } from './event-table.ts'
import { repeatSingles } from './flights.ts'
import { eventsDelayMs } from './health.ts'
import { failValidation } from './life-cycle.ts'
import type { Failure, Fetch } from './messages.ts'
import type { Step } from './step.ts'

/** News older than this were meant for the stream before. */
const staleNewsMs = 5000
/** An engine tells of its swarm before it says of itself that it is in it. */
const joiningMs = 2000

/** Events flow. */
export function openStream(step: Step): void {
  if (step.state.phase !== 'loading' && step.state.phase !== 'ready') return
  const { isRenewing } = step.state
  step.set({ isStreaming: true, isRenewing: false, resumedAt: step.state.since, heardAtMs: step.context.nowMs })
  step.wake('silence', step.state.options.silenceMs)
  // The engine tells again what happened since its last event: was that nothing, there was no gap.
  step.set({ isSuspect: isRenewing })
  if (isRenewing) return
  closeGap(step)
}

/** Something may have happened that was not told. */
function closeGap(step: Step): void {
  step.set({ flights: repeatSingles(step.state.flights) })
  // A stream breaks when an engine restarts, and it may have come back as somebody else.
  if (step.state.phase === 'ready') step.fetch({ what: 'specs' })
  step.fetchLists()
}

/** Events flow no more. @param failure why; undefined when the engine ended the stream */
export function closeStream(step: Step, failure: Failure | undefined): void {
  step.set({ isStreaming: false, isRenewing: false })
  if (step.state.phase === 'loading') {
    return failValidation(step, failure?.text ?? 'the event stream ended while the engine was being read')
  }
  if (step.state.phase !== 'ready') return
  // Either the engine is gone, which the probe tells at once, or only the stream broke.
  step.fetch({ what: 'ping' })
  step.wake('events', eventsDelayMs(step.state.node.health))
}

/** Opens a stream that broke, from where it broke. */
export function reopenStream(step: Step): void {
  if (step.state.phase !== 'ready' || step.state.isStreaming || step.state.node.health.state !== 'healthy') return
  step.effects.push({ kind: 'open-events', epoch: step.state.epoch, since: step.state.since })
}

/** A stream that has been silent may be one that ended without a word, behind a firewall or a cable. */
export function renewStream(step: Step): void {
  const { phase, isStreaming, heardAtMs, since, options } = step.state
  if (!isStreaming || (phase !== 'ready' && phase !== 'loading')) return
  const leftMs = heardAtMs + options.silenceMs - step.context.nowMs
  // A clock that jumped is no reason to wait longer than once.
  const isOver = leftMs <= 0 || leftMs > options.silenceMs
  const isUsable = phase === 'ready' && since !== undefined && step.state.node.health.state === 'healthy'
  if (!isOver || !isUsable) return step.wake('silence', isOver ? options.silenceMs : leftMs)
  step.set({ isRenewing: true })
  step.effects.push({ kind: 'open-events', epoch: step.state.epoch, since })
}

/** Takes one event in: what it makes stale is read again, and whoever listens is told. */
export function takeEvent(step: Step, event: Fields): void {
  const heardAtMs = step.context.nowMs
  const since = toSince(event)
  step.set(since === undefined ? { heardAtMs } : { heardAtMs, since })
  if (step.state.phase === 'idle' || step.state.phase === 'specs') return
  for (const fetch of listStale(event)) {
    if (!isKnownNetwork(step, event, fetch)) step.fetch(fetch, fetch.what === 'container')
  }
  if (readText(event, 'Type') === 'node') step.wake('specs', joiningMs)
  const isRepeated = since !== undefined && since === step.state.resumedAt
  if (step.state.isSuspect && !isRepeated) judgeRenewal(step, event)
  if (step.state.phase === 'ready' && !isRepeated) step.effects.push({ kind: 'forward', event })
}

/** The first news of a renewed stream: if it is old, the stream before had ended, and the engine remembers only so much. */
function judgeRenewal(step: Step, event: Fields): void {
  step.set({ isSuspect: false })
  const ageMs = step.context.nowMs - step.state.node.clockDeltaMs - readNumber(event, 'time') * 1000
  if (ageMs < staleNewsMs) return
  step.log('warn', `The event stream of engine ${step.state.node.name} had ended without a word`)
  closeGap(step)
}

/** A network of one node does not change by who is on it; of one that spans nodes a node may let go. */
function isKnownNetwork(step: Step, event: Fields, fetch: Fetch): boolean {
  if (fetch.what !== 'network') return false
  const action = readText(event, 'Action')
  if (action !== 'connect' && action !== 'disconnect') return false
  return step.state.node.networks.some((each) => each.id === fetch.id && each.scope === 'local')
}

/** `seconds.nanoseconds`: what `GET /events?since=` takes. Nanoseconds beyond a double's precision are cut off. */
function toSince(event: Fields): string | undefined {
  const seconds = Math.trunc(readNumber(event, 'time'))
  if (seconds === 0) return undefined
  const nanos = Math.max(0, Math.min(999_999_999, readNumber(event, 'timeNano') - seconds * 1e9))
  return `${String(seconds)}.${String(Math.trunc(nanos)).padStart(9, '0')}`
}
