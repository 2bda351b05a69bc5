import type { Clock } from '../core/clock.ts'
import { systemClock } from '../io/clock.ts'

/**
 * Real time, but waits of exactly `ms` go by another clock, most often a manual one: the seconds that a server counts, or
 * one time limit that a test has to reach, or to show that nobody reaches.
 */
export function mixedClock(ms: number, other: Clock): Clock {
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs(),
    sleep: (each, signal) => (each === ms ? other : systemClock).sleep(each, signal),
  }
}
