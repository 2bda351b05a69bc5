import { Buffer } from 'node:buffer'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { renderEndpoint } from '../engine/endpoint-parse.ts'
import { issueCertificate, makeCa } from '../io/certificates.ts'
import { systemClock } from '../io/clock.ts'
import { systemRandom } from '../io/random.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine, FakeEngineOptions } from '../testing/fake-engine/fake-engine.ts'
import { startFakeFleet } from '../testing/fake-fleet/fake-fleet.ts'
import { startFaultProxy } from '../testing/fault-proxy.ts'
import type { FaultProxy, ProxyFault } from '../testing/fault-proxy.ts'
import { History, checkHistory } from '../testing/history.ts'
import { eventually } from '../testing/manager-bed.ts'
import { nodes } from './discovery/nodes.ts'
import { startEndpoint } from './endpoint.ts'
import type { EndpointOptions, RunningEndpoint } from './endpoint.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { spreadStrategy } from './strategies/spread.ts'

/** What engines do to a manager, each fault with real sockets; reliability.md §4.2. */

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const image = 'busybox:latest'

async function startEngine(options: FakeEngineOptions): Promise<FakeEngine> {
  const engine = await startFakeEngine({ images: [image], ...options })
  cleanups.push(() => engine.stop())
  return engine
}

function addressOf(engine: FakeEngine): { readonly host: string; readonly port: number } {
  const { host, port } = new URL(renderEndpoint(engine.endpoint).replace('tcp://', 'http://'))
  return { host: host.split(':')[0] ?? '', port: Number(port) }
}

async function startProxy(engine: FakeEngine, fault?: ProxyFault): Promise<FaultProxy> {
  const proxy = await startFaultProxy(addressOf(engine), fault === undefined ? {} : { fault })
  cleanups.push(() => proxy.stop())
  return proxy
}

interface Answer {
  readonly status: number
  readonly body: string
}

interface Bed {
  readonly endpoint: RunningEndpoint
  readonly logged: string[]
  call(method: string, path: string, body?: unknown): Promise<Answer>
  names(): Promise<readonly string[]>
  errorOf(node: string): string
}

async function startBed(addresses: readonly string[], more: Partial<EndpointOptions> = {}): Promise<Bed> {
  const logged: string[] = []
  const note = (message: string): void => void logged.push(message)
  const endpoint = await startEndpoint({
    discovery: nodes(addresses.join(','), {
      clock: systemClock,
      log: { debug: () => undefined, info: note, warn: note, error: note },
      heartbeatMs: 1000,
      options: new Map(),
    }),
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: { debug: () => undefined, info: note, warn: note, error: note },
    ...more,
  })
  cleanups.push(() => endpoint.closeNow())
  const url = (endpoint.addresses[0] ?? '').replace('tcp://', 'http://')
  const bed: Bed = {
    endpoint,
    logged,
    async call(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers = { 'content-type': 'application/json' }
      const reply = await fetch(url + path, { method, ...(text === undefined ? {} : { body: text, headers }) })
      return { status: reply.status, body: await reply.text() }
    },
    async names() {
      const rows = JSON.parse((await bed.call('GET', '/containers/json?all=1')).body) as { readonly Names: string[] }[]
      return rows.map((row) => row.Names[0] ?? '').sort((a, b) => a.localeCompare(b))
    },
    errorOf: (node) => endpoint.cluster.snapshot().nodes.find((each) => each.name === node)?.errorText ?? '',
  }
  return bed
}

/** @returns the numbers of `exec_start` events, more of them as they come */
async function followNumbers(bed: Bed): Promise<readonly number[]> {
  const url = (bed.endpoint.addresses[0] ?? '').replace('tcp://', 'http://')
  const over = new AbortController()
  cleanups.push(() => over.abort())
  const { body } = await fetch(`${url}/events`, { signal: over.signal })
  const numbers: number[] = []
  async function read(): Promise<void> {
    let rest = ''
    for await (const chunk of body ?? []) {
      const lines = (rest + Buffer.from(chunk).toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) numbers.push(Number(/"Action":"exec_start: (\d+)"/.exec(line)?.[1]))
    }
  }
  void read().catch(() => undefined)
  return numbers
}

