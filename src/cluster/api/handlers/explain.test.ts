import { afterEach, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import type { FakeEngineOptions } from '../../../testing/fake-engine/fake-engine.ts'
import { parseNode } from '../../snapshot-lines.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Bed extends EndpointBed {
  json<T>(method: string, path: string, body?: unknown): Promise<T>
}

async function startBed(engineOptions: readonly FakeEngineOptions[]): Promise<Bed> {
  const engines = engineOptions.map((options) => ({ images: ['busybox:latest'], ...options }))
  const started = await startEndpointBed(engines, { random: { next: () => 0 } })
  cleanups.push(() => started.close())
  const bed: Bed = {
    ...started,
    json: async <T>(method: string, path: string, body?: unknown) =>
      JSON.parse((await bed.call(method, path, body)).body) as T,
  }
  return bed
}

interface Explained {
  readonly IsPlaced: boolean
  readonly IsNameTaken: boolean
  readonly Node: string
  readonly Refusal: string
  readonly Warnings: readonly string[]
  readonly Nodes: readonly {
    readonly Name: string
    readonly RefusedBy: string
    readonly Why: string
    readonly Rank: number
  }[]
}

interface Created {
  readonly Id: string
  readonly Warnings: readonly string[]
}

async function nodeOf(bed: Bed, id: string): Promise<string> {
  return (await bed.json<{ readonly Node: { readonly Name: string } }>('GET', `/containers/${id}/json`)).Node.Name
}

describe('explain', () => {
  it('says of every node what stands against it, and changes nothing', async () => {
    const bed = await startBed([{ labels: ['zone=a'] }, { labels: ['zone=b'] }, { labels: ['zone=b'] }])
    await bed.call('POST', '/containers/create?name=taken', { Image: 'busybox', Env: ['constraint:node==n2'] })
    const before = bed.engines.map((engine) => engine.requests.length)
    const body = { Image: 'busybox', Env: ['constraint:zone==b'] }
    const explained = await bed.json<Explained>('POST', '/v1.41/flotilla/explain?name=web', body)
    expect(explained).toMatchObject({ IsPlaced: true, Node: 'n3', Refusal: '', Warnings: [] })
    expect(explained.Nodes.map(({ Name, RefusedBy, Why, Rank }) => [Name, Rank, RefusedBy, Why])).toEqual([
      ['n1', 0, 'constraint', 'constraint zone==b is not met (zone is "a")'],
      ['n2', 2, '', ''],
      ['n3', 1, '', ''],
    ])
    const config = encodeURIComponent(JSON.stringify(body))
    const again = await bed.json<Explained>('GET', `/flotilla/explain?image=busybox&config=${config}&name=web`)
    expect(again).toEqual(explained)
    const changing = bed.engines.flatMap((engine, index) =>
      engine.requests.slice(before[index]).filter((each) => !['GET', 'HEAD'].includes(each.method)),
    )
    expect(changing).toEqual([])
    const created = await bed.json<Created>('POST', '/containers/create?name=web', body)
    expect(await nodeOf(bed, created.Id)).toBe(explained.Node)
  })

  it('refuses as a create would, in the same words', async () => {
    const bed = await startBed([{}, {}])
    const body = { Image: 'busybox', Env: ['constraint:zone==nowhere'] }
    const explained = await bed.json<Explained>('POST', '/flotilla/explain', body)
    const { message } = await bed.json<{ readonly message: string }>('POST', '/containers/create', body)
    expect([explained.IsPlaced, explained.Refusal]).toEqual([false, message])
    await bed.call('POST', '/containers/create?name=web', { Image: 'busybox' })
    expect(await bed.json<Explained>('GET', '/flotilla/explain?name=web')).toMatchObject({
      IsPlaced: false,
      IsNameTaken: true,
    })
    expect(await bed.call('GET', '/flotilla/explain?config=nope')).toMatchObject({ status: 400 })
    const range = await bed.call('POST', '/flotilla/explain', '{"HostConfig":{"Memory":1e30}}')
    expect(range).toMatchObject({ status: 400, body: expect.stringContaining('HostConfig.Memory') })
  })
})

