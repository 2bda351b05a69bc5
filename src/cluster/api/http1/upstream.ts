import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { toError } from '../../../core/errors.ts'
import { ChunkedReader } from './chunked.ts'
import { CHUNKED, UNTIL_CLOSE, replyHeadBytes, parseResponseHead, protocolProblem } from './head.ts'
import type { ResponseHead } from './head.ts'

/** Who hears the reply to one request. */
export interface ReplyReceiver {
  /**
   * The head, together with the bytes it came in: `bytes` starts with the head's own text, `headEnd` long, and
   * holds what has already arrived of the body behind it.
   */
  head(head: ResponseHead, bytes: Buffer, headEnd: number, isComplete: boolean): void
  /** More of the body, framing included. @returns false to be given nothing more until `resume` */
  data(bytes: Buffer): boolean
  /** The reply is complete. Called after `head` with `isComplete` too. */
  end(): void
  /** The connection broke before the reply was complete. */
  failed(error: Error): void
  /** The engine can take more of the request body. */
  drained(): void
}

/** What a connection tells the pool it came from. */
export interface UpstreamOwner {
  /** The reply's head has arrived or never will: one request less in flight. */
  settled(): void
  /** Free for another request. */
  idle(): void
  closed(): void
}

const blankLine = Buffer.from('\r\n\r\n')

/** One connection to an engine: sends one request at a time and cuts the reply out of the bytes that come back. */
export class UpstreamConnection {
  readonly stream: Duplex
  readonly #owner: UpstreamOwner
  #receiver: ReplyReceiver | undefined
  #method = ''
  #isHeadDone = false
  /** Within a second the heads of an engine's replies of one kind are the same to the byte. */
  #lastText = ''
  #lastMethod = ''
  #lastHead: ResponseHead | undefined
  #partial: Buffer | undefined
  #remaining = 0
  #chunked: ChunkedReader | undefined
  #isKeepAlive = false
  #isRequestSent = true
  #isTaken = false
  #requests = 0
  readonly #onData: (chunk: Buffer) => void
  readonly #onEnd: () => void

