import type { Clock } from '../core/clock.ts'
import { waitAtMost } from '../core/deadline.ts'

/** A create waits this long for an engine to describe its containers before it looks elsewhere. */
const unreadMs = 3000

interface Reader {
  readonly read: Promise<void>
  readonly resolve: () => void
}

/** Who waits for engines that have come in and not described their containers yet. */
export class Readers {
  readonly #clock: Clock
  readonly #hurry: (addr: string, isUrgent: boolean) => void
  readonly #readers = new Map<string, Reader>()

  /** @param hurry told when somebody begins to wait for an engine, and when nobody does any more */
  constructor(clock: Clock, hurry: (addr: string, isUrgent: boolean) => void) {
    this.#clock = clock
    this.#hurry = hurry
  }

  get isEmpty(): boolean {
    return this.#readers.size === 0
  }

  has(addr: string): boolean {
    return this.#readers.has(addr)
  }

  /** Resolves when `done` is said of the engine, or a little later. */
  async wait(addr: string): Promise<void> {
    let reader = this.#readers.get(addr)
    if (reader === undefined) {
      let resolve: () => void = () => undefined
      const read = new Promise<void>((done) => {
        resolve = done
      })
      reader = { read, resolve }
      this.#readers.set(addr, reader)
      this.#hurry(addr, true)
    }
    await waitAtMost(this.#clock, reader.read, unreadMs)
  }

  /** It is known what every container of this engine takes up, or the engine is out of the choice. */
  done(addr: string): void {
    const reader = this.#readers.get(addr)
    if (reader === undefined) return
    this.#readers.delete(addr)
    this.#hurry(addr, false)
    reader.resolve()
  }
}
