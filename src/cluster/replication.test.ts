import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../core/log.ts'
import { renderEndpoint } from '../engine/endpoint-parse.ts'
import { systemClock } from '../io/clock.ts'
import { systemRandom } from '../io/random.ts'
import { ask } from '../testing/endpoint-bed.ts'
import type { BedAnswer } from '../testing/endpoint-bed.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../testing/fake-engine/fake-engine.ts'
import { eventually } from '../testing/manager-bed.ts'
import { memoryElection } from '../testing/memory-election.ts'
import type { MemoryElection } from '../testing/memory-election.ts'
import { nodes } from './discovery/nodes.ts'
import { startEndpoint } from './endpoint.ts'
import type { RunningEndpoint } from './endpoint.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { spreadStrategy } from './strategies/spread.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Manager {
  readonly endpoint: RunningEndpoint
  readonly address: string
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<BedAnswer>
  names(): Promise<readonly string[]>
}

interface Bed {
  readonly engines: readonly FakeEngine[]
  readonly memory: MemoryElection
  /** The first leads. */
  readonly managers: readonly [Manager, Manager]
}

const image = 'busybox:latest'
const sample = { Image: image }

async function startManager(engines: readonly FakeEngine[], memory: MemoryElection, waitMs?: number): Promise<Manager> {
  const clock = systemClock
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const list = engines.map((engine) => renderEndpoint(engine.endpoint).replace('tcp://', '')).join(',')
  const endpoint = await startEndpoint({
    discovery: nodes(list, { clock, log: silentLog, heartbeatMs: 1000, options: new Map() }),
    listen: [{ kind: 'tcp', host: '127.0.0.1', port }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock,
    random: systemRandom,
    log: silentLog,
    replication: { leader: memory.leader(), address, ...(waitMs === undefined ? {} : { waitMs }) },
  })
  cleanups.push(() => endpoint.closeNow())
  await eventually(() => endpoint.cluster.healthyMembers().length === engines.length)
  const call: Manager['call'] = (method, path, body, headers) => ask(port, method, path, body, headers)
  return {
    endpoint,
    address,
    call,
    async names() {
      const { body } = await call('GET', '/containers/json?all=1')
      return (JSON.parse(body) as { readonly Names: readonly string[] }[]).map((row) => row.Names[0] ?? '')
    },
  }
}

async function startEngines(count: number): Promise<readonly FakeEngine[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const engine = await startFakeEngine({ name: `n${index + 1}`, images: [image] })
      cleanups.push(() => engine.stop())
      return engine
    }),
  )
}

