import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import type { ClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import type { Lease } from '../../src/cluster/leader/leader.ts'
import { silentLog } from '../../src/core/log.ts'
import { systemClock } from '../../src/io/clock.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabService, LabStore } from '../../src/testing/lab/types.ts'
import { ensurePrograms, programForms } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

/** Stores that die, hang, lose their memory or hold nonsense, and what the cluster makes of it. */
let place: Lab
const services = new Map<LabStore, LabService>()
const ends: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  ensurePrograms()
  place = await lab({ hosts: 0 })
  const names: readonly LabStore[] = ['etcd', 'consul', 'zookeeper']
  await Promise.all(names.map(async (name) => services.set(name, await place.kv(name))))
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
afterAll(async () => {
  await place?.down()
})

function service(name: LabStore): LabService {
  const found = services.get(name)
  if (found === undefined) throw new Error(`no ${name}`)
  return found
}

const heartbeatMs = 1000

async function open(address: string, logged: string[] = [], options: readonly (readonly [string, string])[] = []) {
  const say = (text: string): void => void logged.push(text)
  const log = { ...silentLog, error: say, warn: say, info: say }
  const context = { clock: systemClock, log, heartbeatMs, options: new Map(options) }
  const store = await openClusterStore(address, context)
  ends.push(() => store.close())
  return store
}

function follow<T>(make: (signal: AbortSignal) => AsyncIterable<T>): readonly T[] {
  const stop = new AbortController()
  const seen: T[] = []
  const done = (async () => {
    for await (const each of make(stop.signal)) seen.push(each)
  })()
  ends.push(async () => {
    stop.abort()
    await done
  })
  return seen
}

function watch(store: ClusterStore): readonly (readonly string[])[] {
  return follow((signal) => store.discovery.watch({ signal }))
}

const sleep = (ms: number): Promise<void> => systemClock.sleep(ms)
const is = (sets: readonly (readonly string[])[], wanted: string) => () => sets.at(-1)?.join(' ') === wanted

interface Flavour {
  readonly scheme: 'etcd' | 'consul' | 'zk'
  readonly api: string
  /** Shortest that the store takes. */
  readonly ttlMs: number
}

/** A watcher, a joiner and a leader at one store. */
async function startMembers(server: LabService, { scheme, api, ttlMs }: Flavour) {
  const address = `${scheme}://${server.address}/faults-${api}`
  const logged: string[] = []
  const options = [['kv.api', api]] as const
  const [watcher, joiner] = await Promise.all([open(address, logged, options), open(address, [], options)])
  const sets = watch(watcher)
  const leases = follow<Lease | undefined>((signal) => watcher.makeLeader(ttlMs).campaign('10.0.0.9:1', { signal }))
  await joiner.discovery.register('10.0.0.1:1', 60_000)
  await joiner.discovery.register('10.0.0.2:1', 60_000)
  await eventually(is(sets, '10.0.0.1:1 10.0.0.2:1'), 15_000, `the first list of ${scheme} ${api}`)
  await eventually(() => leases.length === 1, 15_000, `the election at ${scheme} ${api}`)
  const known = sets.length
  return {
    leases,
    /** What a joiner's next heartbeat does, and what follows. */
    async recover(): Promise<void> {
      const again = (): Promise<boolean> =>
        joiner.discovery.register('10.0.0.2:1', 60_000).then(
          () => true,
          () => false,
        )
      await eventually(again, 30_000, `registration at ${scheme} ${api}`)
      await joiner.discovery.register('10.0.0.1:1', 60_000)
      await joiner.discovery.register('10.0.0.3:1', 60_000)
      const all = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1']
      await eventually(is(sets, all.join(' ')), 30_000, `the list with the new engine at ${scheme} ${api}`)
      for (const set of sets.slice(known)) expect(set).toEqual(expect.arrayContaining(['10.0.0.1:1', '10.0.0.2:1']))
      expect(logged.filter((line) => line.startsWith('Discovery error')).length).toBeLessThanOrEqual(2)
      await eventually(() => leases.at(-1)?.isHeld() === true, 40_000, `leadership at ${scheme} ${api}`)
      const terms = leases.flatMap((lease) => lease?.term ?? [])
      expect(terms).toEqual([...new Set(terms)].toSorted((a, b) => a - b))
      expect(await leases.at(-1)?.confirm()).toBe(true)
    },
  }
}

describe('a store that is stopped, started, frozen and thawed', () => {
  it('loses no engine and is watched on; who leads steps down when its time is over', async () => {
    const cases: readonly (readonly [LabStore, readonly Flavour[]])[] = [
      ['etcd', ['v3', 'v2'].map((api) => ({ scheme: 'etcd' as const, api, ttlMs: 4000 }))],
      ['consul', [{ scheme: 'consul', api: 'auto', ttlMs: 20_000 }]],
      ['zookeeper', [{ scheme: 'zk', api: 'auto', ttlMs: 10_000 }]],
    ]
    const outage = async ([name, flavours]: (typeof cases)[number]): Promise<void> => {
      const server = service(name)
      const members = await Promise.all(flavours.map((flavour) => startMembers(server, flavour)))
      await server.stop()
      await sleep(1500)
      await server.start()
      await server.pause()
      await sleep(4500)
      // Whatever a frozen store would say.
      if (name === 'etcd') for (const { leases } of members) expect(leases[0]?.isHeld()).toBe(false)
      await server.resume()
      for (const member of members) await member.recover()
    }
    await Promise.all(cases.map(outage))
  })
})

interface Manager {
  readonly child: ChildProcess
  readonly socket: string
  log(): string
  nodes(): Promise<string>
}

async function manage(args: readonly string[]): Promise<Manager> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-stores-'))
  const socket = join(folder, 'swarm.sock')
  const child = programForms[0]?.start('swarm', ['manage', '-H', `unix://${socket}`, ...args])
  if (child === undefined) throw new Error('no program form')
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()))
  ends.push(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  return { child, socket, log: () => log, nodes: () => readNodes(socket) }
}

