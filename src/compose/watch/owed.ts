/** The pause before what failed is tried again, in milliseconds: doubled after each failure, up to the longest. */
const firstPauseMs = 1000
const longestPauseMs = 30_000

/** What one service has not been brought yet. */
interface Debt {
  readonly paths: Set<string>
  readonly reason: string
}

/**
 * Changes that could not be brought into the containers of a service: they are tried again with the next change and after
 * a pause, until they arrive. Pure.
 */
export class Owed {
  readonly #debts = new Map<string, Debt>()
  #pauseMs = firstPauseMs

  /** How long to wait before the next try, in milliseconds; undefined: nothing is owed. */
  get pauseMs(): number | undefined {
    return this.#debts.size === 0 ? undefined : this.#pauseMs
  }

  get services(): readonly string[] {
    return [...this.#debts.keys()]
  }

  pathsOf(service: string): readonly string[] {
    return [...(this.#debts.get(service)?.paths ?? [])]
  }

  /** @returns how many changes are owed to the service now, and whether that is news: not the same failure once more */
  add(service: string, paths: Iterable<string>, reason: string): { readonly count: number; readonly isNews: boolean } {
    const before = this.#debts.get(service)
    const all = new Set([...(before?.paths ?? []), ...paths])
    this.#debts.set(service, { paths: all, reason })
    return { count: all.size, isNews: before?.reason !== reason || before.paths.size !== all.size }
  }

  /** @returns whether anything was owed to the service */
  settle(service: string): boolean {
    return this.#debts.delete(service)
  }

  /** After a round of tries: the next one waits longer, or no longer than the first once all has arrived. */
  endRound(): void {
    this.#pauseMs = this.#debts.size === 0 ? firstPauseMs : Math.min(this.#pauseMs * 2, longestPauseMs)
  }
}
