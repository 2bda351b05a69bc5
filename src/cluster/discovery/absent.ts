/** How many heartbeats what is missing all at once, or after an outage, has to stay missing before it is believed. */
const holdHeartbeats = 3

/** What a store last told, and what is still counted though it does not tell it any more. */
export interface Listed {
  /** What readers were told; undefined before the first reading. */
  readonly told: readonly string[] | undefined
  readonly latest: readonly string[]
  /** Until then nothing is taken away. */
  readonly keepUntilMs: number
}

export const nothingListed: Listed = { told: undefined, latest: [], keepUntilMs: Number.NEGATIVE_INFINITY }

/**
 * Takes a reading over. A list that was full and is empty is more likely a wiped store than the end of every engine;
 * and in a store that comes back from an outage registrations have expired that nobody could renew. Both times what
 * is missing counts for three more heartbeats.
 *
 * @returns `isSuspicious` once, when an empty list begins to be held
 */
export function takeReading(
  listed: Listed,
  latest: readonly string[],
  o: { readonly nowMs: number; readonly heartbeatMs: number; readonly isAfterOutage: boolean },
): { readonly listed: Listed; readonly isSuspicious: boolean } {
  const { told } = listed
  const isEmptied = latest.length === 0 && listed.latest.length > 0
  const isHeld = told !== undefined && (isEmptied || o.isAfterOutage)
  const keepUntilMs = isHeld ? o.nowMs + holdHeartbeats * o.heartbeatMs : listed.keepUntilMs
  return { listed: settle({ told, latest, keepUntilMs }, o.nowMs), isSuspicious: told !== undefined && isEmptied }
}

/** What readers have to be told at this moment; the same `told` when it is what they know. */
export function settle(listed: Listed, nowMs: number): Listed {
  const { told, latest, keepUntilMs } = listed
  const next = nowMs < keepUntilMs && told !== undefined ? [...new Set([...told, ...latest])].sort() : latest
  const isSame = told !== undefined && told.length === next.length && told.every((each, at) => each === next[at])
  return isSame ? listed : { told: next, latest, keepUntilMs }
}

/** Milliseconds until something held back is due; undefined when nothing is. */
export function dueInMs(listed: Listed, nowMs: number): number | undefined {
  if (listed.told === undefined || listed.told.length === listed.latest.length) return undefined
  return Math.max(0, listed.keepUntilMs - nowMs)
}
