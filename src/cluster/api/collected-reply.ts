import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'
import { ChunkedReader } from './http1/chunked.ts'
import { CHUNKED } from './http1/head.ts'
import type { ResponseHead } from './http1/head.ts'

/** What is held back must fit here. */
const collectLimit = 16 * 1024 * 1024

/** An engine's reply that is held back, to be changed as a whole. */
export class CollectedReply {
  readonly head: ResponseHead
  readonly #decoder: ChunkedReader | undefined
  /** Most replies come in one piece. */
  #first: Buffer | undefined
  #more: Buffer[] | undefined
  #size = 0

  constructor(head: ResponseHead) {
    this.head = head
    this.#decoder = head.bodyLength === CHUNKED ? new ChunkedReader((data) => this.#keep(data)) : undefined
  }

  /** @param bytes with their framing @throws {engine/protocol} when the body is too large, {io/protocol} when it is broken */
  add(bytes: Buffer): void {
    if (this.#decoder === undefined) this.#keep(bytes)
    else this.#decoder.read(bytes, 0)
  }

  /** What has come of the body, without framing. */
  toBody(): Buffer {
    if (this.#first === undefined) return Buffer.alloc(0)
    return this.#more === undefined ? this.#first : Buffer.concat([this.#first, ...this.#more])
  }

  #keep(data: Buffer): void {
    this.#size += data.length
    if (this.#size > collectLimit) throw new FlotillaError('engine/protocol', 'reply is too large')
    if (this.#first === undefined) this.#first = data
    else if (this.#more === undefined) this.#more = [data]
    else this.#more.push(data)
  }
}
