/** How often one client may do something: `burst` at once, then `perSecond`. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

interface Bucket {
  left: number
  atMs: number
}

/** Clients remembered; the one that has been silent longest is forgotten first. */
const maxClients = 10_000

/** Counts what clients do, by a name of theirs. Bounded: many clients cost no more memory than `maxClients`. */
export class RateLimit {
  readonly #rate: Rate
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** @returns 0 when the client may, else in how many seconds it may again */
  take(client: string, nowMs: number): number {
    const { burst, perSecond } = this.#rate
    const known = this.#buckets.get(client)
    const left = known === undefined ? burst : Math.min(burst, known.left + ((nowMs - known.atMs) / 1000) * perSecond)
    // Moves the client to the end, where the youngest are.
    this.#buckets.delete(client)
    this.#buckets.set(client, { left: left >= 1 ? left - 1 : left, atMs: nowMs })
    if (this.#buckets.size > maxClients) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest)
        break
      }
    }
    return left >= 1 ? 0 : Math.ceil((1 - left) / perSecond)
  }
}
