import { Buffer } from 'node:buffer'
import { setMaxListeners } from 'node:events'
import { FlotillaError } from '../../../core/errors.ts'
import type { Caller } from '../../access/caller.ts'
import type { ServerConnection } from './connection.ts'
import { renderHeaders } from './head.ts'
import type { RequestHead } from './head.ts'
import { reasonOf } from './reason.ts'
import { bodyTooLarge, gatherBody } from './request-body.ts'
import type { BodySink } from './request-body.ts'
import { countBytes, frameChunk, statusIn, writeChunk, writeLastChunk, writeWhole } from './reply-bytes.ts'

/** Counted for clients that went away before they were answered, as proxies write it. */
const clientGoneStatus = 499

/** What counts exchanges; a class of the metrics. */
export interface ReplyMeter {
  /** @returns the time, for `record` */
  start(): number
  record(startedMs: number, status: number): void
}

/** What hears a reply go out: the audit log. */
export interface ReplyWatcher {
  /** The reply begins. */
  began(status: number): void
  /** Bytes of the reply as they go out, with the head where it came from an engine. */
  sent(bytes: string | Buffer): void
}

/** `isWhole`: the reply is complete, or the connection was a raw stream until its end. */
export type EndHandler = (isWhole: boolean) => void

/** Makes another body out of that of a whole reply; gets the body itself back where there is nothing to change. */
export type ReplyChange = (status: number, body: Buffer) => Buffer

/** One request and the reply to it. Exactly one way of replying is used per exchange. */
export class Exchange {
  readonly head: RequestHead
  readonly connection: ServerConnection
  /** Monotonic: when a request that is tried again came first, here or at another manager; undefined: it has just come. */
  arrivedMs: number | undefined
  /** Its tries at other managers that got no answer; undefined: it has just come, or its head tells. */
  lost: readonly string[] | undefined
  /** Who makes it; undefined: nobody has looked. */
  caller: Caller | undefined
  /** Under which the log and the audit log know it; undefined: nobody has asked for one. */
  requestId: string | undefined
  /** The engine it went to, by name, and the manager it was passed on to; the last one of each. */
  node: string | undefined
  manager: string | undefined
  #watcher: ReplyWatcher | undefined
  #hasReplied = false
  #isChunkedReply = false
  #isFinished = false
  #isGone = false
  #abort: AbortController | undefined
  #onGone: (() => void) | undefined
  #onDrain: (() => void) | undefined
  /** What `drain` waits for; `#onDrain` ends it. */
  #draining: Promise<void> | undefined
  #lastWrite = 0
  #extraHeaders: readonly string[] | undefined
  #meter: ReplyMeter | undefined
  #startedMs = 0
  #body: Promise<Buffer> | undefined
  /** What `#body` has come to. */
  #bodyBytes: Buffer | undefined
  #replacedBody: Buffer | undefined
  #changeReply: ReplyChange | undefined
  #endHandlers: EndHandler[] | undefined
  /** How it ended; undefined while it goes on. */
  #isWhole: boolean | undefined

  constructor(head: RequestHead, connection: ServerConnection) {
    this.head = head
    this.connection = connection
  }

