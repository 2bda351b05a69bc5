import { afterEach, describe, expect, it } from 'vitest'
import { ask, startEndpointBed, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'
import { eventually } from '../../testing/manager-bed.ts'
import type { RunningEndpoint } from '../endpoint.ts'

const image = 'box:1'
/** As each Compose says whose a container is. */
const ofProject = { 'com.docker.compose.project': 'shop' }
const engines = [{ images: [image] }, { images: [image] }, { images: [image] }]

describe('a volume that every node has, and a service of Compose', () => {
  let bed: EndpointBed
  let later: RunningEndpoint | undefined

  afterEach(async () => {
    later?.closeNow()
    later = undefined
    await bed.close()
  })

  async function start(): Promise<void> {
    bed = await startEndpointBed(engines)
    expect((await bed.call('POST', '/volumes/create', { Name: 'data' })).status).toBe(201)
  }

  async function make(name: string, more: object = {}, port = bed.port): Promise<readonly string[]> {
    const body = { Image: image, HostConfig: { Binds: ['data:/data'] }, Labels: ofProject, ...more }
    const made = await ask(port, 'POST', `/containers/create?name=${name}`, body)
    expect(made.status, made.body).toBe(201)
    return (JSON.parse(made.body) as { Warnings: string[] }).Warnings
  }

  const nodeOf = async (name: string, port = bed.port): Promise<string> =>
    (JSON.parse((await ask(port, 'GET', `/containers/${name}/json`)).body) as { Node: { Name: string } }).Node.Name

  const remove = async (name: string): Promise<void> =>
    expect((await bed.call('DELETE', `/containers/${name}?force=1`)).status).toBe(204) as undefined

  /** Makes all nodes but those without it look better to the strategy. */
  async function fill(node: string): Promise<void> {
    for (const number of [1, 2]) {
      const body = { Image: image, Env: [`constraint:node==${node}`], HostConfig: { Memory: 1e8 } }
      expect((await bed.call('POST', `/containers/create?name=fill-${node}-${number}`, body)).status).toBe(201)
    }
  }

  it('ties to the node whose container uses it, and to the one that used it last', async () => {
    await start()
    await make('first')
    const home = await nodeOf('first')
    await fill(home)
    await make('beside')
    expect(await nodeOf('beside')).toBe(home)
    for (const name of ['first', 'beside']) await remove(name)
    await make('again')
    expect(await nodeOf('again')).toBe(home)
  })

  it('brings containers together that are made at once', async () => {
    await start()
    const names = ['a1', 'a2', 'a3', 'a4', 'a5']
    await Promise.all(names.map((name) => make(name)))
    expect(new Set(await Promise.all(names.map((name) => nodeOf(name)))).size).toBe(1)
  })

  it('is found by what engines say of its size, where a manager has not seen who used it', async () => {
    await start()
    await make('first')
    const home = await nodeOf('first')
    await remove('first')
    await fill(home)
    later = await startManagerOver(bed.engines)
    const { cluster } = later
    await eventually(() => cluster.healthyMembers().length === engines.length, 'all engines')
    const port = Number(new URL(later.addresses[0] ?? '').port)
    await make('again', {}, port)
    expect(await nodeOf('again', port)).toBe(home)
  })

  it('asks each engine once where creates at once want to know it', async () => {
    await start()
    await make('first')
    const home = await nodeOf('first')
    await remove('first')
    later = await startManagerOver(bed.engines)
    const { cluster } = later
    await eventually(() => cluster.healthyMembers().length === engines.length, 'all engines')
    const port = Number(new URL(later.addresses[0] ?? '').port)
    const countAsked = (): number[] =>
      bed.engines.map(({ requests }) => requests.filter(({ path }) => path.includes('/system/df')).length)
    const before = countAsked()
    const names = ['a1', 'a2', 'a3', 'a4']
    await Promise.all(names.map((name) => make(name, {}, port)))
    expect(countAsked()).toEqual(before.map((count) => count + 1))
    expect(await Promise.all(names.map((name) => nodeOf(name, port)))).toEqual(names.map(() => home))
  })

  it('stays with its data whatever a container of no service does with a copy of its own', async () => {
    await start()
    await make('first', { Env: ['constraint:node==n2'] })
    await make('backup', { Labels: {}, Env: ['constraint:node==n3'] })
    await make('beside')
    expect(await nodeOf('beside')).toBe('n2')
    for (const name of ['first', 'beside']) await remove(name)
    await make('again')
    expect(await nodeOf('again')).toBe('n2')
    for (const name of ['again', 'backup']) await remove(name)
    await make('after')
    expect(await nodeOf('after')).toBe('n2')
  })

  it('is where a container of no service has put something', async () => {
    await start()
    await make('restore', { Labels: {}, Env: ['constraint:node==n3'] })
    await remove('restore')
    await fill('n3')
    await make('first')
    expect(await nodeOf('first')).toBe('n3')
  })

  it('asks an engine that does not answer once for all volumes, and takes it for the one that has their data', async () => {
    bed = await startEndpointBed(engines)
    const names = ['one', 'two', 'three', 'four']
    for (const Name of names) expect((await bed.call('POST', '/volumes/create', { Name })).status).toBe(201)
    const binds = names.map((name) => `${name}:/${name}`)
    await make('first', { HostConfig: { Binds: binds }, Env: ['constraint:node==n2'] })
    await remove('first')
    bed.engines[1]?.fail({ path: /system\/df/, fault: { kind: 'hang' } })
    later = await startManagerOver(bed.engines)
    const { cluster } = later
    await eventually(() => cluster.healthyMembers().length === engines.length, 'all engines')
    const port = Number(new URL(later.addresses[0] ?? '').port)
    await make('again', { HostConfig: { Binds: binds } }, port)
    const asks = bed.engines[1]?.requests.filter(({ path }) => path.includes('/system/df')) ?? []
    expect(asks).toHaveLength(1)
    expect(await nodeOf('again', port)).toBe('n2')
  }, 60_000)

  it('follows what the create says of the node', async () => {
    await start()
    await make('first', { Env: ['constraint:node==n2'] })
    expect(await make('wish', { Env: ['constraint:node==~n3'] })).toEqual([])
    expect(await nodeOf('wish')).toBe('n3')
  })

  it('leaves its data behind with a warning where the node cannot take the container', async () => {
    await start()
    await make('first', { Env: ['constraint:node==n2'] })
    await remove('first')
    expect(await make('other', { Env: ['affinity:container!=none', 'constraint:node!=n2'] })).toEqual([
      'the data of volume data is on node n2, which cannot take the container: it gets a volume of that name where it is now',
    ])
    await make('more')
    expect(await nodeOf('more')).toBe(await nodeOf('other'))
  })

  it.each([
    ['cordon', 'is cordoned'],
    ['drain', 'is drained'],
    ['', 'does not answer'],
  ])('holds a container while its node is out of service: %s', async (how, why) => {
    await start()
    await make('first', { Env: ['constraint:node==n2'] })
    await remove('first')
    if (how === '') {
      await bed.engines[1]?.stop()
      await eventually(() => bed.endpoint.cluster.healthyMembers().length === 2, 'a node that does not answer')
    } else expect((await bed.call('POST', `/flotilla/nodes/n2/${how}`)).status).toBe(200)
    const body = { Image: image, HostConfig: { Binds: ['data:/data'] }, Labels: ofProject }
    const text = `the data of volume data is on node n2, which ${why} (with the label flotilla.reschedule.volumes=new it is made elsewhere, without the data)`
    expect(await bed.call('POST', '/containers/create?name=other', body)).toMatchObject({
      status: 500,
      body: `${JSON.stringify({ message: text })}\n`,
    })
    const explained = await bed.call('POST', '/flotilla/explain?name=other', body)
    expect(JSON.parse(explained.body)).toMatchObject({ IsPlaced: false, Refusal: expect.stringContaining(text) })
    expect(await make('new', { Labels: { ...ofProject, 'flotilla.reschedule.volumes': 'new' } })).toHaveLength(1)
  })

  it('is nowhere when the first container was not made', async () => {
    await start()
    const wrong = {
      Image: 'none:1',
      Env: ['constraint:node!=n3'],
      HostConfig: { Binds: ['data:/data'] },
      Labels: ofProject,
    }
    expect((await bed.call('POST', '/containers/create?name=first', wrong)).status).toBe(404)
    expect(await make('second', { Env: ['constraint:node!=n1', 'constraint:node!=n2'] })).toEqual([])
    expect(await nodeOf('second')).toBe('n3')
  })

  it('has a copy each for other containers, which spread and are made also while a node is out of service', async () => {
    await start()
    const names = ['job1', 'job2', 'job3']
    for (const name of names) expect(await make(name, { Labels: {} })).toEqual([])
    expect(new Set(await Promise.all(names.map((name) => nodeOf(name)))).size).toBe(3)
    for (const name of names) await remove(name)
    expect((await bed.call('POST', '/volumes/create', { Name: 'n2/solo' })).status).toBe(201)
    expect((await bed.call('POST', '/flotilla/nodes/n2/cordon')).status).toBe(200)
    expect(await make('job4', { Labels: {}, HostConfig: { Binds: ['solo:/data'] } })).toEqual([
      'volume solo is on node n2 only, which cannot take the container: it gets a volume of that name where it is now',
    ])
  })
})
