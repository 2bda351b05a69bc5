/**
 * The last argument of every asynchronous function that can wait.
 *
 * A deadline is how long the whole call may take; it and the signal are combined (see `core/deadline.ts`).
 */
export interface CallOptions {
  readonly signal?: AbortSignal
  /** Milliseconds from the start of the call. Absent: no limit of its own. */
  readonly deadlineMs?: number
}

/** The part of wider options that a call takes. */
export function toCall(o: CallOptions): CallOptions {
  return {
    ...(o.signal !== undefined && { signal: o.signal }),
    ...(o.deadlineMs !== undefined && { deadlineMs: o.deadlineMs }),
  }
}
