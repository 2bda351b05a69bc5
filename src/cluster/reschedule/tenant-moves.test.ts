import { afterEach, describe, expect, it } from 'vitest'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { addFakeNetwork } from '../../testing/fake-engine/network-handlers.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { memoryRecords } from './record-store.ts'
import { startTenantBed } from '../../testing/tenant-bed.ts'
import type { TenantBed } from '../../testing/tenant-bed.ts'

const image = 'box:1'
const policy = 'reschedule:on-node-failure'
const label = 'com.flotilla.tenant'

let bed: TenantBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

async function start(tenants?: string, records = memoryRecords()): Promise<TenantBed> {
  const engine = { images: [image], memoryBytes: 2 ** 33 }
  bed = await startTenantBed([engine, engine, engine], tenants, { watch: { probeMs: 100, failureRetry: 2 }, records })
  return bed
}

/** Makes a container, and fails when it is not made. */
async function create(user: 'admin' | 'blue' | 'red', name: string, body: object): Promise<void> {
  const { status, body: said } = await bed!.as(user)('POST', `/containers/create?name=${name}`, {
    Image: image,
    ...body,
  })
  expect(status, said).toBe(201)
}

function on(node: string): string {
  return `constraint:node==${node}`
}

function holds(engine: FakeEngine | undefined, name: string): boolean {
  return [...(engine?.state.containers.values() ?? [])].some((each) => each.name === name)
}

async function mark(node: string, how: 'cordon' | 'drain' | 'undrain'): Promise<void> {
  const { status, body } = await bed!.as('admin')('POST', `/flotilla/nodes/${node}/${how}`)
  expect(status, body).toBe(200)
}

/** What is to be moved, and why it is not yet. */
async function moves(): Promise<string> {
  return (await bed!.as('admin')('GET', '/flotilla/moves')).body
}

