import { AsyncLocalStorage } from 'node:async_hooks'
import { request } from 'node:http'
import { describe, expect, it as test } from 'vitest'
import type { Log } from '../../core/log.ts'
import { renderEndpoint } from '../../engine/endpoint-parse.ts'
import { systemClock } from '../../io/clock.ts'
import { systemRandom } from '../../io/random.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { addFakeNetwork } from '../../testing/fake-engine/network-handlers.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { memoryElection } from '../../testing/memory-election.ts'
import type { MemoryElection } from '../../testing/memory-election.ts'
import type { FakeEngine, FakeEngineOptions } from '../../testing/fake-engine/fake-engine.ts'
import { startEndpoint } from '../endpoint.ts'
import type { EndpointOptions, RunningEndpoint } from '../endpoint.ts'
import { defaultFilters } from '../filters/default-filters.ts'
import { spreadStrategy } from '../strategies/spread.ts'
import { memoryRecords } from './record-store.ts'
import type { RecordStore } from './record-store.ts'

type Cleanup = () => Promise<void> | void
const running = new AsyncLocalStorage<Cleanup[]>()
const cleanups = { push: (cleanup: Cleanup): void => void running.getStore()?.push(cleanup) }

/**
 * Most of their time these wait for engines to be missed: they wait side by side, each with engines of its own, and on a
 * busy machine all of them for long.
 */
function it(name: string, body: () => Promise<void>): void {
  test.concurrent(name, () => running.run([], () => tidily(body)), 180_000)
}

async function tidily(body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } finally {
    for (const cleanup of running.getStore()?.reverse() ?? []) await cleanup()
  }
}

const image = 'busybox:latest'
const policy = 'reschedule:on-node-failure'

interface Manager {
  readonly endpoint: RunningEndpoint
  readonly log: string[]
  setAddresses(addresses: readonly string[]): void
  call<T>(method: string, path: string, body?: unknown): Promise<T>
}

async function startEngines(count: number, options: FakeEngineOptions = {}): Promise<FakeEngine[]> {
  const engines: FakeEngine[] = []
  for (let index = 0; index < count; index += 1) {
    const engine = await startFakeEngine({ name: `n${index + 1}`, images: [image], ...options })
    cleanups.push(() => engine.stop())
    engines.push(engine)
  }
  return engines
}

function addressOf(engine: FakeEngine): string {
  return renderEndpoint(engine.endpoint).replace('tcp://', '')
}

async function startManager(
  engines: readonly FakeEngine[],
  o: { readonly store?: RecordStore; readonly replication?: EndpointOptions['replication'] } = {},
): Promise<Manager> {
  const log: string[] = []
  const note = (message: string): void => void log.push(message)
  const recording: Log = { debug() {}, info: note, warn: note, error: note }
  const endpoint = await startEndpoint({
    discovery: {
      register: () => Promise.reject(new Error('not in this test')),
      async *watch(call) {
        yield engines.map(addressOf)
        await new Promise<void>((resolve) => call?.signal?.addEventListener('abort', () => resolve()))
      },
    },
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: recording,
    watch: { probeMs: 100, failureRetry: 2 },
    ...(o.store === undefined ? {} : { records: o.store }),
    ...(o.replication === undefined ? {} : { replication: o.replication }),
  })
  cleanups.push(() => endpoint.closeNow())
  const port = Number(new URL(endpoint.addresses[0] ?? '').port)
  const manager: Manager = {
    endpoint,
    log,
    setAddresses: (addresses) => endpoint.cluster.setAddresses(addresses),
    call: (method, path, body) => ask(port, method, path, body),
  }
  await eventually(() => endpoint.cluster.healthyMembers().length > 0, 'an engine')
  return manager
}