function isHealthy(bed: Bed, count: number): Promise<void> {
  return eventually(() => bed.endpoint.cluster.healthyMembers().length === count, `${count} healthy engines`)
}

describe('connections that fail', () => {
  const faults: Readonly<Record<string, ProxyFault>> = {
    refused: { kind: 'refuse' },
    reset: { kind: 'reset', afterBytes: 20 },
    hole: { kind: 'black-hole' },
    slow: { kind: 'drip', bytes: 1, everyMs: 1000 },
  }

  it('take their engine out, whose error says why; the others go on; all come back when healed', async () => {
    const good = await startEngine({ name: 'good' })
    const proxies = new Map<string, FaultProxy>()
    for (const name of Object.keys(faults)) proxies.set(name, await startProxy(await startEngine({ name })))
    const places = [addressOf(good), ...proxies.values()].map(({ host, port }) => `${host}:${port}`)
    const bed = await startBed(places, { watch: { probeMs: 200 } })
    await isHealthy(bed, 5)
    for (const [name, proxy] of proxies) proxy.setFault(faults[name] ?? { kind: 'none' }, true)
    expect(
      (await bed.call('POST', '/containers/create?name=web', { Image: image, Env: ['constraint:node==good'] })).status,
    ).toBe(201)
    for (const path of ['/containers/web/json', '/containers/json?all=1', '/info']) {
      expect((await bed.call('GET', path)).status).toBe(200)
    }
    // Whoever had waited for those that are silent would have waited until they were out.
    expect(bed.endpoint.cluster.healthyMembers().length).toBeGreaterThan(1)
    await isHealthy(bed, 1)
    for (const name of proxies.keys()) expect(bed.errorOf(name)).toContain(`:${proxies.get(name)?.port}`)
    for (const name of ['refused', 'reset']) expect(bed.errorOf(name)).toMatch(/reset|closed|hung up/)
    for (const name of ['hole', 'slow']) expect(bed.errorOf(name)).toContain('did not answer')
    for (const proxy of proxies.values()) proxy.setFault({ kind: 'none' }, true)
    await isHealthy(bed, 5)
  }, 60_000)

  it('a TLS handshake that hangs leaves the engine out with the reason, and the other serves', async () => {
    const wanted = { organization: 'test', keyKind: 'ecdsa', nowMs: systemClock.nowMs(), days: 10 } as const
    const ca = await makeCa({ ...wanted, commonName: 'authority' })
    const leaf = { ...wanted, commonName: 'engine', usages: ['server', 'client'], names: ['127.0.0.1'] } as const
    const pair = await issueCertificate(ca, leaf)
    const good = await startEngine({ name: 'good', tls: pair })
    const stuck = await startProxy(good, { kind: 'black-hole' })
    const { port } = addressOf(good)
    const bed = await startBed([`127.0.0.1:${port}`, `127.0.0.1:${stuck.port}`], {
      engineTls: { ...pair, ca: ca.cert, isVerified: true },
    })
    await isHealthy(bed, 1)
    expect((await bed.call('POST', '/containers/create?name=web', { Image: image })).status).toBe(201)
    const hanging = (): string =>
      bed.endpoint.cluster.snapshot().nodes.find((each) => each.name === '')?.errorText ?? ''
    await eventually(() => hanging() !== '', 'a reason')
    expect(hanging()).toContain(`:${stuck.port}`)
  }, 60_000)
})