  constructor(stream: Duplex, owner: UpstreamOwner) {
    this.stream = stream
    this.#owner = owner
    this.#onData = (chunk) => this.#receive(chunk)
    this.#onEnd = () => this.#ended()
    stream.on('data', this.#onData)
    stream.on('end', this.#onEnd)
    stream.on('error', (error) => this.#fail(error))
    stream.on('drain', () => this.#receiver?.drained())
    stream.on('close', () => this.#closed())
  }

  /** True when this connection has served a request before: the engine may have closed it in the meantime. */
  get isReused(): boolean {
    return this.#requests > 1
  }

  get isUsable(): boolean {
    return !this.stream.destroyed && this.stream.writable
  }

  /** @param hasBody body bytes follow through `write`, then `requestSent` */
  send(method: string, head: string | Buffer, hasBody: boolean, receiver: ReplyReceiver): void {
    this.#receiver = receiver
    this.#method = method
    this.#isHeadDone = false
    this.#isRequestSent = !hasBody
    this.#requests += 1
    if (typeof head === 'string') this.stream.write(head, 'latin1')
    else this.stream.write(head)
  }

  write(bytes: Buffer | string): boolean {
    return this.stream.write(bytes)
  }

  requestSent(): void {
    this.#isRequestSent = true
  }

  resume(): void {
    this.stream.resume()
  }

  /** Gives the stream away for raw bytes. */
  takeOver(): Duplex {
    this.#isTaken = true
    this.#receiver = undefined
    this.stream.off('data', this.#onData)
    this.stream.off('end', this.#onEnd)
    return this.stream
  }

  /** Ends the connection; the receiver hears nothing any more. */
  destroy(): void {
    const isWaiting = this.#receiver !== undefined && !this.#isHeadDone
    this.#receiver = undefined
    if (isWaiting) this.#owner.settled()
    this.stream.destroy()
  }

  /** Ends the connection; whoever waits for a reply hears why. */
  breakOff(error: Error): void {
    this.#fail(error)
    this.stream.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#receiver === undefined) {
      // An engine that talks without being asked would answer the next request with the wrong reply.
      this.stream.destroy()
      return
    }
    try {
      if (this.#isHeadDone) this.#body(chunk, 0)
      else this.#head(this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]))
    } catch (error) {
      this.#fail(toError(error))
    }
  }

  #head(bytes: Buffer): void {
    const end = bytes.indexOf(blankLine)
    if (end < 0) {
      if (bytes.length > replyHeadBytes) throw protocolProblem('reply head too long', 502)
      if (!looksLikeHttp(bytes)) throw notHttp(bytes)
      this.#partial = bytes
      return
    }
    const head = this.#readHead(bytes.toString('latin1', 0, end))
    const headEnd = end + 4
    if (head.status < 200 && head.status !== 101) {
      // 100 Continue and the like announce another head.
      this.#partial = undefined
      if (headEnd < bytes.length) this.#head(bytes.subarray(headEnd))
      return
    }
    this.#partial = undefined
    this.#isHeadDone = true
    this.#owner.settled()
    this.#begin(head, bytes, headEnd)
  }

  #readHead(text: string): ResponseHead {
    if (this.#lastHead !== undefined && text === this.#lastText && this.#method === this.#lastMethod) {
      return this.#lastHead
    }
    const head = parseResponseHead(text, this.#method)
    this.#lastText = text
    this.#lastMethod = this.#method
    this.#lastHead = head
    return head
  }

  #begin(head: ResponseHead, bytes: Buffer, headEnd: number): void {
    const receiver = this.#receiver
    this.#isKeepAlive = head.isKeepAlive
    this.#remaining = head.bodyLength
    this.#chunked = undefined
    if (head.status === 101 || head.bodyLength === UNTIL_CLOSE) {
      this.#remaining = Number.POSITIVE_INFINITY
      this.#isKeepAlive = false
      receiver?.head(head, bytes, headEnd, false)
      return
    }
    let end = Math.min(bytes.length, headEnd + head.bodyLength)
    let isComplete = end === headEnd + head.bodyLength
    if (head.bodyLength === CHUNKED) {
      this.#chunked = new ChunkedReader()
      end = this.#chunked.read(bytes, headEnd)
      isComplete = this.#chunked.isDone
    } else {
      this.#remaining -= end - headEnd
    }
    if (end < bytes.length) this.#isKeepAlive = false
    receiver?.head(head, end < bytes.length ? bytes.subarray(0, end) : bytes, headEnd, isComplete)
    if (isComplete) this.#complete()
  }

  #body(chunk: Buffer, from: number): void {
    let end: number
    let isComplete: boolean
    if (this.#chunked === undefined) {
      end = Math.min(chunk.length, from + this.#remaining)
      this.#remaining -= end - from
      isComplete = this.#remaining === 0
    } else {
      end = this.#chunked.read(chunk, from)
      isComplete = this.#chunked.isDone
    }
    if (end < chunk.length) this.#isKeepAlive = false
    const isWanted = this.#receiver?.data(end === chunk.length ? chunk : chunk.subarray(0, end)) ?? true
    if (isComplete) this.#complete()
    else if (!isWanted) this.stream.pause()
  }

  #complete(): void {
    const receiver = this.#receiver
    this.#receiver = undefined
    this.#chunked = undefined
    // Free before the receiver hears of it: its next request then finds this connection.
    if (this.#isKeepAlive && this.#isRequestSent && this.isUsable) this.#owner.idle()
    else this.stream.destroy()
    receiver?.end()
  }

  #ended(): void {
    if (this.#receiver !== undefined && this.#isHeadDone && this.#remaining === Number.POSITIVE_INFINITY) {
      this.#complete()
      return
    }
    this.#fail(new Error(this.#isHeadDone ? 'connection closed in mid-reply' : 'connection closed before a reply'))
    this.stream.destroy()
  }

  #fail(error: Error): void {
    const receiver = this.#receiver
    this.#receiver = undefined
    if (receiver !== undefined && !this.#isHeadDone) this.#owner.settled()
    if (!this.#isTaken) this.stream.destroy()
    receiver?.failed(error)
  }

  #closed(): void {
    if (!this.#isTaken) this.#fail(new Error('connection closed before a reply'))
    this.#owner.closed()
  }
}

function looksLikeHttp(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, 5)
  return 'HTTP/'.startsWith(start) || start === 'HTTP/'
}

function notHttp(bytes: Buffer): Error {
  return protocolProblem(`reply is not HTTP but starts with ${JSON.stringify(bytes.toString('latin1', 0, 40))}`, 502)
}