function ask<T>(port: number, method: string, path: string, body?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const sent = request({ port, host: '127.0.0.1', method, path, agent: false }, (reply) => {
      let all = ''
      reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => resolve((all === '' ? undefined : JSON.parse(all)) as T))
      reply.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

async function eventually(check: () => Promise<boolean> | boolean, what: string, limitMs = 60_000): Promise<void> {
  const start = Date.now()
  while (!(await check())) {
    if (Date.now() - start > limitMs) throw new Error(`${what} did not come about`)
    await systemClock.sleep(20)
  }
}

async function healthy(manager: Manager, count: number): Promise<void> {
  await eventually(() => manager.endpoint.cluster.healthyMembers().length === count, `${count} healthy engines`)
}

/** A primary and a standby that have read all engines. @param others what the second one keeps records in, if not the same */
async function startPair(
  engines: readonly FakeEngine[],
  store: RecordStore,
  others: RecordStore = store,
): Promise<{ readonly one: Manager; readonly two: Manager; readonly election: MemoryElection }> {
  const election = memoryElection()
  const one = await startManager(engines, { store, replication: { leader: election.leader(), address: 'one:1' } })
  await eventually(() => election.holder === 'one:1', 'the first primary')
  const two = await startManager(engines, {
    store: others,
    replication: { leader: election.leader(), address: 'two:1' },
  })
  await healthy(one, engines.length)
  await healthy(two, engines.length)
  return { one, two, election }
}

/** Creates and starts one on a node. @returns its engine's ID of it */
async function run(
  manager: Manager,
  name: string,
  over: Record<string, unknown> = {},
  env: string[] = [policy],
): Promise<string> {
  const body = { Image: image, Cmd: ['serve'], Env: ['A=b', ...env], ...over }
  const { Id: id } = await manager.call<{ Id: string }>('POST', `/containers/create?name=${name}`, body)
  await manager.call('POST', `/containers/${id}/start`)
  return id
}

function on(engine: FakeEngine, name: string): ReturnType<FakeEngine['state']['findContainer']> {
  return [...engine.state.containers.values()].find((each) => each.name === name)
}

/** Containers of that name on all engines. */
function count(engines: readonly FakeEngine[], name: string): number {
  return engines.filter((engine) => on(engine, name) !== undefined).length
}

function creates(engines: readonly FakeEngine[]): number {
  return engines.flatMap((engine) => engine.requests).filter((each) => each.path === '/containers/create').length
}

describe.concurrent('a node fails', () => {
  it('containers with the policy are made anew as they were, others stay; the old one goes when its node returns', async () => {
    const engines = await startEngines(3)
    const manager = await startManager(engines)
    await healthy(manager, 3)
    const [first, ...others] = engines as [FakeEngine, ...FakeEngine[]]
    const at = ['constraint:node==~n1', policy]
    const old = await run(manager, 'web', { Labels: { tier: 'front' }, HostConfig: { CpuShares: 1 } }, at)
    await run(manager, 'plain', {}, ['constraint:node==~n1'])
    await run(manager, 'pinned', {}, ['constraint:node==n1', policy])
    const before = on(first, 'web')
    await first.stop()
    await eventually(() => others.some((engine) => on(engine, 'web')?.status === 'running'), 'the replacement')
    const place = others.find((engine) => on(engine, 'web') !== undefined)
    const after = on(place as FakeEngine, 'web')
    const name = `n${engines.indexOf(place as FakeEngine) + 1}`
    expect({ ...after?.config, Hostname: '' }).toEqual({
      ...before?.config,
      Hostname: '',
      Labels: { ...before?.config.Labels, 'flotilla.generation': '1' },
    })
    expect(after?.hostConfig).toMatchObject({ CpuShares: before?.hostConfig.CpuShares })
    expect(others.filter((engine) => on(engine, 'plain') !== undefined)).toEqual([])
    expect(others.filter((engine) => on(engine, 'pinned') !== undefined)).toEqual([])
    expect(manager.log).toContain(`Rescheduled container ${old} from n1 to ${name} as ${after?.id}`)
    expect(manager.log).toContain(`Container ${old} was running, starting container ${after?.id}`)
    expect(manager.log.filter((line) => line.startsWith('Failed to reschedule container'))).toHaveLength(1)
    const rows = await manager.call<{ Names: string[] }[]>('GET', '/containers/json?all=1')
    expect(rows.filter((row) => row.Names[0]?.endsWith('/web'))).toHaveLength(1)
    await first.start()
    await eventually(() => on(first, 'web') === undefined, 'the removal of the old one')
    expect(count(engines, 'web')).toBe(1)
    expect(count(engines, 'pinned')).toBe(1)
    expect(creates(engines)).toBe(4)
    expect(first.requests.filter((each) => each.method === 'DELETE').map((each) => each.query)).toEqual([
      { force: 'true', v: 'false' },
    ])
  })

  it('the old one goes at once, too, when its node returns while the new one is being started', async () => {
    const engines = await startEngines(2)
    const manager = await startManager(engines)
    await healthy(manager, 2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    await run(manager, 'web', {}, ['constraint:node==~n1', policy])
    const start = { method: 'POST', path: /\/start$/ }
    second.fail({ ...start, fault: { kind: 'delay', ms: 12_000 } })
    await first.stop()
    await eventually(() => second.requests.some((each) => start.path.test(each.path)), 'the start of the new one')
    await first.start()
    await healthy(manager, 2)
    expect(on(second, 'web')?.status).toBe('created')
    // A full look at the node, which would find it too, comes after half a minute.
    await eventually(() => on(first, 'web') === undefined, 'the removal of the old one', 25_000)
    expect(on(second, 'web')?.status).toBe('running')
  })

  it('is tried again until it fits, and not at all when the node returns first', async () => {
    const [first, second] = (await startEngines(2, { cpus: 1 })) as [FakeEngine, FakeEngine]
    const manager = await startManager([first, second])
    await healthy(manager, 2)
    await run(manager, 'big', { HostConfig: { CpuShares: 1 } }, ['constraint:node==~n1', policy])
    const blocker = await run(manager, 'blocker', { HostConfig: { CpuShares: 1 } }, [])
    await first.stop()
    const { log } = manager
    await eventually(() => log.some((line) => line.includes('no resources available')), 'the refusal')
    const moves = await manager.call<{ Name: string; State: string }[]>('GET', '/flotilla/moves')
    expect(moves).toMatchObject([{ Name: 'big', State: 'held', Reason: 'failure', Node: 'n1' }])
    await first.start()
    await eventually(() => log.some((line) => line.endsWith('stays on n1: node n1 came back')), 'the end of it')
    expect(count([first, second], 'big')).toBe(1)
    await first.stop()
    await manager.call('DELETE', `/containers/${blocker}?force=1`)
    await eventually(() => on(second, 'big')?.status === 'running', 'the replacement')
  })

  it('a container that was moved three times within the hour is held, with the reason', async () => {
    const [first, second] = (await startEngines(2)) as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const before = await startManager([first, second], { store })
    await healthy(before, 2)
    await run(before, 'web', {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 1, 'the record')
    before.endpoint.closeNow()
    const now = Date.now()
    for (const { key, text, version } of await store.list()) {
      const record = JSON.parse(text) as Record<string, unknown>
      const history = [now - 3000, now - 2000, now - 1000]
      await store.write(key, JSON.stringify({ ...record, history }), version)
    }
    const manager = await startManager([first, second], { store })
    await healthy(manager, 2)
    await first.stop()
    const held = async (): Promise<boolean> => {
      const moves = await manager.call<{ Why: string }[]>('GET', '/flotilla/moves')
      return moves.some((move) => move.Why.startsWith('rescheduled 3 times within an hour'))
    }
    await eventually(held, 'the reason')
    expect(on(second, 'web')).toBeUndefined()
  })

  it('no engine is given more than ten containers at once, and why the others wait is told', async () => {
    const [first, second] = (await startEngines(2)) as [FakeEngine, FakeEngine]
    const manager = await startManager([first, second])
    await healthy(manager, 2)
    const names = Array.from({ length: 13 }, (_, index) => `web${index}`)
    for (const name of names) await run(manager, name, {}, ['constraint:node==~n1', policy])
    expect(names.filter((name) => on(first, name) !== undefined)).toEqual(names)
    await first.stop()
    const why = 'node n2 has been given many containers just now'
    const waiting = async (): Promise<boolean> => {
      const moves = await manager.call<{ Why: string }[]>('GET', '/flotilla/moves')
      return moves.length === 3 && moves.every((move) => move.Why === why)
    }
    await eventually(waiting, 'the reason')
    // Paced ones are tried again soon, in vain.
    const looks = manager.endpoint.cluster.clock.monotonicMs() + 3000
    await eventually(() => manager.endpoint.cluster.clock.monotonicMs() > looks, 'some more tries')
    expect(names.filter((name) => on(second, name)?.status === 'running')).toHaveLength(10)
    expect(creates([second])).toBe(10)
  })

  it('data in a volume with a name is not left behind without consent', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 2)
    const bind = { HostConfig: { Binds: ['data:/data'] } }
    await run(manager, 'db', bind, ['constraint:node==~n1', policy])
    await run(manager, 'cache', { ...bind, Labels: { 'flotilla.reschedule.volumes': 'new' } }, [
      'constraint:node==~n1',
      policy,
    ])
    await first.stop()
    await eventually(() => on(second, 'cache') !== undefined, 'the one with consent')
    expect(on(second, 'db')).toBeUndefined()
    const why = 'the data of its volume data is on node n1 only'
    await eventually(() => manager.log.some((line) => line.endsWith(why)), 'the reason')
    // The other's move is listed until its container runs.
    await eventually(() => on(second, 'cache')?.status === 'running', 'the start of the one with consent')
    await eventually(async () => (await manager.call<unknown[]>('GET', '/flotilla/moves')).length === 1, 'its end')
    expect(await manager.call('GET', '/flotilla/moves')).toMatchObject([{ Name: 'db', State: 'held', Why: why }])
  })

  it('networks come with their settings, before the start, on engines that take one at create too', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 2)
    for (const name of ['n1', 'n2']) {
      await manager.call('POST', '/networks/create', { Name: `${name}/front`, Driver: 'bridge' })
      await manager.call('POST', '/networks/create', { Name: `${name}/back`, Driver: 'bridge' })
    }
    const body = {
      Image: image,
      Cmd: ['serve'],
      Env: [policy],
      HostConfig: { NetworkMode: 'n1/front' },
      NetworkingConfig: { EndpointsConfig: { 'n1/front': { Aliases: ['www'] } } },
    }
    const { Id: id } = await manager.call<{ Id: string }>('POST', '/containers/create?name=web', body)
    await manager.call('POST', '/networks/n1/back/connect', { Container: id, EndpointConfig: { Aliases: ['inner'] } })
    await manager.call('POST', `/containers/${id}/start`)
    await eventually(async () => {
      const [row] = manager.endpoint.cluster.directory.containersNamed('web')
      return row?.item.recipe?.networks.length === 2
    }, 'the recipe')
    await first.stop()
    await eventually(() => on(second, 'web')?.status === 'running', 'the replacement')
    const made = on(second, 'web')
    expect([...(made?.networks ?? [])].map(([name, settings]) => [name, settings.Aliases])).toEqual([
      ['front', ['www']],
      ['back', ['inner']],
    ])
  })

  it('an engine that left discovery but answers keeps its containers, one that is dead does not', async () => {
    const engines = await startEngines(2)
    const second = engines[1] as FakeEngine
    const manager = await startManager(engines)
    await healthy(manager, 2)
    await run(manager, 'web', {}, ['constraint:node==~n1', policy])
    await systemClock.sleep(1500)
    manager.setAddresses([addressOf(second)])
    await eventually(() => manager.log.some((line) => line.includes('is not in service but answers')), 'the doubt')
    expect(count(engines, 'web')).toBe(1)
  })
})

