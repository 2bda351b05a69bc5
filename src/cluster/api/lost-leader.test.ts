import { afterEach, describe, expect, it } from 'vitest'
import type { FakeFault } from '../../testing/fake-engine/fake-engine.ts'
import { eventually, holdersOf, startManagerBed } from '../../testing/manager-bed.ts'
import type { BedManager, ManagerBed } from '../../testing/manager-bed.ts'
import type { Exchange } from './http1/exchange.ts'
import { readLost } from './kept-wait.ts'
import { repeatOf } from '../../engine/repeat.ts'

/** Calls through a replica whose leader goes before it has answered them. */

const id = 'a'.repeat(64)

describe('a call of which nobody knows whether it was carried out', () => {
  it.each([
    ['GET', '/containers/json', 'always'],
    ['POST', `/containers/${id}/start`, 'always'],
    ['POST', `/containers/${id}/stop`, 'always'],
    ['POST', `/containers/${id}/restart`, 'always'],
    ['DELETE', `/containers/${id}`, 'always'],
    ['DELETE', `/networks/${id}`, 'always'],
    ['DELETE', '/networks/p3j5yytnlumf4ayfnkl6jrp2o', 'always'],
    ['POST', '/volumes/create', 'always'],
    ['POST', '/networks/create', 'when-broken'],
    ['POST', `/containers/${id}/rename`, 'when-broken'],
    // The name may have been given to something else in between.
    ['POST', '/containers/web/stop', undefined],
    ['DELETE', '/containers/web', undefined],
    ['DELETE', '/volumes/data', undefined],
    // Twice is not once.
    ['POST', `/containers/${id}/kill`, undefined],
    ['POST', `/containers/${id}/exec`, undefined],
    ['POST', '/build', undefined],
    ['POST', '/containers/create', undefined],
  ] as const)('%s %s is sent again: %s', (method, path, how) => {
    expect(repeatOf(method, path)).toBe(how)
  })

  it('was lost only if somebody says so who may remove what came of it', () => {
    const read = (caller: object | undefined, ...headers: readonly string[]): ReturnType<typeof readLost> =>
      readLost({ lost: undefined, caller, head: { headers } } as unknown as Exchange)
    const said = ['x-flotilla-lost', `${id},no-id`]
    expect(read(undefined)).toBeUndefined()
    expect(read(undefined, ...said)).toEqual([id])
    expect(read({ role: 'admin' }, ...said)).toEqual([id])
    expect(read({ role: 'deployer' }, ...said)).toBeUndefined()
    expect(read({ role: 'deployer' }, ...said, 'x-flotilla-caller', 'token anna')).toEqual([id])
  })
})

let bed: ManagerBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

interface Started extends ManagerBed {
  readonly leader: BedManager
  readonly replica: BedManager
}

async function start(): Promise<Started> {
  const engines = ['n1', 'n2'].map((name) => ({ name, images: ['busybox:latest'] }))
  const started = await startManagerBed({ engines, managers: 3 })
  bed = started
  const [leader, replica] = started.managers
  if (leader === undefined || replica === undefined) throw new Error('managers were wanted')
  return { ...started, leader, replica }
}

/** What the first call to such a path suffers, on whatever engine. */
function strike({ engines }: ManagerBed, path: RegExp, fault: FakeFault, method = 'POST'): void {
  let isStruck = false
  const ends = engines.map((engine) => engine.fail({ method, path, times: 1, fault }))
  void eventually(() => {
    isStruck ||= asked({ engines }, path, method) > 0
    return isStruck
  }).then(() => {
    for (const end of ends) end()
  })
}

function asked({ engines }: Pick<ManagerBed, 'engines'>, path: RegExp, method = 'POST'): number {
  return engines.flatMap(({ requests }) => requests.filter((each) => each.method === method && path.test(each.path)))
    .length
}

const sample = { Image: 'busybox:latest' }

async function make({ leader }: Started, name: string): Promise<string> {
  const made = await leader.call('POST', `/containers/create?name=${name}`, sample)
  return (JSON.parse(made.body) as { readonly Id: string }).Id
}

