import { afterEach, describe, expect, it } from 'vitest'
import { ask, startEndpointBed } from '../testing/endpoint-bed.ts'
import type { EndpointBed } from '../testing/endpoint-bed.ts'
import type { FakeEngine, FakeEngineOptions } from '../testing/fake-engine/fake-engine.ts'
import { eventually } from '../testing/manager-bed.ts'
import { manualClock } from '../testing/manual-clock.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Bed extends EndpointBed {
  json<T>(path: string): Promise<T>
  /** As the list of all containers has them, sorted. */
  names(): Promise<readonly string[]>
}

const image = 'busybox:latest'

async function startBed(engineOptions: readonly FakeEngineOptions[]): Promise<Bed> {
  const started = await startEndpointBed(engineOptions.map((options) => ({ images: [image], ...options })))
  cleanups.push(() => started.close())
  const bed: Bed = {
    ...started,
    json: async <T>(path: string) => JSON.parse((await bed.call('GET', path)).body) as T,
    async names() {
      const rows = await bed.json<{ readonly Names: readonly string[] }[]>('/containers/json?all=1')
      return rows.map((row) => row.Names[0] ?? '').sort((a, b) => a.localeCompare(b))
    },
  }
  return bed
}

function creates(engine: FakeEngine): number {
  return engine.requests.filter((each) => each.path === '/containers/create').length
}