describe.concurrent('an engine under two addresses', () => {
  it('whose first one does not answer any more is in service under the second, and nothing is made anew', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const { host, port } = first.endpoint as { readonly host: string; readonly port: number }
    const way = await startFaultProxy({ host, port })
    cleanups.push(() => way.stop())
    const detour = `127.0.0.1:${String(way.port)}`
    const manager = await startManager(engines)
    // The address that is found out first is the one in service.
    manager.setAddresses([addressOf(second)])
    await healthy(manager, 1)
    manager.setAddresses([addressOf(second), detour])
    await healthy(manager, 2)
    manager.setAddresses([addressOf(second), detour, addressOf(first)])
    const id = await run(manager, 'web', {}, ['constraint:node==~n1', policy])
    await eventually(
      () => manager.log.some((line) => line.startsWith(`Engine at ${addressOf(first)} is the engine at ${detour}`)),
      'the second address',
    )
    await eventually(async () => manager.endpoint.cluster.snapshot().nodes.length === 2, 'two nodes')
    way.setFault({ kind: 'refuse' }, true)
    await eventually(
      () => manager.log.some((line) => line.startsWith(`Engine at ${detour} is the engine at ${addressOf(first)}`)),
      'the other way',
    )
    await healthy(manager, 2)
    const rows = await manager.call<{ Id: string; Status: string }[]>('GET', '/containers/json?all=1')
    expect(rows.map((row) => [row.Id, row.Status.split(' ')[0]])).toEqual([[id, 'Up']])
    await systemClock.sleep(2500)
    expect(creates(engines)).toBe(1)
    expect(manager.log.filter((line) => line.startsWith('Rescheduled container'))).toEqual([])
  })
})

