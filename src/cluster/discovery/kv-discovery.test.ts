import { describe, expect, it } from 'vitest'
import { testDiscovery } from '../../../test/conformance/discovery.ts'
import type { Log } from '../../core/log.ts'
import { silentLog } from '../../core/log.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { memoryKv } from '../../testing/memory-kv.ts'
import type { MemoryKvServer } from '../../testing/memory-kv.ts'
import type { KnownEngines } from './known-engines.ts'
import { makeClusterStore, openClusterStore } from './kv-discovery.ts'

const heartbeatMs = 10_000
const nodes = 'prod/docker/swarm/nodes'

function makeContext(clock: ManualClock, log: Log = silentLog, options: readonly (readonly [string, string])[] = []) {
  return { clock, log, heartbeatMs, options: new Map(options) }
}

let shared: { readonly clock: ManualClock; readonly server: MemoryKvServer }
testDiscovery('in a store', {
  async make(addresses) {
    const clock = manualClock()
    shared = { clock, server: memoryKv(clock) }
    const kv = shared.server.connect()
    for (const address of new Set(addresses)) await kv.put(`${nodes}/${address}`, address)
    return makeClusterStore(kv, 'prod', makeContext(clock)).discovery
  },
  advance: (ms) => shared.clock.advance(ms),
  async change(addresses) {
    const kv = shared.server.connect()
    for (const entry of await kv.list(nodes)) {
      if (!addresses.includes(entry.value)) await kv.remove(entry.key)
    }
    for (const address of addresses) await kv.put(`${nodes}/${address}`, address)
  },
})

function start(
  options: readonly (readonly [string, string])[] = [],
  state: 'up' | 'down' = 'up',
  known?: KnownEngines,
) {
  const clock = manualClock()
  const server = memoryKv(clock)
  server.setState(state)
  const logged: string[] = []
  const say = (text: string): void => void logged.push(text)
  const context = { ...makeContext(clock, { ...silentLog, error: say, warn: say, info: say }, options), known }
  const store = makeClusterStore(server.connect(), 'prod', context)
  const stop = new AbortController()
  const sets: string[] = []
  const done = (async () => {
    for await (const set of store.discovery.watch({ signal: stop.signal })) sets.push(set.join(' '))
  })()
  return {
    clock,
    server,
    store,
    logged,
    sets,
    raw: server.connect(),
    end: async (): Promise<void> => {
      stop.abort()
      await done
    },
  }
}