describe('a container of a tenant that is moved', () => {
  it('goes by affinities to what is its own, and not to what others have', async () => {
    const { engines } = await start()
    for (const name of ['red-1', 'red-2', 'red-3', 'red-4']) await create('red', name, { Env: [on('n3')] })
    await create('blue', 'blue-db', { Env: [on('n2')] })
    await mark('n2', 'cordon')
    await mark('n3', 'cordon')
    await create('blue', 'blue-spy', { Env: [policy, 'affinity:container==~red-*'] })
    await create('blue', 'blue-shy', { Env: [policy, 'affinity:container!=blue-db'] })
    await create('blue', 'blue-near', { Env: [policy, 'affinity:container==~blue-db'] })
    await mark('n2', 'undrain')
    await mark('n3', 'undrain')
    await mark('n1', 'drain')
    await eventually(() => engines[0]?.state.containers.size === 0, 'the end of the drain')
    // Where the other tenant is would be n3, which has more containers than n2.
    expect(['blue-spy', 'blue-shy', 'blue-near'].map((name) => engines.findIndex((each) => holds(each, name)))).toEqual(
      [1, 2, 1],
    )
  })

  it('joins no network and no volume of its name that is of another tenant', async () => {
    const { engines } = await start()
    const [n1, n2, n3] = engines
    addFakeNetwork(n1!.state, { Name: 'common', Labels: { [label]: 'blue' } })
    addFakeNetwork(n2!.state, { Name: 'common', Labels: { [label]: 'red' } })
    addFakeNetwork(n3!.state, { Name: 'common', Labels: { [label]: 'red' } })
    await bed!.restart()
    await create('blue', 'blue-web', { Env: [policy], HostConfig: { NetworkMode: 'common' } })
    expect(holds(n1, 'blue-web')).toBe(true)
    await mark('n1', 'drain')
    await eventually(async () => (await moves()).includes('network common is on node n1 only'), 'a reason')
    expect([holds(n1, 'blue-web'), holds(n2, 'blue-web'), holds(n3, 'blue-web')]).toEqual([true, false, false])
  })

  it('is not met there by a container that belongs to nobody', async () => {
    const { engines } = await start()
    const [n1, n2, n3] = engines
    for (const [index, owner] of ['', 'blue', ''].entries()) {
      const labels = owner === '' ? {} : { [label]: owner }
      addFakeNetwork(engines[index]!.state, { Name: 'common', Labels: labels })
    }
    await bed!.restart()
    const Labels = { 'flotilla.reschedule.volumes': 'new' }
    await create('admin', 'web', { Env: [policy, on('~n1')], HostConfig: { NetworkMode: 'common' } })
    await create('admin', 'db', { Env: [policy, on('~n1')], Labels, HostConfig: { Binds: ['data:/data'] } })
    expect([holds(n1, 'web'), holds(n1, 'db')]).toEqual([true, true])
    for (const [index, owner] of ['blue', ''].entries()) {
      const volume = n1!.state.volumes.get('data')!
      engines[index + 1]!.state.volumes.set('data', { ...volume, Labels: owner === '' ? {} : { [label]: owner } })
    }
    await bed!.restart()
    // n2 is the emptier one.
    await create('admin', 'filler', { Env: [on('n3')] })
    await mark('n1', 'drain')
    await eventually(() => holds(n3, 'web') && holds(n3, 'db'), 'the moves')
    expect([holds(n2, 'web'), holds(n2, 'db')]).toEqual([false, false])
  }, 60_000)

  it('has its volumes made for its tenant where it goes', async () => {
    const { as, engines } = await start()
    const Labels = { 'flotilla.reschedule.volumes': 'new' }
    await create('blue', 'blue-web', { Env: [policy], Labels, HostConfig: { Binds: ['blue-data:/data'] } })
    const at = engines.findIndex((engine) => holds(engine, 'blue-web'))
    for (const engine of engines) if (engine !== engines[at]) engine.state.volumes.delete('blue-data')
    await mark(`n${String(at + 1)}`, 'drain')
    await eventually(() => engines.some((engine, index) => index !== at && holds(engine, 'blue-web')), 'the move')
    const to = engines.findIndex((engine, index) => index !== at && holds(engine, 'blue-web'))
    expect(engines[to]?.state.volumes.get('blue-data')?.Labels).toEqual({ [label]: 'blue' })
    expect((await as('blue')('DELETE', '/containers/blue-web?force=1')).status).toBe(204)
    expect((await as('blue')('GET', '/volumes')).body).toContain(`n${String(to + 1)}/blue-data`)
  })

  it('waits while its tenant has used up the quota with other containers', async () => {
    const records = memoryRecords()
    const { as, endpoint, engines } = await start('{blue: {quota: {containers: 2}}, red: {}}', records)
    const [n1, ...others] = engines
    await create('blue', 'blue-one', { Env: [policy, on('n1').replace('==', '==~')] })
    await create('blue', 'blue-two', { Env: [on('n2')] })
    const left = endpoint.cluster.snapshot().nodes.flatMap(({ name, addr }) => (name === 'n1' ? [] : [addr]))
    await eventually(async () => (await records.list()).length === 1, 'the record')
    await n1!.stop()
    endpoint.cluster.setAddresses(left)
    await eventually(() => endpoint.cluster.snapshot().nodes.length === 2, 'its leaving')
    // It left discovery: its name and its place in the quota are free.
    await create('blue', 'blue-three', { Env: [on('n3')] })
    const use = async (): Promise<unknown> => JSON.parse((await as('blue')('GET', '/flotilla/tenants')).body)
    expect(await use()).toMatchObject([{ Containers: { Used: 2, Limit: 2 } }])
    const why = 'tenant blue would go over its quota of containers: 2 in use, 1 more asked for, limit 2'
    await eventually(async () => (await moves()).includes(why), 'a refusal', 40_000)
    expect(others.some((engine) => holds(engine, 'blue-one'))).toBe(false)
    expect((await as('blue')('DELETE', '/containers/blue-three')).status).toBe(204)
    await eventually(() => others.some((engine) => holds(engine, 'blue-one')), 'its move', 60_000)
    expect(await use()).toMatchObject([{ Containers: { Used: 2, Limit: 2 } }])
  }, 120_000)

  it('counts while it is on a node that its manager has not read since it began', async () => {
    const records = memoryRecords()
    const { engines, restart } = await start('{blue: {quota: {containers: 2, memory: 100m}}, red: {}}', records)
    const HostConfig = { Memory: 40 * 2 ** 20 }
    await create('blue', 'blue-one', { Env: [policy, on('n1')], HostConfig })
    await create('blue', 'blue-two', { Env: [on('n2')], HostConfig })
    await eventually(async () => (await records.list()).length === 1, 'the record')
    engines[0]!.fail({ path: /./, fault: { kind: 'hang' } })
    await restart(2)
    const blue = bed!.as('blue')
    const refused = await blue('POST', '/containers/create', { Image: image, HostConfig })
    expect(refused.body).toContain(
      'tenant blue would go over its quota of containers: 2 in use, 1 more asked for, limit 2',
    )
    const use = JSON.parse((await blue('GET', '/flotilla/tenants')).body) as readonly unknown[]
    expect(use).toMatchObject([{ Containers: { Used: 2 }, Memory: { Used: 80 * 2 ** 20 } }])
  }, 60_000)
})
