import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { toAbortError } from '../../core/deadline.ts'
import { FlotillaError, toError, toMessage } from '../../core/errors.ts'
import { describeCode, JuteReader, JuteWriter, opcode, specialId, zkCode } from './zookeeper-wire.ts'

/** jute.maxbuffer of servers is 1 MiB; a long list of children may be more. */
const maxPacketBytes = 64 * 1024 * 1024
/** The answer to the handshake is some 40 bytes. */
const maxFirstBytes = 4096

/** A refusal of the server that callers decide about. */
export class ZookeeperError extends FlotillaError {
  readonly zkCode: number

  constructor(name: string, code: number, path: string) {
    super('io/protocol', `${name}: ${describeCode(code)}: ${path}`)
    this.zkCode = code
  }
}

/** What a connection tells the session it serves. */
export interface ConnectionOwner {
  /** Of the store, for messages. */
  readonly name: string
  readonly clock: Clock
  /** Bytes have come. @param atMs monotonic */
  onHeard(atMs: number): void
  /** An answer, with the number of the last change that the server had made by then. */
  onChange(transaction: bigint): void
  /** Something watched has changed. */
  onEvent(path: string): void
  /** The connection is of no more use; all it owed has been rejected with `error`. Once. */
  onLost(error: FlotillaError): void
}

interface Pending {
  readonly id: number
  readonly path: string
  readonly isMulti: boolean
  resolve(body: JuteReader): void
  reject(error: Error): void
}

/** One connection after its handshake: requests answered in order, pings, and the notice when it dies without a word. */
export class ZookeeperConnection {
  readonly #socket: Socket
  /** Negotiated. */
  readonly #timeoutMs: number
  readonly #owner: ConnectionOwner
  readonly #pending: Pending[] = []
  /** Ends the pinging. */
  readonly #ended = new AbortController()
  #held: Buffer
  #heardMs: number
  /** Why it is of no more use. */
  #lost: FlotillaError | undefined

  /** @param held what came behind the answer to the handshake */
  constructor(socket: Socket, timeoutMs: number, held: Buffer, owner: ConnectionOwner) {
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    this.#held = held
    this.#owner = owner
    this.#heardMs = owner.clock.monotonicMs()
  }

  /** Begins to listen and to ping. */
  start(): void {
    this.#owner.onHeard(this.#heardMs)
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => {
      this.#heardMs = this.#owner.clock.monotonicMs()
      this.#owner.onHeard(this.#heardMs)
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
      this.#drain()
    })
    socket.on('error', (error) => this.lose(error))
    socket.on('close', () => this.lose(new Error('the server closed the connection')))
    socket.resume()
    this.#setReferenced()
    this.#ping().catch(() => undefined)
    this.#drain()
  }

  /** @throws {ZookeeperError} when the server refuses it; {io/connect} when the connection is lost, before or meanwhile */
  send(id: number, type: number, path: string, body: Buffer): Promise<JuteReader> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => {
      this.#pending.push({ id, path, isMulti: type === opcode.multi, resolve, reject })
      this.#setReferenced()
      this.#socket.write(frame(new JuteWriter().int(id).int(type).raw(body).toBuffer()))
    })
  }

  /** Gives the connection up. Idempotent. */
  lose(cause: Error): void {
    if (this.#lost !== undefined) return
    const message = `${this.#owner.name}: connection lost: ${toMessage(cause)}`
    const error = new FlotillaError('io/connect', message, { cause })
    this.#lost = error
    this.#ended.abort()
    this.#socket.destroy()
    for (const pending of this.#pending.splice(0)) pending.reject(error)
    this.#owner.onLost(error)
  }

  /** A third of the time-out between two pings; two thirds of silence and the connection counts as dead. */
  async #ping(): Promise<void> {
    const { clock } = this.#owner
    const ping = frame(new JuteWriter().int(specialId.ping).int(opcode.ping).toBuffer())
    for (;;) {
      await clock.sleep(this.#timeoutMs / 3, this.#ended.signal)
      if (clock.monotonicMs() - this.#heardMs > (this.#timeoutMs * 2) / 3) {
        this.lose(new Error('the server is silent'))
        return
      }
      this.#socket.write(ping)
    }
  }

  #drain(): void {
    try {
      for (;;) {
        const held = this.#held
        if (held.length < 4) return
        const length = held.readInt32BE(0)
        if (length < 0 || length > maxPacketBytes) {
          throw new FlotillaError('io/protocol', `a packet of ${String(length)} bytes`)
        }
        if (held.length < 4 + length) return
        this.#held = held.subarray(4 + length)
        this.#take(new JuteReader(held.subarray(4, 4 + length)))
      }
    } catch (error) {
      this.lose(toError(error))
    }
  }

  #take(reader: JuteReader): void {
    const id = reader.int()
    const transaction = reader.long()
    const code = reader.int()
    if (id === specialId.ping) return
    if (id === specialId.event) {
      reader.int()
      reader.int()
      this.#owner.onEvent(reader.text())
      return
    }
    this.#owner.onChange(transaction)
    const pending = this.#pending.shift()
    if (pending === undefined || pending.id !== id) throw new FlotillaError('io/protocol', 'an answer nobody asked for')
    this.#setReferenced()
    const { name } = this.#owner
    // A transaction tells its refusals part by part.
    if (code === 0 || (pending.isMulti && reader.left > 0)) pending.resolve(reader)
    else if (code === zkCode.connectionLoss) {
      pending.reject(new FlotillaError('io/connect', `${name}: the server has no connection to its ensemble`))
    } else pending.reject(new ZookeeperError(name, code, pending.path))
    if (code === zkCode.sessionExpired) this.lose(new Error('the session has expired'))
  }

  /** Waiting for an answer keeps the process alive; a session alone does not. */
  #setReferenced(): void {
    if (this.#pending.length > 0) this.#socket.ref()
    else this.#socket.unref()
  }
}

function frame(packet: Buffer): Buffer {
  return new JuteWriter().bytes(packet).toBuffer()
}

/** Sends the first packet and reads the first answer, which has no header. The socket is paused then, or destroyed. */
export function shakeHands(
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
      if (length < 0 || length > maxFirstBytes) fail(new FlotillaError('io/protocol', 'this is not ZooKeeper'))
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
