import { connect } from 'node:net'
import { createServer } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import type { DiscoveryContext } from '../../src/cluster/discovery/discovery.ts'
import type { MutualTls } from '../../src/io/dial.ts'
import { issueCertificate, makeCa } from '../../src/io/certificates.ts'
import type { AddressInfo, Socket } from 'node:net'
import { makeKvLeader } from '../../src/cluster/leader/kv-lock.ts'
import { silentLog } from '../../src/core/log.ts'
import { systemClock } from '../../src/io/clock.ts'
import { parseStoreAddress } from '../../src/io/kv/address.ts'
import type { Kv } from '../../src/io/kv/kv.ts'
import { openKv } from '../../src/io/kv/open-kv.ts'
import type { StoreKind } from '../../src/io/kv/open-kv.ts'
import { systemRandom } from '../../src/io/random.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabService, LabStore } from '../../src/testing/lab/types.ts'
import { testKv } from '../conformance/kv.ts'
import { testLeader } from '../conformance/leader.ts'

/** What the stores of the cluster promise, on real servers. */
let place: Lab
const services = new Map<LabStore, LabService>()
beforeAll(async () => {
  // No hosts: only the network and its stores.
  place = await lab({ hosts: 0 })
  const names: readonly LabStore[] = ['etcd', 'consul', 'zookeeper']
  await Promise.all(names.map(async (name) => services.set(name, await place.kv(name))))
})
afterAll(async () => {
  await place?.down()
})

interface Flavour {
  readonly name: string
  readonly store: LabStore
  readonly kind: StoreKind
  readonly api?: string
  /** Shortest that the store takes. */
  readonly lockTtlMs: number
}

const flavours: readonly Flavour[] = [
  { name: 'etcd-v3', store: 'etcd', kind: 'etcd', api: 'v3', lockTtlMs: 6000 },
  { name: 'etcd-v2', store: 'etcd', kind: 'etcd', api: 'v2', lockTtlMs: 6000 },
  { name: 'consul', store: 'consul', kind: 'consul', lockTtlMs: 20_000 },
  { name: 'zookeeper', store: 'zookeeper', kind: 'zk', lockTtlMs: 10_000 },
]

async function open({ store, kind, api }: Flavour): Promise<() => Kv> {
  const { endpoints } = parseStoreAddress(services.get(store)?.address ?? '', 1)
  const options = { endpoints, clock: systemClock, random: systemRandom }
  // Clients are made at once in the suites; the module is loaded by then.
  const kvs = await Promise.all(Array.from({ length: 12 }, () => openKv(kind, options, api)))
  return () => kvs.shift() ?? fail()
}

function fail(): never {
  throw new Error('a test connects more often than foreseen')
}

let elections = 0
for (const flavour of flavours) {
  testKv(flavour.name, async () => ({ connect: await open(flavour), lockTtlMs: flavour.lockTtlMs }))
  testLeader(flavour.name, async () => {
    const connect = await open(flavour)
    const opened: Kv[] = []
    elections += 1
    const key = `election-${flavour.name}-${String(elections)}/docker/swarm/leader`
    return {
      async make() {
        const kv = connect()
        opened.push(kv)
        const context = { key, ttlMs: flavour.lockTtlMs, clock: systemClock, log: silentLog }
        return await Promise.resolve(makeKvLeader({ kv, ...context }))
      },
      async close() {
        await Promise.all(opened.map((kv) => kv.close()))
      },
    }
  })
}

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function openCluster(address: string, more: Partial<DiscoveryContext> = {}) {
  const context = { clock: systemClock, log: silentLog, heartbeatMs: 1000, options: new Map<string, string>(), ...more }
  const store = await openClusterStore(address, context)
  ends.push(() => store.close())
  return store
}

function addressOf(name: LabStore): string {
  return services.get(name)?.address ?? ''
}

async function readFirst<T>(iterable: AsyncIterable<T>): Promise<T | undefined> {
  for await (const each of iterable) return each
  return undefined
}

