import type { Duplex } from 'node:stream'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { defaultLimits } from '../../limits.ts'
import type { EngineLimits } from '../../limits.ts'
import { UpstreamConnection } from './upstream.ts'

/** Work that wants a connection. Exactly one of the two is called, unless it was cancelled before. */
export interface PoolJob {
  readonly isCancelled: boolean
  /** It is answered late by nature, and must not keep others from being asked: containers that are stopped, or waited for. */
  readonly isPatient?: boolean
  start(connection: UpstreamConnection): void
  refused(error: FlotillaError): void
}

export type PoolLimits = Pick<EngineLimits, 'inFlight' | 'queued'>

export interface PoolOptions {
  /** For messages. */
  readonly name: () => string
  dial(signal: AbortSignal): Promise<Duplex>
  /** Told of connections that could not be made, so that health is known at once. */
  onUnreachable(error: unknown): void
  /** Told of each request that found no room. */
  onFull?(): void
  /** Default: those of one engine. */
  readonly limits?: PoolLimits
}

/** Patient requests sent and not yet answered: an engine does next to nothing for them. */
const patientLimit = 512
const idleLimit = 64
const idleSeconds = 60
const dialSeconds = 10

interface Dialing {
  readonly since: number
  readonly abort: AbortController
  readonly job: PoolJob
}

/** Requests that count against one limit. */
interface Lane {
  readonly limit: number
  readonly queue: PoolJob[]
  inFlight: number
}

interface Pooled {
  readonly connection: UpstreamConnection
  /** What its request counts against; none once the reply has begun. */
  lane: Lane | undefined
  /** Tick of the last use. */
  idleSince: number
}

