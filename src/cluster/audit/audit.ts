import { createHash } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import { maskThoroughly } from '../../core/mask.ts'
import { randomId } from '../../io/random-id.ts'
import { parseBody } from '../api/body-json.ts'
import { hopHeader } from '../api/forward-primary.ts'
import type { Exchange } from '../api/http1/exchange.ts'
import { headerOf } from '../api/http1/head.ts'
import { requestIdHeader } from '../api/kept-wait.ts'
import type { Target } from '../api/target.ts'
import { makeAttention } from './attention.ts'
import type { Attention } from './attention.ts'
import { AuditedCall, errorLimit } from './audited-call.ts'
import type { AuditFields } from './line.ts'
import { cut, summarizeBody } from './summary.ts'
import type { AuditReading, AuditWriter } from './writer.ts'

export interface AuditOptions {
  readonly writer: Pick<AuditWriter, 'add' | 'close' | 'durable' | 'read'>
  readonly clock: Clock
  /** Nothing is done whose line is not on disk before. */
  readonly isRequired: boolean
}

type Serve = () => void | Promise<void>

/** Requests of replicas that come again and again while they wait for room: one line says that they were asked. */
const askedLimit = 4096

/** The audit log of one endpoint: sees every request that may change something, from its head to the end of its reply. */
export class Audit {
  readonly #o: AuditOptions
  readonly #attentionTo = makeAttention()
  readonly #asked = new Set<string>()

  constructor(options: AuditOptions) {
    this.#o = options
  }

  /** Serves a request by `serve`, and writes down what has to be. Who makes it should be known by now. */
  follow(exchange: Exchange, target: Target, serve: Serve): void | Promise<void> {
    const { method, upgrade } = exchange.head
    // Most requests, and they change nothing.
    if ((method === 'GET' || method === 'HEAD') && upgrade === undefined) return serve()
    const attention = this.#attentionTo(method, target.path)
    if (attention === 'none') return serve()
    const call = this.#begin(exchange, target, attention)
    const hasBody = attention === 'call' && exchange.head.bodyLength !== 0
    if (hasBody || this.#o.isRequired) return this.#prepare(call, exchange, target, attention, serve)
    if (attention !== 'call') this.#o.writer.add(call.renderAsked())
    return serve()
  }

  /** Something that the manager does of itself. */
  note(what: string, fields: AuditFields): void {
    const time = new Date(this.#o.clock.nowMs()).toISOString()
    const error = fields['error']
    const masked = typeof error === 'string' ? { error: cut(maskThoroughly(error), errorLimit) } : {}
    this.#o.writer.add({ time, kind: 'manager', who: 'manager', what, ...fields, ...masked })
  }

  read(): AuditReading {
    return this.#o.writer.read()
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.note('stop', {})
    await this.#o.writer.close()
  }

  #begin(exchange: Exchange, target: Target, attention: Attention): AuditedCall {
    const via = headerOf(exchange.head, hopHeader)
    const given = via === undefined ? '' : (headerOf(exchange.head, requestIdHeader) ?? '')
    const id = /^[0-9a-f]{16}$/.test(given) ? given : randomId(8)
    exchange.requestId = id
    const { clock } = this.#o
    const call = new AuditedCall({ exchange, target, attention, id, via, clock, onEnd: (each) => this.#finish(each) })
    exchange.watchReply(call)
    exchange.onEnd((isWhole) => call.ended(isWhole))
    return call
  }

  #finish(call: AuditedCall): void {
    if (call.isTriedAgain || call.isRefused) return
    this.#asked.delete(call.key)
    this.#o.writer.add(call.renderDone())
  }

  async #prepare(
    call: AuditedCall,
    exchange: Exchange,
    target: Target,
    attention: Attention,
    serve: Serve,
  ): Promise<void> {
    if (attention === 'call' && exchange.head.bodyLength !== 0) {
      call.setBody(await describeBody(exchange, target.path))
    }
    if (this.#o.isRequired) {
      if (!(await this.#ask(call, exchange))) return
    } else if (attention !== 'call') this.#o.writer.add(call.renderAsked())
    if (!exchange.isGone) await serve()
  }

  /** Has a line on disk before anything is done. @returns false when there is none, and the client has been told */
  async #ask(call: AuditedCall, exchange: Exchange): Promise<boolean> {
    const asked = call.renderAsked()
    if (call.isPassedOn) call.key = keyOf(asked)
    if (this.#asked.has(call.key)) return true
    try {
      await this.#o.writer.durable(asked)
    } catch (error) {
      call.isRefused = true
      exchange.replyError(503, toMessage(error), ['Retry-After', '1'])
      return false
    }
    if (call.key === '') return true
    this.#asked.add(call.key)
    const [oldest] = this.#asked
    if (this.#asked.size > askedLimit && oldest !== undefined) this.#asked.delete(oldest)
    return true
  }
}

/** What a line tells of a body. One that cannot be read is left to whoever serves the request, or to the engine. */
async function describeBody(exchange: Exchange, path: string): Promise<unknown> {
  const bytes = await exchange.readBody()
  const limits = exchange.connection.limits
  try {
    return summarizeBody(await parseBody(bytes, limits), path)
  } catch (error) {
    const beyond = /more than \d+ values|nested deeper than \d+ levels/.exec(toMessage(error))?.[0]
    return `${bytes.length} bytes ${beyond === undefined ? 'that are no JSON' : `of JSON: ${beyond}`}`
  }
}

/** The same for the same request that comes again, and for no other. */
function keyOf(asked: AuditFields): string {
  return createHash('sha256')
    .update(JSON.stringify({ ...asked, time: '' }))
    .digest('hex')
}
