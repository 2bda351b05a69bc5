import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../io/clock.ts'
import { eventually, holdersOf, startManagerBed } from '../../testing/manager-bed.ts'
import type { BedManager, ManagerBed } from '../../testing/manager-bed.ts'
import { memoryRecords } from './record-store.ts'
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
