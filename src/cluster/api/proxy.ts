import { Buffer } from 'node:buffer'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { CollectedReply } from './collected-reply.ts'
import { isPlainReply, isRaw, mustDecode, renderReplyHead, renderRequestHead } from './forward-heads.ts'
import type { FailureTold, ForwardHost, ForwardOptions, HeadWatch } from './forward-options.ts'
import { joinStreams } from './hijack.ts'
import type { Joined } from './hijack.ts'
import { ChunkedReader } from './http1/chunked.ts'
import type { Exchange } from './http1/exchange.ts'
import { CHUNKED, UNTIL_CLOSE } from './http1/head.ts'
import type { ResponseHead } from './http1/head.ts'
import type { PoolJob } from './http1/pool.ts'
import type { ReplyReceiver, UpstreamConnection } from './http1/upstream.ts'

/** A reply is not waited for any longer once the node has been out of service for so many seconds on end. */
const silenceSeconds = 30

/** Passes one request to one engine and its reply back, byte for byte where nothing has to change. */
export class Forward implements PoolJob, ReplyReceiver {
  readonly #exchange: Exchange
  readonly #o: ForwardOptions
  readonly #host: ForwardHost
  #connection: UpstreamConnection | undefined
  /** Set while its reply is late from some time on. */
  #watch: HeadWatch | undefined
  #silence = 0
  #isCancelled = false
  #isDone = false
  #hasHead = false
  #hasRetried = false
  #isBodySent = false
  #mayKeepAlive = true
  /** A reply that is changed before it goes to the client. */
  #collected: CollectedReply | undefined
  /** For a client that knows no chunks. */
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
    if (headSeconds !== undefined) this.#watch = this.#host.watchHead(this, headSeconds)
    target.pool.submit(this)
  }

  start(connection: UpstreamConnection): void {
    this.#connection = connection
    const body = this.#o.body ?? this.#exchange.replacedBody
    const length = body === undefined ? this.#exchange.head.bodyLength : body.length
    const isStreaming = body === undefined && length !== 0
    const head = renderRequestHead(this.#exchange.head, this.#o, length)
    if (body !== undefined && body.length > 0) {
      connection.send(this.#exchange.head.method, Buffer.concat([Buffer.from(head, 'latin1'), body]), false, this)
      return
    }
    connection.send(this.#exchange.head.method, head, isStreaming, this)
    if (isStreaming) this.#streamBody(connection, length === CHUNKED)
  }

  refused(error: FlotillaError): void {
    if (this.#isDone) return
    if (this.#o.onUnsent !== undefined) {
      this.#finishUp()
      this.#o.onUnsent(error)
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
    if (this.#o.repeat !== 'always' || !this.#passOn({ status, message })) this.#fail(status, message)
  }

  /** Leaves a request that got no answer to somebody else. */
  #passOn(told: FailureTold): boolean {
    const { repeat } = this.#o
    if (this.#hasHead || this.#o.onLost === undefined || repeat === undefined || this.#isBodyPassing) return false
    this.#finishUp()
    this.#o.onLost(told)
    return true
  }

  /** What has gone out of the client's body is kept nowhere. */
  get #isBodyPassing(): boolean {
    const isKept = this.#o.body !== undefined || this.#exchange.replacedBody !== undefined
    return !isKept && this.#exchange.head.bodyLength !== 0
  }

  /** A read that has no body: whatever has left of it can leave again. */
  get #mayResend(): boolean {
    const { method, bodyLength } = this.#exchange.head
    return (method === 'GET' || method === 'HEAD') && bodyLength === 0
  }

  #unwatch(): void {
    if (this.#watch !== undefined) this.#host.unwatchHead(this.#watch)
    this.#watch = undefined
  }

  /** Called once a second while the reply is late: what has a long limit ends before it when its node is gone. */
  countSilence(): void {
    this.#silence = this.#o.target.isHealthy === false ? this.#silence + 1 : 0
    if (this.#silence >= silenceSeconds) this.expire('stopped answering')
  }

  /** The engine let the time pass in which its reply should have begun. */
  expire(what = `did not answer within ${this.#o.headSeconds} s`): void {
    this.#unwatch()
    if (this.#hasHead || this.#isDone) return
    const { target } = this.#o
    const message = `node ${target.name} ${what}`
    target.onBroken(new FlotillaError('engine/timeout', message))
    this.abandon(504, message)
  }

  head(head: ResponseHead, bytes: Buffer, headEnd: number, isComplete: boolean): void {
    this.#hasHead = true
    this.#unwatch()
    this.#o.target.onAnswer()
    if (head.status >= 400 && this.#o.onRefusal?.(head.status, head) === true) {
      this.#isDone = true
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
      this.#collected = new CollectedReply(head)
      if (headEnd < bytes.length) this.#collected.add(bytes.subarray(headEnd))
      return
    }
    this.#passHead(head, bytes, headEnd)
  }

  data(bytes: Buffer): boolean {
    if (this.#collected !== undefined) {
      this.#collected.add(bytes)
      return true
    }
    if (this.#decoder === undefined) return this.#exchange.writeRaw(bytes)
    this.#isWanted = true
    this.#decoder.read(bytes, 0)
    return this.#isWanted
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
    const told = this.#o.describeFailure?.(error)
    const failure = told ?? { status: 502, message: `node ${target.name}: ${toMessage(error)}` }
    if (!this.#passOn(failure)) this.#fail(failure.status, failure.message)
  }

  drained(): void {
    this.#exchange.connection.resumeBody()
  }

  /** The client has gone. Who has taken the request over may have left this to be called. */
  #cancel(): void {
    if (this.#isDone) return
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
    this.#unwatch()
    this.#o.onDone?.()
  }

  #isBodySentOrAbsent(): boolean {
    return this.#isBodySent || this.#exchange.connection.isBodyDone
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
    const exchange = this.#exchange
    const request = exchange.head
    exchange.onDrain(() => this.#connection?.resume())
    if (isPlainReply(head, request) && exchange.connection.mayKeepAlive && !exchange.hasExtraHeaders) {
      exchange.writeRaw(bytes)
      return
    }
    // Somebody speaks an older protocol, or the connection ends here: the head has to say so.
    this.#mayKeepAlive = request.isHttp11 && head.bodyLength !== UNTIL_CLOSE
    const isLast = !this.#mayKeepAlive || !request.isKeepAlive || !exchange.connection.mayKeepAlive
    const extraLines = isLast ? `${exchange.extraLines}connection: close\r\n` : exchange.extraLines
    exchange.writeRaw(Buffer.from(renderReplyHead(head, request, extraLines), 'latin1'))
    if (mustDecode(head, request)) {
      this.#decoder = new ChunkedReader((data) => {
        this.#isWanted = exchange.writeRaw(data)
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

  #replyCollected(collected: CollectedReply): void {
    const { head } = collected
    const whole = collected.toBody()
    try {
      const body = (head.status < 300 ? this.#o.transform?.(whole) : undefined) ?? [whole]
      this.#exchange.reply(head.status, head.headers, body)
    } catch (error) {
      // Nobody else would answer any more.
      const message = `the reply of node ${this.#o.target.name} cannot be read: ${toMessage(error)}`
      this.#exchange.replyError(502, message)
    }
  }
}
