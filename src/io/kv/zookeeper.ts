import type { CallOptions } from '../../core/call.ts'
import { raceAbort } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import { backoffDelays } from '../../core/retry.ts'
import { endLocks, holdLock } from './hold-lock.ts'
import type { RunningLocks } from './hold-lock.ts'
import { byKey } from './key-path.ts'
import type { Kv, KvEntry, KvHold, WatchOptions } from './kv.ts'
import type { StoreOptions } from './store-options.ts'
import { watchFolder } from './watch-folder.ts'
import { makeLockSteps, makePlaceMark, sortPlaces } from './zookeeper-lock.ts'
import { ZookeeperSession } from './zookeeper-session.ts'
import { hasCode, toZnodePath, ZookeeperTree } from './zookeeper-tree.ts'
import type { Znode } from './zookeeper-tree.ts'
import { opcode, writeCreate, writeDelete, zkCode } from './zookeeper-wire.ts'

/** Requests under way while a folder is read; they go over one connection. */
const readLimit = 64
const reconnect = { firstMs: 100, maxMs: 5000, jitterRatio: 0.3 }

/** What a reading leaves behind: told of the first change below any path that was read. */
interface Watching {
  readonly changed: Promise<void>
  see(path: string): void
  release(): void
}

/**
 * ZooKeeper. What expires are ephemeral nodes: they live as long as the session, which pings by itself, so times to live
 * are not looked at. Nodes are created with their value, and watches are set by the very reading that they follow.
 */
export class ZookeeperKv implements Kv {
  readonly #options: StoreOptions
  readonly #session: ZookeeperSession
  readonly #tree: ZookeeperTree
  readonly #announced = new Map<string, string>()
  /** Key of a lock → name of our places there. A client stands once for a lock. */
  readonly #marks = new Map<string, string>()
  readonly #closed = new AbortController()
  readonly #locks: RunningLocks = new Set()
  #isComingBack = false

  constructor(options: StoreOptions) {
    this.#options = options
    this.#session = new ZookeeperSession(options)
    this.#session.onLost = () => this.#comeBack()
    this.#tree = new ZookeeperTree(this.#session)
  }

  get name(): string {
    return this.#session.name
  }

  async get(key: string, o?: CallOptions): Promise<KvEntry | undefined> {
    const node = await this.#tree.read(toZnodePath(key), false, o)
    return node === undefined ? undefined : toEntry(key, node)
  }