describe('creating', () => {
  it('asks one engine once, and nothing is read back before the client is told', async () => {
    // The engines' time stands still: what they delay does not come.
    const clock = manualClock()
    const bed = await startBed([{ clock }, { clock }])
    for (const engine of bed.engines)
      engine.fail({ method: 'GET', path: /^\/containers\//, fault: { kind: 'delay', ms: 3000 } })
    const made = await bed.call('POST', '/v1.41/containers/create?name=web', { Image: image })
    expect(made.status).toBe(201)
    expect(bed.engines.map(creates).sort((a, b) => a - b)).toEqual([0, 1])
    // The very next list shows it, although its engine is slow to describe it.
    expect((await bed.names()).map((name) => name.split('/').at(-1))).toEqual(['web'])
  })

  it('spreads over the nodes, with everything in one list', async () => {
    const bed = await startBed([{}, {}, {}])
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'])
      await bed.call('POST', `/containers/create?name=${name}`, { Image: image })
    expect(bed.engines.map(creates)).toEqual([2, 2, 2])
    expect(await bed.names()).toHaveLength(6)
  })

  it('of 64 creates with one name one wins; the others get 409 and make nothing', async () => {
    const bed = await startBed([{}, {}, {}])
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => bed.call('POST', '/containers/create?name=one', { Image: image })),
    )
    expect(answers.filter((each) => each.status === 201)).toHaveLength(1)
    expect(answers.filter((each) => each.status === 409)).toHaveLength(63)
    expect(bed.engines.map(creates).reduce((a, b) => a + b)).toBe(1)
  })

  it('64 clients at once: what each was told is there is there, what it removed is not', async () => {
    const bed = await startBed([{}, {}, {}])
    await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        expect((await bed.call('POST', `/containers/create?name=c${index}`, { Image: image })).status).toBe(201)
        expect((await bed.names()).filter((name) => name.endsWith(`/c${index}`))).toHaveLength(1)
        expect((await bed.call('POST', `/containers/c${index}/start`)).status).toBe(204)
        const [row] = await bed.json<{ State: string }[]>(
          `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ name: [`^/c${index}$`] }))}`,
        )
        expect(row?.State).toBe('running')
        expect((await bed.call('DELETE', `/containers/c${index}?force=1`)).status).toBe(204)
        expect((await bed.names()).filter((name) => name.endsWith(`/c${index}`))).toEqual([])
      }),
    )
  })

  it('pulls an image that is missing on the chosen node, once, with the credentials given', async () => {
    const bed = await startBed([{ images: [], registry: ['fresh:1'] }])
    const made = await bed.call(
      'POST',
      '/containers/create?name=web',
      { Image: 'fresh:1' },
      { 'x-registry-auth': 'secret' },
    )
    expect(made.status).toBe(201)
    expect(bed.engines[0]!.requests.filter((each) => each.path === '/images/create')).toHaveLength(1)
  })

  it('goes where the image is when it cannot be pulled', async () => {
    const bed = await startBed([{ images: [] }, { images: ['mine:1'] }])
    for (const name of ['w1', 'w2', 'w3']) {
      expect((await bed.call('POST', `/containers/create?name=${name}`, { Image: 'mine:1' })).status).toBe(201)
    }
    expect(await bed.names()).toEqual(['/n2/w1', '/n2/w2', '/n2/w3'])
  })

  it('an image nobody has is the engine’s own 404, and the name is free again', async () => {
    const bed = await startBed([{}])
    const refused = await bed.call('POST', '/containers/create?name=web', { Image: 'nowhere:1' })
    expect(refused).toMatchObject({ status: 404, body: expect.stringMatching(/^\{"message":"No such image/) })
    expect((await bed.call('POST', '/containers/create?name=web', { Image: image })).status).toBe(201)
  })

  it('a create whose answer got lost is found and told, not made twice', async () => {
    const bed = await startBed([{}])
    const [engine] = bed.engines
    engine!.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'lose-answer' } })
    const made = bed.call('POST', '/containers/create?name=web', { Image: image })
    await eventually(() => engine!.state.containers.size === 1)
    engine!.dropConnections()
    expect((await made).status).toBe(201)
    expect((await made).body).toContain([...engine!.state.containers.keys()][0])
    expect(await bed.names()).toEqual(['/n1/web'])
  })

  it('a create that was given up and came about is removed when its engine returns', async () => {
    const bed = await startBed([{}, {}])
    const engine = bed.engines[0]!
    engine.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'lose-answer' } })
    // The event of the create is heard, but its engine is gone before it can be looked up.
    const deaf = engine.fail({ method: 'GET', path: /^\/containers\//, fault: { kind: 'hang' } })
    const body = { Image: image, Env: ['constraint:node==n1'] }
    const made = bed.call('POST', '/containers/create?name=web', body)
    await eventually(() => engine.state.containers.size === 1)
    await engine.stop()
    expect(await made).toMatchObject({ status: 502, body: expect.stringContaining('node n1') })
    deaf()
    await engine.start()
    await eventually(() => engine.state.containers.size === 0)
  })

  it('a create that comes about after it was given up goes; one of that name made meanwhile is the one that stays', async () => {
    const bed = await startBed([{}, {}])
    const [first, second] = bed.engines
    // The engine works on, but what was asked of it takes longer than anybody waits for.
    first!.fail({ path: /^\/containers\/create$/, times: 1, fault: { kind: 'lose-answer', afterMs: 1500 } })
    const given = bed.call('POST', '/containers/create?name=web', { Image: image, Env: ['constraint:node==n1'] })
    await eventually(() => creates(first!) === 1)
    first!.dropConnections()
    expect(await given).toMatchObject({ status: 502, body: expect.stringContaining('node n1') })
    const again = await bed.call('POST', '/containers/create?name=web', { Image: image, Env: ['constraint:node==n2'] })
    expect(again.status).toBe(201)
    const refusal = { kind: 'status', status: 500, message: 'device or resource busy' } as const
    first!.fail({ method: 'DELETE', times: 1, fault: refusal })
    await eventually(() => first!.state.containers.size === 1)
    await eventually(() => first!.state.containers.size === 0)
    expect(first!.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(2)
    expect([...second!.state.containers.keys()]).toEqual([(JSON.parse(again.body) as { readonly Id: string }).Id])
    expect(await bed.names()).toEqual(['/n2/web'])
  })
})

