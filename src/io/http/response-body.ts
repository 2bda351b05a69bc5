import { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import { FlotillaError, toError } from '../../core/errors.ts'

/** How a body acts on the connection it arrives on. */
export interface BodySource {
  pause(): void
  resume(): void
  /** The consumer wants no more: the connection is given up. */
  abandon(): void
}

/** Bytes held for a consumer that has not come yet, before the connection is paused. */
const holdBytes = 64 * 1024

/** Bytes read ahead of a consumer of a stream: enough that a relay need not stop for each record of TLS. */
const streamBytes = 256 * 1024

type Mode = 'hold' | 'collect' | 'stream' | 'chunks'

/**
 * The body of one answer: bytes are held until the consumer says how it wants them: collected, as they come, or streamed.
 * A small answer that arrived whole never costs a stream.
 */
export class ResponseBody {
  readonly #source: BodySource
  #mode: Mode = 'hold'
  #chunks: Buffer[] = []
  #bytes = 0
  #received = 0
  #limit = Number.POSITIVE_INFINITY
  #check: ((chunk: Buffer) => void) | undefined
  #isEnded = false
  #error: Error | undefined
  #stream: Readable | undefined
  #settle: (() => void) | undefined
  #onClosed: (() => void) | undefined
  #translate: (error: Error) => Error = (error) => error

  constructor(source: BodySource) {
    this.#source = source
  }

  /** Calls `listener` once, when the last byte has arrived or the body has failed; at once if it has. */
  onClosed(listener: () => void): void {
    if (this.#isEnded || this.#error !== undefined) listener()
    else this.#onClosed = listener
  }

  /** Failures reach the consumer as what `translate` makes of them. */
  translateErrors(translate: (error: Error) => Error): void {
    this.#translate = translate
    if (this.#error !== undefined) this.#error = translate(this.#error)
  }

  /** True while the consumer, not the peer, holds up the flow. */
  get isPaused(): boolean {
    if (this.#mode === 'stream') return (this.#stream?.readableLength ?? 0) > 0
    if (this.#mode === 'chunks') return this.#bytes > 0
    return this.#mode === 'hold' && this.#bytes > holdBytes
  }

  /** Bytes that have arrived so far. */
  get receivedBytes(): number {
    return this.#received
  }

  push(data: Buffer): void {
    if (this.#error !== undefined) return
    this.#received += data.length
    if (this.#mode === 'stream') {
      if (this.#stream?.push(data) === false) this.#source.pause()
      return
    }
    this.#chunks.push(data)
    this.#bytes += data.length
    if (this.#bytes > this.#limit) {
      this.#refuse(new FlotillaError('io/protocol', `the answer is larger than ${this.#limit} bytes`))
    } else if (this.#check !== undefined) this.#inspect(data)
    else if (this.#mode !== 'collect' && this.#bytes > holdBytes) this.#source.pause()
    if (this.#mode === 'chunks') this.#settle?.()
  }

  end(): void {
    if (this.#isEnded || this.#error !== undefined) return
    this.#isEnded = true
    this.#stream?.push(null)
    this.#close()
  }

  fail(error: Error): void {
    if (this.#isEnded || this.#error !== undefined) return
    this.#error = this.#translate(error)
    this.#stream?.destroy(this.#error)
    this.#close()
  }

  #inspect(data: Buffer): void {
    try {
      this.#check?.(data)
    } catch (error) {
      this.#refuse(toError(error))
    }
  }

  #refuse(error: Error): void {
    // An answer that is over has no connection any more.
    const isOver = this.#isEnded
    this.#isEnded = false
    this.fail(error)
    if (!isOver) this.#source.abandon()
  }

  #close(): void {
    this.#settle?.()
    const listener = this.#onClosed
    this.#onClosed = undefined
    listener?.()
  }

  /**
   * The whole body.
   *
   * @param check sees every chunk as it arrives; what it throws ends the answer
   * @throws {io/protocol} when it is larger than `limitBytes`
   */
  async collect(limitBytes: number, check?: (chunk: Buffer) => void): Promise<Buffer> {
    if (this.#mode !== 'hold') throw new FlotillaError('internal', 'the body of an answer was read twice')
    this.#mode = 'collect'
    this.#limit = limitBytes
    this.#check = check
    if (check !== undefined) for (const chunk of this.#chunks) if (this.#error === undefined) this.#inspect(chunk)
    if (!this.#isEnded && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#settle = resolve
        this.#source.resume()
      })
    }
    if (this.#error !== undefined) throw this.#error
    const chunks = this.#chunks
    this.#chunks = []
    const only = chunks.length === 1 ? chunks[0] : undefined
    return only ?? Buffer.concat(chunks)
  }

  /** The body as it arrives, without the cost of a stream. Left early, it gives up the connection. */
  async *chunks(): AsyncGenerator<Buffer, void> {
    if (this.#mode !== 'hold') throw new FlotillaError('internal', 'the body of an answer was read twice')
    this.#mode = 'chunks'
    try {
      for (;;) {
        const chunk = this.#chunks.shift()
        if (chunk !== undefined) {
          const wasFull = this.#bytes > holdBytes
          this.#bytes -= chunk.length
          yield chunk
          if (wasFull && this.#bytes <= holdBytes) this.#source.resume()
        } else if (this.#error !== undefined) throw this.#error
        else if (this.#isEnded) return
        else {
          await new Promise<void>((resolve) => {
            this.#settle = resolve
            this.#source.resume()
          })
        }
      }
    } finally {
      this.#abandon(undefined)
    }
  }

  /** Gives up the connection unless the body is over. */
  #abandon(error: Error | null | undefined): void {
    if (this.#isEnded || this.#error !== undefined) return
    this.#error = error ?? new FlotillaError('core/aborted', 'the body was not wanted any more')
    this.#close()
    this.#source.abandon()
  }

  /** The body as a stream; the same one each time. Destroying it gives up the connection. */
  get stream(): Readable {
    if (this.#stream !== undefined) return this.#stream
    if (this.#mode !== 'hold') throw new FlotillaError('internal', 'the body of an answer was read twice')
    this.#mode = 'stream'
    const source = this.#source
    const stream = new Readable({
      highWaterMark: streamBytes,
      read: () => source.resume(),
      destroy: (error, done) => {
        this.#abandon(error)
        done(error)
      },
    })
    // The consumer may not listen yet; it still gets the error from its first read.
    stream.on('error', () => {})
    this.#stream = stream
    for (const chunk of this.#chunks) stream.push(chunk)
    this.#chunks = []
    if (this.#isEnded) stream.push(null)
    if (this.#error !== undefined) stream.destroy(this.#error)
    return stream
  }
}
