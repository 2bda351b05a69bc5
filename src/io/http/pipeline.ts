import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'
import { ResponseParser } from './response-parser.ts'
import type { ResponseHead } from './response-parser.ts'

/** One complete answer. */
export interface WholeAnswer {
  readonly head: ResponseHead
  readonly body: Buffer
}

export interface PipelineOptions {
  /** Methods of the requests sent, in order. */
  readonly methods: readonly string[]
  /** A body larger than this breaks the connection. */
  readonly maxBytes: number
  /** Each answer as it is complete. */
  onAnswer(answer: WholeAnswer): void
  /** No further answer will come on this connection. @param isKeepAlive it can be used again */
  onEnd(isKeepAlive: boolean): void
}

/** Reads the answers to requests that were sent together, one behind the other, on one connection. */
export class Pipeline {
  readonly #o: PipelineOptions
  #parser: ResponseParser
  #answered = 0
  #head: ResponseHead | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  #isOver = false

  constructor(options: PipelineOptions) {
    this.#o = options
    this.#parser = this.#next()
  }

  /** @throws {io/protocol} for bytes that are no answer to what was asked */
  push(chunk: Buffer): void {
    for (let rest: Buffer | undefined = chunk; rest !== undefined;) {
      if (this.#isOver) {
        if (rest.length > 0) throw new FlotillaError('io/protocol', 'the peer sent more than its answers')
        return
      }
      const parser = this.#parser
      rest = parser.push(rest)
      if (rest !== undefined && rest.length === 0) rest = undefined
    }
  }

  /** The peer has ended the connection. @throws {io/connect} where an answer is incomplete or missing */
  finish(): void {
    if (!this.#isOver) this.#parser.finish()
  }

  #next(): ResponseParser {
    return new ResponseParser(this.#o.methods[this.#answered] ?? 'GET', {
      onHead: (head) => {
        this.#head = head
        return 'body'
      },
      onData: (data) => {
        this.#bytes += data.length
        if (this.#bytes > this.#o.maxBytes) {
          throw new FlotillaError('io/protocol', `the answer is larger than ${this.#o.maxBytes} bytes`)
        }
        this.#chunks.push(data)
      },
      onEnd: () => this.#complete(),
    })
  }

  #complete(): void {
    const head = this.#head
    if (head === undefined) return
    const [only] = this.#chunks
    const body = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks)
    this.#head = undefined
    this.#chunks = []
    this.#bytes = 0
    this.#answered += 1
    this.#isOver = this.#answered === this.#o.methods.length || !head.isKeepAlive
    if (!this.#isOver) this.#parser = this.#next()
    this.#o.onAnswer({ head, body })
    if (this.#isOver) this.#o.onEnd(head.isKeepAlive)
  }
}
