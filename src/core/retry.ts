import type { Clock, Random } from './clock.ts'
import { throwIfAborted } from './deadline.ts'

/** How delays between attempts grow. */
export interface Backoff {
  readonly firstMs: number
  /** At least 1. Default 2. */
  readonly factor?: number
  readonly maxMs: number
  /** Number of delays, which is the number of attempts less one. Absent: without end. */
  readonly retries?: number
  /** 0 to 1: the part of each delay that is random, so that many clients do not come back at once. Default 0. */
  readonly jitterRatio?: number
}

/** The delays in milliseconds, in order. Pure for an equal `random`. */
export function* backoffDelays(backoff: Backoff, random: Random): Generator<number, void> {
  const { firstMs, factor = 2, maxMs, retries = Number.POSITIVE_INFINITY, jitterRatio = 0 } = backoff
  let delayMs = Math.min(firstMs, maxMs)
  for (let count = 0; count < retries; count += 1) {
    yield delayMs * (1 - jitterRatio + jitterRatio * random.next())
    delayMs = Math.min(delayMs * factor, maxMs)
  }
}

/** What `retry` needs besides the work. */
export interface RetryOptions {
  readonly clock: Clock
  readonly random: Random
  readonly backoff: Backoff
  readonly signal?: AbortSignal
  /** False for a failure that another attempt cannot cure. Default: every failure is worth another attempt. */
  readonly isRetryable?: (error: unknown) => boolean
}

/** Runs `body` until it succeeds; rejects with its last failure when the delays are used up. */
export async function retry<T>(body: (attempt: number) => Promise<T>, o: RetryOptions): Promise<T> {
  const delays = backoffDelays(o.backoff, o.random)
  for (let attempt = 0; ; attempt += 1) {
    throwIfAborted(o.signal)
    try {
      return await body(attempt)
    } catch (error) {
      const next = delays.next()
      if (next.done === true || o.isRetryable?.(error) === false) throw error
      await o.clock.sleep(next.value, o.signal)
    }
  }
}