describe('references', () => {
  it('a container is found by name, node and name, ID and short ID; the engine is asked by full ID', async () => {
    const bed = await startBed([{}, {}])
    const { Id } = JSON.parse((await bed.call('POST', '/containers/create?name=web', { Image: image })).body) as {
      Id: string
    }
    const [name] = await bed.names()
    for (const reference of ['web', name?.slice(1), Id, Id.slice(0, 12), Id.slice(0, 6)]) {
      const found = await bed.json<{ Id: string; Node: { Name: string } }>(`/containers/${reference}/json`)
      expect([found.Id, `/${found.Node.Name}/web`]).toEqual([Id, name])
    }
    expect(await bed.call('GET', '/containers/nosuch/json')).toMatchObject({
      status: 404,
      body: '{"message":"No such container nosuch"}\n',
    })
    expect(await bed.call('DELETE', '/containers/nosuch')).toMatchObject({
      status: 404,
      body: '{"message":"Container nosuch not found"}\n',
    })
  })

  it('an exec made before this endpoint started is found on its engine', async () => {
    const bed = await startBed([{}, {}])
    const id = bed.engines[1]!.addContainer(
      { Image: image, Cmd: ['sleep', '60'] },
      { name: 'old', state: 'running', start: true },
    )
    await eventually(async () => (await bed.names()).length === 1)
    const direct = bed.engines[1]!.endpoint
    const port = direct.kind === 'tcp' ? direct.port : 0
    const made = await ask(port, 'POST', `/v1.41/containers/${id}/exec`, { Cmd: ['true'] })
    const { Id } = JSON.parse(made.body) as { Id: string }
    expect((await bed.json<{ ID: string }>(`/exec/${Id}/json`)).ID).toBe(Id)
    expect((await bed.call('GET', `/exec/${'0'.repeat(64)}/json`)).status).toBe(404)
  })
})

describe('answers', () => {
  it('routes, versions and bodies that make no sense are told so in JSON', async () => {
    const bed = await startBed([{}])
    expect(await bed.call('GET', '/nowhere')).toMatchObject({ status: 404, body: '{"message":"page not found"}\n' })
    expect(await bed.call('GET', '/v1.41/v1.41/info')).toMatchObject({ status: 404 })
    expect(await bed.call('GET', '/v99999999999.1/info')).toMatchObject({ status: 400 })
    for (const path of [
      '/containers//json',
      '/containers/../info',
      '/containers/%2e%2e/json',
      '/containers/a%00/json',
      '/%zz',
    ]) {
      expect([path, (await bed.call('GET', path)).status]).toEqual([path, 400])
    }
    expect((await bed.call('GET', '/services')).body).toContain('This node is not a swarm manager.')
    expect(await bed.call('POST', '/containers/create', '{"Image":')).toMatchObject({ status: 400 })
    expect(await bed.call('POST', '/containers/create', '[]')).toMatchObject({ status: 400 })
    expect(await bed.call('POST', '/containers/create', '['.repeat(100_000))).toMatchObject({ status: 400 })
    expect(await bed.call('POST', '/containers/create', `"${'x'.repeat(5 * 1024 * 1024)}"`)).toMatchObject({
      status: 413,
    })
    expect(await bed.call('POST', '/containers/create?name=..', { Image: image })).toMatchObject({ status: 400 })
    expect(await bed.call('GET', '/containers/json?filters={')).toMatchObject({ status: 400 })
  })

  it('_ping tells everything clients look at, for GET and HEAD, with and without version', async () => {
    const bed = await startBed([{}])
    for (const [method, path, body] of [
      ['GET', '/_ping', 'OK'],
      ['HEAD', '/_ping', ''],
      ['GET', '/v1.24/_ping', 'OK'],
    ] as const) {
      const pong = await bed.call(method, path)
      expect(pong).toMatchObject({
        status: 200,
        body,
        headers: {
          'api-version': expect.stringMatching(/^1\.\d+$/),
          'builder-version': '1',
          'cache-control': 'no-cache, no-store, must-revalidate',
          'docker-experimental': 'false',
          ostype: 'linux',
          swarm: 'inactive',
        },
      })
    }
  })

  it('the version told is the lowest maximum; each engine gets one it speaks', async () => {
    const bed = await startBed([{ apiVersion: '1.41' }, { apiVersion: '1.51', minApiVersion: '1.44' }])
    expect((await bed.call('GET', '/_ping')).headers['api-version']).toBe('1.41')
    for (const engine of bed.engines) engine.addContainer({ Image: image }, { name: `on-${engine.state.options.name}` })
    const ids = bed.engines.map((engine) => [...engine.state.containers.keys()][0] ?? '')
    for (const [index, id] of ids.entries()) {
      bed.engines[index]!.dropStreams()
      await eventually(async () => (await bed.call('GET', `/containers/${id}/json`)).status === 200)
    }
    await bed.call('GET', `/v1.99/containers/${ids[0]}/top`)
    await bed.call('GET', `/v1.24/containers/${ids[1]}/top`)
    await bed.call('GET', `/v1.48/containers/${ids[1]}/top`)
    const tops = bed.engines.map((engine) =>
      engine.requests.filter((each) => each.path.endsWith('/top')).map((each) => each.version),
    )
    expect(tops).toEqual([['1.41'], ['1.44', '1.48']])
  })

  it('64-bit numbers of a create reach the engine unchanged', async () => {
    const bed = await startBed([{}])
    const text = `{"Image":"${image}","HostConfig":{"MemorySwap":9223372036854775807}}`
    expect((await bed.call('POST', '/containers/create?name=big', text)).status).toBe(201)
  })
})

