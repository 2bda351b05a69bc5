import type { CallOptions } from '../core/call.ts'
import { makeChildAbort } from '../core/child-abort.ts'
import type { Clock } from '../core/clock.ts'
import { throwIfAborted } from '../core/deadline.ts'
import { FlotillaError } from '../core/errors.ts'
import { systemClock } from '../io/clock.ts'
import { endLocks, holdLock } from '../io/kv/hold-lock.ts'
import type { RunningLocks, TakenLock } from '../io/kv/hold-lock.ts'
import type { Kv, KvEntry, KvHold, WatchOptions } from '../io/kv/kv.ts'
import { watchFolder } from '../io/kv/watch-folder.ts'

interface Item {
  readonly value: string
  readonly revision: number
  readonly expiresMs: number
}

/** A store in this process that several clients share, and that tests can break. */
export interface MemoryKvServer {
  /** A client of its own, with locks and announcements of its own. */
  connect(): Kv
  /** `down`: every call is refused at once. `silent`: calls never answer and end at their deadlines. */
  setState(state: 'up' | 'down' | 'silent'): void
  /** Whoever waits for a change at this moment hears of none, as over a connection that died without a word. */
  loseWatches(): void
  /** Drops everything, as a store restarted without its disk. */
  wipe(): void
  /** Calls served so far. */
  readonly calls: number
}

const callLimitMs = 10_000

/** Starts an empty store. Keys expire by the clock given. */
export function memoryKv(clock: Clock = systemClock): MemoryKvServer {
  return new Server(clock)
}

class Server implements MemoryKvServer {
  readonly clock: Clock
  readonly #items = new Map<string, Item>()
  readonly #waiting = new Set<() => void>()
  #state: 'up' | 'down' | 'silent' = 'up'
  #revision = 0
  #era = 0
  calls = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  connect(): Kv {
    return new Client(this)
  }

  setState(state: 'up' | 'down' | 'silent'): void {
    this.#state = state
  }

  loseWatches(): void {
    this.#era += 1
    this.#waiting.clear()
  }

  wipe(): void {
    this.#items.clear()
    this.#revision += 1
    this.#notify()
  }

  get revision(): number {
    return this.#revision
  }

