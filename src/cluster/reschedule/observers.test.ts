import { request } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Log } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { systemRandom } from '../../io/random.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import type { FaultProxy } from '../../testing/fault-proxy.ts'
import { memoryElection } from '../../testing/memory-election.ts'
import type { MemoryElection } from '../../testing/memory-election.ts'
import { startEndpoint } from '../endpoint.ts'
import type { RunningEndpoint } from '../endpoint.ts'
import { defaultFilters } from '../filters/default-filters.ts'
import { spreadStrategy } from '../strategies/spread.ts'
import { memoryRecords } from './record-store.ts'
import type { ObserverRule } from './sight.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A manager that reaches each engine through a proxy of its own. */
interface Manager {
  readonly endpoint: RunningEndpoint
  readonly address: string
  readonly log: string[]
  /** Ways to the engines, in their order. */
  readonly ways: readonly FaultProxy[]
  call<T>(method: string, path: string, body?: unknown): Promise<T>
}

async function startManager(
  engines: readonly FakeEngine[],
  memory: MemoryElection,
  observers?: ObserverRule,
): Promise<Manager> {
  const log: string[] = []
  const note = (message: string): void => void log.push(message)
  const recording: Log = { debug() {}, info: note, warn: note, error: note }
  const ways = await Promise.all(engines.map((each) => startFaultProxy(targetOf(each))))
  cleanups.push(async () => void (await Promise.all(ways.map((each) => each.stop()))))
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const endpoint = await startEndpoint({
    discovery: {
      register: () => Promise.reject(new Error('not in this test')),
      async *watch(call) {
        yield ways.map((way) => `127.0.0.1:${way.port}`)
        await new Promise<void>((resolve) => call?.signal?.addEventListener('abort', () => resolve()))
      },
    },
    listen: [{ kind: 'tcp', host: '127.0.0.1', port }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: recording,
    watch: { probeMs: 100, failureRetry: 2 },
    records: memoryRecords(),
    replication: { leader: memory.leader(), address },
    ...(observers === undefined ? {} : { observers }),
  })
  cleanups.push(() => endpoint.closeNow())
  await eventually(() => endpoint.cluster.healthyMembers().length === engines.length, 'all engines')
  return { endpoint, address, log, ways, call: (method, path, body) => ask(port, method, path, body) }
}

function targetOf(engine: FakeEngine): { readonly host: string; readonly port: number } {
  if (engine.endpoint.kind !== 'tcp') throw new Error('a fake engine listens on TCP')
  return { host: engine.endpoint.host, port: engine.endpoint.port }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function ask<T>(port: number, method: string, path: string, body?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const sent = request({ port, host: '127.0.0.1', method, path, agent: false }, (reply) => {
      let all = ''
      reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => {
        try {
          resolve(JSON.parse(all) as T)
        } catch {
          resolve(all as T)
        }
      })
      reply.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

async function eventually(check: () => Promise<boolean> | boolean, what: string, limitMs = 30_000): Promise<void> {
  const start = Date.now()
  while (!(await check())) {
    if (Date.now() - start > limitMs) throw new Error(`${what} did not come about`)
    await systemClock.sleep(20)
  }
}

/** Names of the engines that have a container of that name. */
function holders(engines: readonly FakeEngine[], name: string): readonly string[] {
  return engines
    .filter((engine) => [...engine.state.containers.values()].some((each) => each.name === name))
    .map((engine) => engine.state.options.name ?? '')
}

interface Bed {
  readonly engines: readonly [FakeEngine, FakeEngine]
  readonly managers: readonly [Manager, Manager]
}

/** Two managers over two engines; the first leads, knows the second, and has a container with a policy on n1. */
async function startBed(observers?: ObserverRule): Promise<Bed> {
  const engines = await Promise.all(
    ['n1', 'n2'].map(async (name) => {
      const engine = await startFakeEngine({ name, images: ['busybox:latest'] })
      cleanups.push(() => engine.stop())
      return engine
    }),
  )
  const memory = memoryElection()
  const first = await startManager(engines, memory, observers)
  const second = await startManager(engines, memory, observers)
  await eventually(
    async () => (await first.call<{ Others: string[] }>('GET', '/flotilla/managers')).Others.includes(second.address),
    'word of the second manager',
  )
  const Env = ['constraint:node==~n1', 'reschedule:on-node-failure']
  await first.call('POST', '/containers/create?name=web', { Image: 'busybox:latest', Env })
  expect(holders(engines, 'web')).toEqual(['n1'])
  await eventually(
    () =>
      first.endpoint.cluster
        .snapshot()
        .nodes.every((node) => node.containers.every((each) => each.recipe !== undefined && !each.isPartial)),
    'the record',
  )
  await systemClock.sleep(1100)
  return { engines: engines as unknown as Bed['engines'], managers: [first, second] }
}

describe('an engine that the leader alone cannot reach', () => {
  it('keeps its containers while the other manager reaches it, and loses them when nobody does', async () => {
    const { engines, managers } = await startBed()
    const [leader, other] = managers
    leader.ways[0]?.setFault({ kind: 'refuse' }, true)
    const seen = `not reached from here, but from manager ${other.address}`
    await eventually(
      () => leader.log.some((line) => line.includes(`is ${seen}: its containers stay`)),
      'the other’s word',
    )
    const node = await leader.call<Record<string, unknown>>('GET', '/flotilla/nodes/n1')
    expect(node).toMatchObject({
      State: 'unhealthy',
      ReachedBy: [other.address],
      ContainersLeaving: 1,
      ContainersHeld: 1,
    })
    expect(node['Error']).toContain(seen)
    expect(node['Moves']).toMatchObject([{ Name: 'web', Reason: 'failure', State: 'held', Why: `node n1 is ${seen}` }])
    const pinned = { Image: 'busybox:latest', Env: ['constraint:node==n1'] }
    expect(JSON.stringify(await other.call('POST', '/flotilla/explain', pinned))).toContain(`(${seen})`)
    expect(JSON.stringify(await other.call('POST', '/containers/web/stop'))).toContain(`(${seen})`)
    const metrics = await leader.call<string>('GET', '/flotilla/metrics')
    expect(metrics).toMatch(/^flotilla_engine_reached_by_others\{node="n1",[^}]*\} 1$/m)
    expect(metrics).toContain('\nflotilla_other_managers 1\n')
    await systemClock.sleep(4000)
    expect(holders(engines, 'web')).toEqual(['n1'])

    other.ways[0]?.setFault({ kind: 'refuse' }, true)
    await eventually(() => holders(engines, 'web').includes('n2'), 'the replacement')
    expect(leader.log.some((line) => line.includes('is not reached from any other manager any more'))).toBe(true)
  })

  it('loses them at once where nobody is to be asked', async () => {
    const { engines, managers } = await startBed({ kind: 'off' })
    managers[0].ways[0]?.setFault({ kind: 'refuse' }, true)
    await eventually(() => holders(engines, 'web').includes('n2'), 'the replacement')
  })

  it('loses them when the other manager reaches it but does not answer the leader', async () => {
    const { engines, managers } = await startBed()
    managers[1].endpoint.closeNow()
    managers[0].ways[0]?.setFault({ kind: 'refuse' }, true)
    await eventually(() => holders(engines, 'web').includes('n2'), 'the replacement')
  })
})

describe('what managers tell each other', () => {
  it('an address that is none, the own one, and too long a list are refused', async () => {
    const { managers } = await startBed()
    const [leader] = managers
    const told = async (Address: unknown): Promise<string> =>
      JSON.stringify(await leader.call('POST', '/flotilla/managers', { Address }))
    expect(await told('nonsense')).toContain('HOST:PORT')
    expect(await told(7)).toContain('HOST:PORT')
    expect(await told(leader.address)).toContain('besides this one')
    const Engines = Array.from({ length: 65 }, (_, at) => ({ ID: `e${at}`, Addr: '' }))
    expect(JSON.stringify(await leader.call('POST', '/flotilla/sightings', { Engines }))).toContain('at most 64')
    expect(
      await leader.call('POST', '/flotilla/sightings', { Engines: [{ ID: 'x', Addr: 'not an address' }, 7] }),
    ).toEqual([{ ID: 'x', Addr: 'not an address', IsReached: false }])
  })
})