describe.concurrent('several managers and restarts', () => {
  it('a primary that dies with the node leaves the rest to the next one, which does it once', async () => {
    const engines = await startEngines(3)
    const [first, ...others] = engines as [FakeEngine, FakeEngine, FakeEngine]
    const store = memoryRecords()
    const { one, two, election } = await startPair(engines, store)
    const names = Array.from({ length: 6 }, (_, index) => `c${index}`)
    for (const name of names) await run(one, name, {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 6, 'the records')
    await systemClock.sleep(1200)
    one.endpoint.closeNow()
    await first.stop()
    election.expire()
    await eventually(() => names.every((name) => count(others, name) === 1), 'the replacements')
    expect(creates(engines)).toBe(12)
    const told = (): number => two.log.filter((line) => line.startsWith('Rescheduled container')).length
    await eventually(() => told() === 6, 'the log')
  })

  it('a node that another leader took back into service is in service when the first one leads again', async () => {
    const engines = await startEngines(2)
    const [first] = engines as [FakeEngine]
    const store = memoryRecords()
    const { one, two, election } = await startPair(engines, store)
    const shown = async (manager: Manager): Promise<unknown> =>
      (await manager.call<{ Availability?: string }>('GET', '/flotilla/nodes/n1')).Availability
    const mark = async (manager: Manager, verb: string, wanted: string): Promise<void> => {
      await eventually(
        async () =>
          (await manager.call<{ Availability?: string }>('POST', `/flotilla/nodes/n1/${verb}`)).Availability === wanted,
        verb,
      )
    }
    await mark(one, 'cordon', 'pause')
    election.expire()
    await eventually(() => two.endpoint.role.kind === 'primary', 'the second primary')
    await eventually(async () => (await shown(two)) === 'pause', 'what the first one said')
    await mark(two, 'undrain', 'active')
    election.expire()
    await eventually(() => one.endpoint.role.kind === 'primary', 'the first primary again')
    await eventually(async () => (await shown(one)) === 'active', 'what the second one said', 20_000)
    await run(one, 'web', {}, ['constraint:node==n1'])
    expect(on(first, 'web')?.status).toBe('running')
  })

  it('what was removed while the node it had been on was away does not come back with that node', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const one = await startManager(engines, { store })
    await healthy(one, 2)
    for (const name of ['web', 'api']) await run(one, name, {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 2, 'the records')
    await first.stop()
    const isMoved = (): boolean => ['web', 'api'].every((name) => on(second, name)?.status === 'running')
    await eventually(isMoved, 'the replacements')
    await one.call('DELETE', '/containers/web?force=1')
    await eventually(async () => (await store.list()).some(({ key }) => key.startsWith('removed/')), 'a note of it')
    // Another manager takes over in between: what it knows is in the store.
    one.endpoint.closeNow()
    const two = await startManager(engines, { store })
    await healthy(two, 1)
    await first.start()
    await eventually(() => first.state.containers.size === 0, 'the end of both copies')
    expect(on(second, 'api')?.status).toBe('running')
    await eventually(async () => !(await store.list()).some(({ key }) => key.startsWith('removed/')), 'no note of it')
    expect(await two.call<unknown[]>('GET', '/containers/json?all=1')).toHaveLength(1)
  })

  it('what was removed while its old node is away is not made anew by the standby that takes over', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const { one, two, election } = await startPair(engines, store)
    await run(one, 'web', {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 1, 'the record')
    await eventually(() => two.endpoint.cluster.directory.findContainer('web').kind === 'found', 'web at the replica')
    await first.stop()
    await eventually(() => on(second, 'web')?.status === 'running', 'the replacement')
    await healthy(two, 1)
    const id = on(second, 'web')?.id ?? ''
    await one.call('DELETE', `/containers/${id}?force=1`)
    await eventually(async () => (await store.list()).some(({ key }) => key.startsWith('removed/')), 'a note of it')
    election.expire()
    await eventually(() => two.endpoint.role.kind === 'primary', 'the second primary')
    await systemClock.sleep(2500)
    expect([second.state.containers.size, await store.list()]).toEqual([
      0,
      [expect.objectContaining({ key: expect.stringContaining('removed/') as string })],
    ])
    expect(await two.call<unknown[]>('GET', '/containers/json?all=1')).toEqual([])
    await first.start()
    await eventually(() => first.state.containers.size === 0, 'the end of the old copy')
  })

  it('what was removed after its engine left is not made anew, and goes when that is back', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const one = await startManager(engines, { store })
    await healthy(one, 2)
    const id = await run(one, 'web', {}, ['constraint:node==n1', policy])
    await eventually(async () => (await store.list()).length === 1, 'the record')
    await first.stop()
    one.setAddresses([addressOf(second)])
    await eventually(
      async () => (await one.call<unknown[]>('GET', '/containers/json?all=1')).length === 1,
      'what is left',
    )
    expect(await one.call('DELETE', `/containers/${id}?force=1`)).toBeUndefined()
    expect((await store.list()).map(({ key }) => key.split('/')[0])).toEqual(['removed'])
    await first.start()
    one.setAddresses(engines.map(addressOf))
    await eventually(() => first.state.containers.size === 0, 'the end of the old copy')
    expect(await one.call<unknown[]>('GET', '/containers/json?all=1')).toEqual([])
  })

  it('what was removed before the move of it was on record is not made again, and does not come back', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const kept = memoryRecords()
    let isFrozen = false
    // The first manager makes the replacement and fails before it can say so; the second one takes its time to read.
    const failing: RecordStore = {
      ...kept,
      write: (key, text, version) =>
        isFrozen && !text.includes('"move":') ? new Promise(() => {}) : kept.write(key, text, version),
    }
    let readMs = 0
    const slow: RecordStore = {
      ...kept,
      async list() {
        await systemClock.sleep(readMs)
        return kept.list()
      },
    }
    const { one, two, election } = await startPair(engines, failing, slow)
    await run(one, 'web', {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await kept.list()).length === 1, 'the record')
    await systemClock.sleep(500)
    isFrozen = true
    readMs = 2000
    await first.stop()
    await eventually(() => on(second, 'web')?.status === 'running', 'the replacement')
    const id = on(second, 'web')?.id ?? ''
    await systemClock.sleep(300)
    expect((await kept.list())[0]?.text).toContain('"move":')
    one.endpoint.closeNow()
    election.expire()
    await eventually(() => two.endpoint.role.kind === 'primary', 'the second primary')
    expect(await two.call('DELETE', `/containers/${id}?force=1`)).toBeUndefined()
    await eventually(async () => (await kept.list()).some(({ key }) => key.startsWith('removed/')), 'a note of it')
    await systemClock.sleep(1500)
    expect(second.state.containers.size).toBe(0)
    await first.start()
    await eventually(() => first.state.containers.size === 0, 'the end of the old copy')
    expect(await two.call<unknown[]>('GET', '/containers/json?all=1')).toEqual([])
  })

  it('a new leader, and a replica, know which of two copies a name means while the node of the old one is away', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const { one, two, election } = await startPair(engines, store)
    await run(one, 'web', {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 1, 'the record')
    await systemClock.sleep(500)
    await first.stop()
    await eventually(() => on(second, 'web')?.status === 'running', 'the replacement')
    const id = on(second, 'web')?.id
    const found = (): string | undefined => {
      const lookup = two.endpoint.cluster.directory.findContainer('web')
      return lookup.kind === 'found' ? lookup.item.id : lookup.kind
    }
    await eventually(() => found() === id, 'the new one at the replica', 20_000)
    election.expire()
    await eventually(() => two.endpoint.role.kind === 'primary', 'the second primary')
    const listed = async (): Promise<number> => (await two.call<unknown[]>('GET', '/containers/json?all=1')).length
    await eventually(async () => (await listed()) === 1, 'one container in the list', 20_000)
    expect((await two.call<{ Id: string }>('GET', '/containers/web/json')).Id).toBe(id)
  })

  it('a drain of many containers over a slow store loses none', async () => {
    const engines = await startEngines(4)
    const [first, ...others] = engines as [FakeEngine, ...FakeEngine[]]
    const kept = memoryRecords()
    let pauseMs = 0
    const store: RecordStore = {
      ...kept,
      async write(key, text, version) {
        await systemClock.sleep(pauseMs)
        return kept.write(key, text, version)
      },
    }
    const one = await startManager(engines, { store })
    await healthy(one, 4)
    const names = Array.from({ length: 24 }, (_, index) => `c${index}`)
    const near = 'constraint:node==~n1'
    for (const [at, name] of names.entries()) await run(one, name, {}, at < 10 ? [near, policy] : [near])
    await eventually(async () => (await store.list()).length === 10, 'the records')
    pauseMs = 200
    // Those without a policy are recorded, and noted to be moved, while the first moves come to their end.
    await one.call('POST', '/flotilla/nodes/n1/drain', { Force: true })
    await eventually(() => first.state.containers.size === 0, 'the end of the drain')
    await systemClock.sleep(3000)
    expect(names.filter((name) => count(others, name) !== 1)).toEqual([])
  })

  it('a move that hung while another manager led and finished it is not gone on with', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const { one, election } = await startPair(engines, store)
    for (const { state } of engines) addFakeNetwork(state, { Name: 'back', Driver: 'bridge' })
    const isKnown = (): boolean =>
      one.endpoint.cluster.snapshot().nodes.every((node) => node.networks.some((each) => each.name === 'back'))
    for (const member of one.endpoint.cluster.healthyMembers()) await member.touch({ what: 'networks' })
    await eventually(isKnown, 'the network')
    await run(one, 'web', { HostConfig: { NetworkMode: 'back' } }, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 1, 'the record')
    expect(on(first, 'web')).toBeDefined()
    // The engine takes its time to say which networks the new one is on: long enough for another leader to come and go.
    const lift = second.fail({ method: 'GET', path: /^\/containers\/.+\/json$/, fault: { kind: 'delay', ms: 6000 } })
    await one.call('POST', '/flotilla/nodes/n1/drain')
    await eventually(() => second.state.containers.size === 1, 'the new one')
    await systemClock.sleep(300)
    lift()
    election.expire()
    await eventually(() => on(second, 'web')?.status === 'running' && on(first, 'web') === undefined, 'the move')
    await eventually(async () => !(await store.list()).some(({ text }) => text.includes('"target":{')), 'the record')
    election.expire()
    await eventually(() => one.endpoint.role.kind === 'primary', 'the first primary again')
    await systemClock.sleep(6500)
    expect(on(second, 'web')?.status).toBe('running')
  })

  it('two that both believe to lead make each container once', async () => {
    const engines = await startEngines(3)
    const [first, ...others] = engines as [FakeEngine, FakeEngine, FakeEngine]
    const store = memoryRecords()
    const one = await startManager(engines, { store })
    const two = await startManager(engines, { store })
    await healthy(one, 3)
    await healthy(two, 3)
    const names = Array.from({ length: 6 }, (_, index) => `c${index}`)
    for (const name of names) await run(one, name, {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 6, 'the records')
    await systemClock.sleep(1500)
    await first.stop()
    await eventually(() => names.every((name) => count(others, name) >= 1), 'the replacements')
    await systemClock.sleep(2500)
    expect(names.map((name) => count(others, name))).toEqual(names.map(() => 1))
  })

  it('a manager that never saw the dead node knows from its records what was on it', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const one = await startManager(engines, { store })
    await healthy(one, 2)
    await run(one, 'web', {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 1, 'the record')
    await systemClock.sleep(1200)
    one.endpoint.closeNow()
    await first.stop()
    await startManager(engines, { store })
    await eventually(() => on(second, 'web')?.status === 'running', 'the replacement')
  })
})

