import type { Clock, Random } from '../../core/clock.ts'
import { startDeadline, throwIfAborted } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import { backoffDelays } from '../../core/retry.ts'
import type { KvEntry, WatchOptions } from './kv.ts'

/** What a store has to offer to be watched. */
export interface WatchSteps<Mark> {
  /** Reads the folder, and where its history stands. */
  read(signal: AbortSignal): Promise<{ readonly entries: readonly KvEntry[]; readonly mark: Mark }>
  /** Resolves when something that matters changed after `mark`, or may have. Rejects when it cannot tell. */
  waitForChange(mark: Mark, known: readonly KvEntry[], signal: AbortSignal): Promise<void>
}

/** After the first change of a row this long is waited for the others, so that they are read together. */
const gatherMs = 150
/** A wait that lived this long shows that waiting works. */
const soundMs = 5000
const backoff = { firstMs: 1000, maxMs: 30_000, jitterRatio: 0.3 }
const rereadDefaultMs = 60_000

/**
 * Watches a folder by reading it, waiting for a change, and reading it again. A wait that fails (connection closed,
 * history gone) only costs a growing delay, because what was missed shows at the next reading; a reading that fails
 * is thrown.
 */
export async function* watchFolder<Mark>(
  steps: WatchSteps<Mark>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  o: WatchOptions = {},
): AsyncGenerator<readonly KvEntry[], void> {
  const { signal, rereadMs = rereadDefaultMs } = o
  let last: readonly KvEntry[] | undefined
  let delays = backoffDelays(backoff, random)
  try {
    for (;;) {
      throwIfAborted(signal)
      const { entries, mark } = await withLimit(clock, signal, undefined, (inner) => steps.read(inner))
      if (last === undefined || !isSame(last, entries)) yield entries
      last = entries
      const startMs = clock.monotonicMs()
      const outcome = await waitOnce(steps, mark, entries, { clock, signal, rereadMs })
      if (outcome === 'changed') await clock.sleep(gatherMs, signal)
      if (outcome === 'failed' && clock.monotonicMs() - startMs < soundMs) {
        await clock.sleep(Math.min(delays.next().value ?? backoff.maxMs, rereadMs), signal)
      } else delays = backoffDelays(backoff, random)
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error
  }
}

/** Versions do not count: a value that was written again is no news. */
function isSame(a: readonly KvEntry[], b: readonly KvEntry[]): boolean {
  return a.length === b.length && a.every((entry, at) => entry.key === b[at]?.key && entry.value === b[at].value)
}

const rereadDue = new FlotillaError('core/deadline', 'the folder is due to be read again')

async function waitOnce<Mark>(
  steps: WatchSteps<Mark>,
  mark: Mark,
  known: readonly KvEntry[],
  o: { readonly clock: Clock; readonly signal: AbortSignal | undefined; readonly rereadMs: number },
): Promise<'changed' | 'due' | 'failed'> {
  try {
    await withLimit(o.clock, o.signal, o.rereadMs, (inner) => steps.waitForChange(mark, known, inner))
    return 'changed'
  } catch (error) {
    throwIfAborted(o.signal)
    return error === rereadDue ? 'due' : 'failed'
  }
}

/** Runs `body` under a signal that is its own. */
async function withLimit<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  limitMs: number | undefined,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const o = { ...(signal === undefined ? {} : { signal }), ...(limitMs === undefined ? {} : { deadlineMs: limitMs }) }
  const deadline = startDeadline(clock, o, () => rereadDue)
  const inner = deadline.signal ?? new AbortController().signal
  try {
    return await body(inner)
  } catch (error) {
    // Stores wrap what ends them; the reason of the signal says whose wish it was.
    throw inner.aborted ? (inner.reason ?? error) : error
  } finally {
    deadline.release()
  }
}
