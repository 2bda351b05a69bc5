import type { Socket } from 'node:net'
import { Bag } from '../../core/bag.ts'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { failureStatus } from './failure-status.ts'
import type { Joined } from './hijack.ts'
import { ServerConnection } from './http1/connection.ts'
import type { ConnectionHost } from './http1/connection.ts'
import type { Exchange } from './http1/exchange.ts'
import { defaultLimits } from '../limits.ts'
import type { ServerLimits } from '../limits.ts'
import { openListener } from './listen.ts'
import type { ListenAddress, ListenTls, Listener } from './listen.ts'
import type { ForwardHost, HeadWatch } from './forward-options.ts'
import type { Forward } from './proxy.ts'
import { randomId } from '../../io/random-id.ts'
import { renderForLog } from './target.ts'

export interface ServerOptions {
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<ServerLimits>
  /** May be called for the next request only after the exchange before it is over. */
  handle(exchange: Exchange): void | Promise<void>
  /** Called about once a second. */
  onTick?(): void
  /** Called for each connection that is turned away. */
  onTurnedAway?(): void
}

/** Seconds that requests under way get to finish when the server closes. */
const graceSeconds = 10

/** Answers that are nobody's refusal carry the ID under which the log tells of them. */
const requestIdHeader = 'X-Request-Id'

/** Accepts connections, keeps their time limits and ends them in good order. */
export class EndpointServer implements ConnectionHost, ForwardHost {
  readonly #o: ServerOptions
  readonly limits: ServerLimits
  readonly #listeners: Listener[] = []
  readonly #connections = new Set<ServerConnection>()
  readonly #joined = new Set<Joined>()
  readonly #perAddress = new Map<string, number>()
  readonly #waiting = new Bag<HeadWatch['item']>()
  readonly #stop = new AbortController()
  #closing: Promise<void> | undefined
  tick = 0
  isClosing = false

  constructor(options: ServerOptions) {
    this.#o = options
    this.limits = { ...defaultLimits, ...options.limits }
    void this.#run()
  }

  get hijackedCount(): number {
    return this.#joined.size
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Connections with a request under way. */
  get busyCount(): number {
    let busy = 0
    for (const connection of this.#connections) if (connection.isBusy) busy += 1
    return busy
  }

  /** @returns the address it got */
  async listen(address: ListenAddress, tls?: ListenTls): Promise<ListenAddress> {
    const opened = await openListener(address, tls, (socket) => this.#accept(socket, address.kind === 'unix'))
    this.#listeners.push(opened)
    return opened.address
  }

  onRequest(exchange: Exchange): void {
    try {
      const result = this.#o.handle(exchange)
      if (result !== undefined) result.catch((error: unknown) => this.fail(exchange, error))
    } catch (error) {
      this.fail(exchange, error)
    }
  }

  /** Tells a client that its request has failed, or breaks off the reply that has begun. */
  fail(exchange: Exchange, error: unknown): void {
    if (exchange.isGone) return
    const known = failureStatus(error)
    const status = known ?? 500
    // What was refused on purpose is the client's business; the rest is ours, and found in the log by its ID.
    const id = known === undefined ? (exchange.requestId ?? randomId(8)) : undefined
    if (id !== undefined) {
      const { method, target } = exchange.head
      this.#o.log.error('request failed', { id, method, request: renderForLog(target), error: toMessage(error) })
    }
    if (exchange.hasReplied) exchange.breakOff()
    else exchange.replyError(status, toMessage(error), id === undefined ? headersOf(status) : [requestIdHeader, id])
  }

  onGone(connection: ServerConnection): void {
    this.#connections.delete(connection)
    const address = connection.remoteAddress
    if (address === undefined) return
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left > 0) this.#perAddress.set(address, left)
    else this.#perAddress.delete(address)
  }

  watchHead(forward: Forward, seconds: number): HeadWatch {
    return this.#waiting.add({ forward, until: this.tick + seconds })
  }

  unwatchHead(watch: HeadWatch): void {
    this.#waiting.delete(watch)
  }

  addJoined(joined: Joined): void {
    this.#joined.add(joined)
  }

  removeJoined(joined: Joined): void {
    this.#joined.delete(joined)
  }

  /** True when no further stream may leave HTTP. */
  get isHijackFull(): boolean {
    return this.#joined.size >= this.limits.hijacked
  }

  /**
   * Stops accepting, lets plain requests finish, cuts raw streams, and resolves when all is closed. Idempotent;
   * `closeNow` during it ends the wait.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  closeNow(): void {
    this.isClosing = true
    for (const { server, cutStrangers } of this.#listeners) {
      server.close()
      cutStrangers()
    }
    for (const joined of this.#joined) joined.destroy()
    for (const connection of this.#connections) connection.socket.destroy()
    this.#stop.abort()
  }

  async #close(): Promise<void> {
    this.isClosing = true
    const closed = this.#listeners.map(
      ({ server }) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
        }),
    )
    for (const joined of this.#joined) joined.destroy()
    for (const connection of this.#connections) connection.closeWhenIdle()
    const until = this.tick + graceSeconds
    while (this.#isAnyBusy() && this.tick < until && !this.#stop.signal.aborted) await this.#o.clock.sleep(20)
    this.closeNow()
    await Promise.all(closed)
  }

  #isAnyBusy(): boolean {
    for (const connection of this.#connections) {
      if (!connection.isHijacked && (connection.isBusy || connection.socket.writableLength > 0)) return true
    }
    return false
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#o.clock.sleep(1000, this.#stop.signal)
      } catch {
        return
      }
      this.tick += 1
      try {
        this.#sweep()
      } catch (error) {
        // All limits of time hang on the next tick.
        this.#o.log.error('unexpected error', { error: toMessage(error) })
      }
    }
  }

  #sweep(): void {
    for (const connection of this.#connections) connection.sweep()
    for (const joined of this.#joined) joined.sweep()
    for (const { forward, until } of this.#waiting.toArray()) {
      if (this.tick >= until) forward.expire()
      else forward.countSilence()
    }
    this.#o.onTick?.()
  }

  #accept(socket: Socket, isLocalSocket: boolean): void {
    if (this.isClosing) {
      // As if it had come a moment later: who gets no answer may ask another manager.
      socket.destroy()
      return
    }
    const connection = new ServerConnection(socket, this, isLocalSocket)
    this.#connections.add(connection)
    const address = connection.remoteAddress
    const fromThere = address === undefined ? 0 : (this.#perAddress.get(address) ?? 0) + 1
    if (address !== undefined) this.#perAddress.set(address, fromThere)
    if (this.#connections.size > this.limits.total || fromThere > this.limits.perAddress) {
      this.#o.onTurnedAway?.()
      connection.turnAway('too many connections')
    }
  }
}

/** What there is no room for now may be asked again in a moment. */
function headersOf(status: number): readonly string[] {
  return status === 503 ? ['Retry-After', '1'] : []
}