/** Kept-alive connections to one engine. A request counts against the limits until its reply begins. */
export class EnginePool {
  readonly #options: PoolOptions
  /** Of each lane. */
  readonly #queued: number
  readonly #usual: Lane
  readonly #patient: Lane
  readonly #idle: Pooled[] = []
  readonly #all = new Set<Pooled>()
  readonly #dialing = new Set<Dialing>()
  #tick = 0
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
    const { inFlight: limit, queued } = options.limits ?? defaultLimits
    this.#queued = queued
    this.#usual = { limit, queue: [], inFlight: 0 }
    this.#patient = { limit: Math.max(limit, patientLimit), queue: [], inFlight: 0 }
  }

  get inFlight(): number {
    return this.#usual.inFlight + this.#patient.inFlight
  }

  /** Requests that wait for their turn. */
  get queued(): number {
    return this.#usual.queue.length + this.#patient.queue.length
  }

  get idleCount(): number {
    return this.#idle.length
  }

  /** Connections made and not yet closed, those given away for raw streams among them. */
  get openCount(): number {
    return this.#all.size
  }

  submit(job: PoolJob): void {
    if (this.#isClosed) {
      job.refused(new FlotillaError('engine/unreachable', `node ${this.#options.name()} is gone`, { status: 503 }))
      return
    }
    const lane = this.#laneFor(job)
    if (lane.inFlight < lane.limit) {
      this.#run(job, false)
    } else if (hasRoom(lane, this.#queued)) {
      lane.queue.push(job)
    } else {
      this.#options.onFull?.()
      const message = `too many requests are waiting for node ${this.#options.name()}`
      job.refused(new FlotillaError('engine/unreachable', message, { status: 503 }))
    }
  }

  /** Like `submit`, on a connection of its own: after a kept one turned out to be dead. */
  submitFresh(job: PoolJob): void {
    if (this.#isClosed) this.submit(job)
    else this.#run(job, true)
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
      this.#idle.shift()?.connection.destroy()
    }
  }

  /** Drops kept connections: those to an engine that went away may hang. */
  dropIdle(): void {
    for (const { connection } of this.#idle.splice(0)) connection.destroy()
  }

  /** Takes no more work and keeps no connection; what is under way goes on. */
  retire(): void {
    this.#isClosed = true
    for (const dialing of this.#dialing) dialing.abort.abort(new FlotillaError('core/aborted', 'closing'))
    this.#refuseQueued()
    this.dropIdle()
  }

  close(): void {
    this.#isClosed = true
    for (const dialing of this.#dialing) dialing.abort.abort(new FlotillaError('core/aborted', 'closing'))
    this.#refuseQueued()
    const error = new FlotillaError('engine/unreachable', 'its connections have been closed')
    for (const { connection } of this.#all) connection.breakOff(error)
  }

  #laneFor(job: PoolJob): Lane {
    return job.isPatient === true ? this.#patient : this.#usual
  }

  /** Of a closed pool. */
  #refuseQueued(): void {
    for (const { queue } of [this.#usual, this.#patient]) for (const job of queue.splice(0)) this.submit(job)
  }

  #run(job: PoolJob, isFresh: boolean): void {
    this.#laneFor(job).inFlight += 1
    const kept = isFresh ? undefined : this.#takeIdle()
    if (kept !== undefined) {
      this.#start(job, kept)
      return
    }
    const dialing = { since: this.#tick, abort: new AbortController(), job }
    this.#dialing.add(dialing)
    this.#options.dial(dialing.abort.signal).then(
      (stream) => this.#dialed(dialing, stream),
      (error: unknown) => this.#dialFailed(dialing, error),
    )
  }

  #start(job: PoolJob, pooled: Pooled): void {
    pooled.lane = this.#laneFor(job)
    job.start(pooled.connection)
  }

  #takeIdle(): Pooled | undefined {
    for (;;) {
      const pooled = this.#idle.pop()
      if (pooled === undefined || pooled.connection.isUsable) return pooled
      pooled.connection.destroy()
    }
  }

  #dialed(dialing: Dialing, stream: Duplex): void {
    this.#dialing.delete(dialing)
    const lane = this.#laneFor(dialing.job)
    const connection = new UpstreamConnection(stream, {
      settled: () => this.#answered(pooled),
      idle: () => this.#keep(pooled),
      closed: () => this.#forget(pooled),
    })
    const pooled: Pooled = { connection, lane: undefined, idleSince: 0 }
    this.#all.add(pooled)
    if (this.#isClosed) {
      connection.destroy()
      if (!dialing.job.isCancelled) this.submit(dialing.job)
      this.#settled(lane)
    } else if (dialing.job.isCancelled) {
      this.#keep(pooled)
      this.#settled(lane)
    } else {
      this.#start(dialing.job, pooled)
    }
  }

  #dialFailed(dialing: Dialing, error: unknown): void {
    this.#dialing.delete(dialing)
    if (!dialing.job.isCancelled) {
      this.#options.onUnreachable(error)
      const message = `cannot reach node ${this.#options.name()}: ${toMessage(error)}`
      dialing.job.refused(new FlotillaError('engine/unreachable', message, { cause: error, status: 502 }))
    }
    this.#settled(this.#laneFor(dialing.job))
  }

  #answered(pooled: Pooled): void {
    const { lane } = pooled
    pooled.lane = undefined
    if (lane !== undefined) this.#settled(lane)
  }

  #settled(lane: Lane): void {
    lane.inFlight -= 1
    while (lane.inFlight < lane.limit) {
      const job = lane.queue.shift()
      if (job === undefined) return
      if (!job.isCancelled) this.#run(job, false)
    }
  }

  #keep(pooled: Pooled): void {
    if (this.#isClosed || this.#idle.length >= idleLimit) {
      pooled.connection.destroy()
      return
    }
    pooled.idleSince = this.#tick
    this.#idle.push(pooled)
  }

  #forget(pooled: Pooled): void {
    this.#all.delete(pooled)
    const at = this.#idle.indexOf(pooled)
    if (at >= 0) this.#idle.splice(at, 1)
  }
}

/** Who has gone away in the meantime gives his place to others. */
function hasRoom({ queue }: Lane, most: number): boolean {
  if (queue.length < most) return true
  const waiting = queue.filter((job) => !job.isCancelled)
  queue.splice(0, queue.length, ...waiting)
  return queue.length < most
}
