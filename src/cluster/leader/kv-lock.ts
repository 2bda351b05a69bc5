import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Kv } from '../../io/kv/kv.ts'
import type { Leader, Lease } from './leader.ts'

export interface KvLeaderOptions {
  readonly kv: Kv
  /** Key of the lock: `<prefix>/docker/swarm/leader`. Its value while held is the leader's address. */
  readonly key: string
  /** How long a leader that died is still believed in. Stores have limits of their own. */
  readonly ttlMs: number
  readonly clock: Clock
  readonly log: Log
}

/** classicswarm cli/manage.go: after trouble with the store the election is entered again this much later. */
const againMs = 10_000
/** Trouble that goes on is told this often. */
const complainEveryMs = 60_000

/** Leadership by a lock in a key-value store. */
export function makeKvLeader(options: KvLeaderOptions): Leader {
  return {
    campaign: (address, o) => campaign(options, address, o),
    follow: (o) => follow(options, o),
  }
}

async function* campaign(
  options: KvLeaderOptions,
  address: string,
  o: CallOptions,
): AsyncGenerator<Lease | undefined, void> {
  const { kv, key, ttlMs, clock } = options
  const complain = makeComplaint(options, 'Leader Election')
  let isLeader = false
  while (o.signal?.aborted !== true) {
    try {
      for await (const hold of kv.lock(key, address, ttlMs, o)) {
        isLeader = hold !== undefined
        yield hold
      }
    } catch (error) {
      complain(error)
    }
    if (isLeader) yield undefined
    isLeader = false
    await clock.sleep(againMs, o.signal).catch(() => undefined)
  }
}

async function* follow(options: KvLeaderOptions, o: CallOptions): AsyncGenerator<string, void> {
  const complain = makeComplaint(options, 'Watching the leader')
  let last: string | undefined
  while (o.signal?.aborted !== true) {
    try {
      for await (const address of options.kv.watchHolder(options.key, o)) {
        if (address !== last) yield address
        last = address
      }
    } catch (error) {
      // What was known stays: a silent store says nothing about the leader.
      complain(error)
    }
    await options.clock.sleep(againMs, o.signal).catch(() => undefined)
  }
}

function makeComplaint({ clock, log }: KvLeaderOptions, what: string): (error: unknown) => void {
  let saidMs = Number.NEGATIVE_INFINITY
  return (error) => {
    const nowMs = clock.monotonicMs()
    if (nowMs - saidMs < complainEveryMs) return
    saidMs = nowMs
    log.error(`${what}: ${toMessage(error)}`)
  }
}
