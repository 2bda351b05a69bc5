import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import type { Engine, EngineReply } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import type { Cluster } from '../cluster.ts'
import { Peers } from '../leader/peers.ts'
import { soleRole } from '../leader/role.ts'
import { Observers } from './observers.ts'
import { eventually, holdersOf, startManagerBed } from '../../testing/manager-bed.ts'
import type { BedManager, ManagerBed } from '../../testing/manager-bed.ts'
import { memoryRecords } from './record-store.ts'
import { anyObserver, lostSight } from './sight.ts'
import type { ObserverRule } from './sight.ts'

let bed: ManagerBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

interface Started extends ManagerBed {
  readonly leader: BedManager
  readonly other: BedManager
}

const image = 'busybox:latest'

/** Two managers over two engines; the first leads, knows the second, and has a container with a policy on n1. */
async function start(observers?: ObserverRule): Promise<Started> {
  const records = memoryRecords()
  const started = await startManagerBed({
    engines: [
      { name: 'n1', images: [image] },
      { name: 'n2', images: [image] },
    ],
    managers: 2,
    endpoint: { records, ...(observers === undefined ? {} : { observers }) },
  })
  bed = started
  const [leader, other] = started.managers
  if (leader === undefined || other === undefined) throw new Error('two managers were wanted')
  const Env = ['constraint:node==~n1', 'reschedule:on-node-failure']
  expect((await leader.call('POST', '/containers/create?name=web', { Image: image, Env })).status).toBe(201)
  await eventually(async () => (await records.list()).length === 1, 'the record')
  expect(holdersOf(started, 'web')).toEqual(['n1'])
  return { ...started, leader, other }
}

/** Nothing passes between a manager and the first engine. */
function cutOff(manager: BedManager): void {
  manager.ways[0]?.setFault({ kind: 'refuse' }, true)
}

describe('an engine that the leader alone cannot reach', () => {
  it('keeps its containers while the other manager reaches it, and loses them when nobody does', async () => {
    const started = await start()
    const { leader, other } = started
    cutOff(leader)
    const seen = `not reached from here, but from manager ${other.address}`
    await eventually(
      () => leader.log.some((line) => line.includes(`is ${seen}: its containers stay`)),
      'word of the other',
    )
    const node = await leader.get<Record<string, unknown>>('/flotilla/nodes/n1')
    expect(node).toMatchObject({ State: 'unhealthy', ReachedBy: [other.address] })
    expect(node).toMatchObject({ ContainersLeaving: 1, ContainersHeld: 1 })
    expect(node['Error']).toContain(seen)
    expect(node['Moves']).toMatchObject([{ Name: 'web', Reason: 'failure', State: 'held', Why: `node n1 is ${seen}` }])
    const pinned = { Image: image, Env: ['constraint:node==n1'] }
    expect((await other.call('POST', '/flotilla/explain', pinned)).body).toContain(`(${seen})`)
    expect((await other.call('POST', '/containers/create', pinned)).status).toBe(500)
    expect((await other.call('POST', '/containers/create?name=free', { Image: image })).status).toBe(201)
    expect(holdersOf(started, 'free')).toEqual(['n2'])
    expect((await other.call('POST', '/containers/web/stop')).body).toContain(`(${seen})`)
    const metrics = (await leader.call('GET', '/flotilla/metrics')).body
    expect(metrics).toMatch(/^flotilla_engine_reached_by_others\{node="n1",[^}]*\} 1$/m)
    expect(metrics).toContain('\nflotilla_other_managers 1\n')
    await systemClock.sleep(4000)
    expect(holdersOf(started, 'web')).toEqual(['n1'])

    cutOff(other)
    await eventually(() => holdersOf(started, 'web').includes('n2'), 'the replacement')
    expect(leader.log.some((line) => line.includes('is not reached from any other manager any more'))).toBe(true)
  })

  it('loses them where nobody is to be asked', async () => {
    const started = await start({ kind: 'off' })
    cutOff(started.leader)
    await eventually(() => holdersOf(started, 'web').includes('n2'), 'the replacement')
  })

  it('loses them when the manager that reaches it does not answer the leader', async () => {
    const started = await start()
    started.other.endpoint.closeNow()
    cutOff(started.leader)
    await eventually(() => holdersOf(started, 'web').includes('n2'), 'the replacement')
  })
})

