/** What tells one event from another. */
export interface EventMark {
  readonly id: string
  readonly action: string
  /** Nanoseconds since the epoch, by the clock of the node. */
  readonly timeNs: bigint
}

/**
 * How far behind the newest event a stream is taken up again. The clocks of nodes differ by some, and what two nodes tell is
 * in the order of its coming, not of its times.
 */
const overlapNs = 60_000_000_000n
/** Marks are thrown away in bulk. */
const roundOfMarks = 1024

/**
 * Which events of a stream have been told, so that it can be followed again from another connection: from a moment before
 * its end, without those that are told already.
 */
export class EventTrail {
  readonly #startNs: bigint
  readonly #told = new Map<string, bigint>()
  #newestNs: bigint
  #pruneAt = roundOfMarks

  /** @param startNs nanoseconds since the epoch from which on events are wanted at all */
  constructor(startNs: bigint) {
    this.#startNs = startNs
    this.#newestNs = startNs
  }

  /** @returns false for an event that was told before */
  take({ id, action, timeNs }: EventMark): boolean {
    const mark = `${timeNs} ${id} ${action}`
    if (this.#told.has(mark)) return false
    this.#told.set(mark, timeNs)
    if (timeNs > this.#newestNs) this.#newestNs = timeNs
    if (this.#told.size > this.#pruneAt) this.#prune()
    return true
  }

  /** From when on to ask for the rest: epoch seconds with nanoseconds after a dot, as engines read them. */
  since(): string {
    const from = this.#newestNs - overlapNs
    const ns = from > this.#startNs ? from : this.#startNs
    return `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')}`
  }

  /** Twice the overlap is kept: some endpoints round the time they are asked for. */
  #prune(): void {
    for (const [mark, timeNs] of this.#told) if (timeNs < this.#newestNs - 2n * overlapNs) this.#told.delete(mark)
    this.#pruneAt = 2 * this.#told.size + roundOfMarks
  }
}

/** Epoch seconds with up to nine digits after a dot, in nanoseconds. */
export function toNanoseconds(seconds: string): bigint {
  const [whole = '0', fraction = ''] = seconds.split('.')
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
}
