import { Buffer } from 'node:buffer'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { joinStreams } from './hijack.ts'
import type { Joined } from './hijack.ts'
import { ChunkedReader } from './http1/chunked.ts'
import type { Exchange } from './http1/exchange.ts'
import { CHUNKED, UNTIL_CLOSE, headerOf, renderHeaders } from './http1/head.ts'
import type { ResponseHead } from './http1/head.ts'
import type { EnginePool, PoolJob } from './http1/pool.ts'
import type { ReplyReceiver, UpstreamConnection } from './http1/upstream.ts'

/** One reply held back to be changed must fit here. */
const collectLimit = 16 * 1024 * 1024

/** The node a request goes to, as far as forwarding is concerned. */
export interface ForwardTarget {
  /** For messages. */
  readonly name: string
  readonly pool: EnginePool
  /** Told how a call went: an answer of any kind proves the engine alive. */
  onAnswer(): void
  onBroken(error: unknown): void
  /** Another manager of the cluster, not an engine. */
  readonly isManager?: boolean
}

export interface ForwardOptions {
  readonly target: ForwardTarget
  /** With version prefix and query, escaped. */
  readonly path: string
  /** Sent instead of the client's body. */
  readonly body?: Buffer
  /** Headers of the client not passed on, lower case. */
  readonly withoutHeaders?: readonly string[]
  /** Header lines sent beside the client's, each with its line end. */
  readonly extraLines?: string
  /** The engine answers late by nature: other requests do not wait for it. */
  readonly isPatient?: boolean
  /** The connection may leave HTTP. */
  readonly isHijack?: boolean
  /** Seconds until the reply must begin; absent: as long as it takes. */
  readonly headSeconds?: number | undefined
  /** Seen before the client sees it: the place to record what an acknowledged change did. */
  onReply?(status: number): void
  /** Makes another body, in pieces, out of a successful one. */
  transform?(body: Buffer): readonly Buffer[]
  /** Takes over when the engine says no, before anything went to the client. @returns true when handled */
  onRefusal?(status: number, head: ResponseHead): boolean
  /** Takes over when no connection could be had, so that nothing of the request has left. @returns true when handled */
  onUnsent?(error: FlotillaError): boolean
  /** Takes over a read whose target broke off, or was given up, before it answered. @returns true when handled */
  onLost?(): boolean
  /** What the client is told when the target cannot be reached or breaks off; absent: 502, naming the node. */
  describeFailure?(error: unknown): { readonly status: number; readonly message: string }
  /** Called when the exchange is over, for whatever reason. */
  onDone?(): void
}

/** What forwarding needs of the server: a place to keep what lives longer than a call. */
export interface ForwardHost {
  watchHead(forward: Forward, seconds: number): void
  unwatchHead(forward: Forward): void
  addJoined(joined: Joined): void
  removeJoined(joined: Joined): void
}

/**
 * Passes one request to one engine and its reply back, byte for byte where nothing has to change. Request
 * heads are written anew from the parsed parts, so that nothing ambiguous reaches an engine.
 */
export class Forward implements PoolJob, ReplyReceiver {
  readonly #exchange: Exchange
  readonly #o: ForwardOptions
  readonly #host: ForwardHost
  #connection: UpstreamConnection | undefined
  #isCancelled = false
  #isDone = false
  #hasHead = false
  #hasRetried = false
  #isBodySent = false
  #mayKeepAlive = true
  #collected: Buffer[] | undefined
  #collectedBytes = 0
  #head: ResponseHead | undefined
  #decoder: ChunkedReader | undefined
  /** What the client said to the last bytes out of the decoder. */
  #isWanted = true

  constructor(exchange: Exchange, host: ForwardHost, options: ForwardOptions) {
    this.#exchange = exchange
    this.#host = host
    this.#o = options
  }

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  get isPatient(): boolean {
    return this.#o.isPatient === true
  }

