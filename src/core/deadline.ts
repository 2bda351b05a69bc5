import type { CallOptions } from './call.ts'
import type { Clock } from './clock.ts'
import { FlotillaError } from './errors.ts'

/** A running deadline: one signal for the caller's wish to stop and for the time being up. */
export interface Deadline {
  /** Undefined when there is neither a signal nor a limit, so that nothing needs to listen. */
  readonly signal: AbortSignal | undefined
  /** The time begins anew: for work that may take as long as it moves. Cheap. */
  renew(): void
  /** Forgets the timer and the caller's signal. Must be called when the work ends. Idempotent. */
  release(): void
}

/** Without a reason of ours each abort would make a DOMException with a stack, which costs more than the rest. */
const released = new FlotillaError('core/aborted', 'the deadline is not needed any more')

const noDeadline: Deadline = { signal: undefined, renew() {}, release() {} }

/**
 * Starts the limit that `o` asks for. The signal's reason is the caller's own reason, or `makeTimeout()`.
 *
 * `AbortSignal.any` is not used: on Node 20 each use leaves an entry on a long-lived parent signal,
 * which a daemon that makes millions of calls under one signal would feel.
 */
export function startDeadline(
  clock: Clock,
  o: CallOptions,
  makeTimeout: () => Error = () => new FlotillaError('core/deadline', `timed out after ${o.deadlineMs} ms`),
): Deadline {
  const { signal: parent, deadlineMs } = o
  if (deadlineMs === undefined) return parent === undefined ? noDeadline : { ...noDeadline, signal: parent }
  const controller = new AbortController()
  if (parent?.aborted === true) {
    controller.abort(parent.reason)
    return { ...noDeadline, signal: controller.signal }
  }
  let endMs: number | undefined
  let cancel = startTimer(clock, deadlineMs, end)
  function end(): void {
    const leftMs = endMs === undefined ? 0 : endMs - clock.monotonicMs()
    if (leftMs > 0) {
      cancel = startTimer(clock, leftMs, end)
      return
    }
    parent?.removeEventListener('abort', follow)
    controller.abort(makeTimeout())
  }
  function follow(): void {
    cancel()
    controller.abort(parent?.reason)
  }
  parent?.addEventListener('abort', follow, { once: true })
  return {
    signal: controller.signal,
    renew() {
      endMs = clock.monotonicMs() + deadlineMs
    },
    release() {
      parent?.removeEventListener('abort', follow)
      cancel()
    },
  }
}

/** Calls `run` after `ms`; the result forgets it. */
export function startTimer(clock: Clock, ms: number, run: () => void): () => void {
  if (clock.later !== undefined) return clock.later(ms, run)
  const stop = new AbortController()
  clock.sleep(ms, stop.signal).then(run, () => {})
  return () => stop.abort(released)
}

/** Resolves when `work` does, or after `ms`; leaves no timer behind. Rejects as `work` does. */
export function waitAtMost(clock: Clock, work: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = startTimer(clock, ms, resolve)
    work.then(
      () => {
        cancel()
        resolve()
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })
}

/** A pause that ends after `ms`, or as soon as the function that `onBegin` is given is called. */
export function pauseUntilWoken(clock: Clock, ms: number, onBegin: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const cancel = startTimer(clock, ms, resolve)
    onBegin(() => {
      cancel()
      resolve()
    })
  })
}

/**
 * Runs `body` under the limit of `o`. Rejects as soon as the limit is reached, also when `body` does not
 * listen to its signal; what it yields after that is dropped.
 */
export async function withDeadline<T>(
  clock: Clock,
  o: CallOptions,
  body: (signal: AbortSignal | undefined) => Promise<T>,
  makeTimeout?: () => Error,
): Promise<T> {
  const deadline = startDeadline(clock, o, makeTimeout)
  try {
    return await raceAbort(deadline.signal, () => body(deadline.signal))
  } finally {
    deadline.release()
  }
}

/** Runs `body` and rejects with the signal's reason when that comes first. Leaves no listener behind. */
export function raceAbort<T>(signal: AbortSignal | undefined, body: () => Promise<T>): Promise<T> {
  if (signal === undefined) return body()
  if (signal.aborted) return Promise.reject(toAbortError(signal))
  return new Promise<T>((resolve, reject) => {
    function stop(): void {
      reject(toAbortError(signal))
    }
    signal.addEventListener('abort', stop, { once: true })
    body()
      .finally(() => signal.removeEventListener('abort', stop))
      .then(resolve, reject)
  })
}

/** What an aborted call rejects with: the reason when it is an error, else `core/aborted`. */
export function toAbortError(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  if (reason instanceof Error && reason.name !== 'AbortError') return reason
  return new FlotillaError('core/aborted', 'the operation was cancelled', { cause: reason })
}

/** @throws the abort reason when the signal has fired */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw toAbortError(signal)
}

/** The same options with a limit for callers that named none. */
export function withDefaultDeadline(o: CallOptions | undefined, deadlineMs: number): CallOptions {
  if (o === undefined) return { deadlineMs }
  return o.deadlineMs === undefined ? { ...o, deadlineMs } : o
}
