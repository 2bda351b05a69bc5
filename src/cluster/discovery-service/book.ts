import { parseEntries } from '../discovery/parse-entries.ts'

/** Most of everything that one service keeps. */
export interface BookLimits {
  readonly tokens: number
  readonly entriesPerToken: number
  readonly entries: number
  /** A token that nobody registered with for so long is forgotten. */
  readonly idleMs: number
}

export const defaultBookLimits: BookLimits = {
  tokens: 10_000,
  entriesPerToken: 10_000,
  entries: 200_000,
  idleMs: 90 * 24 * 3_600_000,
}

interface Page {
  /** Address → when it lapses. */
  readonly entries: Map<string, number>
  /** When the token itself lapses, unless somebody registers. */
  endsAtMs: number
}

/** What is written to disk: times as what is left of them, so that no clock has to be right after a restart. */
export interface BookRecord {
  readonly version: 1
  readonly tokens: readonly {
    readonly token: string
    readonly leftMs: number
    readonly entries: readonly (readonly [addr: string, leftMs: number])[]
  }[]
}

export type RegisterResult = 'new' | 'renewed' | 'unknown' | 'full' | 'malformed'

/** Which engines announced themselves under which token, and until when. Times are of a monotonic clock. */
export class TokenBook {
  readonly #pages = new Map<string, Page>()
  readonly #limits: BookLimits
  #entries = 0

  constructor(limits: BookLimits = defaultBookLimits) {
    this.#limits = limits
  }

  get tokenCount(): number {
    return this.#pages.size
  }

  get entryCount(): number {
    return this.#entries
  }

  /** @returns false when there are too many already */
  create(token: string, nowMs: number): boolean {
    if (this.#pages.size >= this.#limits.tokens) this.sweep(nowMs)
    if (this.#pages.size >= this.#limits.tokens) return false
    this.#pages.set(token, { entries: new Map(), endsAtMs: nowMs + this.#limits.idleMs })
    return true
  }

  register(token: string, addr: string, ttlMs: number, nowMs: number): RegisterResult {
    const page = this.#pages.get(token)
    if (page === undefined) return 'unknown'
    const { addresses, problems } = parseEntries([addr])
    if (problems.length > 0 || addresses.length !== 1 || addresses[0] !== addr) return 'malformed'
    const isNew = !page.entries.has(addr)
    if (isNew && this.#isFull(page)) {
      this.sweep(nowMs)
      if (this.#isFull(page)) return 'full'
    }
    if (isNew) this.#entries += 1
    page.entries.set(addr, nowMs + ttlMs)
    page.endsAtMs = nowMs + this.#limits.idleMs
    return isNew ? 'new' : 'renewed'
  }

  /** Addresses that have not lapsed, sorted; undefined for a token that does not exist. */
  list(token: string, nowMs: number): readonly string[] | undefined {
    const page = this.#pages.get(token)
    if (page === undefined) return undefined
    this.#dropLapsed(page, nowMs)
    return [...page.entries.keys()].sort()
  }

  /** @returns false when there is no such token or no such entry */
  withdraw(token: string, addr: string): boolean {
    const isGone = this.#pages.get(token)?.entries.delete(addr) === true
    if (isGone) this.#entries -= 1
    return isGone
  }

  /** Forgets a token with all its entries. @returns false when there is none */
  remove(token: string): boolean {
    const page = this.#pages.get(token)
    if (page === undefined) return false
    this.#entries -= page.entries.size
    return this.#pages.delete(token)
  }

  /** Drops what has lapsed. @returns whether anything had */
  sweep(nowMs: number): boolean {
    const before = this.#entries + this.#pages.size
    for (const [token, page] of this.#pages) {
      this.#dropLapsed(page, nowMs)
      if (page.entries.size === 0 && page.endsAtMs <= nowMs) this.#pages.delete(token)
    }
    return this.#entries + this.#pages.size !== before
  }

  toRecord(nowMs: number): BookRecord {
    const tokens = [...this.#pages].map(([token, page]) => ({
      token,
      leftMs: Math.round(page.endsAtMs - nowMs),
      entries: [...page.entries].map(([addr, endsAtMs]) => [addr, Math.round(endsAtMs - nowMs)] as const),
    }))
    return { version: 1, tokens }
  }

  /** Takes over a record, whatever limits it was written under. */
  restore(record: BookRecord, nowMs: number): void {
    for (const { token, leftMs, entries } of record.tokens) {
      this.remove(token)
      const kept = entries.filter(([, left]) => left > 0).map(([addr, left]) => [addr, nowMs + left] as const)
      this.#pages.set(token, { entries: new Map(kept), endsAtMs: nowMs + Math.max(leftMs, 0) })
      this.#entries += kept.length
    }
  }

  #isFull(page: Page): boolean {
    return page.entries.size >= this.#limits.entriesPerToken || this.#entries >= this.#limits.entries
  }

  #dropLapsed(page: Page, nowMs: number): void {
    for (const [addr, endsAtMs] of page.entries) {
      if (endsAtMs > nowMs) continue
      page.entries.delete(addr)
      this.#entries -= 1
    }
  }
}
