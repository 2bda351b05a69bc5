import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import type { MutualTls } from '../../io/dial.ts'
import type { KnownEngines } from './known-engines.ts'

/** A watchable set of engine addresses. */
export interface Discovery {
  /**
   * The full set each time it changed, `host:port`, without duplicates, sorted. The first set comes as soon as
   * it is known. Ends when the signal aborts. Passing trouble (unreadable file, silent store) is logged and does
   * not end the iteration: the last set stays valid.
   *
   * @throws {cluster/discovery} at the first step, when the set can never be read (malformed address list)
   */
  watch(o?: CallOptions): AsyncIterable<readonly string[]>
  /**
   * Announces an engine for `ttlMs`.
   * @throws {cluster/discovery} when the back end cannot do it
   */
  register(addr: string, ttlMs: number, o?: CallOptions): Promise<void>
  /** Takes back what was registered, where the back end can, and ends connections. Absent: there is nothing to end. */
  close?(): Promise<void>
}

/** What a back end gets besides its address. */
export interface DiscoveryContext {
  readonly clock: Clock
  readonly log: Log
  /** Poll and retry period. */
  readonly heartbeatMs: number
  /** `--discovery-opt` pairs. */
  readonly options: ReadonlyMap<string, string>
  /** What the files of `kv.cacertfile`, `kv.certfile` and `kv.keyfile` hold, when all three are given. */
  readonly storeTls?: MutualTls | undefined
  /** What a store told at the last run, to begin with when it does not answer. */
  readonly known?: KnownEngines | undefined
}

/**
 * Makes a back end from the part of the discovery URL after `://`.
 * @throws {cluster/discovery} when that part makes no sense
 */
export type MakeDiscovery = (rest: string, context: DiscoveryContext) => Discovery