describe('engines in trouble', () => {
  it('a hanging engine delays nobody else, and errors name the dead one', async () => {
    const bed = await startBed([{}, {}])
    await bed.call('POST', '/containers/create?name=good', { Image: image, Env: ['constraint:node==n2'] })
    await bed.call('POST', '/containers/create?name=bad', { Image: image, Env: ['constraint:node==n1'] })
    bed.engines[0]!.fail({ fault: { kind: 'hang' } })
    let isGivenUp = false
    const stuck = bed
      .call('GET', '/containers/bad/json')
      .catch(() => undefined)
      .finally(() => (isGivenUp = true))
    for (const path of ['/containers/good/json', '/containers/json', '/info', '/images/json', '/networks']) {
      expect((await bed.call('GET', path)).status).toBe(200)
    }
    // Whoever had waited for the dead one would have waited until it was given up.
    expect(isGivenUp).toBe(false)
    await eventually(() => bed.endpoint.cluster.healthyMembers().length === 1)
    expect(await bed.call('GET', '/containers/bad/json')).toMatchObject({
      status: 500,
      body: '{"message":"Container bad running on unhealthy node n1"}\n',
    })
    await bed.engines[0]!.stop()
    await stuck
  })

  it('an engine that answers a create with the ID of another’s container is not believed', async () => {
    const bed = await startBed([{}, {}])
    const there = await bed.call('POST', '/containers/create?name=web', { Image: image, Env: ['constraint:node==n1'] })
    const { Id } = JSON.parse(there.body) as { readonly Id: string }
    bed.engines[1]!.fail({
      path: /^\/containers\/create$/,
      times: 1,
      fault: { kind: 'reply', status: 201, body: `{"Id":"${Id}","Warnings":[]}` },
    })
    const made = await bed.call('POST', '/containers/create?name=two', { Image: image, Env: ['constraint:node==n2'] })
    expect(made).toMatchObject({ status: 502, body: expect.stringContaining(`node n2 answered with the ID ${Id}`) })
    expect(await bed.names()).toEqual(['/n1/web'])
    expect((await bed.json<{ Id: string }>('/containers/web/json')).Id).toBe(Id)
  })

  it('garbage and half answers of one engine are errors that name it', async () => {
    const bed = await startBed([{}, {}])
    await bed.call('POST', '/containers/create?name=web', { Image: image, Env: ['constraint:node==n1'] })
    const end = bed.engines[0]!.fail({ path: /\/top$/, fault: { kind: 'garbage' } })
    expect(await bed.call('GET', '/containers/web/top')).toMatchObject({
      status: 502,
      body: expect.stringContaining('node n1'),
    })
    end()
    bed.engines[0]!.fail({ path: /\/top$/, fault: { kind: 'reset' } })
    expect(await bed.call('GET', '/containers/web/top')).toMatchObject({
      status: 502,
      body: expect.stringContaining('node n1'),
    })
    expect((await bed.call('GET', '/containers/json')).status).toBe(200)
  })
})

