import { afterEach, describe, expect, it } from 'vitest'
import { eventually, startManagerBed } from '../../testing/manager-bed.ts'
import type { BedManager, ManagerBed } from '../../testing/manager-bed.ts'
import { makeKeptWait, readKept, readRefusal, renderWaitLines, toPauseMs } from './kept-wait.ts'

describe('what a replica and the leader tell each other', () => {
  const head = (status: number, headers: readonly string[]): Parameters<typeof readRefusal>[0] =>
    ({ status, headers }) as unknown as Parameters<typeof readRefusal>[0]

  it.each([
    [503, ['flotilla-wait', '1200'], 'wait'],
    [503, ['flotilla-not-primary', 'true'], 'elsewhere'],
    [503, ['retry-after', '1'], 'final'],
    [500, ['flotilla-wait', '1200'], 'final'],
    [409, [], 'final'],
  ] as const)('a refusal of %d with %j means %s', (status, headers, meaning) => {
    expect(readRefusal(head(status, headers))).toBe(meaning)
  })

  it('a try carries its ID and how long it has waited, and nothing else counts', () => {
    const kept = makeKeptWait(1000)
    const headers = renderWaitLines(kept, 3500)
      .split('\r\n')
      .flatMap((line) => line.split(': '))
    const read = (lines: readonly string[]): ReturnType<typeof readKept> =>
      readKept({ headers: lines } as unknown as Parameters<typeof readKept>[0])
    expect(read(headers)).toEqual({ id: kept.id, waitedMs: 2500 })
    expect(read(['x-flotilla-wait-id', kept.id, 'x-flotilla-waited', '-9e99x'])).toEqual({ id: kept.id, waitedMs: 0 })
    expect(read(['x-flotilla-wait-id', 'no id'])).toBeUndefined()
    expect(read([])).toBeUndefined()
  })

  it('tries come soon at first and then once a second', () => {
    expect([1, 4, 5, 6, 50].map(toPauseMs)).toEqual([250, 250, 500, 1000, 1000])
  })
})

const gb = 2 ** 30
let bed: ManagerBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

interface Started extends ManagerBed {
  readonly leader: BedManager
  readonly replica: BedManager
}

/** One engine of 2 GB that is full, and three managers. */
async function start(): Promise<Started> {
  const started = await startManagerBed({
    engines: [{ name: 'n1', images: ['busybox:latest'], registry: ['late:1'], memoryBytes: 2 * gb }],
    managers: 3,
  })
  bed = started
  const [leader, replica] = started.managers
  if (leader === undefined || replica === undefined) throw new Error('managers were wanted')
  expect((await leader.call('POST', '/containers/create?name=first', body(2, '0s'))).status).toBe(201)
  return { ...started, leader, replica }
}

function body(memoryGb: number, wait: string): object {
  return { Image: 'busybox:latest', HostConfig: { Memory: memoryGb * gb }, Labels: { 'flotilla.wait': wait } }
}

async function listWaiting(manager: BedManager): Promise<readonly string[]> {
  return (await manager.get<readonly { readonly Name: string }[]>('/flotilla/waiting')).map((each) => each.Name)
}

/** The manager that leads, once exactly one of the living does. */
async function leaderOf(managers: readonly BedManager[]): Promise<BedManager> {
  let found: BedManager | undefined
  await eventually(() => {
    found = managers.find((each) => each.endpoint.role.kind === 'primary')
    return found !== undefined
  }, 'a leader')
  return found as BedManager
}

function names({ engines }: ManagerBed): readonly string[] {
  return engines.flatMap((engine) => [...engine.state.containers.values()].map((each) => each.name)).sort()
}

