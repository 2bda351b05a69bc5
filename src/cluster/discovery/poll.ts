import { setImmediate } from 'node:timers/promises'
import type { CallOptions } from '../../core/call.ts'
import type { DiscoveryContext } from './discovery.ts'
import { holdEmptied, nothingHeld } from './hold.ts'
import { joinProblems, toSet } from './parse-entries.ts'

/** What one look at a list of engines gave. */
export interface Reading {
  /** Absent: nothing was learnt, what was known stays. */
  readonly addresses: readonly string[] | undefined
  readonly problems: readonly string[]
}

/** Putting more than these in order takes milliseconds; others have their turn before. */
const manyAddresses = 10_000

/**
 * Looks at a list again and again and yields it when it has changed. A complaint is logged once, not every time; a list
 * that is suddenly empty is kept for a while (`holdEmptied`).
 *
 * @param name what messages call the list
 * @param read undefined: aborted meanwhile
 */
export async function* pollList(
  name: string,
  read: () => Promise<Reading | undefined>,
  everyMs: number,
  { clock, log, heartbeatMs }: DiscoveryContext,
  o: CallOptions,
): AsyncGenerator<readonly string[], void> {
  let held = nothingHeld
  let complaint = ''
  while (o.signal?.aborted !== true) {
    const reading = await read()
    if (reading === undefined || hasStopped(o)) return
    const problem = joinProblems(reading.problems)
    if (problem !== '' && problem !== complaint) log.error(`Discovery error: ${problem}`)
    complaint = problem
    if (reading.addresses !== undefined) {
      if (reading.addresses.length > manyAddresses) await setImmediate()
      const next = holdEmptied(held, toSet(reading.addresses), clock.monotonicMs(), heartbeatMs)
      held = next.held
      if (next.isSuspicious) log.warn(`${name} lists no engines any more: keeping the known ones for now`)
      if (next.emit) yield next.held.last ?? []
    }
    if (!(await pause(everyMs, { clock }, o))) return
  }
}

/** @returns false when aborted meanwhile */
export async function pause(ms: number, { clock }: Pick<DiscoveryContext, 'clock'>, o: CallOptions): Promise<boolean> {
  try {
    await clock.sleep(ms, o.signal)
    return true
  } catch (error) {
    if (hasStopped(o)) return false
    throw error
  }
}

function hasStopped({ signal }: CallOptions): boolean {
  return signal?.aborted === true
}
