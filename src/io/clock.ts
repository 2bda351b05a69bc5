import type { Clock } from '../core/clock.ts'

/** Real time. The only place of the program that sets timers. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep,
  later(ms, run) {
    const timer = setTimeout(run, toTimerDelay(ms))
    return () => clearTimeout(timer)
  },
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    function stop(): void {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, toTimerDelay(ms))
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Timers hold a signed 32-bit number; anything above would fire at once. */
function toTimerDelay(ms: number): number {
  return Math.min(Math.max(ms, 0), 0x7fff_ffff)
}