  /** True once a byte of the reply has been handed to the socket. */
  get hasReplied(): boolean {
    return this.#hasReplied
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Bytes of replies that have not left for the client yet. */
  get waitingBytes(): number {
    return this.connection.socket.writableLength
  }

  /** Tick of the last write. */
  get lastWrite(): number {
    return this.#lastWrite
  }

  /** Aborted when the client goes away before the reply is complete. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      // One request may wait for every engine of the fleet.
      setMaxListeners(0, this.#abort.signal)
      if (this.#isGone) this.#abort.abort(clientGoneError())
    }
    return this.#abort.signal
  }

  /** Counts this exchange, once its reply begins or the client has gone without one. */
  measureWith(meter: ReplyMeter): void {
    this.#meter = meter
    this.#startedMs = meter.start()
  }

  /** One watcher, told until the end. */
  watchReply(watcher: ReplyWatcher): void {
    this.#watcher = watcher
  }

  /** Headers for whatever this exchange is answered with, as far as the answer is made here. */
  addHeaders(headers: readonly string[]): void {
    this.#extraHeaders = this.#extraHeaders === undefined ? headers : [...this.#extraHeaders, ...headers]
  }

  get hasExtraHeaders(): boolean {
    return this.#extraHeaders !== undefined
  }

  /** Whether one of that name goes with an answer that is made here. */
  hasExtraHeader(name: string): boolean {
    return this.#extraHeaders?.includes(name) === true
  }

  /**
   * One callback for the moment the client goes away before the reply is complete, called at once when it has; a second
   * call replaces it.
   */
  onGone(handler: (() => void) | undefined): void {
    if (this.#isGone) handler?.()
    else this.#onGone = handler
  }

  onDrain(handler: (() => void) | undefined): void {
    this.#onDrain = handler
  }

  /**
   * The body in one piece, which is kept: the request may be served again, or sent on. One that is not complete in time is
   * answered with 408.
   * @throws {io/protocol} status 413 beyond `limit`, before it is buffered
   */
  readBody(limit: number = this.connection.limits.bodyBytes): Promise<Buffer> {
    return (this.#body ??= this.#read(limit))
  }

  /** From now on this is the body, wherever the request goes; what came of the client is read already. */
  replaceBody(body: Buffer): void {
    this.#replacedBody = body
    this.#bodyBytes = body
    this.#body = Promise.resolve(body)
  }

  /** What `replaceBody` was given. */
  get replacedBody(): Buffer | undefined {
    return this.#replacedBody
  }

  /** Has replies changed before they leave, whole ones only: replies of engines are collected for it, streams pass. */
  changeReply(change: ReplyChange): void {
    this.#changeReply = change
  }

  get isReplyChanged(): boolean {
    return this.#changeReply !== undefined
  }

  /** Calls `handler` once, when the exchange is over, or the raw stream it became, whatever ends it; at once when it is. */
  onEnd(handler: EndHandler): void {
    if (this.#isWhole !== undefined) handler(this.#isWhole)
    else if (this.#endHandlers === undefined) this.#endHandlers = [handler]
    else this.#endHandlers.push(handler)
  }

  #read(limit: number): Promise<Buffer> {
    if (this.#isGone) return Promise.reject(clientGoneError())
    if (this.head.bodyLength > limit) return Promise.reject(bodyTooLarge(limit))
    if (this.head.bodyLength === 0) return Promise.resolve(Buffer.alloc(0))
    return new Promise((resolve, reject) => {
      this.#onGone = () => reject(clientGoneError())
      const gathered = (body: Buffer): void => {
        this.#onGone = undefined
        this.#bodyBytes = body
        resolve(body)
      }
      const failed = (error: Error): void => {
        this.connection.dropBody()
        reject(error)
      }
      this.connection.consume(gatherBody(limit, gathered, failed), true)
    })
  }

  /** Lets the body flow into `sink`; one that has been read all at once. */
  consume(sink: BodySink): void {
    if (this.#bodyBytes === undefined) {
      this.connection.consume(sink)
      return
    }
    if (this.#bodyBytes.length > 0) sink.data(this.#bodyBytes)
    sink.end()
  }

  /** A complete reply. `headers` are name, value, name, value…; framing is added. A body may come in pieces. */
  reply(status: number, headers: readonly string[], body: string | readonly Buffer[] = ''): void {
    if (this.#hasReplied || this.#isGone) return
    if (this.#changeReply !== undefined) {
      const change = this.#changeReply
      this.#changeReply = undefined
      const whole = typeof body === 'string' ? Buffer.from(body) : Buffer.concat(body)
      this.reply(status, headers, [change(status, whole)])
      return
    }
    this.connection.skipBody()
    // What has come of the body was no body: the client has been told so.
    if (this.#isGone) return
    const isBodiless = status === 204 || status === 304
    const length = countBytes(body)
    let text = this.#renderHead(status, headers)
    text += isBodiless ? '\r\n' : `Content-Length: ${length}\r\n\r\n`
    this.#mark(status)
    if (this.#watcher !== undefined) this.#show(body)
    writeWhole(this.connection.socket, text, body, this.head.method === 'HEAD' || isBodiless ? 0 : length)
    this.finish(true)
  }

  /** A complete reply that was rendered beforehand, head and all, with status 200. */
  replyRendered(bytes: Buffer): void {
    if (this.#hasReplied || this.#isGone) return
    this.#mark(200)
    this.connection.socket.write(bytes)
    this.finish(true)
  }

  replyJson(status: number, value: unknown, headers: readonly string[] = []): void {
    this.reply(status, ['Content-Type', 'application/json', ...headers], `${JSON.stringify(value)}\n`)
  }

  replyError(status: number, message: string, headers: readonly string[] = []): void {
    this.replyJson(status, { message }, headers)
  }

  /** Starts a reply whose length is not known; `write` and `end` follow. */
  startStream(status: number, headers: readonly string[]): void {
    if (this.#hasReplied || this.#isGone) return
    this.connection.skipBody()
    if (this.#isGone) return
    this.#isChunkedReply = this.head.isHttp11
    const framing = this.#isChunkedReply ? 'Transfer-Encoding: chunked\r\n\r\n' : '\r\n'
    this.#mark(status)
    this.connection.socket.write(this.#renderHead(status, headers) + framing, 'latin1')
  }

  /** @returns false when the client is slow: wait for `drain()` before the next write */
  write(data: string | Buffer): boolean {
    if (this.#isGone || this.#isFinished || this.head.method === 'HEAD') return true
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    if (bytes.length === 0) return true
    this.#watcher?.sent(bytes)
    this.#lastWrite = this.connection.tick
    const { socket } = this.connection
    return this.#isChunkedReply ? writeChunk(socket, bytes) : socket.write(bytes)
  }

  /**
   * Like `write` for a part of a block that keeps ten bytes free in front of `from` and two behind `end`: the framing is
   * put there, and all goes out in one piece.
   *
   * @param onSent called once, most often before this returns: the block is not needed any more
   * @returns false when the client is slow
   */
  writeBlock(block: Buffer, from: number, end: number, onSent: () => void): boolean {
    if (this.#isGone || this.#isFinished || this.head.method === 'HEAD') {
      onSent()
      return true
    }
    this.#lastWrite = this.connection.tick
    const { socket } = this.connection
    const bytes = this.#isChunkedReply ? frameChunk(block, from, end) : block.subarray(from, end)
    let isSent = false
    function sent(): void {
      if (!isSent) onSent()
      isSent = true
    }
    const isReady = socket.write(bytes, sent)
    // The callback comes in the next turn only, also when the system has taken everything already.
    if (socket.writableLength === 0) sent()
    return isReady
  }

  /** Resolves when the client has read enough, or has gone. */
  drain(): Promise<void> {
    if (this.#isGone || !this.connection.socket.writableNeedDrain) return Promise.resolve()
    this.#draining ??= new Promise((resolve) => {
      this.#onDrain = () => {
        this.#draining = undefined
        resolve()
      }
    })
    return this.#draining
  }

  /** Ends a reply begun with `startStream`. */
  end(): void {
    if (this.#isFinished || this.#isGone) return
    if (this.#isChunkedReply && this.head.method !== 'HEAD') writeLastChunk(this.connection.socket)
    this.finish(this.#isChunkedReply)
  }

  /** Breaks off a reply that cannot be completed, so that the client sees that it is cut short; a complete one stays. */
  breakOff(): void {
    if (!this.#isFinished) this.connection.socket.destroy()
  }

  /** Bytes of a reply whose framing the caller has taken care of. @returns false when the client is slow */
  writeRaw(bytes: Buffer): boolean {
    this.#mark(this.#hasReplied ? 0 : statusIn(bytes))
    this.#watcher?.sent(bytes)
    return this.connection.socket.write(bytes)
  }

  /** Closes the exchange after raw writes. */
  finish(mayKeepAlive: boolean): void {
    if (this.#isFinished || this.#isGone) return
    this.#isFinished = true
    this.#onGone = undefined
    this.#endDraining()
    this.#onDrain = undefined
    this.#end(true)
    this.connection.finish(mayKeepAlive)
  }

  /** The client has taken what was written. */
  drained(): void {
    this.#onDrain?.()
  }

  /** Lets go on who waits in `drain`. */
  #endDraining(): void {
    if (this.#draining !== undefined) this.#onDrain?.()
  }

  /** The rest of the request will not come: says so where nothing has been said, and ends what goes on for it. */
  giveUp(status: number, message: string): void {
    const handler = this.#onGone
    if (!this.#hasReplied) this.replyError(status, message)
    if (!this.#isGone) this.#leave(handler, false)
  }

  clientGone(): void {
    if (this.#isFinished || this.#isGone) return
    this.#meter?.record(this.#startedMs, clientGoneStatus)
    this.#meter = undefined
    this.#leave(this.#onGone, this.connection.isHijacked)
  }

  /** Nobody hears a reply any more. */
  #leave(handler: (() => void) | undefined, isWhole: boolean): void {
    this.#isGone = true
    this.#onGone = undefined
    this.#abort?.abort(clientGoneError())
    handler?.()
    this.#endDraining()
    this.#end(isWhole)
  }

  #end(isWhole: boolean): void {
    if (this.#isWhole !== undefined) return
    this.#isWhole = isWhole
    this.#watcher = undefined
    const handlers = this.#endHandlers
    if (handlers === undefined) return
    this.#endHandlers = undefined
    for (const handler of handlers) handler(isWhole)
  }

  #show(body: string | readonly Buffer[]): void {
    if (typeof body === 'string') this.#watcher?.sent(body)
    else for (const piece of body) this.#watcher?.sent(piece)
  }

  #mark(status: number): void {
    if (this.#watcher !== undefined && !this.#hasReplied) this.#watcher.began(status)
    this.#hasReplied = true
    if (this.#meter !== undefined) {
      this.#meter.record(this.#startedMs, status)
      this.#meter = undefined
    }
    this.#lastWrite = this.connection.tick
  }

  /** The extra headers as lines. */
  get extraLines(): string {
    return this.#extraHeaders === undefined ? '' : renderHeaders(this.#extraHeaders)
  }

  #renderHead(status: number, headers: readonly string[]): string {
    let text = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${renderHeaders(headers)}${this.extraLines}`
    if (!this.head.isKeepAlive || !this.connection.mayKeepAlive) text += 'Connection: close\r\n'
    return text
  }
}

function clientGoneError(): FlotillaError {
  return new FlotillaError('core/aborted', 'client closed the connection')
}