/** `Nodes` of /info, and the status of the first one. */
function readNodes(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/info', agent: false }, (reply) => {
      let all = ''
      reply.on('data', (chunk: Buffer) => (all += chunk.toString()))
      reply.on('end', () => {
        const rows = (JSON.parse(all) as { SystemStatus: [string, string][] }).SystemStatus
        const find = (name: string): string => rows.find(([key]) => key === name)?.[1] ?? '-'
        resolve(`${find('Nodes')} ${find('  └ Status')}`)
      })
    })
      .on('error', reject)
      .end()
  })
}

describe('swarm manage', () => {
  it('starts while its store is down, says so, and finds the engines when it is up; then it needs it no more', async () => {
    const etcd = service('etcd')
    const engine = await startFakeEngine({ name: 'node1' })
    ends.push(() => engine.stop())
    await etcd.stop()
    const address = `etcd://${etcd.address}/late`
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-state-'))
    ends.push(() => rm(folder, { recursive: true, force: true }))
    const flags = ['--heartbeat', '1s', '--state-dir', folder, address]
    const manager = await manage(flags)
    await eventually(
      () =>
        manager.nodes().then(
          (text) => text.startsWith('0'),
          () => false,
        ),
      30_000,
      'the endpoint',
    )
    await eventually(() => manager.log().includes('Discovery error'), 15_000, 'the complaint')
    expect(manager.log()).toContain(`cannot connect to ${etcd.address}: connection refused`)
    await etcd.start()
    const joiner = await open(address)
    const { endpoint } = engine
    if (endpoint.kind !== 'tcp') throw new Error('the fake engine listens on TCP')
    await joiner.discovery.register(`${endpoint.host}:${String(endpoint.port)}`, 60_000)
    await eventually(() => manager.nodes().then((text) => text === '1 Healthy'), 30_000, 'the engine')
    await etcd.stop()
    await sleep(3000)
    expect(await manager.nodes()).toBe('1 Healthy')
    expect(manager.log().match(/Discovery error/g)?.length).toBeLessThanOrEqual(2)
    expect(manager.child.exitCode).toBeNull()
    manager.child.kill('SIGKILL')
    const next = await manage(flags)
    const isServed = (): Promise<boolean> => next.nodes().then((text) => text === '1 Healthy')
    await eventually(() => isServed().catch(() => false), 30_000, 'the engine, without the store')
    expect(next.log()).toContain('beginning with what the last run knew, 1 engine')
    await etcd.start()
  })
})

/** The JSON gateway of etcd, raw. */
async function rawEtcd(path: string, message: object): Promise<{ readonly deleted?: string }> {
  const body = JSON.stringify(message)
  const answer = await fetch(`http://${service('etcd').address}/v3/${path}`, { method: 'POST', body })
  return (await answer.json()) as { readonly deleted?: string }
}

const base64 = (value: string | Uint8Array): string => Buffer.from(value).toString('base64')

