import type { Clock } from '../../core/clock.ts'

/** A manager that is silent for longer has gone. */
const expiryMs = 20_000
/** More managers than anybody runs. */
const maxPeers = 64

/** The other managers of the cluster, as far as they have announced themselves here. */
export class Peers {
  readonly #own: string
  readonly #clock: Clock
  /** Monotonic time of the last word, by address. */
  readonly #heard = new Map<string, number>()

  /** @param own address that this manager advertises */
  constructor(own: string, clock: Clock) {
    this.#own = own
    this.#clock = clock
  }

  /** @returns false for the own address, and when there are too many */
  hear(address: string): boolean {
    if (address === this.#own) return false
    if (!this.#heard.has(address) && this.list().length >= maxPeers) return false
    this.#heard.set(address, this.#clock.monotonicMs())
    return true
  }

  /** Addresses of those heard of lately, sorted. */
  list(): readonly string[] {
    const oldestMs = this.#clock.monotonicMs() - expiryMs
    for (const [address, atMs] of this.#heard) if (atMs < oldestMs) this.#heard.delete(address)
    return [...this.#heard.keys()].sort()
  }
}