describe.concurrent('names after a restart while a node is down', () => {
  it('stay with its containers until it is back or out of discovery, from the first create on', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const kept = memoryRecords()
    const slow: RecordStore = {
      ...kept,
      async list() {
        await systemClock.sleep(1000)
        return kept.list()
      },
    }
    const before = await startManager(engines, { store: kept })
    await healthy(before, 2)
    const bind = { HostConfig: { Binds: ['data:/data'] } }
    const id = await run(before, 'db', bind, ['constraint:node==~n1', policy])
    await eventually(async () => (await kept.list()).length === 1, 'the record')
    await systemClock.sleep(1200)
    before.endpoint.closeNow()
    await first.stop()
    const manager = await startManager(engines, { store: slow })
    await healthy(manager, 1)
    const create = (name: string): Promise<{ message?: string; Id?: string }> =>
      manager.call('POST', `/containers/create?name=${name}`, { Image: image })
    expect((await create('db')).message).toContain('Conflict: The name db is already assigned')
    const { Id: other = '' } = await create('other')
    const renamed = await manager.call<{ message?: string }>('POST', `/containers/${other}/rename?name=db`)
    expect(renamed.message).toContain('Conflict: The name db is already assigned')
    manager.setAddresses([addressOf(second)])
    expect((await create('db')).Id).toMatch(/^[0-9a-f]{64}$/)
    await manager.call('DELETE', '/containers/db?force=1')
    manager.setAddresses(engines.map(addressOf))
    expect((await create('db')).message).toContain('Conflict: The name db is already assigned')
    await first.start()
    await healthy(manager, 2)
    expect((await manager.call<{ Id: string }>('GET', '/containers/db/json')).Id).toBe(id)
    expect(count(engines, 'db')).toBe(1)
  })
})

