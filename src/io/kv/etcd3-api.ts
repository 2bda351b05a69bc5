import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { KvEntry } from './kv.ts'
import { StoreHttp } from './store-http.ts'
import type { StoreReply } from './store-http.ts'
import type { StoreOptions } from './store-options.ts'

/** The JSON gateway's message types, as far as they are used. Numbers of 64 bits are strings. */
export interface EtcdKeyValue {
  readonly key?: string
  readonly value?: string
  readonly create_revision?: string
  readonly mod_revision?: string
  readonly lease?: string
}

export interface EtcdAnswer {
  readonly header?: { readonly revision?: string }
  readonly kvs?: readonly EtcdKeyValue[]
  readonly deleted?: string
  readonly succeeded?: boolean
  readonly ID?: string
  readonly TTL?: string
  readonly token?: string
  readonly result?: EtcdAnswer
  readonly created?: boolean
  readonly canceled?: boolean
  readonly events?: readonly { readonly type?: string; readonly kv?: EtcdKeyValue }[]
  readonly error?: string | object
  readonly message?: string
  readonly code?: number
}

/** gRPC status codes that the gateway passes on. */
const grpc = { deadline: 4, notFound: 5, failedPrecondition: 9, unavailable: 14, unauthenticated: 16 } as const

/** Calls that change nothing, or nothing more when they come twice. */
const repeatable = new Set([
  'kv/range',
  'lease/grant',
  'lease/keepalive',
  'kv/lease/revoke',
  'kv/put',
  'auth/authenticate',
])

/** The version 3 API of etcd as its JSON gateway offers it (etcd Documentation/dev-guide/api_grpc_gateway). */
export class Etcd3Api {
  readonly http: StoreHttp
  readonly #options: StoreOptions
  readonly #base: string
  #token: Promise<string> | undefined

  /** @param base `/v3`, or `/v3beta` on 3.3 */
  constructor(options: StoreOptions, base: string, http: StoreHttp = new StoreHttp('etcd', options)) {
    this.#options = options
    this.#base = base
    this.http = http
  }

  /** @returns the answer; undefined for "not found", which etcd says of leases */
  async call(path: string, message: object, o?: CallOptions): Promise<EtcdAnswer | undefined> {
    let reply = await this.#send(path, message, o)
    let answer = this.#parse(reply)
    if (reply.status !== 200 && this.#isTokenRefused(answer)) {
      this.#token = undefined
      reply = await this.#send(path, message, o)
      answer = this.#parse(reply)
    }
    if (reply.status === 200) return answer
    if (answer.code === grpc.notFound) return undefined
    throw this.#toError(reply, answer)
  }

  /** Messages of a stream, each `result` by itself. */
  async *stream(path: string, message: object, signal: AbortSignal): AsyncGenerator<EtcdAnswer, void> {
    const headers = await this.#headers({ signal })
    const target = `${this.#base}/${path}`
    const body = JSON.stringify(message)
    let held = ''
    for await (const piece of this.http.stream({ method: 'POST', target, headers, body, isRepeatable: true }, signal)) {
      held += piece.toString('latin1')
      for (let cut = held.indexOf('\n'); cut >= 0; cut = held.indexOf('\n')) {
        const text = held.slice(0, cut)
        held = held.slice(cut + 1)
        if (text.trim() === '') continue
        const answer = this.#parse({ status: 200, text })
        if (answer.result === undefined) {
          if (this.#isTokenRefused(answer)) this.#token = undefined
          throw this.http.nonsense(200, text)
        }
        yield answer.result
      }
    }
  }

  #isTokenRefused(answer: EtcdAnswer): boolean {
    if (this.#token === undefined) return false
    return answer.code === grpc.unauthenticated || /invalid auth token/.test(JSON.stringify(answer.error ?? ''))
  }

  async #send(path: string, message: object, o?: CallOptions): Promise<StoreReply> {
    const headers = await this.#headers(o)
    const target = `${this.#base}/${path}`
    const isRepeatable = repeatable.has(path)
    return this.http.request({ method: 'POST', target, headers, body: JSON.stringify(message), isRepeatable }, o)
  }

  async #headers(o?: CallOptions): Promise<Readonly<Record<string, string>>> {
    const type = { 'content-type': 'application/json' }
    if (this.#options.credentials === undefined) return type
    // One question for all calls that wait for it; a failed one is asked again by the next call.
    this.#token ??= this.#authenticate(o).catch((error: unknown) => {
      this.#token = undefined
      throw error
    })
    const token = await this.#token
    return token === '' ? type : { ...type, authorization: token }
  }

  async #authenticate(o?: CallOptions): Promise<string> {
    const { user, password } = this.#options.credentials ?? { user: '', password: '' }
    const target = `${this.#base}/auth/authenticate`
    const body = JSON.stringify({ name: user, password })
    const headers = { 'content-type': 'application/json' }
    const reply = await this.http.request({ method: 'POST', target, headers, body, isRepeatable: true }, o)
    const answer = this.#parse(reply)
    if (reply.status === 200 && typeof answer.token === 'string') return answer.token
    // Credentials were given to a store that wants none: so be it.
    if (answer.code === grpc.failedPrecondition) return ''
    throw this.#toError(reply, answer)
  }

  #parse(reply: Pick<StoreReply, 'status' | 'text'>): EtcdAnswer {
    try {
      const value: unknown = JSON.parse(reply.text)
      if (typeof value === 'object' && value !== null) return value
    } catch {
      // Told below with what was answered.
    }
    throw this.http.nonsense(reply.status, reply.text)
  }

  #toError(reply: StoreReply, answer: EtcdAnswer): FlotillaError {
    const text = typeof answer.message === 'string' ? answer.message : answer.error
    if (typeof text !== 'string') return this.http.nonsense(reply.status, reply.text)
    const isAbsent = answer.code === grpc.unavailable || answer.code === grpc.deadline || reply.status >= 500
    if (isAbsent) this.http.passOver(reply)
    return new FlotillaError(isAbsent ? 'io/connect' : 'io/protocol', `${this.http.name}: ${text.slice(0, 500)}`)
  }
}

export function toBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

export function fromBase64(text: string | undefined): string {
  return text === undefined ? '' : Buffer.from(text, 'base64').toString('utf8')
}

export function toEntry(kv: EtcdKeyValue): KvEntry {
  return { key: fromBase64(kv.key), value: fromBase64(kv.value), version: kv.mod_revision ?? '0' }
}

/** The range of all keys below a folder: up to the same text with its last character, the slash, one higher. */
export function toRange(folder: string): { readonly key: string; readonly range_end: string } {
  if (folder === '') return { key: toBase64('\0'), range_end: toBase64('\0') }
  return { key: toBase64(`${folder}/`), range_end: toBase64(`${folder}0`) }
}