describe('what the leader knows of an engine that it does not reach', () => {
  const doubted = { engineId: 'e1', addr: '192.0.2.1:2376', node: 'n1', isUrgent: true }

  interface Bench {
    readonly clock: ManualClock
    readonly observers: Observers
    readonly role: { term: number }
    /** Whether the other managers reach the engine; undefined: they do not answer. */
    readonly others: { reach: boolean | undefined }
  }

  /** What a leader asks with, which other managers have announced themselves to. */
  function watch(peers: readonly string[]): Bench {
    const clock = manualClock()
    const role = { ...soleRole, kind: 'primary' as const, term: 1 }
    const others: Bench['others'] = { reach: undefined }
    const observers = new Observers({
      cluster: { clock, log: silentLog } as unknown as Cluster,
      role,
      rule: anyObserver,
      peers: Object.assign(new Peers('192.0.2.9:3376', clock), { list: () => peers }),
      openManager: () => toEngine(() => others.reach),
      onAnswers() {},
    })
    return { clock, role, others, observers }
  }

  function toEngine(says: () => boolean | undefined): Engine {
    const answer = (): Promise<EngineReply> => {
      const isReached = says()
      if (isReached === undefined) return Promise.reject(new Error('silent'))
      const rows: unknown = [{ ID: doubted.engineId, IsReached: isReached }]
      return Promise.resolve({ status: 200, headers: {}, json: () => Promise.resolve(rows) } as unknown as EngineReply)
    }
    return { request: answer, close: () => Promise.resolve() } as unknown as Engine
  }

  it('is nothing at first, though nobody has announced himself yet', async () => {
    const { clock, observers, role } = watch([])
    await clock.advance(60_000)
    expect(observers.sightOf('e1')).toBe(undefined)
    await clock.advance(4999)
    expect(observers.sightOf('e1')).toBe(undefined)
    await clock.advance(1)
    expect(observers.sightOf('e1')).toBe(lostSight)
    role.term += 1
    expect(observers.sightOf('e1')).toBe(undefined)
  })

  it('is what the others said, for twelve seconds, and then nothing until they say more', async () => {
    const { clock, observers, role, others } = watch(['192.0.2.8:3376'])
    const look = async (): Promise<void> => {
      observers.look([doubted])
      await clock.advance(0)
    }
    observers.sightOf('e1')
    await clock.advance(5000)
    others.reach = true
    await look()
    const reached = { isLost: false, reachedBy: ['192.0.2.8:3376'] }
    expect(observers.sightOf('e1')).toEqual(reached)
    await clock.advance(11_999)
    expect(observers.sightOf('e1')).toEqual(reached)
    await clock.advance(1)
    expect(observers.sightOf('e1')).toBe(undefined)
    others.reach = false
    await look()
    expect(observers.sightOf('e1')).toEqual({ isLost: true, reachedBy: [] })
    // What the leader before knew is not asked of the next one.
    role.term += 1
    expect(observers.sightOf('e1')).toBe(undefined)
    await clock.advance(5000)
    expect(observers.sightOf('e1')).toBe(undefined)
  })
})

describe('what managers tell each other', () => {
  it('an address that is none, the own one, and too long a list are refused', async () => {
    const { leader } = await start()
    const tell = async (Address: unknown): Promise<string> =>
      (await leader.call('POST', '/flotilla/managers', { Address })).body
    expect(await tell('nonsense')).toContain('HOST:PORT')
    expect(await tell(7)).toContain('HOST:PORT')
    expect(await tell(leader.address)).toContain('besides this one')
    const ask = async (Engines: readonly unknown[]): Promise<string> =>
      (await leader.call('POST', '/flotilla/sightings', { Engines })).body
    expect(await ask(Array.from({ length: 65 }, (_, at) => ({ ID: `e${at}`, Addr: '' })))).toContain('at most 64')
    expect(JSON.parse(await ask([{ ID: 'x', Addr: 'not an address' }, 7]))).toEqual([
      { ID: 'x', Addr: 'not an address', IsReached: false },
    ])
  })
})