describe('a leader that dies before it has answered', () => {
  it.each([
    ['starts', 'POST', '/start', 204],
    ['stops', 'POST', '/stop', 204],
    ['renames', 'POST', '/rename?name=web2', 204],
    ['removes', 'DELETE', '?force=1', 204],
  ])('leaves a call that %s a container to the next one', async (_, method, call, status) => {
    const started = await start()
    const { leader, replica } = started
    const web = await make(started, 'web')
    if (call === '/stop') await leader.call('POST', `/containers/${web}/start`)
    const path = new RegExp(`/containers/${web}${call.startsWith('/') ? call.split('?')[0] : '$'}`)
    strike(started, path, { kind: 'delay', ms: 500 }, method)
    const answer = replica.call(method, `/containers/${web}${call}`)
    await eventually(() => asked(started, path, method) > 0, 'the engine being asked')
    leader.endpoint.closeNow()
    // The engine has heard of it twice, and may say so.
    expect([status, 304, 404]).toContain((await answer).status)
    const container = started.engines.flatMap((engine) => [...engine.state.containers.values()])[0]
    const found = container === undefined ? 'gone' : `${container.name} ${container.status}`
    expect(found).toBe({ '/start': 'web running', '/stop': 'web exited', '?force=1': 'gone' }[call] ?? 'web2 created')
  })

  it('leaves volumes and networks to the next one', async () => {
    const started = await start()
    const { leader, replica } = started
    const calls = ['/volumes/create', '/networks/create'].map((path) => replica.call('POST', path, { Name: 'both' }))
    strike(started, /\/(?:volumes|networks)\/create$/, { kind: 'delay', ms: 500 })
    await eventually(() => asked(started, /\/(?:volumes|networks)\/create$/) > 0, 'the engines being asked')
    leader.endpoint.closeNow()
    const [volume, network] = await Promise.all(calls)
    expect(volume?.status).toBe(201)
    expect([201, 409]).toContain(network?.status)
    const made = started.engines.flatMap(({ state }) =>
      [...state.networks.values()].filter((each) => each.Name === 'both'),
    )
    expect(made).toHaveLength(1)
  })

  it.each([
    ['it is made already', { kind: 'lose-answer', afterMs: 500 }],
    ['it is made later', { kind: 'delay', ms: 500, outlasts: true }],
  ] as const)('leaves a create to the next one, and there is one container, when %s', async (_, fault) => {
    const started = await start()
    const { leader, replica } = started
    strike(started, /\/containers\/create$/, fault)
    const answer = replica.call('POST', '/containers/create?name=web', sample)
    await eventually(() => asked(started, /\/containers\/create$/) > 0, 'the engine being asked')
    leader.endpoint.closeNow()
    const { status, body } = await answer
    expect(status, body).toBe(201)
    await eventually(() => holdersOf(started, 'web').length === 1, 'one container')
    const [container] = started.engines.flatMap((engine) => [...engine.state.containers.values()])
    expect(container?.id).toBe((JSON.parse(body) as { readonly Id: string }).Id)
  })
})

describe('a leader that hangs and loses its lease', () => {
  it('takes back what it made late, and the create goes on at the next one', async () => {
    const started = await start()
    const { memory, replica } = started
    strike(started, /\/containers\/create$/, { kind: 'delay', ms: 500 })
    const answer = replica.call('POST', '/containers/create?name=web', sample)
    await eventually(() => asked(started, /\/containers\/create$/) > 0, 'the engine being asked')
    memory.expire('silently')
    expect((await answer).status).toBe(201)
    expect(holdersOf(started, 'web')).toHaveLength(1)
  })

  it('takes a rename back, which is done by the next one', async () => {
    const started = await start()
    const { memory, replica } = started
    const web = await make(started, 'web')
    strike(started, /\/rename$/, { kind: 'delay', ms: 300 })
    const answer = replica.call('POST', `/containers/${web}/rename?name=web2`)
    await eventually(() => asked(started, /\/rename$/) > 0, 'the engine being asked')
    memory.expire('silently')
    expect((await answer).status).toBe(204)
    expect(holdersOf(started, 'web2')).toHaveLength(1)
  })
})

describe('a leader that is dead', () => {
  it('does not keep creates from the next one', async () => {
    const started = await start()
    const { leader, replica, memory } = started
    memory.fail()
    leader.endpoint.closeNow()
    const answer = replica.call('POST', '/containers/create?name=web', sample)
    const mending = setTimeout(() => memory.mend(), 1500)
    expect((await answer).status).toBe(201)
    clearTimeout(mending)
  })
})
