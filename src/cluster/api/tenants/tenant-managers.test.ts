import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../testing/manager-bed.ts'
import { memoryElection } from '../../../testing/memory-election.ts'
import { startTenantBed } from '../../../testing/tenant-bed.ts'
import type { TenantBed } from '../../../testing/tenant-bed.ts'

/** Tenants at one of several managers. */

const mib = 2 ** 20
let bed: TenantBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

describe('while nobody leads', () => {
  it('nothing is done that counts against a quota, since another manager may be counting', async () => {
    const memory = memoryElection()
    const replication = { leader: memory.leader(), address: 'one:1', waitMs: 300 }
    const quota = '{blue: {quota: {memory: 100m}}, red: {}}'
    bed = await startTenantBed([{ images: ['box:1'] }], quota, { replication })
    const [blue, admin] = [bed.as('blue'), bed.as('admin')]
    const body = { Image: 'box:1', HostConfig: { Memory: 40 * mib } }
    expect((await blue('POST', '/containers/create?name=web', body)).status).toBe(201)
    memory.fail()
    memory.expire()
    const more = { Memory: 60 * mib, MemorySwap: 60 * mib }
    const refused = await blue('POST', '/containers/web/update', more)
    expect([refused.status, refused.body]).toEqual([503, expect.stringContaining('No elected primary cluster manager')])
    expect((await blue('POST', '/containers/web/start')).status).toBe(204)
    expect((await admin('POST', '/containers/web/update', more)).status).toBe(200)
  })
})

describe('a manager that has lost the lead', () => {
  it('takes back a network that its engine has made since, so that another one does not count too few', async () => {
    const memory = memoryElection()
    const replication = { leader: memory.leader(), address: 'one:1' }
    bed = await startTenantBed([{}], '{blue: {quota: {networks: 1}}, red: {}}', { replication })
    const [engine] = bed.engines
    engine?.fail({ path: /networks\/create$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    const late = bed.as('blue')('POST', '/networks/create', { Name: 'net' })
    await eventually(() => engine?.requests.some((each) => each.path.endsWith('/networks/create')) === true, 'the call')
    memory.expire('silently')
    const { status, body } = await late
    expect(status, body).toBe(201)
    const ids = [...(engine?.state.networks.values() ?? [])]
      .filter((each) => each.Name.includes('net'))
      .map(({ Id }) => Id)
    // The first is gone again, and the one that was told of was made by whoever led then.
    expect(engine?.requests.filter((each) => each.path === '/networks/create')).toHaveLength(2)
    expect(ids).toContain((JSON.parse(body) as { readonly Id: string }).Id)
    expect((await bed.as('blue')('POST', '/networks/create', { Name: 'more' })).status).toBe(403)
  })

  it('goes on with a create that may wait, although it was making a volume for it', async () => {
    const memory = memoryElection()
    const replication = { leader: memory.leader(), address: 'one:1' }
    bed = await startTenantBed([{ images: ['box:1'] }], '{blue: {quota: {volumes: 1}}, red: {}}', { replication })
    const [engine] = bed.engines
    engine?.fail({ path: /volumes\/create$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    const Labels = { 'flotilla.wait': '30s' }
    const body = { Image: 'box:1', Labels, HostConfig: { Binds: ['data:/data'] } }
    const late = bed.as('blue')('POST', '/containers/create?name=web', body)
    await eventually(() => engine?.requests.some((each) => each.path.endsWith('/volumes/create')) === true, 'the call')
    memory.expire('silently')
    expect((await late).status).toBe(201)
    expect([...(engine?.state.containers.values() ?? [])].map((each) => each.name)).toEqual(['web'])
  })

  it('does not acknowledge a volume that another one does not count yet, and leaves it to that one', async () => {
    const memory = memoryElection()
    const replication = { leader: memory.leader(), address: 'one:1' }
    bed = await startTenantBed([{}], '{blue: {quota: {volumes: 1}}, red: {}}', { replication })
    const [engine] = bed.engines
    engine?.fail({ path: /volumes\/create$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    const late = bed.as('blue')('POST', '/volumes/create', { Name: 'data' })
    await eventually(() => engine?.requests.some((each) => each.path.endsWith('/volumes/create')) === true, 'the call')
    memory.expire('silently')
    expect((await late).status).toBe(201)
    expect(engine?.requests.filter((each) => each.path === '/volumes/create')).toHaveLength(2)
    expect((await bed.as('blue')('POST', '/volumes/create', { Name: 'more' })).status).toBe(403)
  })
})