describe('engines in a store', () => {
  it('are registered under the layout of classic Swarm, and vanish when nobody renews them', async () => {
    const { clock, raw, store, sets, end } = start()
    await store.discovery.register('10.0.0.1:2375', 30_000)
    expect(await raw.list('')).toMatchObject([{ key: `${nodes}/10.0.0.1:2375`, value: '10.0.0.1:2375' }])
    await store.discovery.register('10.0.0.2:2375', 50_000)
    await clock.advance(25_000)
    await store.discovery.register('10.0.0.2:2375', 50_000)
    await clock.advance(20_000)
    expect(sets).toEqual(['', '10.0.0.1:2375 10.0.0.2:2375', '10.0.0.2:2375'])
    await end()
  })

  it('are looked for below kv.path', async () => {
    const { clock, raw, sets, end } = start([['kv.path', 'docker/nodes']])
    await raw.put('prod/docker/nodes/a:1', 'a:1')
    await raw.put(`${nodes}/b:1`, 'b:1')
    await clock.advance(1000)
    expect(sets.at(-1)).toBe('a:1')
    await end()
  })

  it('with addresses that are none are left out and told with their key, once', async () => {
    const { clock, raw, sets, logged, end } = start()
    const bad = {
      big: 'x'.repeat(10 * 1024 * 1024),
      space: 'http://a b:1',
      port: '127.0.0.1:99999',
      raw: '\uFFFD\uFFFD',
    }
    for (const [key, value] of Object.entries(bad)) await raw.put(`${nodes}/${key}`, value)
    await raw.put(`${nodes}/range`, '10.0.0.[1:65536]:2375')
    await raw.put(`${nodes}/good:1`, 'good:1')
    // Made empty and not yet filled, as a classic joiner at ZooKeeper does.
    await raw.put(`${nodes}/early:1`, '')
    await clock.advance(60_000)
    expect(sets.at(-1)).toBe('early:1 good:1')
    expect(logged).toEqual([
      [
        `Discovery error: key "${nodes}/big": a value of 10485760 characters is no address`,
        `key "${nodes}/port": address 127.0.0.1:99999: invalid port`,
        `key "${nodes}/range": address 10.0.0.[1:65536]:2375: the range has more than 10000 addresses`,
        `key "${nodes}/raw": address \uFFFD\uFFFD: missing port in address`,
        `key "${nodes}/space": address http://a b:1: too many colons in address`,
      ].join('; '),
    ])
    await end()
  })

  it('refuse to be registered under an address that is none', async () => {
    const { store, end } = start()
    await expect(store.discovery.register('nonsense', 1000)).rejects.toThrow(
      'address nonsense: missing port in address',
    )
    await end()
  })

  it('stay while the store is gone, told once a minute, and what expired meanwhile stays for three heartbeats', async () => {
    const { clock, server, store, sets, logged, end } = start()
    await store.discovery.register('a:1', 30_000)
    await store.discovery.register('b:1', 30_000)
    await clock.advance(1000)
    server.setState('down')
    await clock.advance(600_000)
    expect(sets.at(-1)).toBe('a:1 b:1')
    const lines = logged.filter((line) => line.includes('connection refused'))
    expect(lines.length).toBeGreaterThan(3)
    expect(lines.length).toBeLessThanOrEqual(10)
    const before = server.calls
    await clock.advance(60_000)
    expect(server.calls - before).toBeLessThan(12)
    server.setState('up')
    await clock.advance(15_000)
    expect(logged).toContain('Discovery: memory answers again')
    await store.discovery.register('b:1', 1_000_000)
    await clock.advance(10_000)
    expect(sets).toEqual(['', 'a:1 b:1'])
    // Nobody came back for this one.
    await clock.advance(40_000)
    expect(sets).toEqual(['', 'a:1 b:1', 'b:1'])
    await end()
  })

  it('stay while the store is silent', async () => {
    const { clock, server, store, sets, end } = start()
    await store.discovery.register('a:1', 1_000_000)
    await clock.advance(1000)
    server.setState('silent')
    await clock.advance(300_000)
    server.setState('up')
    await clock.advance(60_000)
    expect(sets).toEqual(['', 'a:1'])
    await end()
  })

  it('of a wiped store stay for three heartbeats; one that comes back meanwhile is never missed', async () => {
    const { clock, server, store, sets, logged, end } = start()
    await store.discovery.register('a:1', 1_000_000)
    await store.discovery.register('b:1', 1_000_000)
    await clock.advance(1000)
    server.wipe()
    await clock.advance(20_000)
    expect(sets.at(-1)).toBe('a:1 b:1')
    expect(logged).toEqual([`memory, key ${nodes} lists no engines any more: keeping the known ones for now`])
    await store.discovery.register('a:1', 1_000_000)
    await clock.advance(15_000)
    expect(sets).toEqual(['', 'a:1 b:1', 'a:1'])
    await end()
  })

  it('are found when the store comes up after us', async () => {
    const { clock, server, store, sets, logged, end } = start([], 'down')
    await clock.advance(30_000)
    expect(sets).toEqual([])
    server.setState('up')
    await store.discovery.register('a:1', 1_000_000)
    await clock.advance(15_000)
    expect(sets).toEqual(['a:1'])
    expect(logged.some((line) => line.startsWith('Discovery error: memory'))).toBe(true)
    await end()
  })

  it('of the last run stand in for those of a store that is down, and for three heartbeats after it is back', async () => {
    const kept: (readonly string[])[] = []
    const known: KnownEngines = {
      read: () => Promise.resolve(['a:1', 'b:1']),
      write: (addresses) => Promise.resolve(void kept.push(addresses)),
    }
    const { clock, server, store, sets, logged, end } = start([], 'down', known)
    await clock.advance(1000)
    expect(sets).toEqual(['a:1 b:1'])
    expect(kept).toEqual([])
    expect(logged.filter((line) => line.endsWith('beginning with what the last run knew, 2 engines'))).toHaveLength(1)
    server.setState('up')
    await store.discovery.register('b:1', 1_000_000)
    await store.discovery.register('c:1', 1_000_000)
    await clock.advance(2 * heartbeatMs)
    expect(sets).toEqual(['a:1 b:1', 'a:1 b:1 c:1'])
    await clock.advance(3 * heartbeatMs)
    expect(sets.slice(2)).toEqual(['b:1 c:1'])
    expect(kept.at(-1)).toEqual(['b:1', 'c:1'])
    await end()
  })

  it('of the last run do not count where the store answers', async () => {
    const known: KnownEngines = { read: () => Promise.resolve(['gone:1']), write: () => Promise.resolve() }
    const { clock, store, sets, end } = start([], 'up', known)
    await store.discovery.register('a:1', 1_000_000)
    await clock.advance(heartbeatMs)
    expect(sets.at(-1)).toBe('a:1')
    expect(sets.join(' ')).not.toContain('gone')
    await end()
  })
})

describe('the store of a cluster', () => {
  it('has election and records beside the engines', async () => {
    const { clock, raw, store, end } = start()
    const stop = new AbortController()
    const campaign = (async () => {
      for await (const lease of store.makeLeader(20_000).campaign('10.0.0.9:3376', { signal: stop.signal })) void lease
    })()
    await clock.advance(10)
    expect(store.toKey('flotilla/x')).toBe('prod/docker/swarm/flotilla/x')
    expect((await raw.get('prod/docker/swarm/leader'))?.value).toBe('10.0.0.9:3376')
    stop.abort()
    await clock.advance(10)
    await campaign
    expect(await raw.get('prod/docker/swarm/leader')).toBeUndefined()
    await end()
  })

  it('is opened for the schemes of stores, and connects to nothing', async () => {
    const context = makeContext(manualClock())
    for (const kind of ['etcd', 'consul', 'zk']) {
      const store = await openClusterStore(`${kind}://127.0.0.1:1,[::1]:1/p`, context)
      expect(store.kv.name).toMatch(/ 127\.0\.0\.1:1,\[::1\]:1$/)
      await store.close()
    }
    await expect(openClusterStore('nodes://a:1', context)).rejects.toMatchObject({ code: 'cluster/discovery' })
    const bad = makeContext(manualClock(), silentLog, [['kv.api', 'v9']])
    await expect(openClusterStore('etcd://a', bad)).rejects.toThrow('kv.api is "v9"')
  })
})
