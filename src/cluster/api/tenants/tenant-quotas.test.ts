import { request } from 'node:http'
import type { ClientRequest } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../testing/manager-bed.ts'
import { startTenantBed } from '../../../testing/tenant-bed.ts'
import type { TenantBed } from '../../../testing/tenant-bed.ts'

const gib = 2 ** 30
let bed: TenantBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

async function start(quota: string): Promise<TenantBed> {
  const engine = { images: ['box:1'], registry: ['far:1', 'far:2', 'far:3'], cpus: 64, memoryBytes: 256 * gib }
  bed = await startTenantBed([engine, engine], `{blue: {quota: ${quota}}, red: {}}`)
  return bed
}

function counts(statuses: readonly number[]): Readonly<Record<number, number>> {
  const counted: Record<number, number> = {}
  for (const status of statuses) counted[status] = (counted[status] ?? 0) + 1
  return counted
}

async function readUse({ as }: TenantBed): Promise<Record<string, { Used: number; Limit: number | null }>> {
  const rows = JSON.parse((await as('admin')('GET', '/flotilla/tenants')).body) as readonly { Name: string }[]
  return rows.find((each) => each.Name === 'blue') as unknown as Record<string, { Used: number; Limit: number | null }>
}

describe('quotas', () => {
  it('let exactly as many containers through as there is room for, however many come at once', async () => {
    const { as, restart } = await start('{containers: 10}')
    const blue = as('blue')
    const create = async (index: number): Promise<number> =>
      (await blue('POST', `/containers/create?name=c${String(index)}`, { Image: 'box:1' })).status
    const statuses = await Promise.all(Array.from({ length: 64 }, (_, index) => create(index)))
    expect(counts(statuses)).toEqual({ 201: 10, 403: 54 })
    const refused = await blue('POST', '/containers/create', { Image: 'box:1' })
    expect([refused.status, refused.body]).toEqual([
      403,
      '{"message":"tenant blue would go over its quota of containers: 10 in use, 1 more asked for, limit 10"}\n',
    ])
    // Others have their own.
    expect((await as('red')('POST', '/containers/create', { Image: 'box:1' })).status).toBe(201)
    await restart()
    expect((await blue('POST', '/containers/create', { Image: 'box:1' })).status).toBe(403)
    const index = statuses.indexOf(201)
    expect((await blue('DELETE', `/containers/c${String(index)}`)).status).toBe(204)
    expect((await blue('POST', '/containers/create', { Image: 'box:1' })).status).toBe(201)
    expect((await readUse(bed!))['Containers']).toEqual({ Used: 10, Limit: 10 })
  }, 60_000)

  it('count CPUs, memory and ports, and want to be told of them', async () => {
    const { as } = await start('{cpus: 2, memory: 3g, ports: 2}')
    const blue = as('blue')
    const create = async (hostConfig: object, more: object = {}): Promise<string> => {
      const { status, body } = await blue('POST', '/containers/create', {
        Image: 'box:1',
        HostConfig: hostConfig,
        ...more,
      })
      return status === 201
        ? (JSON.parse(body) as { Id: string }).Id
        : `${String(status)} ${(JSON.parse(body) as { message: string }).message}`
    }
    const has = 'so a container has to say'
    expect(await create({ Memory: gib })).toBe(
      `403 tenant blue has a quota of cpus, ${has} how many it may use (--cpus)`,
    )
    expect(await create({ NanoCpus: 1e9, MemoryReservation: gib })).toBe(
      `403 tenant blue has a quota of memory, ${has} how much it may use (--memory)`,
    )
    expect(await create({ NanoCpus: 1e9, Memory: gib, publishAllPorts: true })).toBe(
      `403 tenant blue has a quota of ports, ${has} which ones of the host it takes (--publish HOST:CONTAINER)`,
    )
    const ports = { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } }
    const first = await create({ NanoCpus: 1.5e9, Memory: 2 * gib, ...ports })
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    const over = 'tenant blue would go over its quota of'
    expect(await create({ CpuQuota: 60_000, Memory: gib })).toBe(
      `403 ${over} cpus: 1.5 in use, 0.6 more asked for, limit 2`,
    )
    expect(await create({ nanocpus: 5e8, memory: 2 * gib })).toBe(
      `403 ${over} memory: 2GiB in use, 2GiB more asked for, limit 3GiB`,
    )
    const two = { PortBindings: { '80/tcp': [{ HostPort: '81' }], '81/tcp': [{ HostPort: '82' }] } }
    expect(await create({ NanoCpus: 5e8, Memory: gib, ...two })).toBe(
      `403 ${over} ports: 1 in use, 2 more asked for, limit 2`,
    )
    const update = async (body: object): Promise<string> => {
      const answer = await blue('POST', `/containers/${first}/update`, body)
      return answer.status === 200
        ? 'done'
        : `${String(answer.status)} ${(JSON.parse(answer.body) as { message: string }).message}`
    }
    expect(await update({ NanoCpus: 3e9 })).toBe(`403 ${over} cpus: 1.5 in use, 1.5 more asked for, limit 2`)
    expect(await update({ memory: 4 * gib })).toBe(`403 ${over} memory: 2GiB in use, 2GiB more asked for, limit 3GiB`)
    expect(await update({ CpuQuota: -1 })).toMatch(/^403 tenant blue has a quota of cpus, so an update has to say/)
    expect(await update({ Memory: -1 })).toMatch(/^400 /)
    expect(await update({ NanoCpus: 1e9 })).toBe('done')
    await eventually(async () => (await readUse(bed!))['Cpus']?.Used === 1, 'the update')
    expect(await create({ NanoCpus: 1e9, Memory: gib })).toMatch(/^[0-9a-f]{64}$/)
    expect(await readUse(bed!)).toMatchObject({
      Cpus: { Used: 2, Limit: 2 },
      Memory: { Used: 3 * gib, Limit: 3 * gib },
      Ports: { Used: 1, Limit: 2 },
    })
  }, 60_000)

  it('count what containers take up after a restart, before anybody is let through', async () => {
    const { as, restart } = await start('{memory: 10g}')
    const create = async (): Promise<number> =>
      (await as('blue')('POST', '/containers/create', { Image: 'box:1', HostConfig: { Memory: gib } })).status
    for (let made = 0; made < 9; made += 1) expect(await create()).toBe(201)
    await restart()
    expect(counts(await Promise.all(Array.from({ length: 8 }, create)))).toEqual({ 201: 1, 403: 7 })
  }, 60_000)

  it('count volumes and networks, each name once', async () => {
    const { as } = await start('{volumes: 3, networks: 2}')
    const blue = as('blue')
    const make =
      (kind: string) =>
      async (_: unknown, index: number): Promise<number> =>
        (await blue('POST', `/${kind}/create`, { Name: `x${String(index)}` })).status
    expect(counts(await Promise.all(Array.from({ length: 12 }, make('volumes'))))).toEqual({ 201: 3, 403: 9 })
    expect(counts(await Promise.all(Array.from({ length: 12 }, make('networks'))))).toEqual({ 201: 2, 403: 10 })
    const bound = await blue('POST', '/containers/create', { Image: 'box:1', HostConfig: { Binds: ['more:/x'] } })
    expect([bound.status, bound.body]).toEqual([
      403,
      '{"message":"tenant blue would go over its quota of volumes: 3 in use, 1 more asked for, limit 3"}\n',
    ])
    expect(await readUse(bed!)).toMatchObject({ Volumes: { Used: 3, Limit: 3 }, Networks: { Used: 2, Limit: 2 } })
  }, 60_000)

  it('count what engines have made and cannot show yet', async () => {
    const { as, engines } = await start('{volumes: 1, networks: 1}')
    const blue = as('blue')
    const mend = engines.map((engine) =>
      engine.fail({
        method: 'GET',
        path: /^\/(volumes|networks)/,
        fault: { kind: 'status', status: 500, message: 'busy' },
      }),
    )
    expect((await blue('POST', '/networks/create', { Name: 'net' })).status).toBe(201)
    expect((await blue('POST', '/networks/create', { Name: 'more' })).status).toBe(403)
    const half = engines[1]?.fail({ path: /volumes\/create$/, fault: { kind: 'status', status: 500, message: 'full' } })
    expect((await blue('POST', '/volumes/create', { Name: 'data' })).status).toBe(500)
    half?.()
    expect((await blue('POST', '/volumes/create', { Name: 'more' })).status).toBe(403)
    expect((await blue('POST', '/volumes/create', { Name: 'data' })).status).toBe(201)
    for (const end of mend) end()
    // Once it is seen, its end is seen as well.
    const { directory } = bed!.endpoint.cluster
    await eventually(() => directory.volumeHolders('data').length === 2, 'a volume that is known')
    expect((await blue('DELETE', '/volumes/data')).status).toBe(204)
    expect((await blue('POST', '/volumes/create', { Name: 'more' })).status).toBe(201)
    expect([...(engines[0]?.state.volumes.keys() ?? [])]).toEqual(['more'])
  }, 60_000)

  it('do not count what no engine has made', async () => {
    const { as, engines } = await start('{volumes: 1, networks: 1}')
    const blue = as('blue')
    const refuse = engines.map((engine) =>
      engine.fail({ path: /(volumes|networks)\/create$/, fault: { kind: 'status', status: 400, message: 'no' } }),
    )
    expect((await blue('POST', '/networks/create', { Name: 'net' })).status).toBe(400)
    expect((await blue('POST', '/volumes/create', { Name: 'data' })).status).toBe(400)
    for (const end of refuse) end()
    expect((await blue('POST', '/networks/create', { Name: 'other' })).status).toBe(201)
    expect((await blue('POST', '/volumes/create', { Name: 'other' })).status).toBe(201)
  }, 60_000)

  it('count streams for as long as they last', async () => {
    const { as, port } = await start('{streams: 2}')
    const blue = as('blue')
    const made = await blue('POST', '/containers/create?name=web', { Image: 'box:1', Cmd: ['sleep', '100'] })
    expect(made.status).toBe(201)
    await blue('POST', '/containers/web/start')
    const open = (path: string): ClientRequest => {
      const sent = request({ port, path, agent: false, headers: { authorization: 'Bearer blue' } })
      sent.on('error', () => undefined)
      sent.on('response', (reply) => reply.resume())
      sent.end()
      return sent
    }
    const streams = [open('/events'), open('/containers/web/logs?stdout=1&follow=1')]
    await eventually(async () => (await readUse(bed!))['Streams']?.Used === 2, 'two streams')
    const refused = await blue('POST', '/containers/web/attach?stream=1&stdout=1')
    expect([refused.status, refused.headers['retry-after'], refused.body]).toEqual([
      429,
      '1',
      '{"message":"tenant blue would go over its quota of streams: 2 in use, 1 more asked for, limit 2, try again in 1 s"}\n',
    ])
    // What ends by itself is no stream.
    expect((await blue('GET', '/containers/web/logs?stdout=1')).status).toBe(200)
    streams[0]?.destroy()
    await eventually(async () => (await readUse(bed!))['Streams']?.Used === 1, 'the end of a stream')
    streams.push(open('/containers/web/logs?stdout=1&follow=1'))
    await eventually(async () => (await readUse(bed!))['Streams']?.Used === 2, 'another stream')
    // The tenant is taken out of the rules by mistake, and put back.
    bed?.setTenants('{blue: {quota: {streams: 2}}, red: {}, green: {}}')
    expect((await readUse(bed!))['Streams']?.Used).toBe(2)
    bed?.setTenants('{red: {}}', ['red'])
    expect(JSON.parse((await as('admin')('GET', '/flotilla/tenants')).body)).toMatchObject([{ Name: 'red' }])
    bed?.setTenants('{blue: {quota: {streams: 2}}, red: {}}')
    expect((await blue('POST', '/containers/web/attach?stream=1&stdout=1')).status).toBe(429)
    for (const each of streams) each.destroy()
    await eventually(async () => (await readUse(bed!))['Streams']?.Used === 0, 'the end of all')
  }, 60_000)

  it('hold calls and pulls to their rates', async () => {
    const { as } = await start('{calls-per-second: 5, pulls-per-minute: 2}')
    const blue = as('blue')
    const answers = await Promise.all(Array.from({ length: 20 }, () => blue('GET', '/_ping')))
    const late = answers.filter((each) => each.status === 429)
    expect(late.length).toBeGreaterThan(10)
    expect(late[0]?.headers['retry-after']).toBe('1')
    expect(late[0]?.body).toBe(
      '{"message":"tenant blue is over its quota of calls per second: limit 5, try again in 1 s"}\n',
    )
    bed?.setTenants('{blue: {quota: {pulls-per-minute: 2}}, red: {}}')
    expect((await blue('POST', '/images/create?fromImage=far&tag=1')).status).toBe(200)
    // A create pulls what no node has.
    expect((await blue('POST', '/containers/create', { Image: 'far:2' })).status).toBe(201)
    for (const [path, body] of [
      ['/images/create?fromImage=far&tag=3', undefined],
      ['/containers/create', { Image: 'far:3' }],
      ['/build?t=blue/x', Buffer.alloc(1024)],
    ] as const) {
      const refused = await blue('POST', path, body)
      expect([path, refused.status, Number(refused.headers['retry-after']) > 20]).toEqual([path, 429, true])
    }
    expect((await blue('POST', '/containers/create', { Image: 'box:1' })).status).toBe(201)
  }, 60_000)
})
