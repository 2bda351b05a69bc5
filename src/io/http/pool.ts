import type { Duplex } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { HttpConnection } from './connection.ts'

export interface PoolOptions {
  readonly clock: Clock
  /** Opens a connection; must give up when the signal fires. */
  readonly open: (signal: AbortSignal | undefined) => Promise<Duplex>
  /** Idle connections kept. Default 16. */
  readonly maxIdle?: number
  /** A connection idle for longer is not used again. Default 30 s, shorter when the peer names its own limit. */
  readonly maxIdleMs?: number
  /** Connections being opened at once; more wait. Default: no limit. */
  readonly maxOpening?: number
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
    await this.#enter()
    let socket: Duplex
    try {
      this.#throwIfClosed()
      socket = await this.#options.open(signal)
    } finally {
      this.#opening -= 1
      this.#waiting.shift()?.()
    }
    const connection = new HttpConnection(socket, this.#events)
    this.#all.add(connection)
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

  async #enter(): Promise<void> {
    while (this.#opening >= (this.#options.maxOpening ?? Number.POSITIVE_INFINITY)) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    this.#opening += 1
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new FlotillaError('io/connect', 'the client is closed')
  }

  readonly #events = {
    onIdle: (connection: HttpConnection): void => {
      if (this.#isClosed || this.#idle.length >= (this.#options.maxIdle ?? 16)) {
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
