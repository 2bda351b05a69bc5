import type { Step } from './plan.ts'

/**
 * The steps that are done after a failure, too: those that bring back what the plan has stopped, with all they need. Nothing
 * is done for those that need what has failed: they cannot come to their end.
 *
 * @param steps in topological order
 */
export function findOwed(
  steps: readonly Step[],
  begun: ReadonlySet<number>,
  failed: ReadonlySet<number>,
): ReadonlySet<number> {
  const lost = new Set<number>()
  for (const { id, after } of steps) if (failed.has(id) || after.some((before) => lost.has(before))) lost.add(id)
  const owed = new Set<number>()
  for (const { id, after, owedFrom } of steps.toReversed()) {
    if (lost.has(id)) continue
    const isDue = owedFrom === 'start' || (owedFrom !== undefined && begun.has(owedFrom))
    if (!isDue && !owed.has(id)) continue
    owed.add(id)
    for (const before of after) owed.add(before)
  }
  return owed
}
