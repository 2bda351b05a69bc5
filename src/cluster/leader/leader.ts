import type { CallOptions } from '../../core/call.ts'

/** One term of leadership. */
export interface Lease {
  /** Grows with every change of leader, so that what an earlier leader started can be told apart. */
  readonly term: number
  /** False from the moment when, by a monotonic clock of this process, another manager may lead. Cheap. */
  isHeld(): boolean
  /** Asks whoever elects whether we still lead. False also when nobody says. */
  confirm(o?: CallOptions): Promise<boolean>
}

/** Elects one of several managers. */
export interface Leader {
  /**
   * Stands for election with `address` until the signal aborts, which resigns at once. Yields a lease when elected and
   * undefined when leadership ended. Trouble with the store is logged and retried, not thrown.
   */
  campaign(address: string, o: CallOptions): AsyncIterable<Lease | undefined>
  /** The leader's address each time it changes; empty when there is none. */
  follow(o: CallOptions): AsyncIterable<string>
}