describe('where things are', () => {
  it('a named volume draws its container to the only node that has it, as long as there is room', async () => {
    const bed = await startBed([{ labels: ['zone=a'] }, { labels: ['zone=b'] }])
    await bed.call('POST', '/volumes/create', { Name: 'n2/data' })
    const body = { Image: 'busybox', HostConfig: { Binds: ['data:/x'] } }
    for (const name of ['one', 'two']) {
      const created = await bed.json<Created>('POST', `/containers/create?name=${name}`, body)
      expect([await nodeOf(bed, created.Id), created.Warnings]).toEqual(['n2', []])
    }
    const HostConfig = { Mounts: [{ Type: 'volume', Source: 'data', Target: '/x' }] }
    const away = { Image: 'busybox', Env: ['constraint:zone==a'], HostConfig }
    const warning =
      'volume data is on node n2 only, which cannot take the container: it gets a volume of that name where it is now'
    expect(await bed.json<Explained>('POST', '/flotilla/explain', away)).toMatchObject({
      Node: 'n1',
      Warnings: [warning],
    })
    const created = await bed.json<Created>('POST', '/containers/create', away)
    expect([await nodeOf(bed, created.Id), created.Warnings]).toEqual(['n1', [warning]])
  })

  it('a platform keeps containers off other processors', async () => {
    const bed = await startBed([{}, { labels: ['platforms=linux/arm64'] }])
    const created = await bed.json<Created>('POST', '/containers/create?platform=linux/arm64', { Image: 'busybox' })
    expect(await nodeOf(bed, created.Id)).toBe('n2')
    const away = { Image: 'busybox', Env: ['constraint:node==n1'] }
    const refused = await bed.call('POST', '/containers/create?platform=linux/arm64', away)
    expect(refused).toMatchObject({ status: 500, body: expect.stringContaining('[node==n1 platform==linux/arm64]') })
    // Nobody says that it runs this: the engines are asked.
    expect(await bed.call('POST', '/containers/create?platform=linux/s390x', away)).toMatchObject({ status: 201 })
  })

  it('GPUs have one owner each', async () => {
    const bed = await startBed([{}, { labels: ['gpus=2'] }])
    const take = (Count: number): Record<string, unknown> => ({
      Image: 'busybox',
      HostConfig: { DeviceRequests: [{ Driver: '', Count, Capabilities: [['gpu']] }] },
    })
    const created = await bed.json<Created>('POST', '/containers/create', take(1))
    expect(await nodeOf(bed, created.Id)).toBe('n2')
    const refused = await bed.call('POST', '/containers/create', take(-1))
    expect(refused.body).toContain('no resources available to schedule container')
    const explained = await bed.json<Explained>('POST', '/flotilla/explain', take(-1))
    expect(explained.Nodes.map(({ RefusedBy, Why }) => [RefusedBy, Why])).toEqual([
      ['resources', 'it has no GPU'],
      ['resources', '2 GPUs are asked for, 1 of 2 are free'],
    ])
  })

  it('the snapshot holds a line per node', async () => {
    const bed = await startBed([{ labels: ['gpus=1'] }, {}])
    await bed.call('POST', '/containers/create?name=web', { Image: 'busybox', HostConfig: { Memory: 1_000_000 } })
    const { body: text } = await bed.call('GET', '/flotilla/snapshot')
    const read = text
      .trim()
      .split('\n')
      .map((line) => parseNode(JSON.parse(line) as Record<string, unknown>))
    expect(read.map(({ name, gpus, usage }) => [name, gpus, usage.containers, usage.memoryBytes])).toEqual([
      ['n1', ['0'], 1, 1_000_000],
      ['n2', [], 0, 0],
    ])
  })
})