async function fetchJson(url: string, init: RequestInit = {}): Promise<unknown> {
  return (await fetch(url, { signal: AbortSignal.timeout(10_000), ...init })).json()
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const engine = '10.0.0.1:2375'

/** Registers an engine and elects a leader, then lets `look` see what is in the store. */
async function fill(address: string, look: () => Promise<void>, options: readonly (readonly [string, string])[] = []) {
  const store = await openCluster(address, { options: new Map(options) })
  await store.discovery.register(engine, 30_000)
  const stop = new AbortController()
  ends.push(async () => stop.abort())
  const campaign = store.makeLeader(30_000).campaign('10.0.0.9:3376', { signal: stop.signal })
  const elected = campaign[Symbol.asyncIterator]()
  expect((await elected.next()).value).toBeDefined()
  await look()
  stop.abort()
  while ((await elected.next()).done !== true);
}

describe('the layout in the store, as other programs see it', () => {
  it('etcd over version 3', async () => {
    await fill(`etcd://${addressOf('etcd')}/layout`, async () => {
      const body = JSON.stringify({ key: base64('layout/'), range_end: base64('layout0') })
      const answer = await fetchJson(`http://${addressOf('etcd')}/v3/kv/range`, { method: 'POST', body })
      const kv = { lease: expect.stringMatching(/^\d+$/) }
      expect(answer).toMatchObject({
        kvs: [
          { key: base64('layout/docker/swarm/leader'), value: base64('10.0.0.9:3376'), ...kv },
          { key: base64(`layout/docker/swarm/nodes/${engine}`), value: base64(engine), ...kv },
        ],
      })
    })
  })

  it('etcd over version 2, and an engine that a classic joiner registers there', async () => {
    const address = `etcd://${addressOf('etcd')}/layout`
    const options = [['kv.api', 'v2']] as const
    const keys = `http://${addressOf('etcd')}/v2/keys/layout/docker/swarm`
    await fill(
      address,
      async () => {
        expect(await fetchJson(`${keys}/nodes/${engine}`)).toMatchObject({ node: { value: engine, ttl: 30 } })
        expect(await fetchJson(`${keys}/leader`)).toMatchObject({ node: { value: '10.0.0.9:3376', ttl: 30 } })
      },
      options,
    )
    const body = new URLSearchParams({ value: '10.0.0.7:2375', ttl: '60' })
    await fetchJson(`${keys}/nodes/10.0.0.7:2375`, { method: 'PUT', body })
    const store = await openCluster(address, { options: new Map(options) })
    expect(await readFirst(store.discovery.watch())).toContain('10.0.0.7:2375')
  })

  it('consul, with the sessions that classic Swarm makes', async () => {
    await fill(`consul://${addressOf('consul')}/layout`, async () => {
      const url = `http://${addressOf('consul')}/v1`
      const flags = '"Flags":3304740253564472344'
      const [node, leader] = await Promise.all(
        [`nodes/${engine}`, 'leader'].map(async (key) => {
          const text = await (await fetch(`${url}/kv/layout/docker/swarm/${key}`)).text()
          expect(text).toContain(flags)
          return (JSON.parse(text) as { Value: string; Session: string }[])[0]
        }),
      )
      expect([node?.Value, leader?.Value]).toEqual([base64(engine), base64('10.0.0.9:3376')])
      const session = async (id: string | undefined) => fetchJson(`${url}/session/info/${id ?? ''}`)
      const times = { TTL: '15s', LockDelay: 1_000_000 }
      expect(await session(node?.Session)).toMatchObject([{ Behavior: 'delete', ...times }])
      expect(await session(leader?.Session)).toMatchObject([{ Behavior: 'release', ...times }])
    })
  })

  it('consul refuses times beyond its limits in words that say what to do', async () => {
    const store = await openCluster(`consul://${addressOf('consul')}/short`)
    await expect(store.discovery.register(engine, 60 * 3_600_000)).rejects.toMatchObject({
      message: expect.stringContaining('Invalid Session TTL'),
      hint: expect.stringContaining('20s'),
    })
  })

  it('zookeeper: ephemeral nodes, made with their value', async () => {
    await fill(`zk://${addressOf('zookeeper')}/layout`, async () => {
      const dump = await askZookeeper('dump')
      expect(dump).toContain(`/layout/docker/swarm/nodes/${engine}`)
      expect(dump).toMatch(/\/layout\/docker\/swarm\/leader\/_c_[0-9a-f]{32}-lock-0000000000/)
      const other = await openCluster(`zk://${addressOf('zookeeper')}/layout`)
      expect(await readFirst(other.discovery.watch())).toEqual([engine])
      expect((await other.kv.get('layout/docker/swarm/leader'))?.value).toBe('10.0.0.9:3376')
    })
    const after = await openCluster(`zk://${addressOf('zookeeper')}/layout`)
    expect((await after.kv.get('layout/docker/swarm/leader'))?.value).toBe('')
  })
})

function askZookeeper(word: string): Promise<string> {
  const { host, port } = services.get('zookeeper') ?? fail()
  return new Promise((resolve, reject) => {
    let answer = ''
    connect({ host, port }, function (this: Socket) {
      this.write(word)
    })
      .on('data', (chunk: Buffer) => (answer += chunk.toString()))
      .on('error', reject)
      .on('close', () => resolve(answer))
  })
}

/** Puts mutual TLS before a store. */
async function startTls(name: LabStore) {
  const wanted = (commonName: string) => ({
    commonName,
    organization: 'flotilla lab',
    keyKind: 'ecdsa' as const,
    nowMs: Date.now(),
    days: 2,
  })
  const ca = await makeCa(wanted('store ca'))
  const server = await issueCertificate(ca, { ...wanted('store'), usages: ['server'], names: ['127.0.0.1'] })
  const client = await issueCertificate(ca, { ...wanted('client'), usages: ['client'], names: [] })
  const { host, port } = services.get(name) ?? fail()
  const options = { cert: server.cert, key: server.key, ca: ca.cert, requestCert: true, rejectUnauthorized: true }
  const proxy = createServer(options, (socket) => {
    const upstream = connect({ host, port })
    for (const each of [socket, upstream]) each.on('error', () => each.destroy())
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  })
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve)
  })
  ends.push(async () => proxy.close())
  const tls: MutualTls = { ca: ca.cert, cert: client.cert, key: client.key }
  return { address: `127.0.0.1:${String((proxy.address() as AddressInfo).port)}`, tls }
}

