import { afterAll, beforeAll, describe } from 'vitest'
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
