import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { fromBase64, toBase64, toEntry, toRange } from './etcd3-api.ts'
import type { Etcd3Api, EtcdAnswer, EtcdKeyValue } from './etcd3-api.ts'
import { endLocks, holdLock } from './hold-lock.ts'
import type { RunningLocks, TakenLock } from './hold-lock.ts'
import type { Kv, KvEntry, KvHold, WatchOptions } from './kv.ts'
import type { StoreOptions } from './store-options.ts'
import { watchFolder } from './watch-folder.ts'

/** Leases have whole seconds. */
function toSeconds(ttlMs: number): number {
  return Math.max(1, Math.ceil(ttlMs / 1000))
}

/** etcd over version 3 of its API: leases for what expires, watches that resume at a revision. */
export class Etcd3Kv implements Kv {
  readonly #api: Etcd3Api
  readonly #options: StoreOptions
  /** Key → the lease it was announced with. */
  readonly #leases = new Map<string, { readonly id: string; readonly ttlMs: number }>()
  readonly #locks: RunningLocks = new Set()

  constructor(api: Etcd3Api, options: StoreOptions) {
    this.#api = api
    this.#options = options
  }

  get name(): string {
    return this.#api.http.name
  }

  async get(key: string, o?: CallOptions): Promise<KvEntry | undefined> {
    const kv = await this.#read(key, o)
    return kv === undefined ? undefined : toEntry(kv)
  }

