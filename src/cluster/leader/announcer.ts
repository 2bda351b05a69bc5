import { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Election } from './election.ts'

export interface AnnouncerOptions {
  readonly role: Pick<Election, 'address' | 'kind' | 'primary' | 'onChange'>
  readonly clock: Clock
  readonly log: Log
  /** A client of the manager at `HOST:PORT`. */
  openManager(address: string): Engine
}

const beatMs = 5000
const callMs = 3000

/**
 * While this manager follows another, tells that one of itself, at once and then every few seconds: the one that leads
 * knows whom it can ask. A leader that does not understand, or cannot be reached, is told again later.
 */
export class Announcer {
  readonly #o: AnnouncerOptions
  readonly #stop = new AbortController()
  #wake: (() => void) | undefined

  constructor(options: AnnouncerOptions) {
    this.#o = options
  }

  start(): void {
    const giveBack = this.#o.role.onChange(() => this.#wake?.())
    this.#stop.signal.addEventListener('abort', giveBack)
    void this.#run()
  }

  close(): void {
    this.#stop.abort(new Error('the manager ends'))
    this.#wake?.()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      const { kind, primary } = this.#o.role
      if (kind === 'replica' && primary !== undefined) await this.#announce(primary)
      if (!signal.aborted) await this.#o.clock.sleep(beatMs, woken.signal).catch(() => undefined)
    }
  }

  async #announce(primary: string): Promise<void> {
    let engine: Engine | undefined
    try {
      engine = this.#o.openManager(primary)
      const reply = await engine.request(
        {
          method: 'POST',
          path: '/flotilla/managers',
          unversioned: true,
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify({ Address: this.#o.role.address })),
        },
        { deadlineMs: callMs, signal: this.#stop.signal },
      )
      await reply.bytes()
    } catch (error) {
      this.#o.log.debug('the leader was not told of this manager', { primary, error: toMessage(error) })
    } finally {
      await engine?.close()
    }
  }
}
