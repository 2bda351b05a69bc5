/** How many heartbeats a list has to stay empty before it is believed. */
const holdHeartbeats = 3

/** What a back end last told and since when it has been telling nothing. */
export interface Held {
  readonly last: readonly string[] | undefined
  readonly emptySinceMs: number | undefined
}

export const nothingHeld: Held = { last: undefined, emptySinceMs: undefined }

/**
 * Decides what to make of the next reading. A list that was full and is suddenly empty is more likely a file
 * being rewritten or a wiped store than the end of every engine: the old one stands for three heartbeats.
 *
 * @param nowMs monotonic: a clock that is set must neither end the wait nor draw it out
 * @returns `emit` when readers have to be told; `isSuspicious` once, when holding begins
 */
export function holdEmptied(
  held: Held,
  next: readonly string[],
  nowMs: number,
  heartbeatMs: number,
): { readonly held: Held; readonly emit: boolean; readonly isSuspicious: boolean } {
  const { last, emptySinceMs } = held
  if (next.length === 0 && last !== undefined && last.length > 0) {
    if (emptySinceMs === undefined) return { held: { last, emptySinceMs: nowMs }, emit: false, isSuspicious: true }
    if (nowMs - emptySinceMs < holdHeartbeats * heartbeatMs) return { held, emit: false, isSuspicious: false }
  }
  const isSame = last !== undefined && last.length === next.length && last.every((each, at) => each === next[at])
  return { held: { last: next, emptySinceMs: undefined }, emit: !isSame, isSuspicious: false }
}
