import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { toKeyPath } from './key-path.ts'
import type { StoreHttp, StoreReply, StoreRequest } from './store-http.ts'
import type { StoreOptions } from './store-options.ts'

/** The answers of version 2, as far as they are used. */
export interface Etcd2Node {
  readonly key?: string
  readonly value?: string
  readonly dir?: boolean
  readonly nodes?: readonly Etcd2Node[]
  readonly createdIndex?: number
  readonly modifiedIndex?: number
}

export interface Etcd2Answer {
  readonly action?: string
  readonly node?: Etcd2Node
  readonly errorCode?: number
  readonly message?: string
  readonly cause?: string
}

/** What a call came to: an answer, or one of the refusals that callers decide about. */
export interface Etcd2Outcome {
  readonly answer: Etcd2Answer
  readonly refusal: 'not-found' | 'compare' | 'exists' | 'history' | undefined
  /** Of the whole store, when it answered. */
  readonly index: number
}

/** etcd Documentation/v2/errorcode.md */
const refusals: Readonly<Record<number, Etcd2Outcome['refusal']>> = {
  100: 'not-found',
  101: 'compare',
  105: 'exists',
  401: 'history',
}
/** No leader, or one that was lost in the middle. */
const absent = new Set([300, 301])

/** Version 2 of etcd's API, for clusters that know no other. */
export class Etcd2Api {
  readonly http: StoreHttp
  readonly #headers: Readonly<Record<string, string>>

  constructor(options: StoreOptions, http: StoreHttp) {
    this.http = http
    const { credentials } = options
    const basic = credentials === undefined ? '' : `${credentials.user}:${credentials.password}`
    this.#headers = basic === '' ? {} : { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }
  }

  async get(key: string, query: string, o?: CallOptions & { readonly heldMs?: number }): Promise<Etcd2Outcome> {
    const held = o?.heldMs === undefined ? {} : { heldMs: o.heldMs }
    return this.#send({ method: 'GET', target: toTarget(key, query), isRepeatable: true, ...held }, o)
  }

  async put(key: string, form: Readonly<Record<string, string>>, o?: CallOptions): Promise<Etcd2Outcome> {
    const isRepeatable = form['prevIndex'] === undefined && form['prevExist'] === undefined
    const body = new URLSearchParams(form).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return this.#send({ method: 'PUT', target: toTarget(key, ''), headers, body, isRepeatable }, o)
  }

  async delete(key: string, query: string, o?: CallOptions): Promise<Etcd2Outcome> {
    return this.#send({ method: 'DELETE', target: toTarget(key, query), isRepeatable: false }, o)
  }

  async #send(request: StoreRequest, o?: CallOptions): Promise<Etcd2Outcome> {
    const reply = await this.http.request({ ...request, headers: { ...request.headers, ...this.#headers } }, o)
    const answer = this.#parse(reply)
    const index = Number(reply.headers['x-etcd-index'] ?? '0')
    if (reply.status < 300) return { answer, refusal: undefined, index }
    const refusal = answer.errorCode === undefined ? undefined : refusals[answer.errorCode]
    if (refusal !== undefined) return { answer, refusal, index }
    throw this.#toError(reply, answer)
  }

  #parse(reply: StoreReply): Etcd2Answer {
    // A wait that the server ended for its age.
    if (reply.status === 200 && reply.text.trim() === '') return {}
    try {
      const value: unknown = JSON.parse(reply.text)
      if (typeof value === 'object' && value !== null) return value
    } catch {
      // Told below with what was answered.
    }
    throw this.http.nonsense(reply.status, reply.text)
  }

  #toError(reply: StoreReply, answer: Etcd2Answer): FlotillaError {
    if (typeof answer.message !== 'string') return this.http.nonsense(reply.status, reply.text)
    const isAbsent = reply.status >= 500 || absent.has(answer.errorCode ?? 0)
    if (isAbsent) this.http.passOver(reply)
    const cause = typeof answer.cause === 'string' && answer.cause !== '' ? ` (${answer.cause})` : ''
    const text = `${answer.message}${cause}`.slice(0, 500)
    return new FlotillaError(isAbsent ? 'io/connect' : 'io/protocol', `${this.http.name}: ${text}`)
  }
}

function toTarget(key: string, query: string): string {
  const path = `/v2/keys/${toKeyPath(key)}`
  return query === '' ? path : `${path}?${query}`
}
