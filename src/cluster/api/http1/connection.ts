import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { isFlotillaError, toMessage } from '../../../core/errors.ts'
import type { ConnectionLimits } from '../../limits.ts'
import { Exchange } from './exchange.ts'
import type { RequestHead } from './head.ts'
import { Linger } from './linger.ts'
import { reasonOf } from './reason.ts'
import { RequestBody } from './request-body.ts'
import type { BodySink } from './request-body.ts'
import { RequestHeads } from './request-heads.ts'

/** What a connection needs of the server it belongs to. */
export interface ConnectionHost {
  /** Seconds since the server started, counted by its own ticks: wall clocks may jump. */
  readonly tick: number
  readonly isClosing: boolean
  readonly limits: ConnectionLimits
  onRequest(exchange: Exchange): void
  onGone(connection: ServerConnection): void
}

const keepAliveProbeMs = 30_000
/** A client that half-closed while its reply is under way counts as gone when nothing moved for this long. */
const halfClosedSeconds = 2
/** Bytes kept that belong to later requests or to a body nobody reads yet. */
const pendingLimit = 64 * 1024

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
  readonly #heads: RequestHeads
  #exchange: Exchange | undefined
  readonly #body = new RequestBody()
  #isPaused = false
  #isParsing = false
  #mustContinue = false
  #isHijacked = false
  #hasEnded = false
  /** Set: the connection is over. */
  #linger: Linger | undefined
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
    this.#heads = new RequestHeads(host.limits)
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
    return this.#body.isDone
  }

  /** Whether a reply that starts now may leave the connection open. */
  get mayKeepAlive(): boolean {
    return !this.#hasEnded && !this.#host.isClosing && (this.#body.isDone || this.#body.isAsked)
  }

  /** Drops what has arrived of a body that nobody asked for; called before a reply is begun. */
  skipBody(): void {
    if (this.#body.isDone || this.#body.isAsked || this.#mustContinue) return
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
    this.#body.ask(sink)
    if (isKept) this.#bodyUntil = this.#host.tick + this.limits.bodySeconds
    if (this.#body.isDone) {
      sink.end()
      return
    }
    if (this.#mustContinue) {
      this.#mustContinue = false
      this.socket.write(continueLine)
    }
    this.resumeBody()
  }

  /** Nobody wants the rest of the body: what is replied now is the last reply here. */
  dropBody(): void {
    this.#body.drop()
  }

  /** Gives the sink more again. Whoever took an earlier body may say so late: then nobody has asked for this one yet. */
  resumeBody(): void {
    const body = this.#body
    if (!body.isAsked) return
    body.resume()
    this.#since = this.#host.tick
    const pending = this.#pending
    if (pending !== undefined && !body.isDone) {
      this.#pending = undefined
      this.#feed(pending)
    }
    if (!body.isPaused) this.#resume()
  }

  /** Ends the current exchange and goes on to the next request, or closes. */
  finish(mayKeepAlive: boolean): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    this.#exchange = undefined
    if (!this.#body.isDone) {
      this.#body.drop()
      this.skipBody()
    }
    this.#since = this.#host.tick
    if (!mayKeepAlive || !exchange.head.isKeepAlive || !this.#body.isDone || this.#hasEnded || this.#host.isClosing) {
      this.#close()
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
    if (this.#exchange === undefined && !this.#isHijacked) this.#close()
  }

  /** Refuses the client before it has said anything. */
  turnAway(message: string): void {
    this.#refuse(503, message, 'Retry-After: 1\r\n')
  }

  /** Called about once a second. */
  sweep(): void {
    if (this.#isHijacked) return
    if (this.#linger !== undefined) {
      this.#linger.sweep(this.#host.tick)
      return
    }
    const idle = this.#host.tick - this.#since
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
    if (!this.#body.isFlowing) return
    if (idle >= this.limits.bodyIdleSeconds) this.#giveUp(exchange, 408, 'request body stalled')
    else if (this.#host.tick >= this.#bodyUntil) this.#giveUp(exchange, 408, 'request body not complete in time')
  }

  #expire(): void {
    if (this.#pending !== undefined) this.#refuse(408, 'request head not complete in time')
    else this.#close()
  }

  #receive(chunk: Buffer): void {
    if (this.#linger !== undefined) {
      this.#linger.receive(chunk)
      return
    }
    if (this.#exchange === undefined) {
      if (this.#pending === undefined) this.#since = this.#host.tick
      this.#pending = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk])
      this.#parse()
      return
    }
    this.#since = this.#host.tick
    if (this.#body.isFlowing) this.#feed(chunk)
    else this.#keep(chunk)
  }

  /** Keeps bytes nobody wants yet; beyond the limit the client has to wait. */
  #keep(chunk: Buffer): void {
    this.#pending = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk])
    if (this.#pending.length >= pendingLimit) this.#pause()
  }

  #feed(chunk: Buffer): void {
    const body = this.#body
    let used: number
    try {
      used = body.feed(chunk)
    } catch (error) {
      if (this.#exchange !== undefined) this.#giveUp(this.#exchange, 400, toMessage(error))
      return
    }
    // First: the end of the body may be the end of the exchange, and then the next request is looked for.
    if (used < chunk.length) this.#keep(chunk.subarray(used))
    if (body.isDone) body.end()
    else if (this.#isBodyCutOff) this.socket.destroySoon()
    if (body.isPaused && !body.isDone) this.#pause()
  }

  /**
   * The rest of the body is not to be had, and whatever was to become of the request, nothing else can come on this
   * connection. A client that is told so gets the time to hear it; one whose reply had begun sees that it is cut short.
   */
  #giveUp(exchange: Exchange, status: number, message: string): void {
    exchange.giveUp(status, message)
    if (this.#linger === undefined) this.socket.destroy()
  }

  #parse(): void {
    this.#isParsing = true
    try {
      while (this.#exchange === undefined && this.#linger === undefined) {
        const head = this.#nextHead()
        if (head === undefined) return
        this.#begin(head)
      }
    } finally {
      this.#isParsing = false
    }
  }

  /** Takes a head out of what has come; undefined when it is not complete, or has been refused. */
  #nextHead(): RequestHead | undefined {
    const pending = this.#pending
    if (pending === undefined) return undefined
    try {
      const head = this.#heads.read(pending)
      const { end } = this.#heads
      if (head !== undefined) this.#pending = end < pending.length ? pending.subarray(end) : undefined
      return head
    } catch (error) {
      this.#refuse(isFlotillaError(error) ? (error.status ?? 400) : 400, toMessage(error))
      return undefined
    }
  }

  #begin(head: RequestHead): void {
    this.#body.begin(head)
    this.#bodyUntil = Number.POSITIVE_INFINITY
    this.#mustContinue = head.expectsContinue && !this.#body.isDone
    const exchange = new Exchange(head, this)
    this.#exchange = exchange
    this.#since = this.#host.tick
    this.#host.onRequest(exchange)
  }

  #refuse(status: number, message: string, headers = ''): void {
    const body = `${JSON.stringify({ message })}\n`
    this.#pending = undefined
    this.socket.write(
      `HTTP/1.1 ${status} ${reasonOf(status)}\r\nContent-Type: application/json\r\nConnection: close\r\n${headers}` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    this.#close()
  }

  /** Nothing more is served. */
  #close(): void {
    if (this.#linger !== undefined) return
    this.#pending = undefined
    this.#linger = new Linger(this.socket, this.limits.unreadMs, this.#host.tick)
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
    return this.#hasEnded && !this.#body.isDone && this.#pending === undefined
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
