import type { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { maskThoroughly } from '../../core/mask.ts'
import type { Exchange, ReplyWatcher } from '../api/http1/exchange.ts'
import { notPrimaryHeader, waitHeader } from '../api/kept-wait.ts'
import type { Target } from '../api/target.ts'
import type { Attention } from './attention.ts'
import { describeCaller } from './caller-fields.ts'
import type { AuditFields } from './line.ts'
import { cut, summarizeQuery } from './summary.ts'

const pathLimit = 1024
/** Characters of a reason. */
export const errorLimit = 1024
/** Of a reply that is looked into: the ID of what was made, the reason of a refusal. */
const headLimit = 8192
/** Of a reply that tells of failures at its end. */
const tailLimit = 4096
/** Shorter pieces are framing. */
const framingLength = 16
/** As the metrics count a client that did not wait for its answer. */
const goneStatus = 499

export interface AuditedCallOptions {
  readonly exchange: Exchange
  readonly target: Target
  readonly attention: Attention
  readonly id: string
  /** The manager that passed it on, as it says of itself. */
  readonly via: string | undefined
  readonly clock: Clock
  onEnd(call: AuditedCall): void
}

/** One request on its way, and what the audit log says of it. */
export class AuditedCall implements ReplyWatcher {
  readonly #o: AuditedCallOptions
  readonly #sinceMs: number
  /** Turned away because its line could not be written. */
  isRefused = false
  /** What it is known by when it is tried again; empty: it is not. */
  key = ''
  #body: unknown
  #isAsked = false
  #status: number | undefined
  #head = ''
  #tail: string | Buffer = ''
  #isWhole = false

  constructor(options: AuditedCallOptions) {
    this.#o = options
    this.#sinceMs = options.clock.monotonicMs()
  }

  /** Another manager has sent it, and may send it again. */
  get isPassedOn(): boolean {
    return this.#o.via !== undefined
  }

  /** What the request carries, masked. */
  setBody(summary: unknown): void {
    this.#body = summary
  }

  began(status: number): void {
    this.#status = status
  }

  sent(bytes: string | Buffer): void {
    if (this.#isTelling) {
      const left = headLimit - this.#head.length
      if (left > 0) this.#head += typeof bytes === 'string' ? bytes.slice(0, left) : bytes.toString('utf8', 0, left)
    } else if (this.#o.attention === 'progress' && bytes.length > framingLength) this.#tail = bytes
  }

  /** The exchange is over. */
  ended(isWhole: boolean): void {
    this.#isWhole = isWhole
    this.#o.onEnd(this)
  }

  /** A refusal, or something with an ID was made. */
  get #isTelling(): boolean {
    return this.#status === 201 || (this.#status ?? 0) >= 400
  }

  /** Nothing has been done, and the manager that sent it will send it again. */
  get isTriedAgain(): boolean {
    const { exchange, via } = this.#o
    return via !== undefined && (exchange.hasExtraHeader(waitHeader) || exchange.hasExtraHeader(notPrimaryHeader))
  }

  /** Before anything is done. */
  renderAsked(): AuditFields {
    this.#isAsked = true
    return { ...this.#renderStart('asked'), ...this.#renderWhat() }
  }

  /** After all is done. What the line before has said already is not said again. */
  renderDone(): AuditFields {
    const { exchange, clock } = this.#o
    const status = this.#status ?? goneStatus
    const id = status === 201 ? /"Id"\s{0,4}:\s{0,4}"([0-9a-z]{12,64})"/i.exec(this.#head)?.[1] : undefined
    const error = this.#findError(status)
    return {
      ...this.#renderStart('done'),
      ...(this.#isAsked ? {} : this.#renderWhat()),
      ...(exchange.manager === undefined ? {} : { manager: exchange.manager }),
      ...(exchange.node === undefined ? {} : { node: exchange.node }),
      status,
      ...(id === undefined ? {} : { id }),
      ...(error === undefined ? {} : { error: cut(maskThoroughly(error.slice(0, errorLimit * 4)), errorLimit) }),
      ms: Math.round(clock.monotonicMs() - this.#sinceMs),
    }
  }

  #renderStart(kind: 'asked' | 'done'): AuditFields {
    const { exchange, target, id, via, clock } = this.#o
    return {
      time: new Date(clock.nowMs()).toISOString(),
      kind,
      request: id,
      ...describeCaller(exchange),
      ...(via === undefined ? {} : { via: cut(via, 300) }),
      method: exchange.head.method,
      path: cut(maskThoroughly(target.path), pathLimit),
    }
  }

  #renderWhat(): AuditFields {
    const query = summarizeQuery(this.#o.target.query)
    return { ...(query === undefined ? {} : { query }), ...(this.#body === undefined ? {} : { body: this.#body }) }
  }

  #findError(status: number): string | undefined {
    if (status >= 400) {
      const told = findText(this.#head, 'message')
      if (told !== undefined) return told
      if (this.#status === undefined) return 'the client went away before it was answered'
    } else if (this.#o.attention === 'progress') {
      const tail = this.#tail
      const text =
        typeof tail === 'string' ? tail.slice(-tailLimit) : tail.toString('utf8', Math.max(0, tail.length - tailLimit))
      const told = text.includes('"errorDetail"') ? findText(text, 'error') : undefined
      if (told !== undefined) return told
    }
    return this.#isWhole ? undefined : 'the connection ended before the reply was complete'
  }
}

/** The value of the last field of that name in JSON, or something like it. */
function findText(text: string, name: string): string | undefined {
  const found = [...text.matchAll(new RegExp(`"${name}"\\s{0,4}:\\s{0,4}("(?:[^"\\\\]|\\\\.)*")`, 'g'))].at(-1)?.[1]
  if (found === undefined) return undefined
  try {
    const value: unknown = JSON.parse(found)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
