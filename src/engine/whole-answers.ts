import type { Buffer } from 'node:buffer'
import { FlotillaError } from '../core/errors.ts'
import type { WholeAnswer } from '../io/http/pipeline.ts'
import type { ResponseHead } from '../io/http/response-parser.ts'
import type { Endpoint } from './endpoint.ts'
import type { OnRead, ReadOutcome } from './engine.ts'
import { toEngineError } from './errors.ts'
import { largeBytes } from './large-json.ts'
import { parseInTurn, parseWholeJson } from './reply.ts'
import type { AnswerLimits } from './reply.ts'

export interface WholeAnswersOptions {
  readonly endpoint: Endpoint
  readonly limits: AnswerLimits
  readonly onRead: OnRead
  toStatusError(head: ResponseHead, body: Buffer): FlotillaError
}

/**
 * Reads answers that came whole and tells what they hold in the order they came: at once, until one is large. That one is
 * read in slices, and those behind it wait for it.
 */
export class WholeAnswers {
  readonly #o: WholeAnswersOptions
  #telling: Promise<void> | undefined

  constructor(options: WholeAnswersOptions) {
    this.#o = options
  }

  take(index: number, answer: WholeAnswer): void {
    if (answer.head.status < 400 && answer.body.length >= largeBytes) this.#later(index, () => this.#readLarge(answer))
    else if (this.#telling === undefined) this.#o.onRead(index, this.#read(answer))
    else this.#later(index, () => this.#read(answer))
  }

  /** The answer of this index will not come. */
  fail(index: number, error: Error): void {
    const outcome = { isOk: false, error: toEngineError(this.#o.endpoint, error) } as const
    if (this.#telling === undefined) this.#o.onRead(index, outcome)
    else this.#later(index, () => outcome)
  }

  /** Resolves when all that was taken is told. @throws what `onRead` throws */
  async told(): Promise<void> {
    await this.#telling
  }

  #later(index: number, read: () => ReadOutcome | Promise<ReadOutcome>): void {
    this.#telling = (this.#telling ?? Promise.resolve()).then(async () => this.#o.onRead(index, await read()))
    // Awaited in `told`, maybe later than it fails.
    this.#telling.catch(() => undefined)
  }

  async #readLarge({ body }: WholeAnswer): Promise<ReadOutcome> {
    try {
      return { isOk: true, value: await parseInTurn(this.#o.endpoint, body, this.#o.limits) }
    } catch (error) {
      return failed(error)
    }
  }

  #read({ head, body }: WholeAnswer): ReadOutcome {
    try {
      if (head.status >= 400) return { isOk: false, error: this.#o.toStatusError(head, body) }
      return { isOk: true, value: parseWholeJson(this.#o.endpoint, body, this.#o.limits) }
    } catch (error) {
      return failed(error)
    }
  }
}

function failed(error: unknown): ReadOutcome {
  return { isOk: false, error: error instanceof Error ? error : new FlotillaError('internal', String(error)) }
}
