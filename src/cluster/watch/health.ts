import type { Health } from '../model.ts'
import type { StepContext, WatchOptions } from './messages.ts'

export const freshHealth: Health = { state: 'pending', failures: 0, indicator: 0 }

export const goodHealth: Health = { state: 'healthy', failures: 0, indicator: 100 }

/** Health after one more connection failure of an engine that is in service. */
export function failHealth(health: Health, retry: number): Health {
  const failures = health.failures + 1
  if (health.state !== 'healthy' || failures >= retry) return { state: 'unhealthy', failures, indicator: 0 }
  return { state: 'healthy', failures, indicator: 100 - Math.trunc((100 * failures) / retry) }
}

/** Until the next probe: quick while it is not known whether the engine is gone, then ever slower. */
export function probeDelayMs(health: Health, options: WatchOptions, context: StepContext): number {
  const base = healthDelayMs(health, options)
  return Math.round(base * (0.9 + 0.2 * context.random))
}

function healthDelayMs(health: Health, options: WatchOptions): number {
  if (health.failures === 0) return options.probeMs
  if (health.state === 'healthy') return Math.min(1000, options.probeMs)
  const over = Math.min(health.failures - options.failureRetry, 10)
  return Math.min(10_000, 1000 * 2 ** Math.max(0, over))
}

const maxValidateDelayMs = 60_000

/** Until a pending engine is tried again. */
export function validateDelayMs(tries: number, context: StepContext): number {
  const base = Math.min(maxValidateDelayMs, 1000 * 2 ** Math.min(tries, 10))
  return Math.round(base * (0.75 + 0.5 * context.random))
}

/** Until the next full refresh (classicswarm cluster/engine.go: refreshLoop). */
export function refreshDelayMs(health: Health, options: WatchOptions, context: StepContext): number {
  const backoff = Math.min(Math.max(health.failures - options.failureRetry, 0), 1000)
  const spread = context.random * (options.refreshMaxMs - options.refreshMinMs)
  return Math.round(options.refreshMinMs * (1 + backoff) + spread)
}

/** Until a broken event stream is opened again. */
export function eventsDelayMs(health: Health): number {
  return 1000 * Math.min(health.failures + 1, 10)
}

/** The least time for which an event stream may be silent, so that renewing those of a large fleet stays cheap. */
export function fleetSilenceMs(engines: number): number {
  return engines * 25
}

/** The least time between two probes of one engine so that probing a large fleet stays cheap: 200 probes a second. */
export function fleetProbeMs(engines: number): number {
  return engines * 5
}

/** A fleet of so many engines is read in full as the flags say; a larger one at the same pace for all engines together. */
const refreshedTogether = 1000

/** What is kept up with so many engines: from a thousand on, idling costs the same however many there are. */
export function scaleWatch(options: WatchOptions, engines: number): WatchOptions {
  const stretch = Math.max(1, engines / refreshedTogether)
  const probeMs = Math.max(options.probeMs, fleetProbeMs(engines))
  const silenceMs = Math.max(options.silenceMs, fleetSilenceMs(engines))
  const refreshMinMs = options.refreshMinMs * stretch
  const refreshMaxMs = options.refreshMaxMs * stretch
  return { ...options, probeMs, silenceMs, refreshMinMs, refreshMaxMs }
}
