import type { CallOptions } from '../../core/call.ts'
import { withDeadline } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Kv, KvEntry, KvHold, WatchOptions } from './kv.ts'
import { StoreHttp } from './store-http.ts'
import type { StoreOptions } from './store-options.ts'

/** Which version of the API is spoken. `auto`: 3 where there is one. */
export type EtcdApi = 'auto' | 'v2' | 'v3'

/** Gateways of version 3 by age: since 3.4, 3.3. */
const bases = ['/v3', '/v3beta']

/**
 * etcd of any age. The first call finds out which version of the API the cluster has, and all further ones speak it:
 * deciding anew would part one cluster into two stores.
 */
export class EtcdKv implements Kv {
  readonly #options: StoreOptions
  readonly #api: EtcdApi
  readonly #http: StoreHttp
  #chosen: Promise<Kv> | undefined

  constructor(options: StoreOptions, api: EtcdApi) {
    this.#options = options
    this.#api = api
    this.#http = new StoreHttp('etcd', options)
  }

  get name(): string {
    return this.#http.name
  }

  async get(key: string, o?: CallOptions): Promise<KvEntry | undefined> {
    return (await this.#choose(o)).get(key, o)
  }

  async list(folder: string, o?: CallOptions): Promise<readonly KvEntry[]> {
    return (await this.#choose(o)).list(folder, o)
  }

  async put(key: string, value: string, o?: CallOptions): Promise<void> {
    return (await this.#choose(o)).put(key, value, o)
  }

  async announce(key: string, value: string, ttlMs: number, o?: CallOptions): Promise<void> {
    return (await this.#choose(o)).announce(key, value, ttlMs, o)
  }

  async compareAndSet(
    key: string,
    value: string,
    version: string | undefined,
    o?: CallOptions,
  ): Promise<string | undefined> {
    return (await this.#choose(o)).compareAndSet(key, value, version, o)
  }

  async remove(key: string, version?: string, o?: CallOptions): Promise<boolean> {
    return (await this.#choose(o)).remove(key, version, o)
  }

  watch(folder: string, o?: WatchOptions): AsyncIterable<readonly KvEntry[]> {
    return this.#follow(o, (kv) => kv.watch(folder, o))
  }

  lock(key: string, value: string, ttlMs: number, o?: CallOptions): AsyncIterable<KvHold | undefined> {
    return this.#follow(o, (kv) => kv.lock(key, value, ttlMs, o))
  }

  watchHolder(key: string, o?: WatchOptions): AsyncIterable<string> {
    return this.#follow(o, (kv) => kv.watchHolder(key, o))
  }

  async close(): Promise<void> {
    const chosen = await this.#chosen?.catch(() => undefined)
    if (chosen === undefined) this.#http.close()
    else await chosen.close()
  }

  async *#follow<T>(o: CallOptions | undefined, make: (kv: Kv) => AsyncIterable<T>): AsyncGenerator<T, void> {
    const isAborted = (): boolean => o?.signal?.aborted === true
    if (isAborted()) return
    let kv: Kv
    try {
      kv = await this.#choose(o)
    } catch (error) {
      if (isAborted()) return
      throw error
    }
    yield* make(kv)
  }

  /** A probe that failed is made again by the next call. */
  #choose(o: CallOptions = {}): Promise<Kv> {
    this.#chosen ??= this.#probe().catch((error: unknown) => {
      this.#chosen = undefined
      throw error
    })
    const chosen = this.#chosen
    return withDeadline(this.#options.clock, o, () => chosen)
  }

  async #probe(): Promise<Kv> {
    for (const base of this.#api === 'v2' ? [] : bases) {
      // Any answer but "no such page" comes from a gateway, also one that wants credentials first.
      const reply = await this.#ask('POST', `${base}/kv/range`, '{"key":"AA==","limit":"1"}')
      if (reply.status === 404) continue
      const [{ Etcd3Api }, { Etcd3Kv }] = await Promise.all([import('./etcd3-api.ts'), import('./etcd3.ts')])
      return new Etcd3Kv(new Etcd3Api(this.#options, base, this.#http), this.#options)
    }
    const reply = this.#api === 'v3' ? undefined : await this.#ask('GET', '/v2/keys/')
    if (reply !== undefined && reply.status !== 404 && reply.text.trimStart().startsWith('{')) {
      const [{ Etcd2Api }, { Etcd2Kv }] = await Promise.all([import('./etcd2-api.ts'), import('./etcd2.ts')])
      return new Etcd2Kv(new Etcd2Api(this.#options, this.#http), this.#options)
    }
    throw new FlotillaError(
      'io/protocol',
      `${this.name} offers neither version 3 of etcd's API over HTTP nor version 2`,
      {
        hint: 'start etcd without --enable-grpc-gateway=false',
      },
    )
  }

  async #ask(method: 'GET' | 'POST', target: string, body?: string) {
    const headers = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body }
    const reply = await this.#http.request({ method, target, ...headers, isRepeatable: true })
    // A server without a leader cannot say what its cluster speaks, and neither can a proxy without servers.
    if (reply.status >= 500) {
      this.#http.passOver(reply)
      throw new FlotillaError('io/connect', `${this.name} answered status ${reply.status}`)
    }
    return reply
  }
}