describe('a create that waits for room', () => {
  it('through a replica is listed and counted at the leader, and made as soon as there is room', async () => {
    const started = await start()
    const { leader, replica } = started
    const second = replica.call('POST', '/containers/create?name=second', body(1, '60s'))
    await eventually(async () => (await listWaiting(leader)).join() === 'second', 'the waiting create')
    expect(await listWaiting(replica)).toEqual(['second'])
    const metrics = (await leader.call('GET', '/flotilla/metrics')).body
    expect(metrics).toContain('\nflotilla_waiting_creates 1\n')
    expect(metrics).toMatch(/^flotilla_waiting_oldest_seconds \d/m)
    expect((await leader.call('DELETE', '/containers/first?force=1')).status).toBe(204)
    expect((await second).status).toBe(201)
    expect(await listWaiting(leader)).toEqual([])
    expect(names(started)).toEqual(['second'])
    expect((await leader.call('GET', '/flotilla/metrics')).body).toContain('\nflotilla_waiting_oldest_seconds 0\n')
  })

  it('through a replica is refused after its time, in the usual words', async () => {
    const { replica } = await start()
    const late = await replica.call('POST', '/containers/create?name=late', body(1, '1500ms'))
    expect(late.status).toBe(500)
    expect(late.body).toContain('no resources available to schedule container (waited 1.5s)')
  })

  it('through a replica outlives the leader, and is made once by the next one', async () => {
    const started = await start()
    const { leader, replica, managers } = started
    const second = replica.call('POST', '/containers/create?name=second', body(1, '60s'))
    await eventually(async () => (await listWaiting(leader)).join() === 'second', 'the waiting create')
    leader.endpoint.closeNow()
    const next = await leaderOf(managers.filter((each) => each !== leader))
    await eventually(async () => (await listWaiting(next)).join() === 'second', 'the create at the next leader')
    expect((await next.call('DELETE', '/containers/first?force=1')).status).toBe(204)
    expect((await second).status).toBe(201)
    expect(names(started)).toEqual(['second'])
  })

  it('at a leader that loses its lease goes on waiting at the next one', async () => {
    const started = await start()
    const { leader, managers, memory } = started
    const second = leader.call('POST', '/containers/create?name=second', body(1, '60s'))
    await eventually(async () => (await listWaiting(leader)).join() === 'second', 'the waiting create')
    memory.expire()
    const next = await leaderOf(managers.filter((each) => each !== leader))
    await eventually(async () => (await listWaiting(next)).join() === 'second', 'the create at the next leader')
    expect((await next.call('DELETE', '/containers/first?force=1')).status).toBe(204)
    expect((await second).status).toBe(201)
    expect(names(started)).toEqual(['second'])
  })

  it.each([
    ['its container comes about, and is undone', 'busybox:latest', /^\/containers\/create$/],
    ['its image is fetched', 'late:1', /^\/images\/create$/],
  ])('whose leader ends while %s is made by the next one', async (_, image, path) => {
    const started = await start()
    const { leader, replica, managers, memory, engines } = started
    const wanted = { ...body(0.5, '60s'), Image: image }
    const kept = replica.call('POST', '/containers/create?name=kept', wanted)
    const direct = leader.call('POST', '/containers/create?name=direct', wanted)
    await eventually(async () => (await listWaiting(leader)).length === 2, 'both creates')
    const [engine] = engines
    const asked = (): number => engine?.requests.filter((each) => path.test(each.path)).length ?? 0
    const before = asked()
    engine?.fail({ path, times: 2, fault: { kind: 'delay', ms: 400 } })
    expect((await leader.call('DELETE', '/containers/first?force=1')).status).toBe(204)
    await eventually(() => asked() > before, 'the engine being asked')
    memory.expire()
    await leaderOf(managers.filter((each) => each !== leader))
    expect([(await kept).status, (await direct).status]).toEqual([201, 201])
    expect(names(started)).toEqual(['direct', 'kept'])
  })

  it('at a manager that ends is refused at once and can be sent again; one that a replica keeps goes on', async () => {
    const started = await start()
    const { leader, replica, managers } = started
    const direct = leader.call('POST', '/containers/create?name=direct', body(1, '60s'))
    const kept = replica.call('POST', '/containers/create?name=kept', body(1, '60s'))
    await eventually(async () => (await listWaiting(leader)).length === 2, 'both creates')
    await leader.endpoint.close()
    expect(await direct).toMatchObject({ status: 503, body: expect.stringContaining('this manager ends') })
    const next = await leaderOf(managers.filter((each) => each !== leader))
    await eventually(async () => (await listWaiting(next)).join() === 'kept', 'the create at the next leader')
    expect((await next.call('DELETE', '/containers/first?force=1')).status).toBe(204)
    expect((await kept).status).toBe(201)
    expect(names(started)).toEqual(['kept'])
  })

  it('is forgotten when its client goes away', async () => {
    const { leader, replica } = await start()
    const open = replica.open('POST', '/containers/create?name=gone', body(1, '60s'))
    const failed = expect(open.answer).rejects.toThrow()
    await eventually(async () => (await listWaiting(leader)).join() === 'gone', 'the waiting create')
    open.abort()
    await failed
    await eventually(async () => (await listWaiting(leader)).length === 0, 'its end')
  })
})