describe('networks of one node', () => {
  const labels = { 'com.docker.compose.project': 'shop' }
  const on = (network: string, extra: object = {}) => ({ Image: image, HostConfig: { NetworkMode: network, ...extra } })

  it('of one project are made on one node, and draw its containers there', async () => {
    const bed = await startBed([{}, {}, {}])
    await bed.call('POST', '/containers/create?name=first', { Image: image })
    for (const Name of ['shop_front', 'shop_back', 'shop_side']) {
      expect(await bed.call('POST', '/networks/create', { Name, Labels: labels })).toMatchObject({ status: 201 })
    }
    const holders = bed.engines.filter(({ requests }) => requests.some(({ path }) => path === '/networks/create'))
    expect(holders).toHaveLength(1)
    const node = `n${bed.engines.indexOf(holders[0]!) + 1}`
    for (const name of ['aa', 'bb']) await bed.call('POST', `/containers/create?name=${name}`, on('shop_front'))
    const both = { ...on('shop_front'), NetworkingConfig: { EndpointsConfig: { shop_front: {}, shop_back: {} } } }
    expect(await bed.call('POST', '/containers/create?name=cc', both)).toMatchObject({ status: 201 })
    expect(await bed.names()).toEqual(expect.arrayContaining([`/${node}/aa`, `/${node}/bb`, `/${node}/cc`]))
  })

  it('refuse a container that cannot go there, naming network and node', async () => {
    const bed = await startBed([{}, {}])
    await bed.call('POST', '/networks/create', { Name: 'n1/near' })
    await bed.call('POST', '/networks/create', { Name: 'n2/far' })
    const ports = { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } }
    expect(await bed.call('POST', '/containers/create?name=aa', on('near', ports))).toMatchObject({ status: 201 })
    const full = await bed.call('POST', '/containers/create?name=bb', on('near', ports))
    expect([full.status, full.body]).toEqual([
      500,
      expect.stringContaining('network near is on node n1 only, which cannot take the container: '),
    ])
    const both = { ...on('near'), NetworkingConfig: { EndpointsConfig: { near: {}, far: {} } } }
    const apart = await bed.call('POST', '/containers/create?name=cc', both)
    expect([apart.status, JSON.parse(apart.body)]).toEqual([
      500,
      { message: 'network near is on node n1 only, network far on n2: no container can be on both' },
    ])
  })
})

describe('networks of a swarm', () => {
  it('a start is tried again while its engine has not fetched the network yet, and no other failure is', async () => {
    const bed = await startBed([{}])
    const [engine] = bed.engines
    await bed.call('POST', '/networks/create', { Name: 'wide', Driver: 'overlay', Scope: 'swarm' })
    await bed.call('POST', '/containers/create?name=web', { Image: image, HostConfig: { NetworkMode: 'wide' } })
    const starts = (): number => engine?.requests.filter(({ path }) => path.endsWith('/start')).length ?? 0
    const refuse = (message: string, times: number): void => {
      engine?.fail({ method: 'POST', path: /\/start$/, times, fault: { kind: 'status', status: 404, message } })
    }
    refuse('network wide not found', 1)
    expect([await bed.call('POST', '/containers/web/start'), starts()]).toMatchObject([{ status: 204 }, 2])
    expect((await bed.call('POST', '/containers/web/start')).status).toBe(304)
    await bed.call('POST', '/containers/web/stop?t=0')
    refuse('driver failed', 1)
    const failed = await bed.call('POST', '/containers/web/start')
    expect([failed.status, JSON.parse(failed.body), starts()]).toEqual([404, { message: 'driver failed' }, 4])
  })
})

