import type { CallOptions } from '../../core/call.ts'

/** One key of a store. Keys have no leading slash: `docker/swarm/nodes/10.0.0.1:2375`. */
export interface KvEntry {
  readonly key: string
  /** Bytes that are not UTF-8 come as U+FFFD: who reads values checks them. */
  readonly value: string
  /** Changes with every write of the key; only good for `compareAndSet` and `remove` of the same store. */
  readonly version: string
}

/** How a folder is watched. */
export interface WatchOptions extends CallOptions {
  /**
   * The folder is read again this often also without news, so that a connection that died without a word is noticed
   * and nothing stays missed. Default 60 s.
   */
  readonly rereadMs?: number
}

/**
 * A key-value store that several programs share: etcd, Consul, ZooKeeper. What discovery, leader election and the
 * cluster's durable records stand on.
 *
 * Every call has a deadline of its own when the caller gives none, and fails with `io/connect` (nobody answered),
 * `io/protocol` (nonsense was answered) or `core/deadline`. Nothing here retries: callers know what a repetition means.
 * Only the choice of the endpoint is its own: one that cannot be reached is passed over.
 */
export interface Kv {
  /** Of the store, for messages: `etcd 10.0.0.1:2379`. Holds no secret. */
  readonly name: string
  get(key: string, o?: CallOptions): Promise<KvEntry | undefined>
  /** Every key below `folder`, at any depth, sorted by key. A folder that does not exist is empty. */
  list(folder: string, o?: CallOptions): Promise<readonly KvEntry[]>
  put(key: string, value: string, o?: CallOptions): Promise<void>
  /**
   * Writes a key that vanishes `ttlMs` after the last `announce` of it, or at once when this client is closed, as the
   * store can. Writes nothing when the store still has it so: watchers are not woken by heartbeats.
   */
  announce(key: string, value: string, ttlMs: number, o?: CallOptions): Promise<void>
  /**
   * Writes when the key still has this version; `undefined` means it must not exist.
   * @returns the new version, or undefined when somebody else was first
   */
  compareAndSet(key: string, value: string, version: string | undefined, o?: CallOptions): Promise<string | undefined>
  /** @returns false when the key is not there, or has another version than the one given */
  remove(key: string, version?: string, o?: CallOptions): Promise<boolean>
  /**
   * The folder's entries: at once, then each time something below it changed. Several changes may come as one. Resumes
   * over broken connections by itself and re-lists where it cannot resume; throws when the folder cannot be read, so
   * that the caller decides about waiting. Ends when the signal aborts.
   */
  watch(folder: string, o?: WatchOptions): AsyncIterable<readonly KvEntry[]>
  /**
   * Stands for a lock until the signal aborts, which gives it up before the iteration ends. Yields a hold when it is
   * won, undefined when it is lost. Renewal goes on whatever the reader does meanwhile. Throws when the store cannot
   * be asked; a hold that was won is over then.
   *
   * @param value what readers of `key` see while it is held
   * @param ttlMs how long a holder that died keeps it; each store has limits of its own (docs: high availability)
   */
  lock(key: string, value: string, ttlMs: number, o?: CallOptions): AsyncIterable<KvHold | undefined>
  /**
   * The value of a lock's holder each time it changes, the first time at once; empty while nobody holds it. Throws when
   * the store cannot be asked. Ends when the signal aborts.
   */
  watchHolder(key: string, o?: WatchOptions): AsyncIterable<string>
  /** Gives up locks, takes back what was announced, and ends connections and sessions. Idempotent. */
  close(): Promise<void>
}

/** A lock that is held. */
export interface KvHold {
  /** Grows with every change of holder: the fencing number. */
  readonly term: number
  /** False from the moment when, by a monotonic clock of this process, the store may have given the lock to another. */
  isHeld(): boolean
  /** Asks the store whether it is still ours. False also when the store does not say. */
  confirm(o?: CallOptions): Promise<boolean>
}
