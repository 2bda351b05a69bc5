/** Time as an argument. `io/clock.ts` holds the real one, `testing/manual-clock.ts` one that tests move. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number
  /** Milliseconds since some moment, never set back or forward: for leases and time-outs. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted first, and leaves no timer behind. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `run` after `ms` unless what it returns is called first. A cheaper `sleep`, for limits that are rarely reached. */
  later?(ms: number, run: () => void): () => void
}

/** Randomness as an argument: a number in [0, 1). */
export interface Random {
  next(): number
}