describe('a manager that has just been started', () => {
  it('lets calls wait until its engines are met, and says at once what it knows of them', async () => {
    const engine = await startEngine({ name: 'slow' })
    const { host, port } = addressOf(engine)
    const before = await startBed([`${host}:${port}`])
    await isHealthy(before, 1)
    const { body } = await before.call('POST', '/containers/create?name=web', { Image: image })
    before.endpoint.closeNow()
    engine.fail({ path: /\/containers\/json/, times: 1, fault: { kind: 'delay', ms: 1000 } })
    const bed = await startBed([`${host}:${port}`])
    const calls = [
      bed.names(),
      bed.call('POST', `/containers/${(JSON.parse(body) as { Id: string }).Id}/start`),
    ] as const
    expect((await bed.call('GET', '/info')).body).toContain('Pending')
    expect(await calls[0]).toEqual(['/slow/web'])
    expect((await calls[1]).status).toBe(204)
  })
})

describe('many addresses where nobody answers', () => {
  it('keep no engine out that does', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => void sockets.add(socket))
    await new Promise<void>((resolve) => {
      silent.listen(0, '0.0.0.0', resolve)
    })
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as AddressInfo
    const engine = await startEngine({ name: 'n1' })
    const { host, port: own } = addressOf(engine)
    // They come first, and more than are read at once.
    const bed = await startBed([
      `127.0.0.[2:201]:${String(port)}`,
      `${host.replace('127.0.0.1', 'localhost')}:${String(own)}`,
    ])
    await isHealthy(bed, 1)
    expect((await bed.call('POST', '/containers/create?name=web', { Image: image })).status).toBe(201)
    expect(await bed.names()).toEqual(['/n1/web'])
  })
})

describe('an engine that restarts', () => {
  it('is listed once, and only what changed meanwhile is inspected', async () => {
    const engine = await startEngine({ name: 'n1' })
    for (let at = 0; at < 20; at += 1) engine.addContainer({ Image: image }, { name: `c${at}`, state: 'running' })
    const { host, port } = addressOf(engine)
    const bed = await startBed([`${host}:${port}`], { watch: { probeMs: 100 } })
    await isHealthy(bed, 1)
    await eventually(() => bed.endpoint.cluster.snapshot().nodes[0]?.usage.unread === 0, 'details')
    await engine.stop()
    await eventually(() => bed.endpoint.cluster.healthyMembers().length === 0, 'loss')
    const before = engine.requests.length
    // An engine that restarts remembers no events.
    engine.state.events.length = 0
    engine.addContainer({ Image: image }, { name: 'late', state: 'exited' })
    engine.state.events.length = 0
    await engine.start()
    await isHealthy(bed, 1)
    await eventually(async () => (await bed.names()).includes('/n1/late'), 'the new container')
    await eventually(() => bed.endpoint.cluster.snapshot().nodes[0]?.usage.unread === 0, 'details')
    const later = engine.requests.slice(before)
    const asked = later.map((each) => each.path)
    expect(later.find((each) => each.path === '/events')?.query['since']).toMatch(/^\d+\.\d{9}$/)
    expect(asked.filter((path) => path === '/containers/json')).toHaveLength(1)
    expect(asked.filter((path) => /^\/containers\/[0-9a-f]+\/json$/.test(path))).toHaveLength(1)
  }, 60_000)
})

describe('an event stream that dies without a word', () => {
  it('is noticed, and what it did not tell is made up for', async () => {
    const engine = await startEngine({ name: 'n1' })
    const proxy = await startProxy(engine)
    const bed = await startBed([`${proxy.host}:${proxy.port}`], {
      watch: { probeMs: 200, silenceMs: 500, failureRetry: 50, refreshMinMs: 600_000, refreshMaxMs: 600_000 },
    })
    await isHealthy(bed, 1)
    proxy.freezeOpen()
    await systemClock.sleep(10)
    const { host, port } = addressOf(engine)
    const body = JSON.stringify({ Image: image })
    const headers = { 'content-type': 'application/json' }
    await fetch(`http://${host}:${port}/containers/create?name=unseen`, { method: 'POST', body, headers })
    await eventually(async () => (await bed.names()).includes('/n1/unseen'), 'the container')
  }, 60_000)
})