  run(): void {
    this.#exchange.onGone(() => this.#cancel())
    if (this.#isCancelled) return
    const { target, headSeconds } = this.#o
    if (target.isManager === true) this.#exchange.manager = target.name
    else this.#exchange.node = target.name
    if (headSeconds !== undefined) this.#host.watchHead(this, headSeconds)
    target.pool.submit(this)
  }

  start(connection: UpstreamConnection): void {
    this.#connection = connection
    const body = this.#o.body ?? this.#exchange.replacedBody
    const length = body === undefined ? this.#exchange.head.bodyLength : body.length
    const isStreaming = body === undefined && length !== 0
    const head = this.#renderRequest(length)
    if (body !== undefined && body.length > 0) {
      connection.send(this.#exchange.head.method, Buffer.concat([Buffer.from(head, 'latin1'), body]), false, this)
      return
    }
    connection.send(this.#exchange.head.method, head, isStreaming, this)
    if (isStreaming) this.#streamBody(connection, length === CHUNKED)
  }

  refused(error: FlotillaError): void {
    if (this.#isDone) return
    if (this.#o.onUnsent?.(error) === true) {
      this.#exchange.onGone(undefined)
      this.#finishUp()
      return
    }
    const told = this.#o.describeFailure?.(error) ?? { status: error.status ?? 502, message: error.message }
    this.#fail(told.status, told.message)
  }

  /** Ends a request that is not answered yet; one whose answer has begun goes on. */
  abandon(status: number, message: string): void {
    if (this.#hasHead || this.#isDone) return
    this.#connection?.destroy()
    this.#isCancelled = true
    if (!this.#passOn()) this.#fail(status, message)
  }

  /** Leaves a read that got no answer to somebody else. */
  #passOn(): boolean {
    if (this.#hasHead || !this.#mayResend) return false
    if (this.#o.onLost === undefined) return false
    this.#exchange.onGone(undefined)
    this.#finishUp()
    return this.#o.onLost()
  }

  /** A read that has no body: whatever has left of it can leave again. */
  get #mayResend(): boolean {
    const { method, bodyLength } = this.#exchange.head
    return (method === 'GET' || method === 'HEAD') && bodyLength === 0
  }

  /** The engine let the time pass in which its reply should have begun. */
  expire(): void {
    if (this.#hasHead || this.#isDone) return
    const { target, headSeconds } = this.#o
    const message = `node ${target.name} did not answer within ${headSeconds} s`
    target.onBroken(new FlotillaError('engine/timeout', message))
    this.abandon(504, message)
  }

  head(head: ResponseHead, bytes: Buffer, headEnd: number, isComplete: boolean): void {
    this.#hasHead = true
    if (this.#o.headSeconds !== undefined) this.#host.unwatchHead(this)
    this.#o.target.onAnswer()
    if (head.status >= 400 && this.#o.onRefusal?.(head.status, head) === true) {
      this.#isDone = true
      this.#exchange.onGone(undefined)
      if (!isComplete) this.#connection?.destroy()
      this.#o.onDone?.()
      return
    }
    if (head.status === 101 && (this.#o.isHijack !== true || this.#exchange.head.upgrade === undefined)) {
      // Whatever follows is no HTTP, and nobody asked for anything else.
      this.#connection?.destroy()
      this.#fail(502, `node ${this.#o.target.name} switched protocols without being asked to`)
      return
    }
    this.#o.onReply?.(head.status)
    if (this.#o.isHijack === true && isRaw(head)) {
      this.#hijack(bytes, headEnd)
      return
    }
    const isChanged = this.#exchange.isReplyChanged || (this.#o.transform !== undefined && head.status < 300)
    if (isChanged && this.#exchange.head.method !== 'HEAD') {
      this.#head = head
      this.#collected = []
      this.#decoder = head.bodyLength === CHUNKED ? new ChunkedReader((data) => this.#collect(data)) : undefined
      if (headEnd < bytes.length) this.data(bytes.subarray(headEnd))
      return
    }
    this.#passHead(head, bytes, headEnd)
  }

  data(bytes: Buffer): boolean {
    if (this.#decoder !== undefined) {
      this.#isWanted = true
      this.#decoder.read(bytes, 0)
      return this.#isWanted
    }
    if (this.#collected === undefined) return this.#exchange.writeRaw(bytes)
    this.#collect(bytes)
    return true
  }

  end(): void {
    if (this.#isDone) return
    this.#isDone = true
    if (this.#collected !== undefined) this.#replyCollected(this.#collected)
    else this.#exchange.finish(this.#mayKeepAlive && this.#isBodySentOrAbsent())
    this.#o.onDone?.()
  }

  failed(error: Error): void {
    if (this.#isDone) return
    const { target } = this.#o
    if (!this.#hasHead && !this.#hasRetried && this.#connection?.isReused === true && this.#mayResend) {
      // A kept connection that the engine had given up: says nothing about the engine.
      this.#hasRetried = true
      target.pool.submitFresh(this)
      return
    }
    target.onBroken(error)
    if (this.#passOn()) return
    const told = this.#o.describeFailure?.(error)
    this.#fail(told?.status ?? 502, told?.message ?? `node ${target.name}: ${toMessage(error)}`)
  }

  drained(): void {
    this.#exchange.connection.resumeBody()
  }

  #cancel(): void {
    this.#isCancelled = true
    this.#connection?.destroy()
    this.#finishUp()
  }

  #fail(status: number, message: string): void {
    if (this.#isDone) return
    if (this.#exchange.hasReplied) this.#exchange.breakOff()
    else this.#exchange.replyError(status, message)
    this.#finishUp()
  }

  #finishUp(): void {
    if (this.#isDone) return
    this.#isDone = true
    if (this.#o.headSeconds !== undefined) this.#host.unwatchHead(this)
    this.#o.onDone?.()
  }

  #isBodySentOrAbsent(): boolean {
    return this.#isBodySent || this.#exchange.connection.isBodyDone
  }

  #renderRequest(length: number): string {
    const { head } = this.#exchange
    let text = `${head.method} ${this.#o.path} HTTP/1.1\r\n`
    const { headers } = head
    let hasHost = false
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const name = headers[at] ?? ''
      if (name === 'host') hasHost = true
      if (this.#o.withoutHeaders?.includes(name) !== true) text += `${name}: ${headers[at + 1]}\r\n`
    }
    if (!hasHost) text += 'host: docker\r\n'
    text += this.#o.extraLines ?? ''
    if (head.upgrade !== undefined && this.#o.isHijack === true) {
      text += `connection: Upgrade\r\nupgrade: ${head.upgrade}\r\n`
    }
    if (length === CHUNKED) text += 'transfer-encoding: chunked\r\n'
    else if (length > 0 || head.method === 'POST' || head.method === 'PUT') text += `content-length: ${length}\r\n`
    return `${text}\r\n`
  }

  #streamBody(connection: UpstreamConnection, isChunked: boolean): void {
    this.#exchange.consume({
      data: (chunk) => {
        if (!isChunked) return connection.write(chunk)
        connection.write(`${chunk.length.toString(16)}\r\n`)
        connection.write(chunk)
        return connection.write('\r\n')
      },
      end: () => {
        this.#isBodySent = true
        if (isChunked) connection.write('0\r\n\r\n')
        connection.requestSent()
      },
    })
  }

  #passHead(head: ResponseHead, bytes: Buffer, headEnd: number): void {
    const request = this.#exchange.head
    const isUntilClose = head.bodyLength === UNTIL_CLOSE
    this.#mayKeepAlive = !isUntilClose
    this.#exchange.onDrain(() => this.#connection?.resume())
    const isPlain = request.isHttp11 && request.isKeepAlive && head.isHttp11 && !head.hasHopHeaders && !isUntilClose
    if (isPlain && this.#exchange.connection.mayKeepAlive && !this.#exchange.hasExtraHeaders) {
      this.#exchange.writeRaw(bytes)
      return
    }
    // Somebody speaks an older protocol, or the connection ends here: the head has to say so.
    const mustDecode = !request.isHttp11 && head.bodyLength === CHUNKED
    this.#mayKeepAlive &&= request.isHttp11
    let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n${renderHeaders(head.headers)}${this.#exchange.extraLines}`
    if (head.bodyLength === CHUNKED && !mustDecode) text += 'transfer-encoding: chunked\r\n'
    else if (head.bodyLength > 0) text += `content-length: ${head.bodyLength}\r\n`
    else if (head.bodyLength === 0 && request.method !== 'HEAD' && head.status !== 204 && head.status !== 304) {
      text += 'content-length: 0\r\n'
    }
    if (!this.#mayKeepAlive || !request.isKeepAlive || !this.#exchange.connection.mayKeepAlive) {
      text += 'connection: close\r\n'
    }
    this.#exchange.writeRaw(Buffer.from(`${text}\r\n`, 'latin1'))
    if (mustDecode) {
      this.#decoder = new ChunkedReader((data) => {
        this.#isWanted = this.#exchange.writeRaw(data)
      })
    }
    if (headEnd < bytes.length) this.data(bytes.subarray(headEnd))
  }

  #hijack(bytes: Buffer, headEnd: number): void {
    const exchange = this.#exchange
    const connection = this.#connection
    if (connection === undefined) return
    this.#isDone = true
    exchange.onGone(undefined)
    exchange.writeRaw(bytes.subarray(0, headEnd))
    const fromClient = exchange.connection.takeOver()
    const joined: Joined = joinStreams({
      client: exchange.connection.socket,
      engine: connection.takeOver(),
      fromClient,
      fromEngine: bytes.subarray(headEnd),
      hasClientEnded: exchange.connection.hasEnded,
      onClosed: () => {
        this.#host.removeJoined(joined)
        this.#o.onDone?.()
      },
    })
    this.#host.addJoined(joined)
  }

  #collect(data: Buffer): void {
    this.#collectedBytes += data.length
    if (this.#collectedBytes > collectLimit) throw new FlotillaError('engine/protocol', 'reply is too large')
    this.#collected?.push(data)
  }

  #replyCollected(parts: readonly Buffer[]): void {
    const head = this.#head
    if (head === undefined) return
    const [only] = parts
    const whole = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
    let body: readonly Buffer[]
    try {
      body = (head.status < 300 ? this.#o.transform?.(whole) : undefined) ?? [whole]
    } catch (error) {
      // Nobody else would answer any more.
      const message = `the reply of node ${this.#o.target.name} cannot be read: ${toMessage(error)}`
      this.#exchange.replyError(502, message)
      return
    }
    this.#exchange.reply(head.status, head.headers, body)
  }
}

/** True for the answers after which a connection carries raw bytes: upgraded, or the older way, to its end. */
function isRaw(head: ResponseHead): boolean {
  if (head.status === 101) return true
  if (head.status !== 200 || head.bodyLength !== UNTIL_CLOSE) return false
  const type = headerOf(head, 'content-type') ?? ''
  return (
    type.startsWith('application/vnd.docker.raw-stream') || type.startsWith('application/vnd.docker.multiplexed-stream')
  )
}
