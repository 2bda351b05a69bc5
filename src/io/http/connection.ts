import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { FlotillaError, toError } from '../../core/errors.ts'
import { Pipeline } from './pipeline.ts'
import type { WholeAnswer } from './pipeline.ts'
import { renderRequestHead } from './request.ts'
import type { ByteSource, HttpRequest } from './request.ts'
import { ResponseBody } from './response-body.ts'
import { ResponseParser } from './response-parser.ts'
import type { ResponseHead } from './response-parser.ts'
import { sendSource, sendWhole } from './send-body.ts'

/** An answer whose head has arrived. */
export interface HttpResponse {
  readonly head: ResponseHead
  readonly body: ResponseBody
}

/** An answer after which the connection is no longer HTTP. */
export interface RawResponse {
  readonly head: ResponseHead
  /** First bytes after the head are readable from it. */
  readonly socket: Duplex
}

/** What a connection tells its owner. */
export interface ConnectionEvents {
  /** The exchange is over and another can begin. */
  onIdle(connection: HttpConnection): void
  /** The connection is of no more use. Once. */
  onClosed(connection: HttpConnection): void
}

interface Exchange {
  readonly parser: ResponseParser
  readonly reject: (error: Error) => void
  /** What is still being sent. */
  readonly upload: ByteSource | undefined
  body: ResponseBody | undefined
  isSent: boolean
  isKeepAlive: boolean
}

/** Requests under way together on one connection. */
interface Batch {
  readonly pipeline: Pipeline
  readonly reject: (error: Error) => void
}

/** One connection that carries one exchange at a time. */
export class HttpConnection {
  readonly #socket: Duplex
  readonly #events: ConnectionEvents
  #exchange: Exchange | undefined
  #batch: Batch | undefined
  #error: Error | undefined
  #isClosed = false
  #hasAnswered = false
  #peerIdleMs = Number.POSITIVE_INFINITY

  constructor(socket: Duplex, events: ConnectionEvents) {
    this.#socket = socket
    this.#events = events
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  get isUsable(): boolean {
    return !this.#isClosed && this.#error === undefined && this.#socket.writable && !this.#isBusy
  }

  get #isBusy(): boolean {
    return this.#exchange !== undefined || this.#batch !== undefined
  }

  /** True once any byte of an answer to the present request has arrived. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** How long the peer keeps an idle connection, as it said with its last answer. */
  get peerIdleMs(): number {
    return this.#peerIdleMs
  }