describe('changes behind our back', () => {
  it('a rename shows, and a name that is now used twice is told with both engines', async () => {
    const engines = [await startEngine({ name: 'n1' }), await startEngine({ name: 'n2' })]
    const places = engines.map(addressOf).map(({ host, port }) => `${host}:${port}`)
    const bed = await startBed(places)
    await isHealthy(bed, 2)
    for (const [at, name] of ['one', 'two'].entries()) {
      const body = { Image: image, Env: [`constraint:node==n${at + 1}`] }
      expect((await bed.call('POST', `/containers/create?name=${name}`, body)).status).toBe(201)
    }
    await fetch(`http://${places[1]}/containers/two/rename?name=one`, { method: 'POST' })
    await eventually(async () => (await bed.names()).join(' ') === '/n1/one /n2/one', 'the new name')
    const warning = bed.logged.find((line) => line.includes('used on more than one engine'))
    expect(warning).toContain('n1/one and n2/one')
    expect((await bed.call('GET', '/containers/one/json')).status).toBe(404)
    expect((await bed.call('GET', '/containers/n2/one/json')).status).toBe(200)
  }, 60_000)
})

describe('an engine that has not described its containers', () => {
  it('is placed on only once it has; what it does not describe keeps it out', async () => {
    const engines = [
      await startEngine({ name: 'n1', memoryBytes: 1000 }),
      await startEngine({ name: 'n2', memoryBytes: 1000 }),
    ]
    engines[0]?.addContainer({ Image: image, HostConfig: { Memory: 900 } }, { name: 'large', state: 'exited' })
    engines[1]?.addContainer({ Image: image }, { name: 'small', state: 'exited' })
    engines[1]?.addContainer({ Image: image }, { name: 'tiny', state: 'exited' })
    const heal = engines[0]?.fail({ path: /^\/containers\/[0-9a-f]+\/json$/, fault: { kind: 'hang' } })
    const places = engines.map(addressOf).map(({ host, port }) => `${host}:${port}`)
    const bed = await startBed(places)
    await isHealthy(bed, 2)
    // By count n1 is the emptier one; what its container takes up is not known.
    const made = await bed.call('POST', '/containers/create?name=web', { Image: image, HostConfig: { Memory: 500 } })
    expect(made.status).toBe(201)
    expect(await bed.names()).toContain('/n2/web')
    heal?.()
  }, 60_000)
})

