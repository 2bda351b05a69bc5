/** So many at once, and as many again in the time that follows. */
export interface Rate {
  readonly most: number
  readonly periodMs: number
}

/** What is left of a rate at some moment. */
export interface RateState {
  readonly left: number
  readonly atMs: number
}

export interface RateVerdict {
  readonly state: RateState
  /** Milliseconds until one more is allowed; 0: this one is. Infinite where none ever is. */
  readonly waitMs: number
}

/**
 * Takes one of a rate, if there is one.
 *
 * @param state undefined: nothing was taken yet
 * @param nowMs on a clock that only goes forward
 */
export function takeOne(rate: Rate, state: RateState | undefined, nowMs: number): RateVerdict {
  const { most, periodMs } = rate
  // A rate below one in its time lets one through, and makes the next wait longer.
  const room = Math.max(1, most)
  const gained = state === undefined ? room : ((nowMs - state.atMs) * most) / periodMs
  const left = Math.min(room, (state?.left ?? 0) + gained)
  if (most <= 0) return { state: { left: 0, atMs: nowMs }, waitMs: Number.POSITIVE_INFINITY }
  if (left >= 1) return { state: { left: left - 1, atMs: nowMs }, waitMs: 0 }
  return { state: { left, atMs: nowMs }, waitMs: ((1 - left) * periodMs) / most }
}