  /** Whether waiting for this connection keeps the process alive. */
  setReferenced(isReferenced: boolean): void {
    // Sockets and our ssh stream have these; a plain Duplex does not.
    const method: unknown = Reflect.get(this.#socket, isReferenced ? 'ref' : 'unref')
    if (typeof method === 'function') method.call(this.#socket)
  }

  /** Ends the connection; what is under way rejects with `error`. */
  destroy(error: Error): void {
    this.#fail(error)
  }

  /** Sends a request and resolves with the head of the answer. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const answer = await this.sendUpgrade(request, () => false)
    if ('socket' in answer) throw new FlotillaError('internal', 'a plain request left HTTP')
    return answer
  }

  /**
   * Sends a request that asks to leave HTTP. An answer that `isRaw` accepts hands the socket over; any other
   * is an ordinary answer.
   */
  sendUpgrade(request: HttpRequest, isRaw: (head: ResponseHead) => boolean): Promise<HttpResponse | RawResponse> {
    return new Promise((resolve, reject) => {
      this.#begin(request, reject, (head, exchange) => {
        if (isRaw(head)) {
          resolve({ head, socket: this.#socket })
          return undefined
        }
        const body = this.#openBody(exchange)
        resolve({ head, body })
        return body
      })
    })
  }

  /**
   * Sends requests without body all at once; whole answers come back one by one, in order. Resolves when the last is in,
   * or when the peer said that it will answer no more of them on this connection: then some are missing.
   */
  sendAll(requests: readonly HttpRequest[], maxBytes: number, onAnswer: (answer: WholeAnswer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.isUsable) {
        reject(this.#error ?? new FlotillaError('io/connect', 'the connection is closed'))
        return
      }
      const pipeline = new Pipeline({
        methods: requests.map((request) => request.method),
        maxBytes,
        onAnswer,
        onEnd: (isKeepAlive) => {
          this.#batch = undefined
          resolve()
          if (isKeepAlive && this.#socket.writable && !this.#socket.readableEnded) this.#events.onIdle(this)
          else this.#fail(new FlotillaError('io/connect', 'the connection is closed'))
        },
      })
      const text = requests.map(renderRequestHead).join('')
      this.#batch = { pipeline, reject }
      this.#hasAnswered = false
      this.#socket.write(text, 'latin1')
    })
  }

  #openBody(exchange: Exchange): ResponseBody {
    return new ResponseBody({
      pause: () => this.#socket.pause(),
      resume: () => {
        if (this.#exchange === exchange) this.#socket.resume()
      },
      abandon: () => {
        if (this.#exchange === exchange) this.#fail(new FlotillaError('core/aborted', 'the answer was given up'))
      },
    })
  }

  #begin(
    request: HttpRequest,
    reject: (error: Error) => void,
    accept: (head: ResponseHead, exchange: Exchange) => ResponseBody | undefined,
  ): void {
    if (!this.isUsable) {
      reject(this.#error ?? new FlotillaError('io/connect', 'the connection is closed'))
      return
    }
    const parser = new ResponseParser(request.method, {
      onHead: (head) => {
        exchange.isKeepAlive = head.isKeepAlive && request.isUpgrade !== true
        const timeout = /\btimeout=(\d{1,9})/.exec(head.headers['keep-alive'] ?? '')?.[1]
        if (timeout !== undefined) this.#peerIdleMs = Number(timeout) * 1000
        exchange.body = accept(head, exchange)
        return exchange.body === undefined ? 'raw' : 'body'
      },
      onData: (data) => exchange.body?.push(data),
      onEnd: () => this.#finish(exchange),
    })
    const upload = Buffer.isBuffer(request.body) ? undefined : request.body
    const exchange: Exchange = { parser, reject, upload, body: undefined, isSent: false, isKeepAlive: false }
    const head = renderRequestHead(request)
    this.#exchange = exchange
    this.#hasAnswered = false
    this.#write(head, request.body, exchange)
  }

  #write(head: string, body: Buffer | ByteSource | undefined, exchange: Exchange): void {
    if (body === undefined || Buffer.isBuffer(body)) {
      sendWhole(this.#socket, head, body)
      exchange.isSent = true
      return
    }
    this.#socket.write(head, 'latin1')
    sendSource(this.#socket, body, () => this.#exchange === exchange).then(
      (isSent) => {
        exchange.isSent = isSent
      },
      (error: unknown) => this.#fail(toError(error)),
    )
  }

  #finish(exchange: Exchange): void {
    this.#exchange = undefined
    exchange.body?.end()
    if (exchange.isKeepAlive && exchange.isSent && this.#socket.writable && !this.#socket.readableEnded) {
      this.#socket.resume()
      this.#events.onIdle(this)
      return
    }
    stopUpload(exchange)
    this.#fail(new FlotillaError('io/connect', 'the connection is closed'))
  }

  readonly #onData = (chunk: Buffer): void => {
    const exchange = this.#exchange
    if (!this.#isBusy) {
      this.#fail(new FlotillaError('io/protocol', 'the peer sent bytes that nobody asked for'))
      return
    }
    this.#hasAnswered = true
    try {
      this.#batch?.pipeline.push(chunk)
      if (exchange === undefined) return
      const rest = exchange.parser.push(chunk)
      if (rest === undefined) return
      if (exchange.body === undefined) this.#detach(rest)
      else if (rest.length > 0) this.#fail(new FlotillaError('io/protocol', 'the peer sent more than its answer'))
    } catch (error) {
      this.#fail(toError(error))
    }
  }

  readonly #onEnd = (): void => {
    if (!this.#isBusy) {
      this.#fail(new FlotillaError('io/connect', 'the peer closed the connection'))
      return
    }
    try {
      this.#batch?.pipeline.finish()
      this.#exchange?.parser.finish()
    } catch (error) {
      this.#fail(toError(error))
    }
  }

  readonly #onError = (error: Error): void => this.#fail(error)

  readonly #onClose = (): void => {
    this.#fail(new FlotillaError('io/connect', 'the connection was closed'))
  }

  #detach(rest: Buffer): void {
    const socket = this.#socket
    this.#exchange = undefined
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    // Whoever takes over may not listen yet; errors reach it through its own listeners or its next read.
    socket.on('error', () => {})
    // As `node:http` does before its `upgrade` event: neither flowing nor paused, so that the first
    // listener or reader starts the flow and nothing is lost in between.
    Reflect.set(socket, 'readableFlowing', null)
    if (rest.length > 0) socket.unshift(rest)
    this.#isClosed = true
    this.#events.onClosed(this)
  }

  #fail(error: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#error = error
    const exchange = this.#exchange
    const batch = this.#batch
    this.#exchange = undefined
    this.#batch = undefined
    this.#socket.destroy()
    batch?.reject(error)
    if (exchange !== undefined) {
      stopUpload(exchange)
      if (exchange.body === undefined) exchange.reject(error)
      else exchange.body.fail(error)
    }
    this.#events.onClosed(this)
  }
}

/** Whoever feeds a request must not wait for a connection that has gone. */
function stopUpload(exchange: Exchange): void {
  if (!exchange.isSent) exchange.upload?.destroy?.()
}
