import type { Clock } from '../core/clock.ts'

interface Sleeper {
  readonly wakeAtMs: number
  readonly order: number
  readonly wake: () => void
}

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /**
   * Moves time forward. Sleepers wake in the order of their times, each with the clock at its own time, and
   * what they start (further sleeps included) runs before the next one.
   */
  advance(ms: number): Promise<void>
  /** Sets the time without waking anybody, backwards too, as a clock correction does. */
  jump(toMs: number): void
  /** Number of sleeps under way. */
  readonly sleeping: number
}

/** Lets everything that is ready to run, run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** @param startMs epoch milliseconds; default 2026-01-01 */
export function manualClock(startMs: number = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs
  let elapsedMs = 0
  let count = 0
  const sleepers = new Set<Sleeper>()

  function takeNext(untilMs: number): Sleeper | undefined {
    let next: Sleeper | undefined
    for (const sleeper of sleepers) {
      if (sleeper.wakeAtMs > untilMs) continue
      const isEarlier =
        next === undefined ||
        sleeper.wakeAtMs < next.wakeAtMs ||
        (sleeper.wakeAtMs === next.wakeAtMs && sleeper.order < next.order)
      if (isEarlier) next = sleeper
    }
    if (next !== undefined) sleepers.delete(next)
    return next
  }

  function moveTo(ms: number): void {
    if (ms <= nowMs) return
    elapsedMs += ms - nowMs
    nowMs = ms
  }

  return {
    nowMs: () => nowMs,
    monotonicMs: () => elapsedMs,
    get sleeping() {
      return sleepers.size
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason)
          return
        }
        count += 1
        const sleeper: Sleeper = {
          wakeAtMs: nowMs + Math.max(ms, 0),
          order: count,
          wake() {
            signal?.removeEventListener('abort', stop)
            resolve()
          },
        }
        function stop(): void {
          sleepers.delete(sleeper)
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', stop, { once: true })
        sleepers.add(sleeper)
      })
    },
    async advance(ms) {
      const untilMs = nowMs + ms
      await settle()
      for (let next = takeNext(untilMs); next !== undefined; next = takeNext(untilMs)) {
        moveTo(next.wakeAtMs)
        next.wake()
        await settle()
      }
      moveTo(untilMs)
    },
    jump(toMs) {
      nowMs = toMs
    },
  }
}
