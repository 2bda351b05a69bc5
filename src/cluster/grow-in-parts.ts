/** Engines that come in at once: making what each needs takes some twenty microseconds. */
const partSize = 500

/**
 * The way to a full set of addresses when many are new: each list holds what is known of it and some of the new ones, the
 * last one is the full set. What is to leave is in none of them.
 */
export function* growInParts(
  known: ReadonlySet<string>,
  wanted: readonly string[],
): Generator<readonly string[], void> {
  const fresh = wanted.filter((addr) => !known.has(addr))
  const kept = wanted.filter((addr) => known.has(addr))
  for (let end = partSize; end < fresh.length; end += partSize) yield [...kept, ...fresh.slice(0, end)]
  yield wanted
}
