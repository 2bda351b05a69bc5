import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { CallOptions } from '../../core/call.ts'
import { startDeadline, withDeadline, withDefaultDeadline } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { joinHostPort } from '../dial.ts'
import { openStoreSocket } from './open-socket.ts'
import { callLimitMs } from './store-options.ts'
import type { StoreOptions } from './store-options.ts'
import { shakeHands, ZookeeperConnection } from './zookeeper-connection.ts'
import type { ConnectionOwner } from './zookeeper-connection.ts'
import { JuteReader, JuteWriter, opcode, specialId } from './zookeeper-wire.ts'

/** What classic Swarm asks for; servers answer with what they allow. */
const sessionTimeoutMs = 10_000
const connectLimitMs = 3000
const expired = new FlotillaError('io/connect', 'the session has expired')

/**
 * One session with a ZooKeeper ensemble: connects at the first call, reconnects at the next call after a loss, pings
 * while connected, and begins a new session where the old one has expired. Nothing is sent twice.
 *
 * Our own and not a library's, because the one there is takes a connection that died without a word for alive.
 */
export class ZookeeperSession {
  readonly name: string
  readonly #options: StoreOptions
  #id = 0n
  #password: Buffer = Buffer.alloc(16)
  #lastSeen = 0n
  #next = 0
  #timeoutMs = sessionTimeoutMs
  #heardMs = Number.NEGATIVE_INFINITY
  #connection: ZookeeperConnection | undefined
  #connecting: Promise<ZookeeperConnection> | undefined
  #isClosed = false
  /** Path → who waits for its next event. */
  readonly #watchers = new Map<string, Set<(error?: Error) => void>>()
  /** Called when a connection is lost, so that a session with something to lose reconnects by itself. */
  onLost: (() => void) | undefined

  constructor(options: StoreOptions) {
    this.#options = options
    this.name = `zookeeper ${options.endpoints.map(joinHostPort).join(',')}`
  }

  /** Of the present session; 0 before the first. */
  get id(): bigint {
    return this.#id
  }

  /** The server keeps what belongs to the session for so long after it last heard of us. */
  get timeoutMs(): number {
    return this.#timeoutMs
  }

  /** Sends one request. @throws {ZookeeperError} when the server refuses it */
  async call(type: number, path: string, body: Buffer, o?: CallOptions): Promise<JuteReader> {
    const limited = withDefaultDeadline(o, callLimitMs)
    return withDeadline(
      this.#options.clock,
      limited,
      async () => {
        const connection = await this.#connect()
        this.#next = (this.#next % 0x7fff_fff0) + 1
        return connection.send(this.#next, type, path, body)
      },
      () => new FlotillaError('core/deadline', `${this.name} did not answer within ${String(limited.deadlineMs)} ms`),
    )
  }

  /** Calls `listener` once, at the next event of the path, or with an error when the connection is lost. */
  watch(path: string, listener: (error?: Error) => void): void {
    const listeners = this.#watchers.get(path) ?? new Set()
    listeners.add(listener)
    this.#watchers.set(path, listeners)
  }

  unwatch(path: string, listener: (error?: Error) => void): void {
    const listeners = this.#watchers.get(path)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.#watchers.delete(path)
  }

  /** Ends the session, and with it its ephemeral nodes. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const connection = this.#connection
    if (connection === undefined) return
    const o = { deadlineMs: 2000 }
    const end = connection.send(++this.#next, opcode.close, '', Buffer.alloc(0))
    await withDeadline(this.#options.clock, o, () => end).catch(() => undefined)
    connection.lose(new FlotillaError('io/connect', `${this.name}: the client is closed`))
  }

  #connect(): Promise<ZookeeperConnection> {
    if (this.#isClosed) return Promise.reject(new FlotillaError('io/connect', `${this.name}: the client is closed`))
    if (this.#connection !== undefined) return Promise.resolve(this.#connection)
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #open(): Promise<ZookeeperConnection> {
    let failure: unknown
    // A store that lost its memory refuses everybody who remembers more than it does.
    if (this.#options.clock.monotonicMs() - this.#heardMs > this.#timeoutMs * 1.5) this.#forget(0n)
    const order = shuffle(this.#options.endpoints, this.#options.random)
    for (let at = 0, tries = 0; at < order.length; at += 1) {
      const endpoint = order[at]
      if (endpoint === undefined) break
      const deadline = startDeadline(this.#options.clock, { deadlineMs: connectLimitMs }, () => {
        return new FlotillaError('io/connect', `cannot connect to ${joinHostPort(endpoint)}: no answer`)
      })
      let socket: Socket | undefined
      try {
        socket = await openStoreSocket(endpoint, this.#options.tls, deadline.signal)
        return await this.#begin(socket, deadline.signal)
      } catch (error) {
        socket?.destroy()
        failure = error
        // The same server gives a new session where the old one has expired.
        if (error === expired && tries === 0) at -= 1
        tries = error === expired ? 1 : 0
      } finally {
        deadline.release()
      }
    }
    throw new FlotillaError('io/connect', `${this.name}: ${toMessage(failure)}`, { cause: failure })
  }

  /** The handshake; a second one at once when the server says that the session has expired. */
  async #begin(socket: Socket, signal: AbortSignal | undefined): Promise<ZookeeperConnection> {
    const request = new JuteWriter().int(0).long(this.#lastSeen).int(sessionTimeoutMs).long(this.#id)
    const first = await shakeHands(socket, request.bytes(this.#password).flag(false).toBuffer(), signal)
    const reader = new JuteReader(first.packet)
    reader.int()
    const timeoutMs = reader.int()
    const id = reader.long()
    const password = Buffer.from(reader.bytes())
    if (timeoutMs <= 0 || id === 0n) {
      this.#forget(this.#lastSeen)
      throw expired
    }
    if (this.#isClosed) throw new FlotillaError('io/connect', `${this.name}: the client is closed`)
    this.#id = id
    this.#password = password
    this.#timeoutMs = timeoutMs
    const connection = new ZookeeperConnection(socket, timeoutMs, first.rest, this.#owner())
    this.#connection = connection
    connection.start()
    const { credentials } = this.#options
    if (credentials !== undefined) {
      const auth = new JuteWriter().int(0).text('digest').text(`${credentials.user}:${credentials.password}`)
      await connection.send(specialId.auth, opcode.auth, 'authentication', auth.toBuffer())
    }
    return connection
  }

  #forget(lastSeen: bigint): void {
    this.#lastSeen = lastSeen
    this.#id = 0n
    this.#password = Buffer.alloc(16)
  }

  #owner(): ConnectionOwner {
    return {
      name: this.name,
      clock: this.#options.clock,
      onHeard: (atMs) => {
        this.#heardMs = atMs
      },
      onChange: (transaction) => {
        if (transaction > this.#lastSeen) this.#lastSeen = transaction
      },
      onEvent: (path) => this.#fire(path),
      onLost: (error) => this.#lost(error),
    }
  }

  #fire(path: string): void {
    const listeners = this.#watchers.get(path)
    this.#watchers.delete(path)
    for (const listener of listeners ?? []) listener()
  }

  #lost(error: FlotillaError): void {
    this.#connection = undefined
    const watchers = [...this.#watchers.values()]
    this.#watchers.clear()
    for (const listeners of watchers) for (const listener of listeners) listener(error)
    if (!this.#isClosed) this.onLost?.()
  }
}

/** Clients spread over the servers, and one that is silent is not asked first each time. */
function shuffle<T>(items: readonly T[], random: { next(): number }): readonly T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
