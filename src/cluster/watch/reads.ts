/** Somebody who wants to know when the view holds what a read that began after his call has found. */
interface Waiter {
  /** The number of the read of this key that will do. */
  readonly read: number
  resolve(): void
}

/**
 * The reads of one engine by what they read (`keyOf`), and who waits for which of them. Reads of a key are numbered as they
 * begin; what one finds counts for everybody who asked before it began.
 */
export class Reads {
  /** Key → number of the read that began last. Only while somebody may compare with it. */
  readonly #last = new Map<string, number>()
  /** Key → reads under way. */
  readonly #running = new Map<string, number>()
  /** Keys that will be read in a moment. */
  readonly #queued = new Set<string>()
  /** Keys whose read the present step has begun. */
  readonly #begun = new Set<string>()
  readonly #waiters = new Map<string, Waiter[]>()

  /** A step of the reducer is about to be carried out. */
  startStep(): void {
    this.#begun.clear()
  }

  /** The key will be read in a moment. */
  queue(key: string): void {
    this.#queued.add(key)
  }

  /** @returns the number of the read that begins */
  begin(key: string): number {
    const read = this.last(key) + 1
    this.#last.set(key, read)
    this.#queued.delete(key)
    this.#begun.add(key)
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1)
    return read
  }

  /** A read is over, whether it found anything or not. */
  end(key: string, read: number): void {
    const left = (this.#running.get(key) ?? 1) - 1
    if (left > 0) this.#running.set(key, left)
    else this.#running.delete(key)
    // A read that failed takes along the one that was to follow it: whoever waits for that waits for nothing.
    const isLast = left <= 0 && !this.#queued.has(key)
    const waiters = this.#waiters.get(key) ?? []
    const later = isLast ? [] : waiters.filter((waiter) => waiter.read > read)
    if (later.length === 0) this.#waiters.delete(key)
    else this.#waiters.set(key, later)
    if (isLast) this.#last.delete(key)
    for (const waiter of waiters) if (isLast || waiter.read <= read) waiter.resolve()
  }

  /** Number of the read of this key that began last; 0 when there is none to compare with. */
  last(key: string): number {
    return this.#last.get(key) ?? 0
  }

  /** Resolves when a read that began after number `before` is over; at once when none is coming. */
  after(key: string, before: number): Promise<void> {
    const last = this.last(key)
    if (last === before && !this.#isComing(key)) return Promise.resolve()
    return this.#landed(key, last > before ? last : before + 1)
  }

  /**
   * Resolves when what the present step wants read has been read; undefined when nothing of this key is coming. A read under
   * way from before the step does not count.
   */
  coming(key: string): Promise<void> | undefined {
    if (!this.#isComing(key)) return undefined
    return this.#landed(key, this.last(key) + (this.#begun.has(key) ? 0 : 1))
  }

  /** Resolves when the reads of all keys that begin so are over which are under way now, or will be in a moment. */
  settled(start: string): Promise<unknown> {
    const keys = new Set([...this.#running.keys(), ...this.#queued].filter((key) => key.startsWith(start)))
    return Promise.all([...keys].map((key) => this.#landed(key, this.last(key) + (this.#queued.has(key) ? 1 : 0))))
  }

  /** Nothing that is queued will be read, and nobody waits any longer. */
  drop(): void {
    this.#queued.clear()
    this.release()
  }

  /** Nobody waits any longer. */
  release(): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.resolve()
    this.#waiters.clear()
  }

  #isComing(key: string): boolean {
    return this.#queued.has(key) || (this.#running.get(key) ?? 0) > 0
  }

  #landed(key: string, read: number): Promise<void> {
    return new Promise((resolve) => {
      const waiter = { read, resolve }
      const list = this.#waiters.get(key)
      if (list === undefined) this.#waiters.set(key, [waiter])
      else list.push(waiter)
    })
  }
}
