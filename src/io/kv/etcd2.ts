import type { CallOptions } from '../../core/call.ts'
import { throwIfAborted } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Etcd2Api, Etcd2Node, Etcd2Outcome } from './etcd2-api.ts'
import { endLocks, holdLock } from './hold-lock.ts'
import type { RunningLocks, TakenLock } from './hold-lock.ts'
import { byKey } from './key-path.ts'
import type { Kv, KvEntry, KvHold, WatchOptions } from './kv.ts'
import type { StoreOptions } from './store-options.ts'
import { watchFolder } from './watch-folder.ts'

/** A wait at a key is asked again after this, so that a server that died without a word is noticed. */
const waitMs = 60_000
const releaseLimitMs = 3000
const releaseTries = 3

/** etcd over version 2 of its API: keys with a time to live of their own. */
export class Etcd2Kv implements Kv {
  readonly #api: Etcd2Api
  readonly #options: StoreOptions
  readonly #announced = new Map<string, string>()
  readonly #locks: RunningLocks = new Set()

  constructor(api: Etcd2Api, options: StoreOptions) {
    this.#api = api
    this.#options = options
  }

  get name(): string {
    return this.#api.http.name
  }

  async get(key: string, o?: CallOptions): Promise<KvEntry | undefined> {
    const { answer, refusal } = await this.#api.get(key, 'quorum=true', o)
    if (refusal !== undefined || answer.node === undefined || answer.node.dir === true) return undefined
    return toEntry(answer.node)
  }

