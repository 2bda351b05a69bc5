/**
 * Runs `fn` over `items`, at most `limit` at once, and returns the results in the order of the items.
 *
 * After the first failure no further item is started; the ones under way are awaited, then the first
 * failure is thrown. Use `settleLimit` where every item must have its turn.
 *
 * @param limit at least 1; `Infinity` for no limit
 */
export async function mapLimit<T, R>(
  items: Iterable<T>,
  limit: number,
  fn: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const failures: unknown[] = []
  const list = [...items]
  const queue = list.entries()
  async function work(): Promise<void> {
    for (const [index, item] of queue) {
      if (failures.length > 0) return
      try {
        results[index] = await fn(item, index)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  const workers: Promise<void>[] = []
  for (let started = 0; started < Math.min(Math.max(1, limit), list.length); started += 1) workers.push(work())
  await Promise.all(workers)
  if (failures.length > 0) throw failures[0]
  return results
}

/** What became of one item of `settleLimit`. */
export type Settled<T, R> =
  | { readonly kind: 'done'; readonly item: T; readonly value: R }
  | { readonly kind: 'failed'; readonly item: T; readonly error: unknown }

/** Like `mapLimit`, but every item has its turn and failures are values. Never rejects. */
export async function settleLimit<T, R>(
  items: Iterable<T>,
  limit: number,
  fn: (item: T, index: number) => Promise<R>,
): Promise<readonly Settled<T, R>[]> {
  return mapLimit(items, limit, async (item, index): Promise<Settled<T, R>> => {
    try {
      return { kind: 'done', item, value: await fn(item, index) }
    } catch (error) {
      return { kind: 'failed', item, error }
    }
  })
}
