import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../../core/errors.ts'
import { ChunkedReader } from './chunked.ts'
import { CHUNKED } from './head.ts'
import type { RequestHead } from './head.ts'

/** Where the bytes of a request body go. */
export interface BodySink {
  /** @returns false to be given nothing more until `resumeBody` is called */
  data(chunk: Buffer): boolean
  end(): void
}

const discard: BodySink = { data: () => true, end: () => undefined }

/** Cuts the body of the request under way out of a connection's bytes, for whoever has asked for it. One for each connection. */
export class RequestBody {
  #sink: BodySink | undefined
  #isPaused = false
  #isDone = true
  #remaining = 0
  #chunked: ChunkedReader | undefined

  /** A new request, whose body nobody has asked for. */
  begin(head: RequestHead): void {
    this.#sink = undefined
    this.#isPaused = false
    this.#isDone = head.bodyLength === 0
    this.#remaining = head.bodyLength
    this.#chunked = head.bodyLength === CHUNKED ? new ChunkedReader((data) => this.#give(data)) : undefined
  }

  /** All of it has come. */
  get isDone(): boolean {
    return this.#isDone
  }

  get isAsked(): boolean {
    return this.#sink !== undefined
  }

  /** Whoever asked has enough for now. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** The next bytes are wanted. */
  get isFlowing(): boolean {
    return !this.#isDone && this.#sink !== undefined && !this.#isPaused
  }

  ask(sink: BodySink): void {
    this.#sink = sink
  }

  resume(): void {
    this.#isPaused = false
  }

  /** Nobody wants the rest of it any more. */
  drop(): void {
    this.#sink = undefined
    this.#isPaused = false
  }

  /**
   * Takes what belongs to the body, and gives it away.
   * @returns how many bytes that were
   * @throws {io/protocol}
   */
  feed(chunk: Buffer): number {
    if (this.#chunked !== undefined) {
      const used = this.#chunked.read(chunk, 0)
      this.#isDone = this.#chunked.isDone
      return used
    }
    const used = Math.min(this.#remaining, chunk.length)
    this.#remaining -= used
    this.#isDone = this.#remaining === 0
    if (used > 0) this.#give(used === chunk.length ? chunk : chunk.subarray(0, used))
    return used
  }

  /** Tells whoever asked that this was all. */
  end(): void {
    this.#sink?.end()
  }

  #give(data: Buffer): void {
    if (!(this.#sink ?? discard).data(data)) this.#isPaused = true
  }
}

/**
 * Gathers a body in memory. Exactly one of the two is called, unless it never ends.
 * @param failed {io/protocol} status 413 for one beyond `limit`, which is taken in no further
 */
export function gatherBody(limit: number, gathered: (body: Buffer) => void, failed: (error: Error) => void): BodySink {
  const parts: Buffer[] = []
  let size = 0
  return {
    data(chunk) {
      size += chunk.length
      if (size > limit) {
        failed(bodyTooLarge(limit))
        return false
      }
      parts.push(chunk)
      return true
    },
    end() {
      const [only] = parts
      gathered(parts.length === 1 && only !== undefined ? only : Buffer.concat(parts))
    },
  }
}

export function bodyTooLarge(limit: number): FlotillaError {
  return new FlotillaError('io/protocol', `request body is larger than ${limit} bytes`, { status: 413 })
}
