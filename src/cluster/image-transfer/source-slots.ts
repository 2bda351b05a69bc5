import { toAbortError } from '../../core/deadline.ts'

/** A place at a source; `release` gives it back, once. */
export interface SourceSlot<S> {
  readonly source: S
  release(): void
}

/**
 * Hands out sources, each to a few at once, the least used first. Who waits asks again for candidates whenever
 * something has changed, so that a finished copy serves the next: a pull by many becomes a tree.
 */
export class SourceSlots<S> {
  readonly #limit: number
  readonly #active = new Map<S, number>()
  #waiting: (() => void)[] = []

  /** @param limit most transfers from one source at once */
  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * Waits for a free place at one of the candidates.
   *
   * @returns undefined when there are none
   */
  async acquire(candidates: () => readonly S[], signal: AbortSignal): Promise<SourceSlot<S> | undefined> {
    for (;;) {
      if (signal.aborted) throw toAbortError(signal)
      const sources = candidates()
      if (sources.length === 0) return undefined
      let best: S | undefined
      for (const source of sources) {
        const count = this.#count(source)
        if (count < this.#limit && (best === undefined || count < this.#count(best))) best = source
      }
      if (best !== undefined) return this.#take(best)
      await this.#change(signal)
    }
  }

  /** There may be new sources. */
  announce(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  #count(source: S): number {
    return this.#active.get(source) ?? 0
  }

  #take(source: S): SourceSlot<S> {
    this.#active.set(source, this.#count(source) + 1)
    let isHeld = true
    return {
      source,
      release: () => {
        if (!isHeld) return
        isHeld = false
        const left = this.#count(source) - 1
        if (left === 0) this.#active.delete(source)
        else this.#active.set(source, left)
        this.announce()
      },
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      function stop(): void {
        reject(toAbortError(signal))
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#waiting.push(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      })
    })
  }
}
