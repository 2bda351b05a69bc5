import { describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { memoryKv } from '../../testing/memory-kv.ts'
import { makeKvLeader } from './kv-lock.ts'
import type { Lease } from './leader.ts'

const ttlMs = 20_000

function start() {
  const clock = manualClock()
  const server = memoryKv(clock)
  const logged: string[] = []
  const log = { ...silentLog, error: (text: string) => void logged.push(text) }
  const make = () => makeKvLeader({ kv: server.connect(), key: 'docker/swarm/leader', ttlMs, clock, log })
  function run<T>(iterate: (signal: AbortSignal) => AsyncIterable<T>) {
    const stop = new AbortController()
    const seen: T[] = []
    const done = (async () => {
      for await (const each of iterate(stop.signal)) seen.push(each)
    })()
    return {
      seen,
      async end() {
        stop.abort()
        await clock.advance(5000)
        await done
      },
    }
  }
  return {
    clock,
    server,
    logged,
    stand: (address: string) => run<Lease | undefined>((signal) => make().campaign(address, { signal })),
    follow: () => run<string>((signal) => make().follow({ signal })),
  }
}

describe('leadership in a store', () => {
  it('ends with the lease when the store is gone, is tried again every 10 s in the end, and told once a minute', async () => {
    const { clock, server, logged, stand, follow } = start()
    const leader = stand('a:1')
    const follower = follow()
    await clock.advance(1000)
    server.setState('down')
    await clock.advance(10_000)
    expect(leader.seen.map((lease) => lease?.isHeld())).toEqual([true])
    await clock.advance(11_000)
    expect(leader.seen.map((lease) => lease?.isHeld())).toEqual([false, undefined])
    await clock.advance(600_000)
    // What was known of the leader stays.
    expect(follower.seen).toEqual(['a:1'])
    expect(logged.filter((line) => line.startsWith('Leader Election: ')).length).toBeLessThanOrEqual(11)
    expect(logged.filter((line) => line.startsWith('Watching the leader: ')).length).toBeLessThanOrEqual(11)
    server.setState('up')
    await clock.advance(15_000)
    expect(leader.seen.map((lease) => lease?.isHeld())).toEqual([false, undefined, true])
    expect(leader.seen[2]?.term).toBeGreaterThan(leader.seen[0]?.term ?? Infinity)
    await leader.end()
    await follower.end()
  })

  it('is stood for again soon when the store was away for a moment', async () => {
    const { clock, server, stand, follow } = start()
    server.setState('down')
    const leader = stand('a:1')
    const follower = follow()
    await clock.advance(2000)
    server.setState('up')
    await clock.advance(4000)
    expect(leader.seen.map((lease) => lease?.isHeld())).toEqual([true])
    expect(follower.seen.at(-1)).toBe('a:1')
    await leader.end()
    await follower.end()
  })

  it('passes on, and is known to have, where the watches have died without a word', async () => {
    const { clock, server, stand, follow } = start()
    const first = stand('a:1')
    await clock.advance(1000)
    const second = stand('b:1')
    const follower = follow()
    await clock.advance(1000)
    server.loseWatches()
    await first.end()
    await clock.advance(5500)
    expect(second.seen.map((lease) => lease?.isHeld())).toEqual([true])
    expect(follower.seen.at(-1)).toBe('b:1')
    await second.end()
    await follower.end()
  })

  it('passes on when its time is up, and the frozen leader that comes back knows', async () => {
    const { clock, server, stand } = start()
    const first = stand('a:1')
    await clock.advance(1000)
    // The first leader's process stands still: nothing renews its lock, which runs out.
    const [lease] = first.seen
    server.setState('silent')
    await clock.advance(ttlMs)
    expect(lease?.isHeld()).toBe(false)
    server.setState('up')
    const second = stand('b:1')
    await clock.advance(1000)
    expect(second.seen.map((each) => each?.isHeld())).toEqual([true])
    expect(await lease?.confirm()).toBe(false)
    await first.end()
    await second.end()
  })
})