async function startBed(waitMs?: number): Promise<Bed> {
  const engines = await startEngines(2)
  const memory = memoryElection()
  const first = await startManager(engines, memory, waitMs)
  const second = await startManager(engines, memory, waitMs)
  await eventually(() => second.endpoint.role.primary === first.address)
  return { engines, memory, managers: [first, second] }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** How often engines have been asked which containers they have. */
function countLists(engines: readonly FakeEngine[]): number {
  return engines.reduce(
    (sum, { requests }) => sum + requests.filter((each) => each.path === '/containers/json').length,
    0,
  )
}

function containers(bed: Bed): number {
  return bed.engines.reduce((sum, engine) => sum + engine.state.containers.size, 0)
}

describe('a replica', () => {
  it('passes requests on, and what was done through one manager shows through the other at once', async () => {
    const { managers } = await startBed()
    const [primary, replica] = managers
    expect((await replica.call('POST', '/v1.41/containers/create?name=web', sample)).status).toBe(201)
    expect(await primary.names()).toHaveLength(1)
    expect((await primary.call('POST', '/containers/create?name=db', sample)).status).toBe(201)
    expect(await replica.names()).toHaveLength(2)
    expect((await replica.call('POST', '/containers/create?name=db', sample)).status).toBe(409)
  })

  it('answers for itself what is about itself', async () => {
    const { managers } = await startBed()
    const [primary, replica] = managers
    const info = JSON.parse((await replica.call('GET', '/v1.41/info')).body) as { SystemStatus: unknown[] }
    expect(info.SystemStatus.slice(0, 3)).toEqual([
      ['Role', 'replica'],
      ['Primary', primary.address],
      ['Strategy', 'spread'],
    ])
    expect(JSON.parse((await replica.call('GET', '/flotilla/leader')).body)).toEqual({
      role: 'replica',
      primary: primary.address,
      term: 0,
    })
    expect(JSON.parse((await primary.call('GET', '/v1.41/flotilla/leader')).body)).toEqual({
      role: 'primary',
      primary: primary.address,
      term: 1,
    })
    expect((await replica.call('GET', '/_ping')).body).toBe('OK')
  })

  it('a container called info is none of its own business', async () => {
    const { managers, engines } = await startBed()
    const [, replica] = managers
    await replica.call('POST', '/containers/create?name=info', sample)
    expect((await replica.call('DELETE', '/containers/info')).status).toBe(204)
    expect(engines.map((engine) => engine.state.containers.size)).toEqual([0, 0])
  })

  it('passes on only once: what another replica sent is refused, not sent around', async () => {
    const { managers } = await startBed(300)
    const [, replica] = managers
    const hop = { 'x-flotilla-replica': '127.0.0.1:1' }
    const refused = await replica.call('POST', '/containers/create?name=web', sample, hop)
    expect(refused.status).toBe(503)
    expect(refused.body).toContain(`manager ${replica.address} is not the primary cluster manager`)
    expect((await replica.call('GET', '/containers/json', undefined, hop)).status).toBe(200)
  })

  it('a primary that stays dead: creates fail in the known words, reads are served here', async () => {
    const engines = await startEngines(1)
    const memory = memoryElection()
    const gone = `127.0.0.1:${await freePort()}`
    const stop = new AbortController()
    cleanups.push(() => stop.abort())
    void memory.leader().campaign(gone, { signal: stop.signal })[Symbol.asyncIterator]().next()
    const replica = await startManager(engines, memory, 300)
    await eventually(() => replica.endpoint.role.primary === gone)
    const refused = await replica.call('POST', '/containers/create?name=db', sample)
    const text = `Unable to reach primary cluster manager (dial tcp ${gone}: connect: connection refused): ${gone}`
    expect(refused).toMatchObject({ status: 500, body: `${JSON.stringify({ message: text })}\n` })
    expect(await replica.names()).toEqual([])
    stop.abort()
    expect((await replica.call('POST', '/containers/create?name=db', sample)).status).toBe(201)
  })
})

describe('without a primary', () => {
  it('requests wait for the first one, then they are served', async () => {
    const engines = await startEngines(1)
    const memory = memoryElection()
    memory.fail()
    const manager = await startManager(engines, memory)
    let hasAnswered = false
    const made = manager.call('POST', '/containers/create?name=web', sample).finally(() => (hasAnswered = true))
    const listed = manager.call('GET', '/containers/json').finally(() => (hasAnswered = true))
    await systemClock.sleep(100)
    expect(hasAnswered).toBe(false)
    expect((await manager.call('GET', '/_ping')).body).toBe('OK')
    memory.mend()
    expect([(await made).status, (await listed).status]).toEqual([201, 200])
  })

  it('a create that waits too long is told so; reads are served from what the replica knows', async () => {
    const engines = await startEngines(1)
    const memory = memoryElection()
    memory.fail()
    const manager = await startManager(engines, memory, 300)
    const refused = await manager.call('POST', '/containers/create?name=web', sample)
    expect(refused.status).toBe(503)
    expect(refused.body).toContain('No elected primary cluster manager')
    expect((await manager.call('GET', '/containers/json')).status).toBe(200)
  })

  it('a replica that hears no events looks at the engines before it answers for itself', async () => {
    const { engines, memory, managers } = await startBed(300)
    const [primary, replica] = managers
    for (const engine of engines) {
      engine.fail({ path: /^\/events$/, fault: { kind: 'hang' } })
      engine.dropConnections()
    }
    await eventually(() => replica.endpoint.cluster.healthyMembers().length === 2)
    await systemClock.sleep(1500)
    await primary.call('POST', '/containers/create?name=web', sample)
    await systemClock.sleep(300)
    expect(replica.endpoint.cluster.directory.findContainer('web').kind).toBe('missing')
    memory.fail()
    memory.expire('silently')
    await eventually(() => replica.endpoint.role.primary === undefined)
    expect(await replica.names()).toHaveLength(1)
    // An engine that hangs holds up the first of many reads, and the others do not look at it again.
    engines[0]?.fail({ method: 'GET', path: /^\/containers\/json$/, fault: { kind: 'hang' } })
    await systemClock.sleep(2100)
    const looks = countLists(engines)
    for (let reads = 0; reads < 20; reads += 1) expect(await replica.names()).toHaveLength(1)
    expect(countLists(engines) - looks).toBeLessThan(20)
    expect((await replica.call('POST', '/containers/web/start')).status).toBe(204)
  })

  it('a store that falls silent stops creates, not reads and calls to containers', async () => {
    const bed = await startBed(300)
    const [primary, replica] = bed.managers
    await primary.call('POST', '/containers/create?name=web', sample)
    bed.memory.fail()
    bed.memory.expire('silently')
    await eventually(() => primary.endpoint.role.kind === 'replica')
    for (const manager of [primary, replica]) {
      expect(await manager.names()).toHaveLength(1)
      expect((await manager.call('POST', '/containers/create?name=db', sample)).status).toBe(503)
    }
    expect((await replica.call('POST', '/containers/web/start')).status).toBe(204)
  })
})

describe('a change of leaders', () => {
  it('a create whose engine answers after the lease ended is undone, and made by the next leader', async () => {
    const bed = await startBed()
    const [old, next] = bed.managers
    for (const engine of bed.engines) {
      engine.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    }
    const late = old.call('POST', '/containers/create?name=web', sample)
    await eventually(() => bed.engines.some((engine) => engine.requests.some((each) => each.path.endsWith('/create'))))
    bed.memory.expire('silently')
    expect((await late).status).toBe(201)
    expect(next.endpoint.role.kind).toBe('primary')
    const removals = bed.engines.flatMap(({ requests }) => requests.filter(({ method }) => method === 'DELETE'))
    expect(removals).toHaveLength(1)
    expect(containers(bed)).toBe(1)
  })

  it('a create that cannot be undone is not said to be, and goes later', async () => {
    const bed = await startBed()
    const [old] = bed.managers
    const broken = { kind: 'status', status: 500, message: 'the driver is busy' } as const
    for (const engine of bed.engines) {
      engine.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'delay', ms: 300 } })
      engine.fail({ method: 'DELETE', times: 1, fault: broken })
    }
    const late = old.call('POST', '/containers/create?name=web', sample)
    await eventually(() => bed.engines.some((engine) => engine.requests.some((each) => each.path.endsWith('/create'))))
    bed.memory.expire('silently')
    const answer = await late
    expect(answer.status).toBe(503)
    expect(answer.body).toContain('could not be removed: the driver is busy')
    await eventually(() => containers(bed) === 0)
  })

  it('a create of which an engine fell silent is not said to have come to nothing', async () => {
    const bed = await startBed()
    const [old] = bed.managers
    for (const engine of bed.engines) {
      engine.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'lose-answer', afterMs: 60_000 } })
    }
    const late = old.call('POST', '/containers/create?name=web', sample)
    await eventually(() => bed.engines.some((engine) => engine.requests.some((each) => each.path.endsWith('/create'))))
    bed.memory.expire('silently')
    for (const engine of bed.engines) engine.dropConnections()
    const answer = await late
    expect(answer.status).toBe(502)
    expect(answer.body).toContain('did not say whether it made the container')
  })

  it('a name given twice across the change is there once', async () => {
    const bed = await startBed()
    const [old, next] = bed.managers
    for (const engine of bed.engines) {
      engine.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'delay', ms: 400 } })
    }
    const late = old.call('POST', '/containers/create?name=web', sample)
    await eventually(() => bed.engines.some((engine) => engine.requests.some((each) => each.path.endsWith('/create'))))
    bed.memory.expire('silently')
    const [first, second] = await Promise.all([late, next.call('POST', '/containers/create?name=web', sample)])
    expect([first.status, second.status]).toEqual([409, 201])
    expect(containers(bed)).toBe(1)
  })

  it('a rename whose engine answers after the lease ended is taken back', async () => {
    const bed = await startBed()
    const [old] = bed.managers
    await old.call('POST', '/containers/create?name=first', sample)
    for (const engine of bed.engines) {
      engine.fail({ path: /\/rename$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    }
    const late = old.call('POST', '/containers/first/rename?name=second')
    await eventually(() => bed.engines.some((engine) => engine.requests.some((each) => each.path.endsWith('/rename'))))
    bed.memory.expire('silently')
    expect((await late).status).toBe(503)
    const names = bed.engines.flatMap((engine) => [...engine.state.containers.values()].map((each) => each.name))
    expect(names).toEqual(['first'])
  })

  it('the new leader knows what the old one acknowledged, although no event has told it yet', async () => {
    const bed = await startBed()
    const [old, next] = bed.managers
    // The new leader's engines are slow to say what they have.
    await old.call('POST', '/containers/create?name=web', sample)
    for (const engine of bed.engines) {
      engine.fail({ method: 'GET', path: /^\/containers\/json$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    }
    const before = countLists(bed.engines)
    bed.memory.expire()
    await eventually(() => next.endpoint.role.kind === 'primary')
    expect((await next.call('POST', '/containers/create?name=web', sample)).status).toBe(409)
    // It has looked at both engines before it said so.
    expect(countLists(bed.engines)).toBeGreaterThanOrEqual(before + 2)
  })

  it('closing: creates under way are finished, then leadership goes over, and reads end in peace', async () => {
    const bed = await startBed()
    const [old, next] = bed.managers
    for (const engine of bed.engines) {
      engine.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    }
    const late = old.call('POST', '/containers/create?name=web', sample)
    await eventually(() => bed.engines.some((engine) => engine.requests.some((each) => each.path.endsWith('/create'))))
    const closed = old.endpoint.close()
    expect((await late).status).toBe(201)
    await eventually(() => next.endpoint.role.kind === 'primary')
    await closed
    expect(await next.names()).toHaveLength(1)
  })
})
