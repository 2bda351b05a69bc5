import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { CallOptions } from '../../core/call.ts'
import { startDeadline, toAbortError, withDeadline, withDefaultDeadline } from '../../core/deadline.ts'
import { FlotillaError, toError, toMessage } from '../../core/errors.ts'
import { joinHostPort } from '../dial.ts'
import { openStoreSocket } from './open-socket.ts'
import { callLimitMs } from './store-options.ts'
import type { StoreOptions } from './store-options.ts'
import { describeCode, JuteReader, JuteWriter, opcode, specialId, zkCode } from './zookeeper-wire.ts'

/** What classic Swarm asks for; servers answer with what they allow. */
const sessionTimeoutMs = 10_000
const connectLimitMs = 3000
/** jute.maxbuffer of servers is 1 MiB; a long list of children may be more. */
const maxPacketBytes = 64 * 1024 * 1024
const expired = new FlotillaError('io/connect', 'the session has expired')

/** A refusal of the server that callers decide about. */
export class ZookeeperError extends FlotillaError {
  readonly zkCode: number

  constructor(name: string, code: number, path: string) {
    super('io/protocol', `${name}: ${describeCode(code)}: ${path}`)
    this.zkCode = code
  }
}

interface Pending {
  readonly id: number
  readonly path: string
  readonly isMulti: boolean
  resolve(body: JuteReader): void
  reject(error: Error): void
}

interface Connection {
  readonly socket: Socket
  readonly pending: Pending[]
  /** Negotiated. */
  readonly timeoutMs: number
  /** Ends the pinging. */
  readonly ended: AbortController
  held: Buffer
  heardMs: number
}

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
  #connection: Connection | undefined
  #connecting: Promise<Connection> | undefined
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
        return this.#send(connection, this.#next, type, path, body)
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
    const end = this.#send(connection, ++this.#next, opcode.close, '', Buffer.alloc(0))
    await withDeadline(this.#options.clock, o, () => end).catch(() => undefined)
    this.#lose(connection, new FlotillaError('io/connect', `${this.name}: the client is closed`))
  }

  #connect(): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(new FlotillaError('io/connect', `${this.name}: the client is closed`))
    if (this.#connection !== undefined) return Promise.resolve(this.#connection)
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #open(): Promise<Connection> {
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
  async #begin(socket: Socket, signal: AbortSignal | undefined): Promise<Connection> {
    const request = new JuteWriter().int(0).long(this.#lastSeen).int(sessionTimeoutMs).long(this.#id)
    const first = await exchange(socket, request.bytes(this.#password).flag(false).toBuffer(), signal)
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
    const { clock, credentials } = this.#options
    const ended = new AbortController()
    const connection = { socket, pending: [], timeoutMs, ended, held: first.rest, heardMs: clock.monotonicMs() }
    this.#heardMs = connection.heardMs
    this.#connection = connection
    this.#listen(connection)
    if (credentials !== undefined) {
      const auth = new JuteWriter().int(0).text('digest').text(`${credentials.user}:${credentials.password}`)
      await this.#send(connection, specialId.auth, opcode.auth, 'authentication', auth.toBuffer())
    }
    return connection
  }

  #forget(lastSeen: bigint): void {
    this.#lastSeen = lastSeen
    this.#id = 0n
    this.#password = Buffer.alloc(16)
  }

  #listen(connection: Connection): void {
    const { socket } = connection
    socket.on('data', (chunk: Buffer) => {
      connection.heardMs = this.#options.clock.monotonicMs()
      this.#heardMs = connection.heardMs
      connection.held = connection.held.length === 0 ? chunk : Buffer.concat([connection.held, chunk])
      this.#drain(connection)
    })
    socket.on('error', (error) => this.#lose(connection, error))
    socket.on('close', () => this.#lose(connection, new Error('the server closed the connection')))
    socket.resume()
    this.#setReferenced(connection)
    this.#ping(connection).catch(() => undefined)
    this.#drain(connection)
  }

  /** A third of the time-out between two pings; two thirds of silence and the connection counts as dead. */
  async #ping(connection: Connection): Promise<void> {
    const { clock } = this.#options
    const ping = frame(new JuteWriter().int(specialId.ping).int(opcode.ping).toBuffer())
    for (;;) {
      await clock.sleep(connection.timeoutMs / 3, connection.ended.signal)
      if (clock.monotonicMs() - connection.heardMs > (connection.timeoutMs * 2) / 3) {
        this.#lose(connection, new Error('the server is silent'))
        return
      }
      connection.socket.write(ping)
    }
  }

  #drain(connection: Connection): void {
    try {
      for (;;) {
        const { held } = connection
        if (held.length < 4) return
        const length = held.readInt32BE(0)
        if (length < 0 || length > maxPacketBytes) {
          throw new FlotillaError('io/protocol', `a packet of ${String(length)} bytes`)
        }
        if (held.length < 4 + length) return
        connection.held = held.subarray(4 + length)
        this.#take(connection, new JuteReader(held.subarray(4, 4 + length)))
      }
    } catch (error) {
      this.#lose(connection, toError(error))
    }
  }

  #take(connection: Connection, reader: JuteReader): void {
    const id = reader.int()
    const seen = reader.long()
    const code = reader.int()
    if (id === specialId.ping) return
    if (id === specialId.event) {
      reader.int()
      reader.int()
      this.#fire(reader.text())
      return
    }
    if (seen > this.#lastSeen) this.#lastSeen = seen
    const pending = connection.pending.shift()
    if (pending === undefined || pending.id !== id) throw new FlotillaError('io/protocol', 'an answer nobody asked for')
    this.#setReferenced(connection)
    // A transaction tells its refusals part by part.
    if (code === 0 || (pending.isMulti && reader.left > 0)) pending.resolve(reader)
    else if (code === zkCode.connectionLoss) {
      pending.reject(new FlotillaError('io/connect', `${this.name}: the server has no connection to its ensemble`))
    } else pending.reject(new ZookeeperError(this.name, code, pending.path))
    if (code === zkCode.sessionExpired) this.#lose(connection, new Error('the session has expired'))
  }

  #fire(path: string): void {
    const listeners = this.#watchers.get(path)
    this.#watchers.delete(path)
    for (const listener of listeners ?? []) listener()
  }

  #send(connection: Connection, id: number, type: number, path: string, body: Buffer): Promise<JuteReader> {
    return new Promise((resolve, reject) => {
      connection.pending.push({ id, path, isMulti: type === opcode.multi, resolve, reject })
      this.#setReferenced(connection)
      connection.socket.write(frame(new JuteWriter().int(id).int(type).raw(body).toBuffer()))
    })
  }

  /** Waiting for an answer keeps the process alive; a session alone does not. */
  #setReferenced(connection: Connection): void {
    if (connection.pending.length > 0) connection.socket.ref()
    else connection.socket.unref()
  }

  #lose(connection: Connection, cause: Error): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    connection.ended.abort()
    connection.socket.destroy()
    const error = new FlotillaError('io/connect', `${this.name}: connection lost: ${toMessage(cause)}`, { cause })
    for (const pending of connection.pending.splice(0)) pending.reject(error)
    const watchers = [...this.#watchers.values()]
    this.#watchers.clear()
    for (const listeners of watchers) for (const listener of listeners) listener(error)
    if (!this.#isClosed) this.onLost?.()
  }
}

