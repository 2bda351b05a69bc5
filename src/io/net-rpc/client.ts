import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { startDeadline, toAbortError } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { GobDecoder } from '../../core/gob/decoder.ts'
import { GobEncoder } from '../../core/gob/encoder.ts'
import { gobString, gobUint } from '../../core/gob/type.ts'
import type { GobType, GobValue } from '../../core/gob/type.ts'
import { isStruct } from '../../core/gob/wire-type.ts'
import type { TcpAddress } from '../dial.ts'
import { joinHostPort } from '../dial.ts'
import { codeOf } from '../files.ts'

/** What a server answered: a value, or the text of the error its method returned. */
export type RpcAnswer =
  | { readonly kind: 'value'; readonly value: GobValue }
  | { readonly kind: 'refused'; readonly text: string }

/** A connection to a server of Go's `net/rpc`. Calls run side by side. */
export interface RpcClient {
  /**
   * Calls `Service.Method`. A call that is given up goes on at the server; its answer is dropped.
   *
   * @throws {io/protocol} when the connection ends first or what comes is no answer
   */
  call(method: string, argument: RpcArgument, o: CallOptions): Promise<RpcAnswer>
  /** Resolves with the reason once the connection is over. */
  readonly closed: Promise<Error>
  /** Hangs up; calls under way fail. Idempotent. */
  close(): void
}

export interface RpcArgument {
  readonly type: GobType
  readonly value: unknown
}

const requestType: GobType = {
  kind: 'struct',
  name: 'Request',
  fields: [
    { name: 'ServiceMethod', type: gobString },
    { name: 'Seq', type: gobUint },
  ],
}

const greeting = 'CONNECT /_goRPC_ HTTP/1.0\n\n'
const welcome = /^HTTP\/1\.[01] 200 Connected to Go RPC\r?\n/
const maxHeadBytes = 8192

/**
 * Connects to a server that Go's `rpc.HandleHTTP` made.
 *
 * @throws {io/connect} when nobody listens, {io/protocol} when it is no such server
 */
export async function dialRpc(address: TcpAddress, o: CallOptions, clock: Clock): Promise<RpcClient> {
  const socket = connect({ host: address.host, port: address.port, noDelay: true })
  const deadline = startDeadline(clock, o)
  try {
    const rest = await greet(socket, address, deadline.signal)
    return new SocketRpcClient(socket, rest, clock)
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    deadline.release()
  }
}

/** Turns the connection into one for calls. @returns what came after the welcome */
function greet(socket: Socket, address: TcpAddress, signal: AbortSignal | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let head: Buffer = Buffer.alloc(0)
    function settle(): void {
      socket.removeAllListeners()
      signal?.removeEventListener('abort', stop)
      socket.pause()
    }
    function fail(error: Error): void {
      settle()
      socket.on('error', () => {})
      reject(error)
    }
    function stop(): void {
      fail(toAbortError(signal))
    }
    if (signal?.aborted === true) {
      stop()
      return
    }
    signal?.addEventListener('abort', stop, { once: true })
    socket.once('connect', () => socket.write(greeting))
    socket.once('error', (error) => {
      const reason = codeOf(error) === 'ECONNREFUSED' ? 'connect: connection refused' : toMessage(error)
      fail(new FlotillaError('io/connect', `dial tcp ${joinHostPort(address)}: ${reason}`, { cause: error }))
    })
    socket.once('close', () => fail(new FlotillaError('io/protocol', 'unexpected EOF')))
    socket.on('data', (piece: Buffer) => {
      head = Buffer.concat([head, piece])
      const end = /\r?\n\r?\n/.exec(head.toString('latin1'))
      if (end === null && head.length < maxHeadBytes) return
      const text = head.toString('latin1')
      if (end === null || !welcome.test(text)) {
        const line = JSON.stringify(text.split('\n', 1)[0]?.slice(0, 200))
        fail(new FlotillaError('io/protocol', `unexpected HTTP response: ${line}`))
        return
      }
      settle()
      resolve(head.subarray(end.index + end[0].length))
    })
  })
}

interface Pending {
  readonly resolve: (answer: RpcAnswer) => void
  readonly reject: (error: Error) => void
}

class SocketRpcClient implements RpcClient {
  readonly closed: Promise<Error>
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #encoder = new GobEncoder()
  readonly #decoder = new GobDecoder()
  readonly #pending = new Map<number, Pending>()
  #seq = 0
  #head: { readonly seq: number; readonly error: string } | undefined
  #end: Error | undefined
  #settleClosed: (reason: Error) => void = () => {}

  constructor(socket: Socket, rest: Uint8Array, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve
    })
    socket.on('data', (piece: Buffer) => this.#receive(piece))
    socket.on('error', (error) => this.#finish(new FlotillaError('io/protocol', toMessage(error), { cause: error })))
    socket.on('end', () => this.#finish(new FlotillaError('io/protocol', 'unexpected EOF')))
    socket.on('close', () => this.#finish(new FlotillaError('io/protocol', 'unexpected EOF')))
    if (rest.length > 0) this.#receive(rest)
    socket.resume()
  }

  async call(method: string, argument: RpcArgument, o: CallOptions): Promise<RpcAnswer> {
    if (this.#end !== undefined) throw this.#end
    const seq = this.#seq
    this.#seq += 1
    // Encoded and written in one turn: a stream defines its types in the order they are sent.
    const head = this.#encoder.encode(requestType, { ServiceMethod: method, Seq: seq })
    const body = this.#encoder.encode(argument.type, argument.value)
    const deadline = startDeadline(this.#clock, o)
    const answer = new Promise<RpcAnswer>((resolve, reject) => {
      this.#pending.set(seq, { resolve, reject })
    })
    const giveUp = (): void => this.#pending.get(seq)?.reject(toAbortError(deadline.signal))
    try {
      this.#socket.write(Buffer.concat([head, body]))
      if (deadline.signal?.aborted === true) giveUp()
      deadline.signal?.addEventListener('abort', giveUp, { once: true })
      return await answer
    } finally {
      deadline.signal?.removeEventListener('abort', giveUp)
      deadline.release()
      this.#pending.delete(seq)
    }
  }

  close(): void {
    this.#finish(new FlotillaError('io/protocol', 'connection is shut down'))
  }

  #receive(piece: Uint8Array): void {
    if (this.#end !== undefined) return
    try {
      this.#decoder.push(piece)
      for (let next = this.#decoder.next(); next !== undefined; next = this.#decoder.next()) this.#take(next.value)
    } catch (error) {
      this.#finish(error instanceof Error ? error : new FlotillaError('io/protocol', toMessage(error)))
    }
  }

  /** Values come in pairs: which call it is, then the answer. */
  #take(value: GobValue): void {
    if (this.#head === undefined) {
      if (!isStruct(value)) throw new FlotillaError('io/protocol', 'the answer does not say to which call it belongs')
      const { Seq: seq = 0, Error: error = '' } = value
      if (typeof seq !== 'number' || seq >= this.#seq || typeof error !== 'string') {
        throw new FlotillaError('io/protocol', `the answer belongs to no call`)
      }
      this.#head = { seq, error }
      return
    }
    const { seq, error } = this.#head
    this.#head = undefined
    this.#pending.get(seq)?.resolve(error === '' ? { kind: 'value', value } : { kind: 'refused', text: error })
  }

  #finish(reason: Error): void {
    if (this.#end !== undefined) return
    this.#end = reason
    this.#socket.destroy()
    for (const pending of this.#pending.values()) pending.reject(reason)
    this.#settleClosed(reason)
  }
}