describe('the way to the store', () => {
  it.each([
    ['etcd', 'etcd'],
    ['consul', 'consul'],
    ['zk', 'zookeeper'],
  ] as const)(
    '%s is spoken to over mutual TLS when certificates are given, and only to one they vouch for',
    async (scheme, name) => {
      const { address, tls } = await startTls(name)
      const stranger = await startTls(name)
      const store = await openCluster(`${scheme}://${address}/tls`, { storeTls: tls })
      await store.discovery.register(engine, 30_000)
      expect(await readFirst(store.discovery.watch())).toEqual([engine])
      for (const storeTls of [undefined, stranger.tls]) {
        const refused = await openCluster(`${scheme}://${address}/tls`, { storeTls })
        await expect(refused.kv.get('tls/x')).rejects.toMatchObject({ code: 'io/connect' })
      }
    },
  )

  it('goes through any server of several, those that are gone are passed over', async () => {
    for (const [scheme, name] of [
      ['etcd', 'etcd'],
      ['consul', 'consul'],
      ['zk', 'zookeeper'],
    ] as const) {
      const store = await openCluster(`${scheme}://127.0.0.1:1,${addressOf(name)},127.0.0.1:2/several`)
      await store.discovery.register(engine, 30_000)
      expect(await readFirst(store.discovery.watch())).toEqual([engine])
    }
  })

  it('has user and password for etcd', async () => {
    const call = (path: string, message: object) =>
      fetchJson(`http://${addressOf('etcd')}/v3/auth/${path}`, { method: 'POST', body: JSON.stringify(message) })
    await call('user/add', { name: 'root', password: 'p@ss/word' })
    await call('role/add', { name: 'root' })
    await call('user/grant', { user: 'root', role: 'root' })
    await call('enable', {})
    try {
      const known = await openCluster(`etcd://root:p%40ss%2Fword@${addressOf('etcd')}/auth`)
      await known.discovery.register(engine, 30_000)
      expect(await readFirst(known.discovery.watch())).toEqual([engine])
      const wrong = await openCluster(`etcd://root:geheim@${addressOf('etcd')}/auth`)
      const failure: unknown = await wrong.kv.get('auth/x').catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'io/protocol', message: expect.stringContaining('authentication failed') })
      expect(String(failure)).not.toContain('geheim')
      const none = await openCluster(`etcd://${addressOf('etcd')}/auth`)
      await expect(none.kv.get('auth/x')).rejects.toMatchObject({ code: 'io/protocol' })
    } finally {
      const { token } = (await call('authenticate', { name: 'root', password: 'p@ss/word' })) as { token: string }
      const headers = { authorization: token }
      await fetchJson(`http://${addressOf('etcd')}/v3/auth/disable`, { method: 'POST', body: '{}', headers })
    }
  })
})
