import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'

/** Who leads, as it stands in the cell. */
export interface LeaseRecord {
  /** Address of the leader; empty when it has resigned. */
  readonly holder: string
  /** Of the process that wrote it: an address alone may be that of a predecessor. */
  readonly token: string
  readonly term: number
  /** Milliseconds that the record stands unchanged before others may take the lease. */
  readonly ttlMs: number
  /** Counts renewals. */
  readonly beat: number
}

/** One value that several managers share, written only by whoever has seen its last version. */
export interface LeaseCell {
  /** The value and its version; undefined when it was never written. Throws when nobody says. */
  read(o: CallOptions): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined>
  /** @returns the new version, or undefined when the cell no longer has this version. Throws when nobody says. */
  write(record: LeaseRecord, version: string | undefined, o: CallOptions): Promise<string | undefined>
}

export interface CasLeaseOptions {
  readonly cell: LeaseCell
  readonly ttlMs: number
  readonly clock: Clock
  readonly log: Log
}

const longestPollMs = 1000
const sameTroubleMs = 60_000

/** What the cell held when it was read last. */
export interface Seen {
  readonly record: LeaseRecord | undefined
  readonly version: string | undefined
  /** The highest term that was ever seen; 0 when there was none. */
  readonly lastTerm: number
  /** Monotonic: when this version was first seen. */
  readonly sinceMs: number
}

/** Reads the cell for both campaign and follow, and remembers since when its version has not changed. */
export class CellReader {
  readonly #o: CasLeaseOptions
  #seen: Seen | undefined
  #readAtMs = Number.NEGATIVE_INFINITY
  #reading: Promise<Seen> | undefined
  #trouble: { readonly text: string; readonly atMs: number } | undefined

  constructor(options: CasLeaseOptions) {
    this.#o = options
  }

  get pollMs(): number {
    return Math.min(longestPollMs, this.#o.ttlMs / 5)
  }

  /** What the cell holds, or undefined (and a line in the log) when nobody says. */
  async look(maxAgeMs: number, signal: AbortSignal | undefined): Promise<Seen | undefined> {
    if (this.#seen !== undefined && this.#o.clock.monotonicMs() - this.#readAtMs < maxAgeMs) return this.#seen
    try {
      this.#reading ??= this.#read(signal).finally(() => (this.#reading = undefined))
      return await this.#reading
    } catch (error) {
      if (signal?.aborted !== true) this.tell(error)
      return undefined
    }
  }

  /** The same trouble is told once a minute. */
  tell(error: unknown): void {
    const text = `Leader Election: ${toMessage(error)}`
    const atMs = this.#o.clock.monotonicMs()
    if (this.#trouble?.text === text && atMs - this.#trouble.atMs < sameTroubleMs) return
    this.#trouble = { text, atMs }
    this.#o.log.error(text)
  }

  async #read(signal: AbortSignal | undefined): Promise<Seen> {
    const found = await this.#o.cell.read({ deadlineMs: callMs(this.#o), ...(signal === undefined ? {} : { signal }) })
    const nowMs = this.#o.clock.monotonicMs()
    const isSame = this.#seen !== undefined && this.#seen.version === found?.version
    const sinceMs = isSame ? (this.#seen?.sinceMs ?? nowMs) : nowMs
    const lastTerm = Math.max(this.#seen?.lastTerm ?? 0, found?.record.term ?? 0)
    this.#seen = { record: found?.record, version: found?.version, lastTerm, sinceMs }
    this.#readAtMs = nowMs
    this.#trouble = undefined
    return this.#seen
  }
}

/** How long one call may take. */
export function callMs(options: CasLeaseOptions): number {
  return Math.min(10_000, options.ttlMs / 3)
}
