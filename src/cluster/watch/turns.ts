import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'

/** So many events of all engines together, or for so long, before others have their turn. */
const maxEvents = 256
const maxMs = 10

/**
 * Shares the time of the program between events and everything else: what engines told while the manager was held up is
 * there all at once, and to take it in at once would hold up requests, and those who follow events, once more. What waits
 * meanwhile stays with the engines.
 */
export class Turns {
  readonly #clock: Clock
  #left = maxEvents
  #endMs: number | undefined
  #next: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when one more event may be taken in; undefined: at once. */
  take(): Promise<void> | undefined {
    if (this.#next === undefined && this.#hasTime()) {
      this.#left -= 1
      return undefined
    }
    this.#next ??= this.#begin()
    return this.#waitFor(this.#next)
  }

  #hasTime(): boolean {
    if (this.#left <= 0) return false
    const nowMs = this.#clock.monotonicMs()
    this.#endMs ??= nowMs + maxMs
    return nowMs < this.#endMs
  }

  async #begin(): Promise<void> {
    await setImmediate()
    this.#left = maxEvents
    this.#endMs = undefined
    this.#next = undefined
  }

  /** Many may wait for the same turn, more than it has room for. */
  async #waitFor(next: Promise<void>): Promise<void> {
    await next
    const again = this.take()
    if (again !== undefined) await again
  }
}
