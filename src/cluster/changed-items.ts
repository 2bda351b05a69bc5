/**
 * Calls back for what is only in one of two versions of a list, by identity: first for all that went, then for what came.
 * Takes the time of comparing what both begin and end with, and of what is between.
 */
export function forChanged<V>(
  { before, after }: { readonly before: readonly V[]; readonly after: readonly V[] },
  drop: (item: V) => void,
  add: (item: V) => void,
): void {
  if (before === after) return
  // A changed list nearly always differs in one place: what both begin and end with is skipped.
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1
  let end = 0
  const most = Math.min(before.length, after.length) - start
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1
  const gone = new Set(before.slice(start, before.length - end))
  const come: V[] = []
  for (const item of after.slice(start, after.length - end)) if (!gone.delete(item)) come.push(item)
  for (const item of gone) drop(item)
  for (const item of come) add(item)
}
