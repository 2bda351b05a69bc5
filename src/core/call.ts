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
