import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { backoffDelays } from '../../core/retry.ts'
import type { Kv } from '../../io/kv/kv.ts'
import { systemRandom } from '../../io/random.ts'
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

/**
 * After trouble with the store the election is entered again: soon, because nobody leads until then, and in the end as
 * rarely as in classicswarm cli/manage.go.
 */
const backoff = { firstMs: 1000, maxMs: 10_000, jitterRatio: 0.3 }
/** What went well for so long was no part of the trouble before. */
const soundMs = 30_000
/** Who leads is read anew this often, also without news: a watch may have died without a word. */
const longestRereadMs = 5000
const shortestRereadMs = 1000
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
  const { kv, key, ttlMs } = options
  const complain = makeComplaint(options, 'Leader Election')
  const pause = makePause(options, o)
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
    await pause()
  }
}

async function* follow(options: KvLeaderOptions, o: CallOptions): AsyncGenerator<string, void> {
  const complain = makeComplaint(options, 'Watching the leader')
  const pause = makePause(options, o)
  const rereadMs = Math.min(longestRereadMs, Math.max(shortestRereadMs, options.ttlMs / 4))
  let last: string | undefined
  while (o.signal?.aborted !== true) {
    try {
      for await (const address of options.kv.watchHolder(options.key, { ...o, rereadMs })) {
        if (address !== last) yield address
        last = address
      }
    } catch (error) {
      // What was known stays: a silent store says nothing about the leader.
      complain(error)
    }
    await pause()
  }
}

/** Waits until the next try: longer each time, unless the last one went well for long. */
function makePause({ clock }: KvLeaderOptions, o: CallOptions): () => Promise<void> {
  let delays = backoffDelays(backoff, systemRandom)
  let sinceMs = clock.monotonicMs()
  return async () => {
    if (clock.monotonicMs() - sinceMs >= soundMs) delays = backoffDelays(backoff, systemRandom)
    await clock.sleep(delays.next().value ?? backoff.maxMs, o.signal).catch(() => undefined)
    sinceMs = clock.monotonicMs()
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