  async list(folder: string, o?: CallOptions): Promise<readonly KvEntry[]> {
    return (await this.#read(folder, o)).entries
  }

  async put(key: string, value: string, o?: CallOptions): Promise<void> {
    this.#demand(await this.#api.put(key, { value }, o))
  }

  /** Writes each time: `refresh` would spare watchers the event, but servers before 2.3 empty the value then. */
  async announce(key: string, value: string, ttlMs: number, o?: CallOptions): Promise<void> {
    this.#announced.set(key, value)
    this.#demand(await this.#api.put(key, { value, ttl: toSeconds(ttlMs) }, o))
  }

  async compareAndSet(
    key: string,
    value: string,
    version: string | undefined,
    o?: CallOptions,
  ): Promise<string | undefined> {
    const condition: Readonly<Record<string, string>> =
      version === undefined ? { prevExist: 'false' } : { prevIndex: version }
    const { answer, refusal } = await this.#api.put(key, { value, ...condition }, o)
    return refusal === undefined ? String(answer.node?.modifiedIndex ?? 0) : undefined
  }

  async remove(key: string, version?: string, o?: CallOptions): Promise<boolean> {
    const query = version === undefined ? '' : `prevIndex=${encodeURIComponent(version)}`
    return (await this.#api.delete(key, query, o)).refusal === undefined
  }

  watch(folder: string, o?: WatchOptions): AsyncIterable<readonly KvEntry[]> {
    const steps = {
      read: async (signal: AbortSignal) => {
        const { entries, index } = await this.#read(folder, { signal })
        return { entries, mark: index }
      },
      waitForChange: (mark: number, known: readonly KvEntry[], signal: AbortSignal) =>
        this.#waitForChange(folder, mark, known, signal),
    }
    return watchFolder(steps, this.#options, o)
  }

  lock(key: string, value: string, ttlMs: number, o?: CallOptions): AsyncIterable<KvHold | undefined> {
    const steps = {
      take: (call: CallOptions) => this.#take(key, value, ttlMs, call),
      waitUntilFree: async (signal: AbortSignal) => {
        const { answer, refusal, index } = await this.#api.get(key, 'quorum=true', { signal })
        if (refusal === undefined) {
          const known = answer.node === undefined ? [] : [toEntry(answer.node)]
          await this.#waitForChange(key, index, known, signal)
        }
      },
    }
    return holdLock(steps, this.#options, this.#locks, o)
  }

  async *watchHolder(key: string, o?: WatchOptions): AsyncGenerator<string, void> {
    const steps = {
      read: async (signal: AbortSignal) => {
        const { answer, refusal, index } = await this.#api.get(key, 'quorum=true', { signal })
        const isThere = refusal === undefined && answer.node !== undefined && answer.node.dir !== true
        return { entries: isThere && answer.node !== undefined ? [toEntry(answer.node)] : [], mark: index }
      },
      waitForChange: (mark: number, known: readonly KvEntry[], signal: AbortSignal) =>
        this.#waitForChange(key, mark, known, signal),
    }
    for await (const [entry] of watchFolder(steps, this.#options, o)) yield entry?.value ?? ''
  }

  async close(): Promise<void> {
    await endLocks(this.#locks)
    const announced = [...this.#announced]
    this.#announced.clear()
    const remove = ([key, value]: readonly [string, string]): Promise<unknown> =>
      this.#api.delete(key, `prevValue=${encodeURIComponent(value)}`, { deadlineMs: 2000 })
    await Promise.allSettled(announced.map(remove))
    this.#api.http.close()
  }

  async #take(key: string, value: string, ttlMs: number, o: CallOptions): Promise<TakenLock | undefined> {
    const ttl = toSeconds(ttlMs)
    // A try that is refused goes through the store's log all the same, and so does a reading that a quorum agrees on.
    if ((await this.#api.get(key, '', o)).refusal === undefined) return undefined
    let outcome: Etcd2Outcome
    try {
      outcome = await this.#api.put(key, { value, ttl, prevExist: 'false' }, o)
    } catch (error) {
      await this.#takeBack(key, value).catch(() => undefined)
      throw error
    }
    const { node } = outcome.answer
    if (outcome.refusal !== undefined || node === undefined) return undefined
    const term = node.createdIndex ?? 0
    let index = node.modifiedIndex ?? 0
    return {
      term,
      validMs: Number(ttl) * 1000,
      renewEveryMs: (Number(ttl) * 1000) / 3,
      renew: async (limit) => {
        for (let tries = 0; tries < 2; tries += 1) {
          const renewed = await this.#api.put(key, { value, ttl, prevIndex: String(index) }, limit)
          if (renewed.refusal === undefined) {
            index = renewed.answer.node?.modifiedIndex ?? index
            return true
          }
          // An earlier renewal may have been done though its answer was lost.
          if (!(await this.#readLock(key, term, limit, (now) => (index = now)))) return false
        }
        return false
      },
      // Only creation sets it: renewals, which compare and swap, leave it.
      confirm: (limit) => this.#readLock(key, term, limit),
      release: async (limit) => {
        // A renewal that was given up may come about in between: then it stands at another index, and still is ours.
        for (let tries = 0; tries < releaseTries; tries += 1) {
          if (!(await this.#readLock(key, term, limit, (now) => (index = now)))) return
          if ((await this.#api.delete(key, `prevIndex=${String(index)}`, limit)).refusal !== 'compare') return
        }
      },
    }
  }

  /**
   * What failed may have been written all the same, and would then stand for a whole ttl. By its index and not by its
   * value: a removal that comes about late must not meet the lock that a later try has taken.
   */
  async #takeBack(key: string, value: string): Promise<void> {
    const limit = { deadlineMs: releaseLimitMs }
    const { answer } = await this.#api.get(key, 'quorum=true', limit)
    if (answer.node?.value !== value) return
    await this.#api.delete(key, `prevIndex=${String(answer.node.modifiedIndex ?? 0)}`, limit)
  }

  /** Whether the key is still the one created as `term`; tells where it stands now. */
  async #readLock(key: string, term: number, o: CallOptions, tell?: (index: number) => void): Promise<boolean> {
    const { answer, refusal } = await this.#api.get(key, 'quorum=true', o)
    if (refusal !== undefined || answer.node?.createdIndex !== term) return false
    tell?.(answer.node.modifiedIndex ?? 0)
    return true
  }

  async #read(folder: string, o?: CallOptions) {
    const { answer, refusal, index } = await this.#api.get(folder, 'recursive=true&quorum=true', o)
    const isFolder = refusal === undefined && answer.node?.dir === true
    const entries = isFolder && answer.node !== undefined ? flatten(answer.node) : []
    return { entries: [...entries].sort(byKey), index }
  }

  /** Heartbeats of others write what is there already: their events are passed over without a reading. */
  async #waitForChange(path: string, mark: number, known: readonly KvEntry[], signal: AbortSignal): Promise<void> {
    const values = new Map(known.map((entry) => [entry.key, entry.value]))
    let index = mark
    for (;;) {
      throwIfAborted(signal)
      const query = `recursive=true&wait=true&waitIndex=${String(index + 1)}`
      const outcome = await this.#api.get(path, query, { signal, heldMs: waitMs })
      const { node, action } = outcome.answer
      if (outcome.refusal !== undefined || action === 'delete') return
      if (node === undefined) continue
      const entry = toEntry(node)
      if (node.dir === true || node.value === undefined || values.get(entry.key) !== entry.value) return
      index = Math.max(index + 1, node.modifiedIndex ?? 0)
    }
  }

  #demand({ refusal, answer }: Etcd2Outcome): void {
    if (refusal === undefined) return
    throw new FlotillaError('io/protocol', `${this.name}: ${answer.message ?? refusal} (${answer.cause ?? ''})`)
  }
}

function toSeconds(ttlMs: number): string {
  return String(Math.max(1, Math.ceil(ttlMs / 1000)))
}

function toEntry(node: Etcd2Node): KvEntry {
  const key = (node.key ?? '').replace(/^\/+/, '')
  return { key, value: node.value ?? '', version: String(node.modifiedIndex ?? 0) }
}

function flatten(node: Etcd2Node): readonly KvEntry[] {
  if (node.dir !== true) return [toEntry(node)]
  return (node.nodes ?? []).flatMap(flatten)
}
