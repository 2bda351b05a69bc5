import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Leader, Lease } from './leader.ts'
import type { Role } from './role.ts'

export interface ElectionOptions {
  readonly leader: Leader
  /** What other managers and their clients reach this one at, `HOST:PORT`. */
  readonly address: string
  readonly clock: Clock
  readonly log: Log
  /**
   * Run each time leadership begins, before anything relies on it: the place to read what the manager before did.
   * Ends in bounded time and never rejects.
   */
  catchUp?(): Promise<void>
}

/** How often a leader looks whether its lease has run out without anybody saying so. */
const lookMs = 100
/** Until an election that broke is stood for again: short at first, then classicswarm's ten seconds. */
const retryMs: readonly number[] = [1000, 2000, 5000, 10_000]
/** The same trouble is logged once in this time. */
const sameTroubleMs = 60_000
/** What a predecessor at our address left in the store is gone by then, whatever its time to live. */
const sameAddressMs = 60_000
/** A store that does not answer holds a manager that stops no longer than this. */
const resignMs = 2000

/**
 * The role of a manager that stands for election.
 *
 * Leadership is never remembered, it is asked of the lease each time: a manager that was frozen past the end of its
 * lease is a replica at the first question after the thaw, before any timer has fired.
 */
export class Election implements Role {
  readonly address: string
  readonly #o: ElectionOptions
  readonly #stop = new AbortController()
  readonly #listeners = new Set<() => void>()
  #lease: Lease | undefined
  #followed = ''
  #said: { readonly isPrimary: boolean; readonly primary: string | undefined; readonly term: number }
  #catchingUp: Promise<void> | undefined
  #isRetiring = false
  #running: Promise<unknown> = Promise.resolve()
  /** Since when our own address leads without us. */
  #namesakeSinceMs: number | undefined
  #hasLed = false
  #trouble: { readonly text: string; readonly atMs: number } | undefined

  constructor(options: ElectionOptions) {
    this.#o = options
    this.address = options.address
    this.#said = { isPrimary: false, primary: undefined, term: 0 }
  }

  get kind(): 'primary' | 'replica' {
    return this.#lease?.isHeld() === true ? 'primary' : 'replica'
  }

  /** The own address only while leading: a store may still name a manager that has started anew since. */
  get primary(): string | undefined {
    if (this.kind === 'primary') return this.address
    return this.#followed === '' || this.#followed === this.address ? undefined : this.#followed
  }

  get term(): number {
    const lease = this.#lease
    return lease?.isHeld() === true ? lease.term : 0
  }

  /** Set while a new leader still reads what the one before it did. */
  get catchingUp(): Promise<void> | undefined {
    return this.#catchingUp
  }

  async mayAct(): Promise<boolean> {
    await this.#catchingUp
    const lease = this.#lease
    if (this.#isRetiring || lease?.isHeld() !== true) return false
    // A frozen program may stand still between any two lines: the last question is the one put to the lease.
    const isOurs = await lease.confirm({ signal: this.#stop.signal }).catch(() => false)
    return isOurs && !this.#isRetiring && lease === this.#lease && lease.isHeld()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Stands for election until `resign`. */
  start(): void {
    this.#running = Promise.all([
      this.#repeat('election', () => this.#campaign()),
      this.#repeat('leader watch', () => this.#follow()),
      this.#look(),
    ])
  }

  /** Acts on nothing any more; requests are still served as before. */
  retire(): void {
    this.#isRetiring = true
  }

  /** Gives leadership up, so that another manager has it at once. Idempotent. */
  async resign(): Promise<void> {
    this.retire()
    this.#stop.abort(resignedReason)
    const limit = new AbortController()
    const late = this.#o.clock.sleep(resignMs, limit.signal).catch(() => undefined)
    await Promise.race([this.#running, late])
    limit.abort(resignedReason)
    this.#lease = undefined
    this.#sync()
  }

  async #campaign(): Promise<void> {
    const { signal } = this.#stop
    try {
      for await (const lease of this.#o.leader.campaign(this.address, { signal })) {
        this.#trouble = undefined
        this.#lease = lease
        this.#sync()
      }
    } finally {
      this.#lease = undefined
      this.#sync()
    }
  }

  async #follow(): Promise<void> {
    for await (const address of this.#o.leader.follow({ signal: this.#stop.signal })) {
      if (address !== '' && address !== this.#followed) this.#o.log.info(`New leader elected: ${address}`)
      this.#followed = address
      this.#sync()
    }
  }

  async #repeat(what: string, run: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const startMs = this.#o.clock.monotonicMs()
        await run()
        if (this.#o.clock.monotonicMs() - startMs > sameTroubleMs) failures = 0
      } catch (error) {
        if (signal.aborted) return
        this.#tellTrouble(`Leader Election: ${what} failed: ${toMessage(error)}`)
      }
      const delayMs = retryMs[Math.min(failures, retryMs.length - 1)] ?? 0
      await this.#o.clock.sleep(delayMs, signal).catch(() => undefined)
    }
  }

  /** Whoever elects may itself hang: the end of a lease is noticed here all the same. */
  async #look(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#o.clock.sleep(lookMs, signal).catch(() => undefined)
      if (signal.aborted) return
      this.#sync()
      this.#lookForNamesake()
    }
  }

  /** Nobody would be known to lead, and nothing would say why. */
  #lookForNamesake(): void {
    const nowMs = this.#o.clock.monotonicMs()
    // One that has led is the leader it heard of last, when the store falls silent.
    if (this.#hasLed || this.#followed !== this.address) this.#namesakeSinceMs = undefined
    else this.#namesakeSinceMs ??= nowMs
    if (nowMs - (this.#namesakeSinceMs ?? nowMs) < sameAddressMs) return
    this.#tellTrouble(
      `Leader Election: the leader is at ${this.address}, and that is the address of --advertise of this manager, which does not lead: give each manager an address of its own`,
    )
  }

  #tellTrouble(text: string): void {
    const atMs = this.#o.clock.monotonicMs()
    if (this.#trouble?.text === text && atMs - this.#trouble.atMs < sameTroubleMs) return
    this.#trouble = { text, atMs }
    this.#o.log.error(text)
  }

  /** Tells the log and the listeners what has changed since they were told last. */
  #sync(): void {
    const before = this.#said
    const now = { isPrimary: this.kind === 'primary', primary: this.primary, term: this.term }
    if (now.isPrimary === before.isPrimary && now.primary === before.primary && now.term === before.term) return
    this.#said = now
    if (before.isPrimary && (!now.isPrimary || now.term !== before.term)) {
      this.#catchingUp = undefined
      this.#o.log.info('Leader Election: Cluster leadership lost')
    }
    if (now.isPrimary && (!before.isPrimary || now.term !== before.term)) {
      this.#o.log.info('Leader Election: Cluster leadership acquired')
      this.#hasLed = true
      this.#beginCatchUp()
    }
    for (const listener of this.#listeners) listener()
  }

  #beginCatchUp(): void {
    const catchUp = this.#o.catchUp?.().finally(() => {
      if (this.#catchingUp === catchUp) this.#catchingUp = undefined
    })
    this.#catchingUp = catchUp
  }
}

const resignedReason = new Error('the manager has resigned')