  /** Lets a call in when the store is well. */
  async enter(o: CallOptions = {}): Promise<void> {
    throwIfAborted(o.signal)
    this.calls += 1
    if (this.#state === 'silent') {
      await this.clock.sleep(o.deadlineMs ?? callLimitMs, o.signal)
      throw new FlotillaError('core/deadline', 'memory did not answer')
    }
    if (this.#state === 'down') throw new FlotillaError('io/connect', 'memory: connection refused')
    this.#expire()
  }

  get(key: string): Item | undefined {
    this.#expire()
    return this.#items.get(key)
  }

  list(folder: string): readonly KvEntry[] {
    const prefix = folder === '' ? '' : `${folder}/`
    const found = [...this.#items].filter(([key]) => key.startsWith(prefix))
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => toEntry(key, item))
  }

  set(key: string, value: string, ttlMs = Infinity): number {
    this.#revision += 1
    this.#items.set(key, { value, revision: this.#revision, expiresMs: this.clock.monotonicMs() + ttlMs })
    this.#notify()
    return this.#revision
  }

  /** Prolongs a key without a trace. */
  touch(key: string, item: Item, ttlMs: number): void {
    this.#items.set(key, { ...item, expiresMs: this.clock.monotonicMs() + ttlMs })
  }

  delete(key: string): boolean {
    const isThere = this.#items.delete(key)
    if (!isThere) return false
    this.#revision += 1
    this.#notify()
    return true
  }

  /** Resolves when something has changed since `revision`, expiry included. */
  async waitForChange(revision: number, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    if (this.#revision !== revision) return
    const next = Math.min(...[...this.#items.values()].map((item) => item.expiresMs))
    const stop = makeChildAbort(signal)
    const era = this.#era
    try {
      await new Promise<void>((resolve, reject) => {
        const wake = (): void => {
          if (era === this.#era) resolve()
        }
        this.#waiting.add(wake)
        stop.signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        if (Number.isFinite(next)) {
          this.clock.sleep(next - this.clock.monotonicMs(), stop.signal).then(wake, () => undefined)
        }
      })
    } finally {
      stop.abort()
    }
    await this.enter({ signal })
  }

  #expire(): void {
    const nowMs = this.clock.monotonicMs()
    for (const [key, item] of this.#items) {
      if (item.expiresMs > nowMs) continue
      this.#items.delete(key)
      this.#revision += 1
    }
  }

  #notify(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

function toEntry(key: string, item: Item): KvEntry {
  return { key, value: item.value, version: String(item.revision) }
}

class Client implements Kv {
  readonly name = 'memory'
  readonly #server: Server
  readonly #context: { readonly clock: Clock; readonly random: { next(): number } }
  readonly #announced = new Set<string>()
  readonly #locks: RunningLocks = new Set()

  constructor(server: Server) {
    this.#server = server
    this.#context = { clock: server.clock, random: { next: () => 0.5 } }
  }

  async get(key: string, o?: CallOptions): Promise<KvEntry | undefined> {
    await this.#server.enter(o)
    const item = this.#server.get(key)
    return item === undefined ? undefined : toEntry(key, item)
  }

  async list(folder: string, o?: CallOptions): Promise<readonly KvEntry[]> {
    await this.#server.enter(o)
    return this.#server.list(folder)
  }

  async put(key: string, value: string, o?: CallOptions): Promise<void> {
    await this.#server.enter(o)
    this.#server.set(key, value)
  }

  async announce(key: string, value: string, ttlMs: number, o?: CallOptions): Promise<void> {
    await this.#server.enter(o)
    this.#announced.add(key)
    const item = this.#server.get(key)
    if (item?.value === value) this.#server.touch(key, item, ttlMs)
    else this.#server.set(key, value, ttlMs)
  }

  async compareAndSet(
    key: string,
    value: string,
    version: string | undefined,
    o?: CallOptions,
  ): Promise<string | undefined> {
    await this.#server.enter(o)
    const item = this.#server.get(key)
    if ((item === undefined ? undefined : String(item.revision)) !== version) return undefined
    return String(this.#server.set(key, value))
  }

  async remove(key: string, version?: string, o?: CallOptions): Promise<boolean> {
    await this.#server.enter(o)
    if (version !== undefined && String(this.#server.get(key)?.revision) !== version) return false
    return this.#server.delete(key)
  }

  watch(folder: string, o?: WatchOptions): AsyncIterable<readonly KvEntry[]> {
    return watchFolder(
      this.#steps(() => this.#server.list(folder)),
      this.#context,
      o,
    )
  }

  async *watchHolder(key: string, o?: WatchOptions): AsyncGenerator<string, void> {
    const read = (): readonly KvEntry[] => {
      const item = this.#server.get(key)
      return item === undefined ? [] : [toEntry(key, item)]
    }
    for await (const [entry] of watchFolder(this.#steps(read), this.#context, o)) yield entry?.value ?? ''
  }

  lock(key: string, value: string, ttlMs: number, o?: CallOptions): AsyncIterable<KvHold | undefined> {
    const server = this.#server
    const steps = {
      async take(call: CallOptions): Promise<TakenLock | undefined> {
        await server.enter(call)
        if (server.get(key) !== undefined) return undefined
        const term = server.set(key, value, ttlMs)
        return {
          term,
          validMs: ttlMs,
          renewEveryMs: ttlMs / 3,
          async renew(limit) {
            await server.enter(limit)
            const item = server.get(key)
            if (item?.revision !== term) return false
            server.touch(key, item, ttlMs)
            return true
          },
          async confirm(limit) {
            await server.enter(limit)
            return server.get(key)?.revision === term
          },
          async release(limit) {
            await server.enter(limit)
            if (server.get(key)?.revision === term) server.delete(key)
          },
        }
      },
      async waitUntilFree(signal: AbortSignal): Promise<void> {
        const { revision } = server
        if (server.get(key) !== undefined) await server.waitForChange(revision, signal)
      },
    }
    return holdLock(steps, this.#context, this.#locks, o)
  }

  async close(): Promise<void> {
    await endLocks(this.#locks)
    for (const key of this.#announced) this.#server.delete(key)
    this.#announced.clear()
  }

  #steps(read: () => readonly KvEntry[]) {
    return {
      read: async (signal: AbortSignal) => {
        await this.#server.enter({ signal })
        return { entries: read(), mark: this.#server.revision }
      },
      waitForChange: (mark: number, _known: readonly KvEntry[], signal: AbortSignal) =>
        this.#server.waitForChange(mark, signal),
    }
  }
}