describe('many at once', () => {
  it('64 clients: what was acknowledged is there once, on the engines themselves', async () => {
    const fleet = await startFakeFleet({ engines: 20, containers: 3 })
    cleanups.push(() => fleet.close())
    const untouched = new Set(fleet.engines.flatMap((each) => [...each.containers.values()].map(({ name }) => name)))
    const bed = await startBed(fleet.addresses)
    await isHealthy(bed, 20)
    const history = new History()
    await Promise.all(Array.from({ length: 64 }, (_, number) => work(bed, history, number)))
    const real = fleet.engines.flatMap((engine) =>
      [...engine.containers.values()].map(({ id, name }) => ({ engine: engine.name, id, name })),
    )
    expect(checkHistory(history.operations, real, untouched)).toEqual([])
    expect(history.count('create', 'ok')).toBeGreaterThan(64)
    expect(await bed.names()).toHaveLength(real.length)
  }, 60_000)

  it('11,000 events in one moment: each subscriber that reads hears each once, in the order of its engine', async () => {
    const engines = 20
    const fleet = await startFakeFleet({ engines, containers: 1 })
    cleanups.push(() => fleet.close())
    const bed = await startBed(fleet.addresses)
    await isHealthy(bed, engines)
    const heard = await Promise.all([0, 1].map(() => followNumbers(bed)))
    const told: number[] = []
    for (let number = 0; number < 11_000; number += 1) {
      const engine = fleet.engines[number % engines]
      const [container] = engine?.containers.values() ?? []
      if (container !== undefined) engine?.tell(`exec_start: ${number}`, container)
      told.push(number)
    }
    await expect.poll(() => heard.map(({ length }) => length), { timeout: 40_000 }).toEqual([11_000, 11_000])
    const byEngine = (numbers: readonly number[]): readonly number[] =>
      // Sorting is stable: within an engine the order stays.
      numbers.toSorted((a, b) => (a % engines) - (b % engines))
    for (const numbers of heard) expect(byEngine(numbers)).toEqual(byEngine(told))
  }, 60_000)

  it.each([
    ['removals', 'DELETE', '?force=1', 500],
    ['kills', 'POST', '/kill', 1000],
  ])(
    '500 %s in one go hold nobody else up',
    async (_, method, rest, left) => {
      const fleet = await startFakeFleet({ engines: 2, containers: 500 })
      cleanups.push(() => fleet.close())
      const bed = await startBed(fleet.addresses)
      await isHealthy(bed, 2)
      const ids = [...(fleet.engines[0]?.containers.keys() ?? [])]
      const statuses = new Set<number>()
      let done = 0
      const work = Promise.all(
        Array.from({ length: 50 }, async () => {
          for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
            statuses.add((await bed.call(method, `/containers/${id}${rest}`)).status)
            done += 1
          }
        }),
      )
      // Those who ask the other engine do not wait until all of it is through.
      const other = await bed.call('GET', '/containers/app-1-7/json')
      const doneBefore = done
      await work
      expect(other.status).toBe(200)
      expect(doneBefore).toBeLessThan(500)
      expect(statuses).toEqual(new Set([204]))
      expect(await bed.names()).toHaveLength(left)
      const countRunning = async (): Promise<number> =>
        (JSON.parse((await bed.call('GET', '/containers/json')).body) as unknown[]).length
      await eventually(async () => (await countRunning()) === 500, 'what engines tell of those that were killed')
    },
    60_000,
  )

  it('thirty of a hundred engines die in one moment: lists and creates go on, and all come back', async () => {
    const fleet = await startFakeFleet({ engines: 100, containers: 5 })
    cleanups.push(() => fleet.close())
    const ways: FaultProxy[] = []
    for (const address of fleet.addresses.slice(70)) {
      const { hostname, port } = new URL(`http://${address}`)
      const proxy = await startFaultProxy({ host: hostname, port: Number(port) })
      cleanups.push(() => proxy.stop())
      ways.push(proxy)
    }
    const places = [...fleet.addresses.slice(0, 70), ...ways.map(({ host, port }) => `${host}:${port}`)]
    const bed = await startBed(places, { watch: { probeMs: 500 } })
    await isHealthy(bed, 100)
    for (const way of ways) way.setFault({ kind: 'black-hole' }, true)
    // While nobody knows yet that they are dead, and when everybody does.
    for (const isKnown of [false, true]) {
      if (isKnown) await isHealthy(bed, 70)
      for (const path of ['/containers/json?all=1', '/info', '/images/json', '/networks', '/volumes']) {
        expect((await bed.call('GET', path)).status).toBe(200)
      }
      // Whoever had waited for thirty dead engines would have waited until they were given up.
      if (!isKnown) expect(bed.endpoint.cluster.healthyMembers().length).toBeGreaterThan(70)
    }
    expect(await bed.names()).toHaveLength(500)
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        bed.call('POST', `/containers/create?name=new-${at}`, { Image: 'fleet/app' }),
      ),
    )
    expect(new Set(made.map((each) => each.status))).toEqual(new Set([201]))
    for (const way of ways) way.setFault({ kind: 'none' }, true)
    await isHealthy(bed, 100)
    expect(await bed.names()).toHaveLength(520)
  }, 120_000)
})

/** Every third name is fought over by all; some containers are removed again. */
async function work(bed: Bed, history: History, number: number): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    const name = round % 3 === 2 ? `shared-${round}` : `own-${number}-${round}`
    const id = await history.record('create', name, async () => {
      const made = await bed.call('POST', `/containers/create?name=${name}`, { Image: 'fleet/app:latest' })
      return made.status === 201 ? (JSON.parse(made.body) as { readonly Id: string }).Id : undefined
    })
    if (id === undefined || round !== 1) continue
    await history.record('remove', name, async () => {
      const gone = await bed.call('DELETE', `/containers/${id}?force=1`)
      return gone.status === 204 ? id : undefined
    })
  }
}