  async list(folder: string, o?: CallOptions): Promise<readonly KvEntry[]> {
    return (await this.#range(folder, o)).entries
  }

  async put(key: string, value: string, o?: CallOptions): Promise<void> {
    await this.#call('kv/put', { key: toBase64(key), value: toBase64(value) }, o)
  }

  async announce(key: string, value: string, ttlMs: number, o?: CallOptions): Promise<void> {
    const known = this.#leases.get(key)
    const id =
      known?.ttlMs === ttlMs && (await this.#keepAlive(known.id, o)) ? known.id : await this.#grant(key, ttlMs, o)
    const at = { key: toBase64(key) }
    // An untouched key is left alone, so that heartbeats of a thousand engines wake nobody.
    const compare = [
      { ...at, target: 'VALUE', result: 'EQUAL', value: toBase64(value) },
      { ...at, target: 'LEASE', result: 'EQUAL', lease: id },
    ]
    const failure = [{ request_put: { ...at, value: toBase64(value), lease: id } }]
    await this.#call('kv/txn', { compare, success: [], failure }, o)
  }

  async compareAndSet(
    key: string,
    value: string,
    version: string | undefined,
    o?: CallOptions,
  ): Promise<string | undefined> {
    const success = [{ request_put: { key: toBase64(key), value: toBase64(value) } }]
    const answer = await this.#call('kv/txn', { compare: [hasVersion(key, version)], success, failure: [] }, o)
    return answer.succeeded === true ? (answer.header?.revision ?? '0') : undefined
  }

  async remove(key: string, version?: string, o?: CallOptions): Promise<boolean> {
    const range = { key: toBase64(key) }
    if (version === undefined) return Number((await this.#call('kv/deleterange', range, o)).deleted ?? '0') > 0
    const success = [{ request_delete_range: range }]
    const answer = await this.#call('kv/txn', { compare: [hasVersion(key, version)], success, failure: [] }, o)
    return answer.succeeded === true
  }

  watch(folder: string, o?: WatchOptions): AsyncIterable<readonly KvEntry[]> {
    const steps = {
      read: async (signal: AbortSignal) => {
        const { entries, revision } = await this.#range(folder, { signal })
        return { entries, mark: revision }
      },
      waitForChange: (mark: number, known: readonly KvEntry[], signal: AbortSignal) =>
        this.#waitForChange({ ...toRange(folder) }, mark, known, signal),
    }
    return watchFolder(steps, this.#options, o)
  }

  lock(key: string, value: string, ttlMs: number, o?: CallOptions): AsyncIterable<KvHold | undefined> {
    const steps = {
      take: (call: CallOptions) => this.#take(key, value, ttlMs, call),
      waitUntilFree: async (signal: AbortSignal) => {
        const answer = await this.#call('kv/range', { key: toBase64(key) }, { signal })
        const kv = answer.kvs?.[0]
        if (kv === undefined) return
        const revision = Number(answer.header?.revision ?? '0')
        await this.#waitForChange({ key: toBase64(key) }, revision, [toEntry(kv)], signal)
      },
    }
    return holdLock(steps, this.#options, this.#locks, o)
  }

  async *watchHolder(key: string, o?: WatchOptions): AsyncGenerator<string, void> {
    const steps = {
      read: async (signal: AbortSignal) => {
        const answer = await this.#call('kv/range', { key: toBase64(key) }, { signal })
        return { entries: (answer.kvs ?? []).map(toEntry), mark: Number(answer.header?.revision ?? '0') }
      },
      waitForChange: (mark: number, known: readonly KvEntry[], signal: AbortSignal) =>
        this.#waitForChange({ key: toBase64(key) }, mark, known, signal),
    }
    for await (const [entry] of watchFolder(steps, this.#options, o)) yield entry?.value ?? ''
  }

  async close(): Promise<void> {
    await endLocks(this.#locks)
    const leases = [...this.#leases.values()]
    this.#leases.clear()
    const o = { deadlineMs: 2000 }
    await Promise.allSettled(leases.map(({ id }) => this.#api.call('kv/lease/revoke', { ID: id }, o)))
    this.#api.http.close()
  }

  async #take(key: string, value: string, ttlMs: number, o: CallOptions): Promise<TakenLock | undefined> {
    // Leases are not made for nothing: each is a write to the store.
    if ((await this.#read(key, o)) !== undefined) return undefined
    const { id, ttl } = await this.#newLease(ttlMs, o)
    const revoke = async (limit: CallOptions): Promise<void> => {
      await this.#api.call('kv/lease/revoke', { ID: id }, limit)
    }
    try {
      const success = [{ request_put: { key: toBase64(key), value: toBase64(value), lease: id } }]
      const answer = await this.#call('kv/txn', { compare: [hasVersion(key, undefined)], success, failure: [] }, o)
      if (answer.succeeded !== true) {
        await revoke(o)
        return undefined
      }
      const term = Number(answer.header?.revision ?? '0')
      const confirm = async (limit: CallOptions): Promise<boolean> =>
        Number((await this.#read(key, limit))?.create_revision ?? '0') === term
      return {
        term,
        validMs: ttl * 1000,
        renewEveryMs: (ttl * 1000) / 3,
        // The key may have been deleted under a lease that lives.
        renew: async (limit) => (await this.#keepAlive(id, limit)) && (await confirm(limit)),
        confirm,
        release: revoke,
      }
    } catch (error) {
      // It may have been written all the same, and would then stand for a whole ttl.
      await revoke({ deadlineMs: 2000 }).catch(() => undefined)
      throw error
    }
  }

  async #newLease(ttlMs: number, o?: CallOptions): Promise<{ readonly id: string; readonly ttl: number }> {
    const answer = await this.#call('lease/grant', { TTL: String(toSeconds(ttlMs)) }, o)
    const ttl = Number(answer.TTL ?? '0')
    if (answer.ID === undefined || !(ttl > 0)) {
      throw new FlotillaError('io/protocol', `${this.name} granted a lease without number or time`)
    }
    return { id: answer.ID, ttl }
  }

  async #grant(key: string, ttlMs: number, o?: CallOptions): Promise<string> {
    const { id } = await this.#newLease(ttlMs, o)
    this.#leases.set(key, { id, ttlMs })
    return id
  }

  /** @returns false when the lease has expired */
  async #keepAlive(id: string, o?: CallOptions): Promise<boolean> {
    const answer = await this.#api.call('lease/keepalive', { ID: id }, o)
    return Number((answer?.result ?? answer)?.TTL ?? '0') > 0
  }

  async #read(key: string, o?: CallOptions): Promise<EtcdKeyValue | undefined> {
    return (await this.#call('kv/range', { key: toBase64(key) }, o)).kvs?.[0]
  }

  async #range(folder: string, o?: CallOptions) {
    const answer = await this.#call('kv/range', toRange(folder), o)
    return { entries: (answer.kvs ?? []).map(toEntry), revision: Number(answer.header?.revision ?? '0') }
  }

  /** Events that leave every value as it is known are passed over without a reading. */
  async #waitForChange(range: object, revision: number, known: readonly KvEntry[], signal: AbortSignal): Promise<void> {
    const values = new Map(known.map((entry) => [entry.key, entry.value]))
    const request = { create_request: { ...range, start_revision: String(revision + 1) } }
    for await (const answer of this.#api.stream('watch', request, signal)) {
      // Cancelled: the history it asks for is compacted.
      if (answer.canceled === true) return
      const isNews = (answer.events ?? []).some(
        ({ type, kv }) => type === 'DELETE' || values.get(fromBase64(kv?.key)) !== fromBase64(kv?.value),
      )
      if (isNews) return
    }
    throw new FlotillaError('io/connect', `${this.name} closed a watch`)
  }

  async #call(path: string, message: object, o?: CallOptions): Promise<EtcdAnswer> {
    const answer = await this.#api.call(path, message, o)
    if (answer === undefined) throw new FlotillaError('io/protocol', `${this.name}: ${path} was not found`)
    return answer
  }
}

/** An absent key has created in revision 0. */
function hasVersion(key: string, version: string | undefined): object {
  const at = { key: toBase64(key), result: 'EQUAL' }
  return version === undefined
    ? { ...at, target: 'CREATE', create_revision: '0' }
    : { ...at, target: 'MOD', mod_revision: version }
}