function frame(packet: Buffer): Buffer {
  return new JuteWriter().bytes(packet).toBuffer()
}

/** Sends the first packet and reads the first answer, which has no header. */
function exchange(
  socket: Socket,
  packet: Buffer,
  signal: AbortSignal | undefined,
): Promise<{ readonly packet: Buffer; readonly rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0)
    function release(): void {
      socket.off('data', data)
      socket.off('error', fail)
      socket.off('close', closed)
      signal?.removeEventListener('abort', stop)
    }
    function data(chunk: Buffer): void {
      held = Buffer.concat([held, chunk])
      const length = held.length < 4 ? 0 : held.readInt32BE(0)
      if (length < 0 || length > 4096) fail(new FlotillaError('io/protocol', 'this is not ZooKeeper'))
      else if (held.length >= 4 && held.length >= 4 + length) {
        release()
        socket.pause()
        resolve({ packet: held.subarray(4, 4 + length), rest: held.subarray(4 + length) })
      }
    }
    function fail(error: Error): void {
      release()
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    function closed(): void {
      fail(new FlotillaError('io/connect', 'the server closed the connection'))
    }
    function stop(): void {
      fail(toAbortError(signal))
    }
    socket.on('data', data)
    socket.on('error', fail)
    socket.on('close', closed)
    if (signal?.aborted === true) {
      stop()
      return
    }
    signal?.addEventListener('abort', stop, { once: true })
    socket.write(frame(packet))
  })
}

/** Clients spread over the servers, and one that is silent is not asked first each time. */
function shuffle<T>(items: readonly T[], random: { next(): number }): readonly T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
