import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { isFlotillaError, toMessage } from '../../../core/errors.ts'
import { ChunkedReader } from './chunked.ts'
import { Exchange } from './exchange.ts'
import { CHUNKED, parseRequestHead, protocolProblem } from './head.ts'
import type { RequestHead } from './head.ts'
import { reasonOf } from './reason.ts'
import type { ConnectionLimits } from '../../limits.ts'

/** Where the bytes of a request body go. */
export interface BodySink {
  /** @returns false to be given nothing more until `resumeBody` is called */
  data(chunk: Buffer): boolean
  end(): void
}

/** What a connection needs of the server it belongs to. */
export interface ConnectionHost {
  /** Seconds since the server started, counted by its own ticks: wall clocks may jump. */
  readonly tick: number
  readonly isClosing: boolean
  readonly limits: ConnectionLimits
  onRequest(exchange: Exchange): void
  onGone(connection: ServerConnection): void
}

/** Longest request head that is compared with the next one of its connection. */
const keptHeadLength = 16 * 1024
const keepAliveProbeMs = 30_000
const lingerSeconds = 2
/** A client that half-closed while its reply is under way counts as gone when nothing moved for this long. */
const halfClosedSeconds = 2
/** Bytes kept that belong to later requests or to a body nobody reads yet. */
const pendingLimit = 64 * 1024
const lingerBytes = 256 * 1024

const discard: BodySink = { data: () => true, end: () => undefined }
const blankLine = Buffer.from('\r\n\r\n')
const continueLine = 'HTTP/1.1 100 Continue\r\n\r\n'

/**
 * One client connection: cuts its bytes into requests, strictly one at a time, and gives each to the host as an
 * `Exchange`. Reads no further than somebody wants to hear, so a slow consumer slows the client.
 */
export class ServerConnection {
  readonly socket: Socket
  /** The client's address; undefined on a unix socket. */
  readonly remoteAddress: string | undefined
  readonly limits: ConnectionLimits
  /** It came through a unix socket: a TCP client that has gone has no address either. */
  readonly isLocalSocket: boolean
  readonly #host: ConnectionHost
  #pending: Buffer | undefined
  /** Clients that ask the same again and again send the same bytes: what they mean is kept. */
  #lastText = ''
  #lastHead: RequestHead | undefined
  #exchange: Exchange | undefined
  #sink: BodySink | undefined
  #isSinkPaused = false
  #isPaused = false
  #isParsing = false
  #isBodyDone = true
  #remaining = 0
  #chunked: ChunkedReader | undefined
  #mustContinue = false
  #isHijacked = false
  #hasEnded = false
  #lingering = 0
  #since: number
  #halfClosedAt = 0
  /** Tick at which the body has to be complete; none for one that flows on. */
  #bodyUntil = Number.POSITIVE_INFINITY
  readonly #onData: (chunk: Buffer) => void
  readonly #onEnd: () => void

