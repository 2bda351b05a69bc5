import type { Duplex } from 'node:stream'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { UpstreamConnection } from './upstream.ts'

/** Work that wants a connection. Exactly one of the two is called, unless it was cancelled before. */
export interface PoolJob {
  readonly isCancelled: boolean
  start(connection: UpstreamConnection): void
  refused(error: FlotillaError): void
}

export interface PoolOptions {
  /** For messages. */
  readonly name: () => string
  dial(signal: AbortSignal): Promise<Duplex>
  /** Told of connections that could not be made, so that health is known at once. */
  onUnreachable(error: unknown): void
  /** Told of each request that found no room. */
  onFull?(): void
  /** Requests sent and not yet answered; absent: what one engine is asked at once. */
  readonly inFlightLimit?: number
}

/** Requests sent and not yet answered, and requests waiting for their turn; reliability.md §2. */
const engineInFlightLimit = 64
const queueLimit = 1024
const idleLimit = 64
const idleSeconds = 60
const dialSeconds = 10

interface Dialing {
  readonly since: number
  readonly abort: AbortController
  readonly job: PoolJob
}

/** Kept-alive connections to one engine. A request counts against the limits until its reply begins. */
export class EnginePool {
  readonly #options: PoolOptions
  readonly #inFlightLimit: number
  readonly #idle: UpstreamConnection[] = []
  readonly #all = new Set<UpstreamConnection>()
  readonly #dialing = new Set<Dialing>()
  readonly #queue: PoolJob[] = []
  #inFlight = 0
  #tick = 0
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#inFlightLimit = options.inFlightLimit ?? engineInFlightLimit
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Requests that wait for their turn. */
  get queued(): number {
    return this.#queue.length
  }

  get idleCount(): number {
    return this.#idle.length
  }

  submit(job: PoolJob): void {
    if (this.#isClosed) {
      job.refused(new FlotillaError('engine/unreachable', `node ${this.#options.name()} is gone`, { status: 503 }))
    } else if (this.#inFlight < this.#inFlightLimit) {
      this.#run(job, false)
    } else if (this.#queue.length < queueLimit) {
      this.#queue.push(job)
    } else {
      this.#options.onFull?.()
      const message = `too many requests are waiting for node ${this.#options.name()}`
      job.refused(new FlotillaError('engine/unreachable', message, { status: 503 }))
    }
  }

  /** Like `submit`, on a connection of its own: after a kept one turned out to be dead. */
  submitFresh(job: PoolJob): void {
    this.#run(job, true)
  }

  /** Called about once a second. */
  sweep(): void {
    this.#tick += 1
    for (const dialing of this.#dialing) {
      if (this.#tick - dialing.since > dialSeconds || dialing.job.isCancelled) {
        dialing.abort.abort(new FlotillaError('engine/timeout', `no connection within ${dialSeconds} s`))
      }
    }
    while (this.#idle.length > 0 && this.#tick - (this.#idle[0]?.idleSince ?? 0) > idleSeconds) {
      this.#idle.shift()?.destroy()
    }
  }

  /** Drops kept connections: those to an engine that went away may hang. */
  dropIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  /** Takes no more work and keeps no connection; what is under way goes on. */
  retire(): void {
    this.#isClosed = true
    for (const dialing of this.#dialing) dialing.abort.abort(new FlotillaError('core/aborted', 'closing'))
    for (const job of this.#queue.splice(0)) this.submit(job)
    this.dropIdle()
  }

  close(): void {
    this.#isClosed = true
    for (const dialing of this.#dialing) dialing.abort.abort(new FlotillaError('core/aborted', 'closing'))
    for (const job of this.#queue.splice(0)) this.submit(job)
    for (const connection of this.#all) connection.destroy()
  }

  #run(job: PoolJob, isFresh: boolean): void {
    this.#inFlight += 1
    const kept = isFresh ? undefined : this.#takeIdle()
    if (kept !== undefined) {
      job.start(kept)
      return
    }
    const dialing = { since: this.#tick, abort: new AbortController(), job }
    this.#dialing.add(dialing)
    this.#options.dial(dialing.abort.signal).then(
      (stream) => this.#dialed(dialing, stream),
      (error: unknown) => this.#dialFailed(dialing, error),
    )
  }

  #takeIdle(): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || connection.isUsable) return connection
      connection.destroy()
    }
  }

  #dialed(dialing: Dialing, stream: Duplex): void {
    this.#dialing.delete(dialing)
    const connection = new UpstreamConnection(stream, {
      settled: () => this.#settled(),
      idle: (free) => this.#keep(free),
      closed: (gone) => this.#forget(gone),
    })
    this.#all.add(connection)
    if (this.#isClosed) {
      connection.destroy()
      if (!dialing.job.isCancelled) this.submit(dialing.job)
      this.#settled()
    } else if (dialing.job.isCancelled) {
      this.#keep(connection)
      this.#settled()
    } else {
      dialing.job.start(connection)
    }
  }

  #dialFailed(dialing: Dialing, error: unknown): void {
    this.#dialing.delete(dialing)
    if (!dialing.job.isCancelled) {
      this.#options.onUnreachable(error)
      const message = `cannot reach node ${this.#options.name()}: ${toMessage(error)}`
      dialing.job.refused(new FlotillaError('engine/unreachable', message, { cause: error, status: 502 }))
    }
    this.#settled()
  }

  #settled(): void {
    this.#inFlight -= 1
    while (this.#inFlight < this.#inFlightLimit) {
      const job = this.#queue.shift()
      if (job === undefined) return
      if (!job.isCancelled) this.#run(job, false)
    }
  }

  #keep(connection: UpstreamConnection): void {
    if (this.#isClosed || this.#idle.length >= idleLimit) {
      connection.destroy()
      return
    }
    connection.idleSince = this.#tick
    this.#idle.push(connection)
  }

  #forget(connection: UpstreamConnection): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }
}