describe('what a store holds', () => {
  it('may be nonsense: bad entries are told with their key and left out', async () => {
    const folder = 'garbage/docker/swarm/nodes'
    const put = (key: string, value: string | Uint8Array) =>
      rawEtcd('kv/put', { key: base64(`${folder}/${key}`), value: base64(value) })
    await put('bytes', Uint8Array.from([0xff, 0xfe, 0x00, 0x80]))
    await put('large', 'x'.repeat(1_000_000))
    await put('space', 'http://a b')
    await put('port', '127.0.0.1:99999')
    await put('range', '10.0.0.[1:65536]')
    await put('good', '10.0.0.1:1')
    const logged: string[] = []
    const sets = watch(await open(`etcd://${service('etcd').address}/garbage`, logged))
    await eventually(is(sets, '10.0.0.1:1'), 10_000, 'the good entry')
    expect(logged).toHaveLength(1)
    for (const key of ['bytes', 'large', 'space', 'port', 'range']) expect(logged[0]).toContain(`${folder}/${key}`)
    expect(logged[0]?.length).toBeLessThan(2000)
    const consul = `http://${service('consul').address}/v1/kv/${folder}`
    await fetch(`${consul}/bytes`, { method: 'PUT', body: Uint8Array.from([0xff, 0xfe]) })
    await fetch(`${consul}/large`, { method: 'PUT', body: 'x'.repeat(500_000) })
    await fetch(`${consul}/good`, { method: 'PUT', body: '10.0.0.1:1' })
    const consulSets = watch(await open(`consul://${service('consul').address}/garbage`))
    await eventually(is(consulSets, '10.0.0.1:1'), 10_000, 'the good entry in consul')
  })

  it('may be gone: a wiped store takes no engine away for three heartbeats', async () => {
    const address = `etcd://${service('etcd').address}/wiped`
    const logged: string[] = []
    const [watcher, joiner] = await Promise.all([open(address, logged), open(address)])
    for (const last of [1, 2, 3]) await joiner.discovery.register(`10.0.0.${String(last)}:1`, 60_000)
    const sets = watch(watcher)
    await eventually(() => sets.at(-1)?.length === 3, 10_000, 'three engines')
    const wipedAtMs = performance.now()
    const { deleted } = await rawEtcd('kv/deleterange', { key: base64('wiped/'), range_end: base64('wiped0') })
    expect(deleted).toBe('3')
    await eventually(() => logged.length === 1, 5000, 'the warning')
    // The joiner's heartbeat finds its key gone though its lease lives, and writes it again.
    await joiner.discovery.register('10.0.0.2:1', 60_000)
    await eventually(is(sets, '10.0.0.2:1'), 15_000, 'the end of the hold')
    expect(performance.now() - wipedAtMs).toBeGreaterThan(3 * heartbeatMs)
    expect(sets.map((set) => set.length)).not.toContain(0)
  })
})

describe('a store that is hard to reach', () => {
  it('does not make anybody run hot: slow, and each watch cut every second', async () => {
    const { host, port } = service('etcd')
    const proxy = await startFaultProxy({ host, port })
    ends.push(() => proxy.stop())
    const address = `etcd://127.0.0.1:${String(proxy.port)}/slow`
    const [watcher, joiner] = await Promise.all([open(address), open(`etcd://${host}:${String(port)}/slow`)])
    const sets = watch(watcher)
    await joiner.discovery.register('10.0.0.1:1', 60_000)
    await eventually(is(sets, '10.0.0.1:1'), 10_000, 'the engine')
    const accepted = proxy.accepted
    const before = process.cpuUsage()
    for (let second = 0; second < 5; second += 1) {
      await sleep(1000)
      proxy.setFault({ kind: 'none' }, true)
    }
    expect(proxy.accepted - accepted).toBeLessThan(30)
    const { user, system } = process.cpuUsage(before)
    // Generous: this process also runs the tests.
    expect((user + system) / 5e6).toBeLessThan(0.6)
    await joiner.discovery.register('10.0.0.2:1', 60_000)
    await eventually(is(sets, '10.0.0.1:1 10.0.0.2:1'), 20_000, 'the second engine')
    proxy.setFault({ kind: 'latency', ms: 300 }, true)
    await joiner.discovery.register('10.0.0.3:1', 60_000)
    await eventually(is(sets, '10.0.0.1:1 10.0.0.2:1 10.0.0.3:1'), 20_000, 'the third engine')
  })
})