describe('names on a fleet', () => {
  interface Named {
    readonly Name: string
  }
  const namesOf = (rows: readonly Named[]): readonly string[] => rows.map(({ Name }) => Name)

  it('a local network of one node is listed and inspected under its bare name, and both spellings remove it', async () => {
    const bed = await startBed([{}, {}])
    const custom = async (): Promise<readonly string[]> =>
      namesOf(await bed.json<Named[]>(`/networks?filters=${encodeURIComponent('{"type":["custom"]}')}`))
    await bed.call('POST', '/networks/create', { Name: 'shop' })
    await bed.call('POST', '/networks/create', { Name: 'n2/back' })
    expect(await custom()).toEqual(['back', 'shop'])
    expect((await bed.json<Named>('/networks/shop')).Name).toBe('shop')
    expect(await bed.call('POST', '/networks/create', { Name: 'shop' })).toMatchObject({
      status: 409,
      body: '{"message":"network with name shop already exists"}\n',
    })
    await bed.call('POST', '/networks/create', { Name: 'n1/back' })
    expect(await custom()).toEqual(['n1/back', 'n2/back', 'shop'])
    expect((await bed.call('GET', '/networks/back')).status).toBe(404)
    for (const name of ['n1/back', 'back', 'shop'])
      expect(await bed.call('DELETE', `/networks/${name}`)).toMatchObject({ status: 204 })
    expect(await custom()).toEqual([])
  })

  it('a volume on all engines is one row, one inspect, one use of disk and one removal', async () => {
    const bed = await startBed([{}, {}])
    const listed = async (): Promise<readonly string[]> =>
      namesOf((await bed.json<{ readonly Volumes: Named[] }>('/volumes')).Volumes)
    await bed.call('POST', '/volumes/create', { Name: 'data', Labels: { a: 'b' } })
    expect(
      bed.engines.map((engine) => engine.requests.filter((each) => each.path === '/volumes/create').length),
    ).toEqual([1, 1])
    expect(await listed()).toEqual(['data'])
    expect((await bed.json<Named>('/volumes/data')).Name).toBe('data')
    await bed.call('POST', '/volumes/create', { Name: 'n1/mixed' })
    expect(await listed()).toEqual(['data', 'mixed'])
    await bed.call('POST', '/volumes/create', { Name: 'n2/mixed', Labels: { of: 'n2' } })
    expect(await listed()).toEqual(['data', 'n1/mixed', 'n2/mixed'])
    expect((await bed.call('GET', '/volumes/mixed')).status).toBe(404)
    expect((await bed.call('DELETE', '/volumes/data')).status).toBe(204)
    expect((await bed.call('DELETE', '/volumes/n1/mixed')).status).toBe(204)
    expect(await listed()).toEqual(['mixed'])
  })

  it('a container goes to the node its volume is written with', async () => {
    const bed = await startBed([{}, {}, {}])
    await bed.call('POST', '/volumes/create', { Name: 'n3/solo' })
    const mount = { Type: 'volume', Source: 'n3/solo', Target: '/solo' }
    for (const [name, hostConfig] of [
      ['aa', { Binds: ['n3/solo:/solo:ro', '/n1/path:/path'] }],
      ['bb', { Mounts: [mount] }],
    ] as const) {
      const made = await bed.call('POST', `/containers/create?name=${name}`, { Image: image, HostConfig: hostConfig })
      expect(made).toMatchObject({ status: 201 })
    }
    expect(await bed.names()).toEqual(['/n3/aa', '/n3/bb'])
    type Kept = { readonly HostConfig: { readonly Binds?: unknown; readonly Mounts?: readonly { Source: string }[] } }
    expect((await bed.json<Kept>('/containers/aa/json')).HostConfig.Binds).toEqual(['solo:/solo:ro', '/n1/path:/path'])
    expect((await bed.json<Kept>('/containers/bb/json')).HostConfig.Mounts?.[0]?.Source).toBe('solo')
    const odd = { Image: image, HostConfig: { Binds: ['n3//etc:/x', 'n3/../etc:/y'] } }
    expect((await bed.call('POST', '/containers/create?name=dd', odd)).status).toBe(201)
    expect((await bed.json<Kept>('/containers/dd/json')).HostConfig.Binds).toEqual(['n3//etc:/x', 'n3/../etc:/y'])
    const apart = { Image: image, HostConfig: { Binds: ['n1/one:/one', 'n3/solo:/solo'] } }
    expect((await bed.call('POST', '/containers/create?name=cc', apart)).status).toBe(500)
  })

  it('events are found by either spelling', async () => {
    const bed = await startBed([{}, {}])
    const since = Math.floor(Date.now() / 1000) - 1
    await bed.call('POST', '/containers/create?name=web', { Image: image, Env: ['constraint:node==n2'] })
    const count = async (filters: unknown): Promise<number> => {
      const until = Math.ceil(Date.now() / 1000)
      const query = `since=${since}&until=${until}&filters=${encodeURIComponent(JSON.stringify(filters))}`
      return (await bed.call('GET', `/events?${query}`)).body.split('\n').filter(Boolean).length
    }
    for (const [name, expected] of [
      ['web', 1],
      ['n2/web', 1],
      ['n1/web', 0],
    ] as const)
      expect(await count({ container: [name], event: ['create'] })).toBe(expected)
  })

  it('inspect asks the engine whose container uses the volume', async () => {
    const bed = await startBed([{}, {}])
    await bed.call('POST', '/volumes/create', { Name: 'data' })
    const on = { Image: image, Env: ['constraint:node==n2'], HostConfig: { Binds: ['data:/data'] } }
    expect((await bed.call('POST', '/containers/create?name=user', on)).status).toBe(201)
    await eventually(
      async () => (await bed.json<{ Mounts: unknown[] }[]>('/containers/json?all=1'))[0]?.Mounts.length === 1,
    )
    const asked = (): readonly number[] =>
      bed.engines.map((engine) => engine.requests.filter((each) => each.path === '/volumes/data').length)
    const before = asked()
    await bed.call('GET', '/volumes/data')
    expect(asked().map((count, index) => count - (before[index] ?? 0))).toEqual([0, 1])
    for (const value of ['data', 'n2/data', 'n1/data']) {
      const filters = encodeURIComponent(JSON.stringify({ volume: [value] }))
      expect(await bed.json(`/containers/json?all=1&filters=${filters}`)).toHaveLength(value === 'n1/data' ? 0 : 1)
    }
  })
})

describe('container sizes', () => {
  it('are asked of the engines on demand, and one that fails is named in a warning', async () => {
    const bed = await startBed([{}, {}])
    for (const name of ['aa', 'bb']) await bed.call('POST', `/containers/create?name=${name}`, { Image: image })
    const asked = (): number =>
      bed.engines
        .flatMap((engine) => engine.requests)
        .filter(({ path, query }) => path === '/containers/json' && query['size'] === '1').length
    expect([(await bed.call('GET', '/containers/json?all=1')).headers['warning'], asked()]).toEqual([undefined, 0])
    expect([(await bed.call('GET', '/containers/json?all=1&size=1')).headers['warning'], asked()]).toEqual([
      undefined,
      2,
    ])
    bed.engines[1]?.fail({
      method: 'GET',
      path: /^\/containers\/json/,
      fault: { kind: 'status', status: 500, message: 'no' },
    })
    const partial = await bed.call('GET', '/containers/json?all=1&size=1')
    expect([partial.headers['warning'], (JSON.parse(partial.body) as unknown[]).length]).toEqual([
      '199 - "no sizes from n2"',
      2,
    ])
  })
})
