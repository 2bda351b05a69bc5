import { Bag } from '../../core/bag.ts'
import { isFlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import type { Engine } from '../../engine/engine.ts'
import { openTransport } from '../../engine/transport/open.ts'
import { describeDialError } from '../../io/dial.ts'
import { EnginePool } from './http1/pool.ts'
import type { Exchange } from './http1/exchange.ts'
import { Forward } from './proxy.ts'
import type { ForwardHost, ForwardOptions, ForwardTarget } from './forward-options.ts'

export interface PrimaryLinkOptions {
  /** `HOST:PORT`, as the primary advertises it. */
  readonly address: string
  readonly endpoint: Extract<Endpoint, { readonly kind: 'tcp' }>
  readonly host: ForwardHost
  readonly log: Log
  openEngine(endpoint: Endpoint): Engine
}

/** Seconds between two looks at a manager that leads no more but still owes answers. One that leads is looked at each second. */
const probeSeconds = 5
const probeMs = 5000
/** Looks in a row that a manager that leads no more may leave unanswered before the streams through it end. */
const hungLooks = 4
/** Many requests may wait for something at once: pulls, stops, builds. */
const linkLimits = { inFlight: 4096, queued: 1024 }

/** Connections to one manager that leads, or has led, and the requests it has not answered yet. */
export class PrimaryLink implements ForwardTarget {
  readonly address: string
  readonly isManager = true
  readonly pool: EnginePool
  readonly #o: PrimaryLinkOptions
  readonly #waiting = new Bag<Forward>()
  #isRetired = false
  #isSuspect = false
  #ticks = 0
  #unanswered = 0
  #isProbing = false

  constructor(options: PrimaryLinkOptions) {
    this.#o = options
    this.address = options.address
    this.pool = new EnginePool({
      name: () => this.name,
      dial: (signal) => openTransport(options.endpoint, signal),
      onUnreachable: () => (this.#isSuspect = true),
      limits: linkLimits,
    })
  }

  get name(): string {
    return this.address
  }

  /** Nothing is left to be done here. */
  get isDone(): boolean {
    return this.#isRetired && this.#waiting.size === 0 && this.pool.openCount === 0
  }

  /** True while the last thing known is that it could not be reached. */
  get isSuspect(): boolean {
    return this.#isSuspect
  }

  /** It has not done what a manager does: it is asked again before a read is sent there. */
  suspect(): void {
    this.#isSuspect = true
  }

  /** Sends one request there as it is. */
  forward(
    exchange: Exchange,
    request: Omit<ForwardOptions, 'target' | 'isHijack' | 'describeFailure' | 'onReply' | 'onDone'>,
  ): void {
    const forward: Forward = new Forward(exchange, this.#o.host, {
      target: this,
      ...request,
      isHijack: true,
      describeFailure: (error) => this.describeFailure(error),
      onReply: () => this.#waiting.delete(entry),
      onDone: () => this.#waiting.delete(entry),
    })
    const entry = this.#waiting.add(forward)
    forward.run()
  }

  /** classicswarm api/replica.go: these words, and 500. */
  describeFailure(error: unknown): { readonly status: number; readonly message: string } {
    return {
      status: 500,
      message: `Unable to reach primary cluster manager (${this.#explain(error)}): ${this.address}`,
    }
  }

  onAnswer(): void {
    this.#isSuspect = false
  }

  onBroken(error: unknown): void {
    this.#o.log.debug('call to the primary broke', { primary: this.address, error: toMessage(error) })
  }

  /**
   * It leads no more: streams and requests under way go on as long as it is alive, new ones go elsewhere.
   */
  retire(): void {
    this.#isRetired = true
    this.#ticks = 0
    this.pool.retire()
  }

  /** Called about once a second. */
  tick(): void {
    this.pool.sweep()
    this.#ticks += 1
    const isDue = this.#isRetired ? !this.isDone && this.#ticks % probeSeconds === 0 : this.#isSuspect
    if (isDue && !this.#isProbing) void this.#probe()
  }

  close(): void {
    this.pool.close()
  }

  /**
   * A manager that is frozen or cut off owes its answers for ever: whoever waits for them is told. Streams may outlast a
   * short silence; later they end too, as a client that is told nothing would wait for events for ever.
   */
  async #probe(): Promise<void> {
    const engine = this.#o.openEngine(this.#o.endpoint)
    this.#isProbing = true
    try {
      const request = { method: 'GET', path: '/_ping', unversioned: true } as const
      await (await engine.request(request, { deadlineMs: probeMs })).bytes()
      this.#isSuspect = false
      this.#unanswered = 0
    } catch (error) {
      if (isFlotillaError(error) && error.status !== undefined) {
        this.#unanswered = 0
        // Who is not let in there for lack of a certificate has been answered all the same.
        if (error.status === 401 || error.status === 403) this.#isSuspect = false
        return
      }
      if (!this.#isRetired) return
      this.#unanswered += 1
      const { status, message } = this.describeFailure(error)
      for (const forward of this.#waiting.toArray()) forward.abandon(status, message)
      if (this.#unanswered >= hungLooks) this.pool.close()
    } finally {
      this.#isProbing = false
      void engine.close()
    }
  }

  #explain(error: unknown): string {
    if (!isFlotillaError(error)) return describeDialError(this.#o.endpoint, error)
    if (error.code === 'engine/timeout') return `dial tcp ${this.address}: i/o timeout`
    return error.cause === undefined ? error.message : this.#explain(error.cause)
  }
}