  constructor(socket: Socket, host: ConnectionHost, isLocalSocket = false) {
    this.socket = socket
    this.isLocalSocket = isLocalSocket
    this.#host = host
    this.limits = host.limits
    this.#since = host.tick
    this.remoteAddress = socket.remoteAddress
    this.#onData = (chunk) => this.#receive(chunk)
    this.#onEnd = () => this.#clientEnded()
    // A client that is gone looks like one that has only ended its input, until a probe of TCP is answered with a reset.
    if (this.remoteAddress !== undefined) socket.setKeepAlive(true, keepAliveProbeMs)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', () => undefined)
    socket.on('drain', () => this.#exchange?.drained())
    socket.on('close', () => this.#gone())
  }

  get isBusy(): boolean {
    return this.#exchange !== undefined
  }

  get isHijacked(): boolean {
    return this.#isHijacked
  }

  get isBodyDone(): boolean {
    return this.#isBodyDone
  }

  /** Whether a reply that starts now may leave the connection open. */
  get mayKeepAlive(): boolean {
    return !this.#hasEnded && !this.#host.isClosing && (this.#isBodyDone || this.#sink !== undefined)
  }

  /** Drops what has arrived of a body that nobody asked for; called before a reply is begun. */
  skipBody(): void {
    if (this.#isBodyDone || this.#sink !== undefined || this.#mustContinue) return
    const pending = this.#pending
    if (pending === undefined) return
    this.#pending = undefined
    this.#feed(pending)
  }

  /**
   * Lets the body of the current request flow into `sink`.
   * @param isKept it is gathered in memory and nobody is served before it is complete: its time is limited
   */
  consume(sink: BodySink, isKept = false): void {
    this.#sink = sink
    if (isKept) this.#bodyUntil = this.#host.tick + this.limits.bodySeconds
    if (this.#isBodyDone) {
      sink.end()
      return
    }
    if (this.#mustContinue) {
      this.#mustContinue = false
      this.socket.write(continueLine)
    }
    this.resumeBody()
  }

  /** Gives the sink more again. Whoever took an earlier body may say so late: then nobody has asked for this one yet. */
  resumeBody(): void {
    if (this.#sink === undefined) return
    this.#isSinkPaused = false
    this.#since = this.#host.tick
    const pending = this.#pending
    if (pending !== undefined && !this.#isBodyDone) {
      this.#pending = undefined
      this.#feed(pending)
    }
    if (!this.#isSinkPaused) this.#resume()
  }

  /** Ends the current exchange and goes on to the next request, or closes. */
  finish(mayKeepAlive: boolean): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    if (!this.#isBodyDone) {
      this.#sink = undefined
      this.#isSinkPaused = false
      this.skipBody()
    }
    this.#exchange = undefined
    this.#since = this.#host.tick
    if (!mayKeepAlive || !exchange.head.isKeepAlive || !this.#isBodyDone || this.#hasEnded || this.#host.isClosing) {
      this.#linger()
      return
    }
    if (this.#isPaused) this.#resume()
    if (this.#pending !== undefined && !this.#isParsing) this.#parse()
  }

  /**
   * Gives the socket away for raw bytes both ways; this connection parses nothing any more.
   * @returns bytes the client has already sent beyond the request
   */
  takeOver(): Buffer | undefined {
    const early = this.#pending
    this.#pending = undefined
    this.#isHijacked = true
    this.socket.off('data', this.#onData)
    this.socket.off('end', this.#onEnd)
    return early
  }

  /** True when the client had already half-closed before the socket was taken over. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Closes at once if nothing is under way; otherwise after the current reply. */
  closeWhenIdle(): void {
    if (this.#exchange === undefined && !this.#isHijacked) this.#linger()
  }

  /** Refuses the client before it has said anything. */
  turnAway(message: string): void {
    this.#refuse(503, message, 'Retry-After: 1\r\n')
  }

  /** Called about once a second. */
  sweep(): void {
    const idle = this.#host.tick - this.#since
    if (this.#isHijacked) return
    if (this.#lingering > 0) {
      if (this.socket.writableLength > 0) this.#since = this.#host.tick
      else if (idle >= lingerSeconds) this.socket.destroy()
      return
    }
    const exchange = this.#exchange
    if (exchange === undefined) {
      const { headSeconds, keepAliveSeconds } = this.limits
      if (this.#pending !== undefined ? idle >= headSeconds : idle >= keepAliveSeconds) this.#expire()
      return
    }
    if (this.#hasEnded && this.#host.tick - Math.max(this.#halfClosedAt, exchange.lastWrite) > halfClosedSeconds) {
      this.socket.destroy()
      return
    }
    if (this.#isBodyDone || this.#sink === undefined || this.#isSinkPaused) return
    if (idle >= this.limits.bodyIdleSeconds) this.#giveUpBody(exchange, 'request body stalled')
    else if (this.#host.tick >= this.#bodyUntil) this.#giveUpBody(exchange, 'request body not complete in time')
  }

  #giveUpBody(exchange: Exchange, message: string): void {
    exchange.giveUp(408, message)
    this.socket.destroy()
  }

  #expire(): void {
    if (this.#pending !== undefined) this.#refuse(408, 'request head not complete in time')
    else if (!this.socket.writableEnded) this.#endSocket()
  }

  /** What is queued is still sent, for as long as the client reads. Node counts bytes that leave as activity. */
  #endSocket(): void {
    this.socket.setTimeout(this.limits.unreadMs, () => this.socket.destroy())
    this.socket.end()
  }

  #receive(chunk: Buffer): void {
    if (this.#lingering > 0) {
      this.#lingering += chunk.length
      if (this.#lingering > lingerBytes) this.socket.destroy()
      return
    }
    if (this.#exchange === undefined) {
      if (this.#pending === undefined) this.#since = this.#host.tick
      this.#pending = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk])
      this.#parse()
      return
    }
    this.#since = this.#host.tick
    if (this.#isBodyDone || this.#sink === undefined || this.#isSinkPaused) this.#keep(chunk)
    else this.#feed(chunk)
  }

  /** Keeps bytes nobody wants yet; beyond the limit the client has to wait. */
  #keep(chunk: Buffer): void {
    this.#pending = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk])
    if (this.#pending.length >= pendingLimit) this.#pause()
  }

  #feed(chunk: Buffer): void {
    const sink = this.#sink ?? discard
    let used: number
    if (this.#chunked === undefined) {
      used = Math.min(this.#remaining, chunk.length)
      this.#remaining -= used
      this.#isBodyDone = this.#remaining === 0
      if (used > 0) this.#isSinkPaused = !sink.data(used === chunk.length ? chunk : chunk.subarray(0, used))
    } else {
      try {
        used = this.#chunked.read(chunk, 0)
      } catch (error) {
        this.#broken(error)
        return
      }
      this.#isBodyDone = this.#chunked.isDone
    }
    if (this.#isBodyDone) sink.end()
    else if (this.#isBodyCutOff) this.socket.destroySoon()
    if (used < chunk.length) this.#keep(chunk.subarray(used))
    if (this.#isSinkPaused && !this.#isBodyDone) this.#pause()
  }

  /** A body that breaks the protocol: whatever was to become of the request, the connection is unusable. */
  #broken(error: unknown): void {
    const exchange = this.#exchange
    this.#isBodyDone = false
    exchange?.giveUp(400, toMessage(error))
    this.socket.destroySoon()
  }

  #parse(): void {
    this.#isParsing = true
    try {
      while (this.#exchange === undefined && this.#pending !== undefined && this.#lingering === 0) {
        if (!this.#parseOne(this.#pending)) break
      }
    } finally {
      this.#isParsing = false
    }
  }

  /** @returns false when the head is not complete */
  #parseOne(pending: Buffer): boolean {
    // One empty line before a request is tolerated (RFC 9112 §2.2).
    const from = pending[0] === 13 && pending[1] === 10 ? 2 : 0
    const end = pending.indexOf(blankLine, from)
    if (end < 0) {
      if (pending.length >= this.limits.headBytes) this.#refuse(431, 'request head too long')
      return false
    }
    let head: RequestHead
    try {
      if (end - from > this.limits.headBytes) throw protocolProblem('request head too long', 431)
      head = this.#readHead(pending.toString('latin1', from, end))
    } catch (error) {
      this.#refuse(isFlotillaError(error) ? (error.status ?? 400) : 400, toMessage(error))
      return false
    }
    this.#pending = end + 4 < pending.length ? pending.subarray(end + 4) : undefined
    this.#begin(head)
    return true
  }

  #readHead(text: string): RequestHead {
    if (this.#lastHead !== undefined && text === this.#lastText) return this.#lastHead
    const head = parseRequestHead(text, this.limits.headers)
    // One that is long is rare, and would be kept for as long as the connection is idle.
    const isKept = text.length <= keptHeadLength
    this.#lastText = isKept ? text : ''
    this.#lastHead = isKept ? head : undefined
    return head
  }

  #begin(head: RequestHead): void {
    this.#sink = undefined
    this.#isSinkPaused = false
    this.#bodyUntil = Number.POSITIVE_INFINITY
    this.#isBodyDone = head.bodyLength === 0
    this.#remaining = head.bodyLength
    this.#mustContinue = head.expectsContinue && !this.#isBodyDone
    this.#chunked = head.bodyLength === CHUNKED ? new ChunkedReader((data) => this.#chunkData(data)) : undefined
    const exchange = new Exchange(head, this)
    this.#exchange = exchange
    this.#since = this.#host.tick
    this.#host.onRequest(exchange)
  }

  #chunkData(data: Buffer): void {
    if (!(this.#sink ?? discard).data(data)) this.#isSinkPaused = true
  }

  #refuse(status: number, message: string, headers = ''): void {
    const body = `${JSON.stringify({ message })}\n`
    this.#pending = undefined
    this.socket.write(
      `HTTP/1.1 ${status} ${reasonOf(status)}\r\nContent-Type: application/json\r\nConnection: close\r\n${headers}` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    this.#linger()
  }

  /** Sends what is queued, then waits a moment for the client to close, so that it can read the last reply. */
  #linger(): void {
    if (this.#lingering > 0) return
    this.#lingering = 1
    this.#since = this.#host.tick
    this.#pending = undefined
    this.#endSocket()
    if (this.#hasEnded) this.socket.destroySoon()
    else this.#resume()
  }

  #clientEnded(): void {
    this.#hasEnded = true
    this.#halfClosedAt = this.#host.tick
    if (this.#exchange === undefined || this.#isBodyCutOff) this.socket.destroySoon()
  }

  /** No more comes of a body that is not complete. What has not been looked at yet may be its end. */
  get #isBodyCutOff(): boolean {
    return this.#hasEnded && !this.#isBodyDone && this.#pending === undefined
  }

  #gone(): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    exchange?.clientGone()
    this.#host.onGone(this)
  }

  get tick(): number {
    return this.#host.tick
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.socket.pause()
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.socket.resume()
  }
}