describe.concurrent('drain', () => {
  it('moves what has the policy without a moment of two, takes nothing new, and stops when it is undone', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 2)
    await run(manager, 'web', {}, ['constraint:node==~n1', policy])
    await run(manager, 'plain', {}, ['constraint:node==~n1'])
    expect(await manager.call('POST', '/flotilla/nodes/n1/drain')).toMatchObject({ Name: 'n1', Availability: 'drain' })
    await eventually(() => on(second, 'web')?.status === 'running' && first.state.containers.size === 1, 'the move')
    const calls = [...first.requests, ...second.requests]
      .filter((each) => each.method !== 'GET' && !/images|volumes|networks/.test(each.path))
      .sort((a, b) => a.order - b.order)
      .map((each) => `${each.method} ${each.path.replace(/[0-9a-f]{64}/, 'ID')}`)
    expect(calls.slice(4)).toEqual([
      'POST /containers/create',
      'POST /containers/ID/stop',
      'POST /containers/ID/rename',
      'POST /containers/ID/rename',
      'POST /containers/ID/start',
      'DELETE /containers/ID',
    ])
    expect(on(first, 'plain')?.status).toBe('running')
    await run(manager, 'next', {}, ['constraint:node==~n1'])
    expect(on(second, 'next')).toBeDefined()
    const refused = await manager.call<{ message: string }>('POST', '/containers/create?name=nowhere', {
      Image: image,
      Env: ['constraint:node==n1'],
    })
    expect(refused.message).toContain('(1 node is drained or paused)')
    await manager.call('POST', '/flotilla/nodes/n1/drain', { Force: true })
    await eventually(() => on(second, 'plain')?.status === 'running' && first.state.containers.size === 0, 'the rest')
    await manager.call('POST', '/flotilla/nodes/n1/undrain')
    await run(manager, 'back', {}, ['constraint:node==n1'])
    expect(on(first, 'back')).toBeDefined()
    const [node] = await manager.call<unknown[]>('GET', '/flotilla/nodes')
    expect(node).toMatchObject({ Name: 'n1', State: 'healthy', Availability: 'active', Containers: { Total: 1 } })
  })

  it('by force of a node that does not answer holds nothing else up', async () => {
    const engines = await startEngines(3)
    const [first, second, third] = engines as [FakeEngine, FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 3)
    await run(manager, 'plain', {}, ['constraint:node==~n1'])
    await run(manager, 'web', {}, ['constraint:node==~n2', policy])
    await first.stop()
    await healthy(manager, 2)
    expect(await manager.call('POST', '/flotilla/nodes/n1/drain', { Force: true })).toMatchObject({ IsForced: true })
    await second.stop()
    await eventually(() => on(third, 'web')?.status === 'running', 'the container of the other node')
    expect(manager.log.filter((line) => line.includes('held up'))).toEqual([])
    await first.start()
    await eventually(() => on(third, 'plain') !== undefined, 'what the force is for')
  })

  it('a container that removes itself when it ends is not lost when the new one does not start at once', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 2)
    await run(manager, 'job', { HostConfig: { AutoRemove: true } }, ['constraint:node==~n1', policy])
    const broken = { kind: 'status', status: 500, message: 'not now' } as const
    second.fail({ method: 'POST', path: /start$/, times: 1, fault: broken })
    await manager.call('POST', '/flotilla/nodes/n1/drain')
    await eventually(() => on(second, 'job')?.status === 'running', 'the new one')
    expect(count(engines, 'job')).toBe(1)
    expect(first.state.containers.size).toBe(0)
    await eventually(async () => (await manager.call<unknown[]>('GET', '/flotilla/moves')).length === 0, 'the end')
    expect(count(engines, 'job')).toBe(1)
  })

  it('nobody else gets the name of a container while it changes hands', async () => {
    const engines = await startEngines(3)
    const [first, second, third] = engines as [FakeEngine, FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 3)
    await run(manager, 'web', {}, ['constraint:node==~n1', policy])
    // Between the two names that change.
    second.fail({ method: 'POST', path: /rename$/, times: 1, fault: { kind: 'delay', ms: 1500 } })
    await manager.call('POST', '/flotilla/nodes/n3/cordon')
    await manager.call('POST', '/flotilla/nodes/n1/drain')
    await eventually(() => second.requests.some((each) => each.path.endsWith('/rename')), 'the change of names')
    await manager.call('POST', '/flotilla/nodes/n3/undrain')
    const taken = await manager.call<{ message?: string }>('POST', '/containers/create?name=web', {
      Image: image,
      Env: ['constraint:node==n3'],
    })
    expect(taken.message).toContain('Conflict: The name web is already assigned')
    await eventually(() => on(second, 'web')?.status === 'running' && on(first, 'web') === undefined, 'the move')
    expect(count(engines, 'web')).toBe(1)
    expect(third.state.containers.size).toBe(0)
    expect((await manager.call<{ message?: string }>('POST', '/containers/web/rename?name=web2')) ?? {}).toEqual({})
    expect(on(second, 'web2')).toBeDefined()
  })

  it('a name that is taken meanwhile is not given back, and that is told once', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 2)
    const id = await run(manager, 'web', {}, ['constraint:node==n1', policy])
    const swarmId = first.state.findContainer(id)?.config.Labels?.['com.docker.swarm.id'] ?? ''
    await eventually(async () => (await manager.call<unknown[]>('GET', '/flotilla/moves')).length === 0, 'the record')
    await systemClock.sleep(1500)
    // As a manager that died in the middle of a move leaves it, with somebody who has the name by then.
    second.addContainer({ Image: image }, { name: 'web' })
    await eventually(async () => (await manager.call<unknown[]>('GET', '/containers/json?all=1')).length === 2, 'it')
    await manager.call('POST', `/containers/${id}/rename?name=web-leaving-${swarmId.slice(0, 8)}`)
    await systemClock.sleep(4000)
    expect(count(engines, 'web')).toBe(1)
    expect(manager.log.filter((line) => line.includes('its name back')).length).toBeLessThanOrEqual(1)
    const [taker] = [...second.state.containers.keys()]
    await manager.call('DELETE', `/containers/${taker}?force=1`)
    await eventually(() => on(first, 'web') !== undefined, 'its name')
  })

  it('a start that fails on the new node leaves the old one running', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 2)
    await run(manager, 'web', {}, ['constraint:node==~n1', policy])
    second.fail({
      path: /start$/,
      times: 1,
      fault: { kind: 'status', status: 500, message: 'port is already allocated' },
    })
    await manager.call('POST', '/flotilla/nodes/n1/drain')
    await eventually(() => manager.log.some((line) => line.endsWith('port is already allocated')), 'the failure')
    expect(on(first, 'web')?.status).toBe('running')
    expect(second.state.containers.size).toBe(0)
    await eventually(() => on(second, 'web')?.status === 'running', 'the second try')
    expect(count(engines, 'web')).toBe(1)
  })

  it('whatever fails on the way, each container ends up once, with its name', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const manager = await startManager(engines)
    await healthy(manager, 2)
    // Each try counts for the ten a minute of its engine.
    const names = ['ca', 'cb', 'cc', 'cd', 'ce']
    for (const name of names) await run(manager, name, {}, ['constraint:node==~n1', policy])
    const broken = { kind: 'status', status: 500, message: 'broken' } as const
    second.fail({ method: 'POST', path: /create$/, times: 1, fault: { kind: 'reset' } })
    second.fail({ method: 'POST', path: /start$/, times: 1, fault: broken })
    second.fail({ method: 'POST', path: /rename$/, times: 1, fault: broken })
    first.fail({ method: 'POST', path: /stop$/, times: 1, fault: broken })
    first.fail({ method: 'DELETE', path: /^\/containers\/[0-9a-f]{64}$/, times: 2, fault: broken })
    await manager.call('POST', '/flotilla/nodes/n1/drain')
    const settled = (): boolean =>
      first.state.containers.size === 0 && names.every((name) => on(second, name) !== undefined)
    await eventually(settled, 'the moves')
    expect([...second.state.containers.values()].map((each) => [each.name, each.status])).toEqual(
      expect.arrayContaining(names.map((name) => [name, 'running'])),
    )
    expect(second.state.containers.size).toBe(names.length)
    await eventually(async () => (await manager.call<unknown[]>('GET', '/flotilla/moves')).length === 0, 'their end')
  })

  it('a rebalance evens out what may be moved', async () => {
    const engines = await startEngines(2)
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const store = memoryRecords()
    const manager = await startManager(engines, { store })
    await healthy(manager, 2)
    for (const name of ['a', 'b', 'c', 'd']) await run(manager, `c${name}`, {}, ['constraint:node==~n1', policy])
    await eventually(async () => (await store.list()).length === 4, 'the records')
    // Wishes for a node count while it can have them.
    const plan = await manager.call<{ Moves: unknown[] }>('POST', '/flotilla/rebalance', {})
    expect(plan).toMatchObject({ DifferenceBefore: 4, DifferenceAfter: 4, Moves: [], Begun: 0 })
    for (const name of ['e', 'f', 'g', 'h']) await run(manager, `c${name}`, {}, [policy])
    await manager.call('POST', '/flotilla/nodes/n2/drain')
    await eventually(() => second.state.containers.size === 0, 'the drain')
    await manager.call('POST', '/flotilla/nodes/n2/undrain')
    const canMove = async (): Promise<boolean> =>
      (await manager.call<{ Moves: unknown[] }>('POST', '/flotilla/rebalance', {})).Moves.length === 4
    await eventually(canMove, 'something to move')
    expect(await manager.call('POST', '/flotilla/rebalance', { Apply: true })).toMatchObject({
      DifferenceBefore: 8,
      DifferenceAfter: 0,
      Begun: 4,
    })
    await eventually(() => first.state.containers.size === 4 && second.state.containers.size === 4, 'the moves')
    const named = (): boolean => ['ce', 'cf', 'cg', 'ch'].every((name) => second.state.names.has(name))
    await eventually(named, 'their names')
  })
})
