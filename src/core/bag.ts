/** One thing in a bag, by which it is taken out again. */
export interface BagEntry<T> {
  readonly item: T
  /** Where it stands; negative once it is out. */
  at: number
}

/**
 * Things in no order, for those that come and go with each request.
 *
 * A Set or Map would do, but each table it outgrows refers to the next one: once one of them has grown old, all that was in
 * later ones lives until a full collection (docs/decisions/0052).
 */
export class Bag<T> {
  readonly #entries: BagEntry<T>[] = []

  get size(): number {
    return this.#entries.length
  }

  add(item: T): BagEntry<T> {
    const entry = { item, at: this.#entries.length }
    this.#entries.push(entry)
    return entry
  }

  /** One that is out already stays out. */
  delete(entry: BagEntry<T>): void {
    if (entry.at < 0) return
    const last = this.#entries.pop()
    if (last !== undefined && last !== entry) {
      last.at = entry.at
      this.#entries[entry.at] = last
    }
    entry.at = -1
  }

  /** What is in it now, in a list of its own. */
  toArray(): T[] {
    return this.#entries.map(({ item }) => item)
  }
}
