import type { CallOptions } from '../../core/call.ts'
import { raceAbort, waitAtMost } from '../../core/deadline.ts'
import { randomId } from '../../io/random-id.ts'
import type { Leader, Lease } from './leader.ts'
import { callMs, CellReader } from './lease-cell.ts'
import type { CasLeaseOptions, LeaseRecord, Seen } from './lease-cell.ts'

/** The holder counts itself out this much before others may take over: clocks may differ in rate by as much. */
const marginRatio = 0.1
/** To free the lease, all told: whoever stops waits no longer. */
const resignMs = 1500
/** Of these, for a renewal that is under way. */
const tailMs = 400
const freeTries = 3

/**
 * Elects a leader with nothing but compare-and-set on one cell, and without any clock that two hosts share: the holder
 * renews the record in good time, and whoever has watched it stand unchanged for the TTL on his own monotonic clock may
 * replace it. The holder's time counts from before it wrote, the watcher's from after it read, so they cannot overlap.
 */
export function casLeader(options: CasLeaseOptions): Leader {
  const reader = new CellReader(options)
  return {
    campaign: (address, o) => campaign(options, reader, address, o.signal),
    follow: (o) => follow(options, reader, o.signal),
  }
}

async function* campaign(
  options: CasLeaseOptions,
  reader: CellReader,
  address: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Lease | undefined> {
  const { clock, ttlMs } = options
  const token = randomId(16)
  while (!hasAborted(signal)) {
    const seen = await reader.look(0, signal)
    // What carries our token without being held is a take whose answer was lost.
    if (seen !== undefined && (isFree(seen, options) || seen.record?.token === token)) {
      const term = seen.lastTerm + 1
      const held = new HeldLease(options, { holder: address, token, term, ttlMs, beat: 0 })
      const isWon = await held.take(seen.version, signal).catch((error: unknown) => {
        reader.tell(error)
        return false
      })
      if (isWon) {
        yield* lead(held, reader, signal)
        continue
      }
    }
    await clock.sleep(reader.pollMs, signal).catch(() => undefined)
  }
}

function hasAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function isFree(seen: Seen, { clock, ttlMs }: CasLeaseOptions): boolean {
  const { record, lastTerm, sinceMs } = seen
  // A record that somebody removed may have a holder who does not know yet.
  if (record === undefined && lastTerm === 0) return true
  if (record?.holder === '') return true
  return clock.monotonicMs() - sinceMs >= Math.max(ttlMs, record?.ttlMs ?? 0)
}

async function* lead(
  held: HeldLease,
  reader: CellReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<Lease | undefined> {
  try {
    yield held
    await held.keep(signal, (error) => reader.tell(error))
    await held.giveUp()
    yield undefined
  } finally {
    await held.giveUp()
  }
}

/** A lease that this process has taken. */
class HeldLease implements Lease {
  readonly term: number
  readonly #o: CasLeaseOptions
  #record: LeaseRecord
  #version: string | undefined
  #untilMs = Number.NEGATIVE_INFINITY
  #isOver = false
  #isGivenUp = false
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: CasLeaseOptions, record: LeaseRecord) {
    this.#o = options
    this.#record = record
    this.term = record.term
  }

  /** @returns false when somebody else was first */
  async take(version: string | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    this.#version = version
    const isWon = await this.#write(signal)
    this.#isOver = !isWon
    return isWon
  }

  isHeld(): boolean {
    return !this.#isOver && this.#o.clock.monotonicMs() < this.#untilMs
  }

  /** A renewal is the one question whose answer cannot be old. */
  async confirm(): Promise<boolean> {
    if (!this.isHeld()) return false
    const isRenewed = await this.#renew().catch(() => false)
    return isRenewed && this.isHeld()
  }

  /** Renews in time until the lease is lost or the signal aborts. */
  async keep(signal: AbortSignal | undefined, onTrouble: (error: unknown) => void): Promise<void> {
    const { clock, ttlMs } = this.#o
    let pauseMs = ttlMs / 3
    while (this.isHeld() && !hasAborted(signal)) {
      const leftMs = Math.max(0, this.#untilMs - clock.monotonicMs())
      await clock.sleep(Math.min(pauseMs, leftMs), signal).catch(() => undefined)
      if (hasAborted(signal) || !this.isHeld()) return
      try {
        // The renewal goes on by itself: whoever resigns does not wait for one that hangs.
        if (!(await raceAbort(signal, () => this.#renew()))) return
        pauseMs = ttlMs / 3
      } catch (error) {
        if (hasAborted(signal)) return
        onTrouble(error)
        pauseMs = Math.min(1000, ttlMs / 10)
      }
    }
  }

  /** No longer held from this moment on; others are told, as well as it goes. */
  async giveUp(): Promise<void> {
    if (this.#isGivenUp) return
    this.#isGivenUp = true
    const isOurs = !this.#isOver
    this.#isOver = true
    if (!isOurs) return
    const { clock } = this.#o
    const endMs = clock.monotonicMs() + resignMs
    // One that hangs may come about later: over the version it knows, which is not the last one then.
    await waitAtMost(clock, this.#tail, tailMs)
    await this.#free(endMs).catch(() => undefined)
  }

  /**
   * What stands in the cell may be newer than what this process has heard of: the answer to a renewal may be lost, or on its
   * way. As long as it carries our token in our term, nobody else holds the lease.
   */
  async #free(endMs: number): Promise<void> {
    const { cell, clock } = this.#o
    const { token, term } = this.#record
    let version = this.#version
    for (let tries = 0; tries < freeTries; tries += 1) {
      const limit = (): CallOptions => ({ deadlineMs: Math.max(1, endMs - clock.monotonicMs()) })
      const written = await cell.write({ ...this.#record, holder: '' }, version, limit()).catch(() => undefined)
      if (written !== undefined) return
      const found = await cell.read(limit())
      if (found?.record.token !== token || found.record.term !== term || found.record.holder === '') return
      version = found.version
    }
  }

  /** One at a time, and never broken off: the version of each write is that of the one before. */
  #renew(): Promise<boolean> {
    const renewal = this.#tail.then(async () => {
      if (this.#isOver) return false
      this.#record = { ...this.#record, beat: this.#record.beat + 1 }
      if (await this.#write(undefined)) return true
      // An earlier write may have come about although its answer was lost.
      const found = await this.#o.cell.read({ deadlineMs: callMs(this.#o) })
      const isOurs = found?.record.token === this.#record.token && found.record.term === this.term
      // Given up in between: what is freed must not be taken back.
      if (this.#hasEnded()) return false
      this.#version = found?.version
      if (isOurs && (await this.#write(undefined))) return true
      this.#isOver = true
      return false
    })
    this.#tail = renewal.catch(() => undefined)
    return renewal
  }

  /** Another call may have ended it during the last wait. */
  #hasEnded(): boolean {
    return this.#isOver
  }

  async #write(signal: AbortSignal | undefined): Promise<boolean> {
    const { cell, clock, ttlMs } = this.#o
    const sentMs = clock.monotonicMs()
    const o = { deadlineMs: callMs(this.#o), ...(signal === undefined ? {} : { signal }) }
    const version = await cell.write(this.#record, this.#version, o)
    if (version === undefined) return false
    this.#version = version
    this.#untilMs = sentMs + ttlMs * (1 - marginRatio)
    return true
  }
}

async function* follow(
  options: CasLeaseOptions,
  reader: CellReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  let told: string | undefined
  while (!hasAborted(signal)) {
    const seen = await reader.look(reader.pollMs / 2, signal)
    // While nobody says, the last word stands: a store that is silent has elected nobody else.
    if (seen !== undefined) {
      const address = isFree(seen, options) ? '' : (seen.record?.holder ?? '')
      if (address !== told) yield address
      told = address
    }
    await options.clock.sleep(reader.pollMs, signal).catch(() => undefined)
  }
}
