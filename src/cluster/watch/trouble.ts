/** What of an engine in service could not be read lately, although it answers. */
export interface Trouble {
  /** Failures since everything was read without one. */
  readonly failures: number
  /** What is missing is not asked for again before this. */
  readonly againMs: number
  /** When each kind of read was complained about last. */
  readonly toldMs: ReadonlyMap<string, number>
}

export const noTrouble: Trouble = { failures: 0, againMs: 0, toldMs: new Map() }

const longestPauseMs = 60_000
const firstPauseMs = 3000
/** The same kind of trouble is told this often at most. */
const tellEveryMs = 60_000

/**
 * Notes a read that failed. The first is made up for at once, the next ones ever later: an engine of which one list always
 * fails (a volume plug-in that is gone) must not be made to give all the others with every probe.
 *
 * @returns `isNews` when it is to be told
 */
export function noteFailure(
  trouble: Trouble,
  what: string,
  nowMs: number,
): { readonly trouble: Trouble; readonly isNews: boolean } {
  const failures = trouble.failures + 1
  const pauseMs = Math.min(longestPauseMs, firstPauseMs * (2 ** Math.min(failures - 1, 10) - 1))
  const lastMs = trouble.toldMs.get(what)
  const isNews = lastMs === undefined || Math.abs(nowMs - lastMs) >= tellEveryMs
  const toldMs = isNews ? new Map(trouble.toldMs).set(what, nowMs) : trouble.toldMs
  return { trouble: { failures, againMs: nowMs + pauseMs, toldMs }, isNews }
}

/** Everything has been read. What was told is remembered, so that what comes and goes is not told each time. */
export function endTrouble(trouble: Trouble): Trouble {
  return trouble.failures === 0 ? trouble : { ...trouble, failures: 0, againMs: 0 }
}

/** A clock that was set back does not draw the pause out. */
export function mayReadAgain({ againMs }: Trouble, nowMs: number): boolean {
  return nowMs >= againMs || againMs - nowMs > longestPauseMs
}
