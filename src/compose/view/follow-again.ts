/** What is known when a stream has ended that was not to end. Times are monotonic, in milliseconds. */
export interface Interruption {
  /** Several engines behind managers that take each other's place. */
  readonly isFleet: boolean
  /** Since when there is no stream. */
  readonly sinceMs: number
  readonly nowMs: number
  /** How often it was tried again since. */
  readonly tries: number
}

/** A leader's lease runs out, another takes over and has read all nodes: some twenty seconds with the usual settings. */
const limitMs = 60_000
const firstPauseMs = 250
const longestPauseMs = 2000
/** A stream that ends sooner is no sign that the trouble is over. */
const steadyMs = 5000

/**
 * When to follow again: a fleet goes on while its managers change. One engine that ends has no other in its place, and the
 * reference program (docker-compose 2.40) ends with it.
 *
 * @returns milliseconds to wait before the next attempt; undefined: no more
 */
export function pauseBeforeAgain({ isFleet, sinceMs, nowMs, tries }: Interruption): number | undefined {
  if (!isFleet || nowMs - sinceMs >= limitMs) return undefined
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(tries, 10))
}

/** Whether a stream of this age was a whole one, after whose end the time allowed begins anew. */
export function isSteady(ageMs: number): boolean {
  return ageMs >= steadyMs
}
