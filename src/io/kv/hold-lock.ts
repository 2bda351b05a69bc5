import type { CallOptions } from '../../core/call.ts'
import { makeChildAbort } from '../../core/child-abort.ts'
import type { ChildAbort } from '../../core/child-abort.ts'
import type { Clock, Random } from '../../core/clock.ts'
import { throwIfAborted } from '../../core/deadline.ts'
import type { KvHold } from './kv.ts'
import { Queue } from './queue.ts'

/** What a store has to offer so that a lock can be stood for. */
export interface LockSteps {
  /** Tries once; costs the store no write while somebody else has it. @returns undefined then */
  take(o: CallOptions): Promise<TakenLock | undefined>
  /** Resolves when it may be free. May resolve early or for nothing. */
  waitUntilFree(signal: AbortSignal): Promise<void>
  /** Takes back a place in a queue. Called once, when nobody stands for the lock any more. */
  leave?(o: CallOptions): Promise<void>
}

/** A lock just taken. */
export interface TakenLock {
  readonly term: number
  /** From the moment an acknowledged request was *sent*, the store keeps the lock for at least this long. */
  readonly validMs: number
  readonly renewEveryMs: number
  /** @returns false when it is not ours any more */
  renew(o: CallOptions): Promise<boolean>
  confirm(o: CallOptions): Promise<boolean>
  /** Gives it up at once. */
  release(o: CallOptions): Promise<void>
}

/** A lock may be freed without a word where a watch was lost: it is tried again at least this often. */
const retryMs = 5000
const releaseLimitMs = 3000
/** Between two tries to renew after one that failed, while there is time left. */
const renewAgainMs = 500
/** A renewal that hangs is given up for another try, but not before this. */
const renewLimitMs = 1000
/** A store that cannot be waited at is asked this often. */
const askMs = 1000

/** Locks that a client stands for, so that its end gives them up. */
export type RunningLocks = Set<{ readonly left: ChildAbort; readonly done: Promise<void> }>

/** Gives up every lock; resolves when the store knows. */
export async function endLocks(running: RunningLocks): Promise<void> {
  const all = [...running]
  for (const { left } of all) left.abort()
  await Promise.allSettled(all.map(({ done }) => done))
}

/**
 * Stands for a lock until the signal aborts. Runs beside its reader, so that a slow reader never costs the lock. The
 * end of a hold is counted from the moment the last acknowledged renewal was sent, on a clock nobody sets.
 */
export function holdLock(
  steps: LockSteps,
  context: { readonly clock: Clock; readonly random: Random },
  running: RunningLocks,
  o: CallOptions = {},
): AsyncIterable<KvHold | undefined> {
  return {
    [Symbol.asyncIterator]() {
      const queue = new Queue<KvHold | undefined>()
      // A reader that leaves early gives the lock up too.
      const left = makeChildAbort(o.signal)
      const done = campaign(steps, context, left.signal, queue)
        .then(
          () => queue.end(),
          (error: unknown) => (left.signal.aborted ? queue.end() : queue.fail(error)),
        )
        .finally(() => {
          left.abort()
          running.delete(entry)
        })
      const entry = { left, done }
      running.add(entry)
      return {
        next: () => queue.next(),
        async return() {
          left.abort()
          await done
          return { done: true, value: undefined }
        },
      }
    },
  }
}

async function campaign(
  steps: LockSteps,
  context: { readonly clock: Clock; readonly random: Random },
  signal: AbortSignal,
  queue: Queue<KvHold | undefined>,
): Promise<void> {
  const { clock, random } = context
  try {
    for (;;) {
      throwIfAborted(signal)
      const sentMs = clock.monotonicMs()
      const taken = await steps.take({ signal })
      if (taken !== undefined) {
        await holdWhileOurs(taken, sentMs, clock, signal, queue)
        continue
      }
      await waitWithLimit(steps, retryMs * (0.7 + 0.3 * random.next()), clock, signal)
    }
  } finally {
    await steps.leave?.({ deadlineMs: releaseLimitMs }).catch(() => undefined)
  }
}

async function holdWhileOurs(
  taken: TakenLock,
  sentMs: number,
  clock: Clock,
  signal: AbortSignal,
  queue: Queue<KvHold | undefined>,
): Promise<void> {
  let endMs = sentMs + taken.validMs
  let isOurs = true
  const isHeld = (): boolean => isOurs && clock.monotonicMs() < endMs
  queue.push({
    term: taken.term,
    isHeld,
    async confirm(o = {}) {
      const limitMs = Math.min(o.deadlineMs ?? Infinity, endMs - clock.monotonicMs())
      if (!isHeld()) return false
      return taken.confirm({ ...o, deadlineMs: limitMs }).then(
        (answer) => answer && isHeld(),
        () => false,
      )
    },
  })
  try {
    let pauseMs = taken.renewEveryMs
    for (;;) {
      await clock.sleep(Math.max(0, Math.min(pauseMs, endMs - clock.monotonicMs())), signal)
      const nowMs = clock.monotonicMs()
      if (nowMs >= endMs) return
      const deadlineMs = Math.min(endMs - nowMs, Math.max(taken.renewEveryMs, renewLimitMs))
      const answer = await taken.renew({ signal, deadlineMs }).catch(() => 'unknown' as const)
      throwIfAborted(signal)
      if (answer === false) return
      if (answer === true) endMs = nowMs + taken.validMs
      pauseMs = answer === true ? taken.renewEveryMs : renewAgainMs
    }
  } finally {
    isOurs = false
    queue.push(undefined)
    // Also after a loss: it may still stand in the store, and then blocks everybody until it expires.
    await taken.release({ deadlineMs: releaseLimitMs }).catch(() => undefined)
  }
}

async function waitWithLimit(steps: LockSteps, limitMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal)
  const stop = makeChildAbort(signal)
  try {
    await Promise.race([steps.waitUntilFree(stop.signal), clock.sleep(limitMs, stop.signal)])
  } catch {
    await clock.sleep(askMs, signal)
  } finally {
    stop.abort()
  }
}
