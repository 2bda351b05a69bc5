import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { toKeyPath } from './key-path.ts'
import type { KvEntry } from './kv.ts'
import { StoreHttp } from './store-http.ts'
import type { StoreReply, StoreRequest } from './store-http.ts'
import type { StoreOptions } from './store-options.ts'

/** A pair as Consul tells it. */
interface Pair {
  readonly Key?: string
  readonly Value?: string | null
  readonly Session?: string
  readonly ModifyIndex?: number
}

export interface ConsulEntry extends KvEntry {
  /** Session that holds the key; empty when none does. */
  readonly session: string
  readonly index: number
}

export interface ConsulReading {
  readonly entries: readonly ConsulEntry[]
  /** For blocking queries. */
  readonly index: number
}

/** What Consul's own client marks keys with that sessions hold: 0x2ddccbc058a50c18 (consul api/lock.go). */
const lockFlags = '3304740253564472344'

/** Consul's HTTP API, as far as keys and sessions need it. */
export class ConsulApi {
  readonly http: StoreHttp
  readonly #headers: Readonly<Record<string, string>>

  constructor(options: StoreOptions) {
    this.http = new StoreHttp('consul', options)
    const { token, namespace, credentials } = options
    const basic = credentials === undefined ? '' : `${credentials.user}:${credentials.password}`
    this.#headers = {
      ...(token === undefined || token === '' ? {} : { 'x-consul-token': token }),
      ...(namespace === undefined || namespace === '' ? {} : { 'x-consul-namespace': namespace }),
      // Consul itself knows none; a proxy before it may.
      ...(basic === '' ? {} : { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
    }
  }

  /** @param query `recurse` for all below a key that ends with a slash */
  async read(key: string, query: string, o?: CallOptions & { readonly heldMs?: number }): Promise<ConsulReading> {
    const held = o?.heldMs === undefined ? {} : { heldMs: o.heldMs }
    const target = `/v1/kv/${toKeyPath(key)}?${query}`
    const reply = await this.#send({ method: 'GET', target, isRepeatable: true, ...held }, o)
    const index = Number(reply.headers['x-consul-index'] ?? '0')
    if (reply.status === 404) return { entries: [], index }
    const pairs = this.#parse(reply)
    if (!Array.isArray(pairs)) throw this.http.nonsense(reply.status, reply.text)
    return { entries: (pairs as readonly Pair[]).map(toEntry), index }
  }

  /** @param query `cas=N`, or empty @returns whether it was written */
  async write(key: string, value: string, query: string, o?: CallOptions): Promise<boolean> {
    const target = `/v1/kv/${toKeyPath(key)}${query === '' ? '' : `?${query}`}`
    return this.#isTrue(await this.#send({ method: 'PUT', target, body: value, isRepeatable: query === '' }, o))
  }

  /** @returns false when another session holds it */
  async acquire(key: string, value: string, session: string, o?: CallOptions): Promise<boolean> {
    return this.write(key, value, `acquire=${session}&flags=${lockFlags}`, o)
  }

  async release(key: string, value: string, session: string, o?: CallOptions): Promise<boolean> {
    return this.write(key, value, `release=${session}&flags=${lockFlags}`, o)
  }

  async delete(key: string, query: string, o?: CallOptions): Promise<boolean> {
    const target = `/v1/kv/${toKeyPath(key)}${query === '' ? '' : `?${query}`}`
    return this.#isTrue(await this.#send({ method: 'DELETE', target, isRepeatable: false }, o))
  }

  /** @param behavior what becomes of its keys when it ends */
  async createSession(ttlMs: number, behavior: 'delete' | 'release', o?: CallOptions): Promise<string> {
    const body = JSON.stringify({ Behavior: behavior, TTL: `${String(Math.ceil(ttlMs / 1000))}s`, LockDelay: '1ms' })
    const reply = await this.#send({ method: 'PUT', target: '/v1/session/create', body, isRepeatable: false }, o)
    const answer = this.#parse(reply)
    const id: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'ID') : undefined
    if (typeof id !== 'string' || !/^[0-9a-fA-F-]{8,64}$/.test(id)) throw this.http.nonsense(reply.status, reply.text)
    return id
  }

  /** @returns false when the session is no more */
  async renewSession(id: string, o?: CallOptions): Promise<boolean> {
    const target = `/v1/session/renew/${encodeURIComponent(id)}`
    return (await this.#send({ method: 'PUT', target, body: '', isRepeatable: true }, o)).status === 200
  }

  async destroySession(id: string, o?: CallOptions): Promise<void> {
    const target = `/v1/session/destroy/${encodeURIComponent(id)}`
    await this.#send({ method: 'PUT', target, body: '', isRepeatable: true }, o)
  }

  async #send(request: StoreRequest, o?: CallOptions): Promise<StoreReply> {
    const reply = await this.http.request({ ...request, headers: this.#headers }, o)
    if (reply.status === 200 || reply.status === 404) return reply
    const text = reply.text.trim().slice(0, 500)
    if (text.startsWith('Invalid Session TTL')) {
      throw new FlotillaError('io/protocol', `${this.http.name}: ${text}`, {
        hint: 'consul takes half of --ttl and --replication-ttl: give 20s or more, or lower session_ttl_min of the servers',
      })
    }
    // "No cluster leader" and its like are 500 too: another server, or the same later, may do better.
    const isAbsent = reply.status >= 500 && !/^invalid session/i.test(text)
    if (isAbsent) this.http.passOver(reply)
    if (text === '') throw this.http.nonsense(reply.status, reply.text)
    throw new FlotillaError(isAbsent ? 'io/connect' : 'io/protocol', `${this.http.name}: ${text}`)
  }

  #isTrue(reply: StoreReply): boolean {
    const text = reply.text.trim()
    if (text !== 'true' && text !== 'false') throw this.http.nonsense(reply.status, reply.text)
    return text === 'true'
  }

  #parse(reply: StoreReply): unknown {
    try {
      return JSON.parse(reply.text)
    } catch {
      throw this.http.nonsense(reply.status, reply.text)
    }
  }
}

function toEntry(pair: Pair): ConsulEntry {
  const index = pair.ModifyIndex ?? 0
  return {
    key: pair.Key ?? '',
    value: typeof pair.Value === 'string' ? Buffer.from(pair.Value, 'base64').toString('utf8') : '',
    version: String(index),
    session: pair.Session ?? '',
    index,
  }
}
