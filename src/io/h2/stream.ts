import type { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'
import type { HeaderList } from './hpack.ts'

/** What a stream asks of its connection. */
export interface StreamHost {
  sendHeaders(stream: H2Stream, headers: HeaderList, isLast: boolean): void
  sendData(stream: H2Stream, bytes: Buffer): Promise<void>
  sendEnd(stream: H2Stream): void
  sendReset(stream: H2Stream): void
  /** So many bytes have been read and may be sent again. */
  release(stream: H2Stream, bytes: number): void
}

/** One exchange of an HTTP/2 connection, in both directions. */
export class H2Stream {
  readonly id: number
  /** How much the peer takes at the moment; the connection keeps account. */
  window: number
  /** First headers of the peer, then its trailers. */
  headers: HeaderList | undefined
  trailers: HeaderList | undefined
  readonly #host: StreamHost
  readonly #chunks: Buffer[] = []
  #isEnded = false
  #isClosedByUs = false
  #isIgnored = false
  #error: Error | undefined
  #wake: () => void = () => {}
  #wakeHeaders: () => void = () => {}

  constructor(id: number, window: number, host: StreamHost) {
    this.id = id
    this.window = window
    this.#host = host
  }

  get error(): Error | undefined {
    return this.#error
  }

  get isOver(): boolean {
    return this.#error !== undefined || (this.#isEnded && this.#isClosedByUs)
  }

  sendHeaders(headers: HeaderList, isLast = false): void {
    if (this.#error !== undefined || this.#isClosedByUs) return
    if (isLast) this.#isClosedByUs = true
    this.#host.sendHeaders(this, headers, isLast)
  }

  /** Resolves when the bytes are on their way, which the peer's window may hold up. Rejects with the error of the stream. */
  async send(bytes: Buffer): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    await this.#host.sendData(this, bytes)
  }

  end(): void {
    if (this.#error !== undefined || this.#isClosedByUs) return
    this.#isClosedByUs = true
    this.#host.sendEnd(this)
  }

  /** Gives up: the peer is told, readers and writers get the error. Without effect on a stream that is over. */
  cancel(error: Error): void {
    if (this.isOver) return
    this.#host.sendReset(this)
    this.fail(error)
  }

  /** What the peer sends, as it comes, until its end. Rejects with the error of the stream. */
  async *read(): AsyncGenerator<Buffer, void, void> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        this.#host.release(this, chunk.length)
        yield chunk
      } else if (this.#isEnded) {
        // What was said to its end stays said, however the connection ends.
        return
      } else if (this.#error !== undefined) {
        throw this.#error
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  /** The peer's first headers. Rejects with the error of the stream. */
  async waitForHeaders(): Promise<HeaderList> {
    while (this.headers === undefined) {
      if (this.#error !== undefined) throw this.#error
      if (this.#isEnded) throw new FlotillaError('io/protocol', 'the peer ended an HTTP/2 stream without headers')
      await new Promise<void>((resolve) => {
        this.#wakeHeaders = resolve
      })
    }
    return this.headers
  }

  /** Nobody reads this stream any more: what has come and what still comes must not stand in the way of others. */
  ignoreRest(): void {
    this.#isIgnored = true
    const unread = this.#chunks.splice(0).reduce((sum, chunk) => sum + chunk.length, 0)
    this.#host.release(this, unread)
  }

  /** For the connection: something arrived. */
  receiveData(bytes: Buffer): void {
    if (this.#isIgnored) this.#host.release(this, bytes.length)
    else if (bytes.length > 0) this.#chunks.push(bytes)
    this.#wake()
  }

  receiveHeaders(headers: HeaderList): void {
    if (this.headers === undefined) this.headers = headers
    else this.trailers = headers
    this.#wakeHeaders()
  }

  receiveEnd(): void {
    this.#isEnded = true
    this.#wake()
    this.#wakeHeaders()
  }

  fail(error: Error): void {
    this.#error ??= error
    this.#wake()
    this.#wakeHeaders()
  }
}
