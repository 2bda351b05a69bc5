import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Engine, EngineReply } from '../../engine/engine.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { openSwarmElection } from './open-swarm-leader.ts'
import { findSwarmManagers } from './swarm-managers.ts'

/** Engines that say after a while whether they are managers of a swarm. */
const clock = manualClock()
let answerMs = new Map<string, number>()
let open: string[] = []
let asked: string[] = []
afterEach(() => {
  answerMs = new Map()
  open = []
  asked = []
})

function openEngine(address: string): Engine {
  open.push(address)
  let isClosed = false
  return {
    endpoint: { kind: 'tcp', host: address, port: 2375 },
    apiVersion: () => Promise.resolve('1.41'),
    hijack: () => Promise.reject(new Error('not asked for')),
    close() {
      if (!isClosed) open.splice(open.indexOf(address), 1)
      isClosed = true
      return Promise.resolve()
    },
    async request(_, o) {
      asked.push(address)
      const tookMs = answerMs.get(address) ?? 0
      const limitMs = o?.deadlineMs ?? 30_000
      if (tookMs > 0) await clock.sleep(Math.min(tookMs, limitMs))
      if (tookMs > limitMs) throw new FlotillaError('engine/timeout', 'no answer')
      if (isClosed) throw new FlotillaError('engine/unreachable', 'the client is closed')
      return { json: () => Promise.resolve({ Swarm: { ControlAvailable: true } }) } as unknown as EngineReply
    },
  }
}

/** Lets time pass until the promise is settled. */
async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  const state = { isDone: false }
  const done = promise.finally(() => (state.isDone = true))
  for (let ms = 0; ms <= limitMs && !state.isDone; ms += 1000) {
    await new Promise((resolve) => void setImmediate(resolve))
    await clock.advance(1000)
  }
  await new Promise((resolve) => void setImmediate(resolve))
  if (!state.isDone) throw new Error(`not within ${limitMs} ms`)
  return done
}

describe('managers of a native swarm', () => {
  it('looked for again by several at once are asked once, and those in use stay open', async () => {
    const managers = findSwarmManagers({ addresses: () => ['a', 'b'], openEngine, clock })
    const before = await managers.find(false, {})
    await clock.advance(6000)
    asked = []
    answerMs.set('b', 3000)
    const found = await within(4000, Promise.all([managers.find(true, {}), managers.find(true, {})]))
    expect(found).toEqual([before.slice(0, 1), before.slice(0, 1)])
    await within(4000, clock.sleep(3000))
    expect(await managers.find(false, {})).toEqual(before)
    expect([asked, open]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
    managers.close()
    expect(open).toEqual([])
  })

  it('that are silent are forgotten only for others that answer', async () => {
    const managers = findSwarmManagers({ addresses: () => ['a', 'b'], openEngine, clock })
    const [a, b] = await managers.find(false, {})
    await clock.advance(6000)
    answerMs = new Map([
      ['a', 60_000],
      ['b', 60_000],
    ])
    expect(await within(12_000, managers.find(true, {}))).toEqual([a, b])
    expect(managers.isUnsure).toBe(true)
    await clock.advance(6000)
    answerMs.delete('b')
    expect(await within(12_000, managers.find(true, {}))).toEqual([b])
    // The look at the other one goes on.
    await within(12_000, clock.sleep(10_000))
    expect(await managers.find(false, {})).toEqual([b])
    expect(open).toEqual(['b'])
  })

  it('that answer are not waited for behind engines that hang, however many those are', async () => {
    const hanging = Array.from({ length: 100 }, (_, index) => `h${index}`)
    for (const address of hanging) answerMs.set(address, 60_000)
    const managers = findSwarmManagers({ addresses: () => [...hanging, 'a'], openEngine, clock })
    const startMs = clock.monotonicMs()
    expect(await within(6000, managers.find(false, {}))).toHaveLength(1)
    expect(clock.monotonicMs() - startMs).toBeLessThan(6000)
    await within(30_000, clock.sleep(20_000))
    expect([managers.isUnsure, open]).toEqual([true, ['a']])
  })

  it('that take their time are found too, after those that do not', async () => {
    answerMs.set('b', 4000)
    const managers = findSwarmManagers({ addresses: () => ['b', 'a'], openEngine, clock })
    const [a, ...others] = await within(3000, managers.find(false, {}))
    expect([a?.endpoint, others]).toEqual([{ kind: 'tcp', host: 'a', port: 2375 }, []])
    await within(6000, clock.sleep(4000))
    const found = await managers.find(false, {})
    expect(found.map(({ endpoint }) => (endpoint.kind === 'tcp' ? endpoint.host : ''))).toEqual(['a', 'b'])
    managers.close()
    expect(open).toEqual([])
  })

  it('that are found no more while a look is under way are not left open when the manager ends', async () => {
    answerMs.set('b', 4000)
    const managers = findSwarmManagers({ addresses: () => ['a', 'b'], openEngine, clock })
    await within(3000, managers.find(false, {}))
    managers.close()
    await within(6000, clock.sleep(5000))
    expect(open).toEqual([])
  })

  it('without a majority are found at the start, though they take 20 s to say what they are', async () => {
    answerMs.set('a', 20_000)
    const discovery: Discovery = {
      register: () => Promise.reject(new Error('not asked for')),
      async *watch() {
        yield ['a']
      },
    }
    const election = await within(60_000, openSwarmElection({ discovery, openEngine, clock, log: silentLog }))
    expect(election).toBeDefined()
    election?.close()
  })
})
