import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { ConsulApi } from './consul-api.ts'
import type { ConsulEntry } from './consul-api.ts'
import { endLocks, holdLock } from './hold-lock.ts'
import type { RunningLocks, TakenLock } from './hold-lock.ts'
import { byKey } from './key-path.ts'
import type { Kv, KvEntry, KvHold, WatchOptions } from './kv.ts'
import type { StoreOptions } from './store-options.ts'
import { watchFolder } from './watch-folder.ts'

/** Tries to bring a session and its key together before an announcement is given up. */
const sessionTries = 5
/** How long a blocking query is held; Consul adds up to a sixteenth. */
const waitMs = 15_000
/** Where a folder is missing, every write to the store wakes its watchers. */
const idleWakeMs = 250

/** Consul: keys held by sessions that expire. Session times are half of what is asked, as Consul may double them. */
export class ConsulKv implements Kv {
  readonly #api: ConsulApi
  readonly #options: StoreOptions
  /** Key → the session that it was announced with. */
  readonly #sessions = new Map<string, string>()
  readonly #locks: RunningLocks = new Set()

  constructor(options: StoreOptions) {
    this.#options = options
    this.#api = new ConsulApi(options)
  }

  get name(): string {
    return this.#api.http.name
  }

  async get(key: string, o?: CallOptions): Promise<KvEntry | undefined> {
    return toPlain(await this.#read(key, o))
  }

  async list(folder: string, o?: CallOptions): Promise<readonly KvEntry[]> {
    return (await this.#readFolder(folder, o)).entries
  }

  async put(key: string, value: string, o?: CallOptions): Promise<void> {
    if (!(await this.#api.write(key, value, '', o)))
      throw new FlotillaError('io/protocol', `${this.name} did not write`)
  }

  async announce(key: string, value: string, ttlMs: number, o?: CallOptions): Promise<void> {
    for (let tries = 0; tries < sessionTries; tries += 1) {
      const entry = await this.#read(key, o)
      // A key that an earlier run left is taken over with its session, as classic Swarm's own joiners did.
      let session = entry?.session || this.#sessions.get(key)
      if (session === undefined || !(await this.#api.renewSession(session, o))) {
        session = await this.#api.createSession(ttlMs / 2, 'delete', o)
      }
      this.#sessions.set(key, session)
      if (entry?.session === session && entry.value === value) return
      if (await this.#acquire(key, value, session, o)) return
    }
    throw new FlotillaError(
      'io/protocol',
      `${this.name}: cannot set or renew session for ttl, unable to operate on sessions`,
    )
  }

  async compareAndSet(
    key: string,
    value: string,
    version: string | undefined,
    o?: CallOptions,
  ): Promise<string | undefined> {
    if (!(await this.#api.write(key, value, `cas=${encodeURIComponent(version ?? '0')}`, o))) return undefined
    // The answer does not say which version it became.
    const entry = await this.#read(key, o)
    return entry?.value === value ? entry.version : (version ?? '0')
  }

  async remove(key: string, version?: string, o?: CallOptions): Promise<boolean> {
    const known = version ?? (await this.#read(key, o))?.version
    if (known === undefined) return false
    return this.#api.delete(key, version === undefined ? '' : `cas=${encodeURIComponent(known)}`, o)
  }

  watch(folder: string, o?: WatchOptions): AsyncIterable<readonly KvEntry[]> {
    const steps = {
      read: async (signal: AbortSignal) => {
        const { entries, index } = await this.#readFolder(folder, { signal })
        return { entries, mark: index }
      },
      waitForChange: (mark: number, known: readonly KvEntry[], signal: AbortSignal) =>
        this.#waitForChange(toFolderKey(folder), 'recurse&', mark, known, signal),
    }
    return watchFolder(steps, this.#options, o)
  }

  lock(key: string, value: string, ttlMs: number, o?: CallOptions): AsyncIterable<KvHold | undefined> {
    const steps = {
      take: (call: CallOptions) => this.#take(key, value, ttlMs, call),
      waitUntilFree: async (signal: AbortSignal) => {
        const { entries, index } = await this.#api.read(key, 'consistent', { signal })
        if ((entries[0]?.session ?? '') !== '') await this.#waitForChange(key, '', index, entries.map(toHeld), signal)
      },
    }
    return holdLock(steps, this.#options, this.#locks, o)
  }

  async *watchHolder(key: string, o?: WatchOptions): AsyncGenerator<string, void> {
    const steps = {
      read: async (signal: AbortSignal) => {
        const { entries, index } = await this.#api.read(key, 'consistent', { signal })
        return { entries: entries.map(toHeld), mark: index }
      },
      waitForChange: (mark: number, known: readonly KvEntry[], signal: AbortSignal) =>
        this.#waitForChange(key, '', mark, known, signal),
    }
    for await (const [entry] of watchFolder(steps, this.#options, o)) yield entry?.value ?? ''
  }

  async close(): Promise<void> {
    await endLocks(this.#locks)
    const sessions = new Set(this.#sessions.values())
    this.#sessions.clear()
    await Promise.allSettled([...sessions].map((id) => this.#api.destroySession(id, { deadlineMs: 2000 })))
    this.#api.http.close()
  }

  async #take(key: string, value: string, ttlMs: number, o: CallOptions): Promise<TakenLock | undefined> {
    // Sessions are not made for nothing: each is a write to the store.
    if ((await this.#read(key, o))?.session) return undefined
    const session = await this.#api.createSession(ttlMs / 2, 'release', o)
    const destroy = (limit: CallOptions): Promise<void> => this.#api.destroySession(session, limit)
    try {
      const isTaken = await this.#acquire(key, value, session, o)
      const entry = isTaken ? await this.#read(key, o) : undefined
      if (entry?.session !== session) {
        await destroy(o)
        return undefined
      }
      const confirm = async (limit: CallOptions): Promise<boolean> =>
        (await this.#read(key, limit))?.session === session
      return {
        // Index of the store's log: grows over every deletion of the key.
        term: entry.index,
        validMs: Math.ceil(ttlMs / 2000) * 1000,
        renewEveryMs: ttlMs / 4,
        // The key may have been deleted under a session that lives.
        renew: async (limit) => (await this.#api.renewSession(session, limit)) && (await confirm(limit)),
        confirm,
        release: async (limit) => {
          // Without a value, so that nobody takes the one that went for the leader.
          await this.#api.release(key, '', session, limit).catch(() => undefined)
          await destroy(limit)
        },
      }
    } catch (error) {
      await destroy({ deadlineMs: 2000 }).catch(() => undefined)
      throw error
    }
  }

  /** @returns false also when the session ended in between */
  async #acquire(key: string, value: string, session: string, o?: CallOptions): Promise<boolean> {
    try {
      return await this.#api.acquire(key, value, session, o)
    } catch (error) {
      if (error instanceof FlotillaError && /invalid session/i.test(error.message)) return false
      throw error
    }
  }

  async #read(key: string, o?: CallOptions): Promise<ConsulEntry | undefined> {
    return (await this.#api.read(key, 'consistent', o)).entries[0]
  }

  async #readFolder(folder: string, o?: CallOptions) {
    const { entries, index } = await this.#api.read(toFolderKey(folder), 'recurse&consistent', o)
    return { entries: entries.filter(isFile).map(strip).sort(byKey), index }
  }

  async #waitForChange(
    key: string,
    query: string,
    mark: number,
    known: readonly KvEntry[],
    signal: AbortSignal,
  ): Promise<void> {
    const values = JSON.stringify(known.map((entry) => [entry.key, entry.value]))
    const isFolder = query !== ''
    let index = mark
    for (;;) {
      const wait = `index=${String(index)}&wait=${String(waitMs / 1000)}s`
      const reading = await this.#api.read(key, `${query}${wait}`, { signal, heldMs: waitMs * 1.1 })
      // An index that went back is of another history (consul: features/blocking).
      if (reading.index < index || reading.index === 0) return
      const entries = isFolder ? reading.entries.filter(isFile).sort(byKey) : reading.entries.map(toHeld)
      if (JSON.stringify(entries.map((entry) => [entry.key, entry.value])) !== values) return
      if (reading.index !== index) await this.#options.clock.sleep(idleWakeMs, signal)
      index = reading.index
    }
  }
}

function toFolderKey(folder: string): string {
  return folder === '' ? '' : `${folder}/`
}

/** Folders of Consul's own pages are keys that end with a slash. */
function isFile(entry: KvEntry): boolean {
  return !entry.key.endsWith('/')
}

function strip({ key, value, version }: ConsulEntry): KvEntry {
  return { key, value, version }
}

function toPlain(entry: ConsulEntry | undefined): KvEntry | undefined {
  return entry === undefined ? undefined : strip(entry)
}

/** A lock's value counts while a session holds it. */
function toHeld(entry: ConsulEntry): KvEntry {
  return { key: entry.key, value: entry.session === '' ? '' : entry.value, version: entry.version }
}