  async list(folder: string, o?: CallOptions): Promise<readonly KvEntry[]> {
    return [...(await this.#readFolder(folder, undefined, o))].sort(byKey)
  }

  async put(key: string, value: string, o?: CallOptions): Promise<void> {
    const path = toZnodePath(key)
    for (let tries = 0; tries < 3; tries += 1) {
      if ((await this.#tree.write(path, value, -1, o)) !== undefined) return
      if ((await this.#tree.create({ path, data: value }, o)) !== undefined) return
    }
    throw new FlotillaError('io/protocol', `${this.name}: ${path} is created and deleted all the time`)
  }

  async announce(key: string, value: string, _ttlMs: number, o?: CallOptions): Promise<void> {
    const path = toZnodePath(key)
    this.#announced.set(key, value)
    const node = { path, data: value, isEphemeral: true }
    for (let tries = 0; tries < 3; tries += 1) {
      const there = await this.#tree.read(path, false, o)
      if (there === undefined) {
        if ((await this.#tree.create(node, o)) !== undefined) return
      } else if (there.stat.owner === this.#session.id) {
        if (there.data === value || (await this.#tree.write(path, value, -1, o)) !== undefined) return
      } else {
        // Of a session that is ending, an earlier run's say: replaced in one step, so that nobody sees it missing.
        const remove = { type: opcode.delete, body: writeDelete(path) }
        const create = { type: opcode.create, body: writeCreate(node) }
        const code = await this.#tree.multi([remove, create], path, o)
        if (code === 0) return
        if (code !== zkCode.noNode) throw new FlotillaError('io/protocol', `${this.name}: cannot replace ${path}`)
      }
    }
    throw new FlotillaError('io/protocol', `${this.name}: ${path} is created and deleted all the time`)
  }

  /** A node deleted and created anew between the two steps has its first version again; nobody here does that. */
  async compareAndSet(
    key: string,
    value: string,
    version: string | undefined,
    o?: CallOptions,
  ): Promise<string | undefined> {
    const path = toZnodePath(key)
    if (version === undefined) {
      if ((await this.#tree.create({ path, data: value }, o)) === undefined) return undefined
      return (await this.get(key, o))?.version
    }
    const present = await this.#tree.stat(path, false, o)
    if (present === undefined || toVersion(present) !== version) return undefined
    const written = await this.#tree.write(path, value, present.version, o)
    return written === undefined ? undefined : toVersion(written)
  }

  async remove(key: string, version?: string, o?: CallOptions): Promise<boolean> {
    const path = toZnodePath(key)
    if (version === undefined) return this.#tree.delete(path, -1, o)
    const present = await this.#tree.stat(path, false, o)
    if (present === undefined || toVersion(present) !== version) return false
    return this.#tree.delete(path, present.version, o)
  }

  watch(folder: string, o?: WatchOptions): AsyncIterable<readonly KvEntry[]> {
    return this.#watch((watching, signal) => this.#readFolder(folder, watching, { signal }), o)
  }

  lock(key: string, value: string, _ttlMs: number, o?: CallOptions): AsyncIterable<KvHold | undefined> {
    const mark = this.#marks.get(key) ?? makePlaceMark()
    this.#marks.set(key, mark)
    return holdLock(makeLockSteps(this.#tree, toZnodePath(key), value, mark), this.#options, this.#locks, o)
  }

  async *watchHolder(key: string, o?: WatchOptions): AsyncGenerator<string, void> {
    const path = toZnodePath(key)
    const read = async (watching: Watching, signal: AbortSignal): Promise<readonly KvEntry[]> => {
      watching.see(path)
      const children = await this.#tree.children(path, true, { signal })
      const first = sortPlaces(children ?? [])[0]
      if (children === undefined) await this.#tree.stat(path, true, { signal })
      if (first === undefined) return []
      const [place, lock] = await Promise.all([
        this.#tree.read(`${path}/${first.name}`, false, { signal }),
        this.#tree.read(path, true, { signal }),
      ])
      // Classic Swarm's places are empty: there the lock's own node says who holds it.
      return [{ key, value: place?.data || lock?.data || '', version: '' }]
    }
    for await (const [entry] of this.#watch(read, o)) yield entry?.value ?? ''
  }

  async close(): Promise<void> {
    await endLocks(this.#locks)
    this.#closed.abort()
    this.#announced.clear()
    await this.#session.close()
  }

  #watch(
    read: (watching: Watching, signal: AbortSignal) => Promise<readonly KvEntry[]>,
    o?: WatchOptions,
  ): AsyncIterable<readonly KvEntry[]> {
    const steps = {
      read: async (signal: AbortSignal) => {
        const watching = this.#startWatching()
        try {
          return { entries: [...(await read(watching, signal))].sort(byKey), mark: watching }
        } catch (error) {
          watching.release()
          throw error
        }
      },
      waitForChange: async (watching: Watching, _known: readonly KvEntry[], signal: AbortSignal) => {
        try {
          await raceAbort(signal, () => watching.changed)
        } finally {
          watching.release()
        }
      },
    }
    return watchFolder(steps, this.#options, o)
  }

  #startWatching(): Watching {
    const seen = new Map<string, (error?: Error) => void>()
    let settle: (error?: Error) => void = () => undefined
    const changed = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error))
    })
    changed.catch(() => undefined)
    return {
      changed,
      see: (path) => {
        if (seen.has(path)) return
        seen.set(path, settle)
        this.#session.watch(path, settle)
      },
      release: () => {
        for (const [path, listener] of seen) this.#session.unwatch(path, listener)
      },
    }
  }

  /** All nodes below a folder that hold something or have nothing below them. */
  async #readFolder(folder: string, watching: Watching | undefined, o?: CallOptions): Promise<readonly KvEntry[]> {
    const path = folder === '' ? '/' : toZnodePath(folder)
    const isWatched = watching !== undefined
    watching?.see(path)
    const names = await this.#tree.children(path, isWatched, o)
    if (names === undefined) {
      // Told when it appears.
      if (isWatched) await this.#tree.stat(path, true, o)
      return []
    }
    const parts = await mapLimit(names, readLimit, async (name): Promise<readonly KvEntry[]> => {
      const key = folder === '' ? name : `${folder}/${name}`
      const below = await this.#readFolder(key, watching, o)
      const node = await this.#tree.read(`/${key}`, isWatched, o)
      if (node === undefined || (below.length > 0 && node.data === '')) return below
      return [toEntry(key, node), ...below]
    })
    return parts.flat()
  }

  /** A lost connection is opened again at once while something is announced: the session must not expire. */
  #comeBack(): void {
    // One at a time: each of its own tries may open a connection and lose it.
    if (this.#announced.size === 0 || this.#isComingBack) return
    this.#isComingBack = true
    this.#reannounce()
      .catch(() => undefined)
      .finally(() => (this.#isComingBack = false))
  }

  async #reannounce(): Promise<void> {
    const { signal } = this.#closed
    for (const delayMs of backoffDelays(reconnect, this.#options.random)) {
      await this.#options.clock.sleep(delayMs, signal)
      try {
        for (const [key, value] of this.#announced) await this.announce(key, value, 0, { signal })
        return
      } catch (error) {
        if (hasCode(error, zkCode.authFailed)) return
      }
    }
  }
}

function toVersion(stat: Znode['stat']): string {
  return `${String(stat.createdBy)}.${String(stat.version)}`
}

function toEntry(key: string, { data, stat }: Znode): KvEntry {
  return { key, value: data, version: toVersion(stat) }
}
