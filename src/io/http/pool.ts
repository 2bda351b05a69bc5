import type { Duplex } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { raceAbort, startTimer } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import { HttpConnection } from './connection.ts'

export interface PoolOptions {
  readonly clock: Clock
  /** Opens a connection; must give up when the signal fires. */
  readonly open: (signal: AbortSignal | undefined) => Promise<Duplex>
  /** Idle connections kept; a function is asked when one comes free. Default 16. */
  readonly maxIdle?: number | (() => number)
  /** A connection idle for longer is not used again. Default 30 s, shorter when the peer names its own limit. */
  readonly maxIdleMs?: number
  /** Connections being opened at once; more wait. Default: no limit. */
  readonly maxOpening?: number
  /**
   * Of connections that are open only when the peer has said something: how long each counts as being opened at most.
   * Default: they are open at once.
   */
  readonly settleMs?: number
}

/** The peer must not close a connection in the moment we begin to use it. */
const peerMarginMs = 1000

interface Idle {
  readonly connection: HttpConnection
  readonly sinceMs: number
}

/** Connections to one peer, kept alive between exchanges. The number in use is not limited. */
export class HttpPool {
  readonly #options: PoolOptions
  /** The last one used is the first one used again. */
  readonly #idle: Idle[] = []
  readonly #all = new Set<HttpConnection>()
  readonly #waiting: (() => void)[] = []
  #opening = 0
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Number of open connections, idle ones included. */
  get size(): number {
    return this.#all.size
  }

  /** An idle connection that is still good, if there is one. */
  takeIdle(): HttpConnection | undefined {
    const nowMs = this.#options.clock.nowMs()
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { connection, sinceMs } = idle
      const limitMs = Math.min(this.#options.maxIdleMs ?? 30_000, connection.peerIdleMs - peerMarginMs)
      if (connection.isUsable && nowMs - sinceMs < limitMs) {
        connection.setReferenced(true)
        return connection
      }
      connection.destroy(new FlotillaError('io/connect', 'the connection was idle for too long'))
    }
    return undefined
  }

  /** A new connection, which returns to the pool by itself when an exchange on it ends well. */
  async open(signal: AbortSignal | undefined): Promise<HttpConnection> {
    await this.#enter(signal)
    let socket: Duplex
    try {
      this.#throwIfClosed()
      socket = await this.#options.open(signal)
    } catch (error) {
      this.#leave()
      throw error
    }
    const connection = new HttpConnection(socket, this.#events)
    this.#all.add(connection)
    this.#leaveWhenOpen(socket)
    if (this.#isClosed) {
      connection.destroy(new FlotillaError('io/connect', 'the client is closed'))
      this.#throwIfClosed()
    }
    return connection
  }

  /** Destroys every connection; what is under way rejects. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#idle.length = 0
    for (const connection of this.#all) connection.destroy(new FlotillaError('io/connect', 'the client is closed'))
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    while (this.#opening >= (this.#options.maxOpening ?? Number.POSITIVE_INFINITY)) {
      let wake = (): void => {}
      const waiting = new Promise<void>((resolve) => {
        wake = resolve
        this.#waiting.push(resolve)
      })
      try {
        await raceAbort(signal, () => waiting)
      } catch (error) {
        const index = this.#waiting.indexOf(wake)
        // Woken and given up in one moment: the next one gets the turn.
        if (index === -1) this.#waiting.shift()?.()
        else this.#waiting.splice(index, 1)
        throw error
      }
    }
    this.#opening += 1
  }

  #leave(): void {
    this.#opening -= 1
    this.#waiting.shift()?.()
  }

  #leaveWhenOpen(socket: Duplex): void {
    const { clock, settleMs } = this.#options
    if (settleMs === undefined || socket.destroyed) {
      this.#leave()
      return
    }
    const leave = (): void => {
      cancel()
      socket.off('data', leave)
      socket.off('close', leave)
      this.#leave()
    }
    const cancel = startTimer(clock, settleMs, leave)
    socket.on('data', leave)
    socket.on('close', leave)
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new FlotillaError('io/connect', 'the client is closed')
  }

  readonly #events = {
    onIdle: (connection: HttpConnection): void => {
      const { maxIdle } = this.#options
      const most = typeof maxIdle === 'function' ? maxIdle() : (maxIdle ?? 16)
      if (this.#isClosed || this.#idle.length >= most) {
        connection.destroy(new FlotillaError('io/connect', 'the connection is not needed any more'))
        return
      }
      connection.setReferenced(false)
      this.#idle.push({ connection, sinceMs: this.#options.clock.nowMs() })
    },
    onClosed: (connection: HttpConnection): void => {
      this.#all.delete(connection)
      const index = this.#idle.findIndex((idle) => idle.connection === connection)
      if (index !== -1) this.#idle.splice(index, 1)
    },
  }
}
