import { setImmediate } from 'node:timers/promises'
import type { CompileRegex } from '../expression.ts'
import { compileNames } from './list-filter.ts'
import type { ListFilters } from './list-filter.ts'

/** Longest that others wait for their turn meanwhile. */
const sliceMs = 10

/**
 * Matches the name filter of a list against the names of a fleet beforehand, letting others have their turn in between: a
 * pattern may take milliseconds for one name, and a fleet has tens of thousands.
 *
 * @param names as they will be asked for; others are matched when they are
 * @returns what to compile the patterns with
 * @throws {cluster/invalid-option} as `compileNames`
 */
export async function matchBeforehand(
  filters: ListFilters,
  compile: CompileRegex,
  names: Iterable<string>,
  nowMs: () => number,
): Promise<CompileRegex> {
  const verdicts = new Map<string, Map<string, boolean>>()
  const remembering: CompileRegex = (pattern) => {
    const matches = compile(pattern)
    const known = verdicts.get(pattern) ?? new Map<string, boolean>()
    verdicts.set(pattern, known)
    return (name) => {
      const before = known.get(name)
      if (before !== undefined) return before
      const isMatch = matches(name)
      known.set(name, isMatch)
      return isMatch
    }
  }
  const matchesAny = compileNames(filters, remembering)
  let untilMs = nowMs() + sliceMs
  for (const name of names) {
    matchesAny?.(name)
    if (nowMs() < untilMs) continue
    await setImmediate()
    untilMs = nowMs() + sliceMs
  }
  return remembering
}
