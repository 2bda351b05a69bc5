import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../testing/manager-bed.ts'
import { startTenantBed } from '../../../testing/tenant-bed.ts'
import type { Asks, TenantBed } from '../../../testing/tenant-bed.ts'

let bed: TenantBed
let blue: Asks
let red: Asks
let admin: Asks

beforeAll(async () => {
  const images = ['box:1', 'blue/app:1', 'red/app:1', 'registry.example:5000/red/app:1']
  bed = await startTenantBed([{ images }, { images }], '{blue: {}, red: {}}', { isVolumeLossAllowed: true })
  blue = bed.as('blue')
  red = bed.as('red')
  admin = bed.as('admin')
}, 60_000)
afterAll(() => bed.close())

interface Told {
  readonly Id: string
  readonly Config: { readonly Labels: Record<string, string> }
  readonly Labels: Record<string, string>
  readonly Mounts: readonly { readonly Name: string }[]
  readonly HostConfig: Record<string, unknown>
  readonly Name: string
}

async function tell(asks: Asks, path: string): Promise<Told> {
  const answer = await asks('GET', path)
  expect(answer.status, answer.body).toBe(200)
  return JSON.parse(answer.body) as Told
}

async function make(asks: Asks, name: string, body: object = {}): Promise<string> {
  const answer = await asks('POST', `/containers/create?name=${name}`, { Image: 'box:1', ...body })
  expect(answer.status, answer.body).toBe(201)
  return (JSON.parse(answer.body) as { Id: string }).Id
}

const label = 'com.flotilla.tenant'

describe('what a tenant makes', () => {
  it.each([
    ['{"Labels":{"com.flotilla.tenant":"red","mine":"1"}}'],
    ['{"labels":{"com.flotilla.tenant":"red","mine":"1"}}'],
    ['{"Labels":{"mine":"1"},"Labels":{"com.flotilla.tenant":"red","mine":"1"}}'],
    ['{"Labels":{"mine":"1"},"LABELS":{"com.flotilla.tenant":"red"}}'],
    ['{"Label\\u017f":{"com.flotilla.tenant":"red"},"Labels":{"mine":"1"}}'],
    ['{"Labels":{"mine":"1","com.docker.swarm.id":"x","flotilla.generation":"9"}}'],
  ])('is its own whatever the body says: %s', async (text) => {
    const body = `${text.slice(0, -1)},"Image":"box:1"}`
    const answer = await blue('POST', '/containers/create?name=forged', body, { 'content-type': 'application/json' })
    expect(answer.status, answer.body).toBe(201)
    const { Config } = await tell(admin, '/containers/forged/json')
    expect(Config.Labels).toMatchObject({ [label]: 'blue', mine: '1' })
    expect(Config.Labels['com.docker.swarm.id']).toMatch(/^[0-9a-f]{64}$/)
    expect(Config.Labels).not.toHaveProperty('flotilla.generation')
    expect((await red('GET', '/containers/forged/json')).status).toBe(404)
    expect((await blue('DELETE', '/containers/forged')).status).toBe(204)
  })

  it('is labelled: networks, volumes, and volumes that containers name', async () => {
    await blue('POST', '/networks/create', { Name: 'n', labels: { [label]: 'red' } })
    await blue('POST', '/volumes/create', { Name: 'v', LABELS: { [label]: 'red' } })
    const mount = (source: string): object => ({
      Type: 'volume',
      Source: source,
      Target: `/${source || 'x'}`,
      volumeOptions: { labels: { [label]: 'red' } },
    })
    await make(blue, 'mounting', { HostConfig: { Binds: ['bound:/data:ro'], mounts: [mount('mounted'), mount('')] } })
    expect((await tell(admin, '/networks/n')).Labels).toEqual({ [label]: 'blue' })
    for (const name of ['v', 'bound', 'mounted']) {
      expect((await tell(admin, `/volumes/${name}`)).Labels).toEqual({ [label]: 'blue' })
      expect((await tell(blue, `/volumes/${name}`)).Labels).toEqual({ [label]: 'blue' })
      expect((await red('GET', `/volumes/${name}`)).status).toBe(404)
    }
    expect(
      (await blue('POST', '/containers/create?name=again', { Image: 'box:1', HostConfig: { Binds: ['bound:/x'] } }))
        .status,
    ).toBe(201)
  })

  it('is a volume on the node of the container that names it, which keeps later ones there', async () => {
    const nodeOf = async (name: string): Promise<string> =>
      ((await tell(admin, `/containers/${name}/json`)) as unknown as { Node: { Name: string } }).Node.Name
    const holders = (): readonly string[] =>
      bed.endpoint.cluster.directory.volumeHolders('kept').map(({ node }) => node.name)
    const Binds = ['kept:/data']
    await make(blue, 'kept-1', { Env: ['constraint:node==n2'], HostConfig: { Binds } })
    expect(holders()).toEqual(['n2'])
    for (const filler of ['f1', 'f2', 'f3', 'f4']) await make(blue, filler, { Env: ['constraint:node==n2'] })
    expect((await blue('DELETE', '/containers/kept-1')).status).toBe(204)
    await make(blue, 'kept-2', { HostConfig: { Binds } })
    expect(await nodeOf('kept-2')).toBe('n2')
    // Elsewhere only where somebody says so, and with its label.
    await make(blue, 'kept-3', { Env: ['constraint:node==n1'], HostConfig: { Binds } })
    expect(holders()).toHaveLength(2)
    expect((await tell(admin, '/volumes/kept')).Labels).toEqual({ [label]: 'blue' })
    for (const name of ['kept-2', 'kept-3', 'f1', 'f2', 'f3', 'f4']) await blue('DELETE', `/containers/${name}`)
    expect((await blue('DELETE', '/volumes/kept')).status).toBe(204)
  })

  it('has names that nobody else gets, and is not told who has one', async () => {
    await make(red, 'taken', { HostConfig: { Binds: ['red-data:/data'] } })
    await red('POST', '/networks/create', { Name: 'red-net' })
    const tries: readonly (readonly [string, unknown])[] = [
      ['/containers/create?name=taken', { Image: 'box:1' }],
      ['/containers/create?name=x', { Image: 'box:1', HostConfig: { Binds: ['red-data:/data'] } }],
      [
        '/containers/create?name=x',
        { Image: 'box:1', HostConfig: { Mounts: [{ Type: 'volume', Source: 'red-data', Target: '/x' }] } },
      ],
      ['/volumes/create', { Name: 'red-data' }],
      ['/volumes/create', { Name: 'n1/red-data' }],
      ['/networks/create', { Name: 'red-net' }],
      ['/networks/create', { Name: 'n2/red-net' }],
    ]
    for (const [path, body] of tries) {
      const answer = await blue('POST', path, body)
      expect([path, answer.status]).toEqual([path, 409])
      expect(answer.body).not.toMatch(/tenant|[0-9a-f]{12}/)
    }
    await make(blue, 'other')
    const renamed = await blue('POST', '/containers/other/rename?name=taken')
    expect([renamed.status, renamed.body]).toEqual([
      409,
      '{"message":"Conflict: The name taken is already assigned. You have to delete (or rename) that container to be able to assign taken to a container again."}\n',
    ])
  })

  it('cannot be called by the ID of something else', async () => {
    const id = await make(red, 'target')
    for (const path of [`/containers/create?name=${id}`, `/containers/other/rename?name=${id}`]) {
      expect((await blue('POST', path, { Image: 'box:1' })).status).toBe(400)
    }
    expect((await blue('POST', '/networks/create', { Name: id })).status).toBe(400)
  })

  it('may refer to its own by any name, which engines get as an ID', async () => {
    const id = await make(blue, 'base')
    for (const ref of ['base', id, id.slice(0, 12), id.slice(0, 9)]) {
      const made = await make(blue, '', {
        HostConfig: { VolumesFrom: [`${ref}:ro`], Links: [`${ref}:db`, ref], PidMode: `container:${ref}` },
      })
      const { HostConfig } = await tell(admin, `/containers/${made}/json`)
      expect(HostConfig).toMatchObject({ VolumesFrom: [`${id}:ro`], PidMode: `container:${id}` })
      expect(HostConfig['Links']).toEqual([`${id}:db`, `${id}:base`])
    }
  })
})

describe('images', () => {
  it('with the name of a tenant are for that tenant, others for all', async () => {
    const tags = async (asks: Asks): Promise<readonly string[]> =>
      (JSON.parse((await asks('GET', '/images/json')).body) as readonly { RepoTags: string[] }[])
        .flatMap((each) => each.RepoTags)
        .sort()
    expect(await tags(blue)).toEqual(['blue/app:1', 'box:1'])
    expect(await tags(red)).toEqual(['box:1', 'red/app:1', 'registry.example:5000/red/app:1'])
    await make(red, 'private', { Image: 'red/app:1' })
  })

  it('are named by tenants under their own name only', async () => {
    expect((await blue('POST', '/images/box:1/tag?repo=blue/box&tag=2')).status).toBe(201)
    for (const repo of ['nginx', 'red/box', 'registry.example:5000/red/box', 'blue', 'docker.io/library/blue']) {
      expect((await blue('POST', `/images/box:1/tag?repo=${repo}&tag=2`)).status).toBe(403)
      expect((await blue('POST', `/commit?container=base&repo=${repo}`)).status).toBe(403)
      expect((await blue('POST', `/build?t=${repo}:1`, Buffer.alloc(1024))).status).toBe(403)
    }
    // One image, two names: each tenant sees what is not another's.
    await admin('POST', '/images/box:1/tag?repo=red/box&tag=3')
    const told = JSON.parse((await blue('GET', '/images/box:1/json')).body) as { RepoTags: readonly string[] }
    expect([...told.RepoTags].sort()).toEqual(['blue/box:2', 'box:1'])
    const history = await blue('GET', '/images/box:1/history')
    expect(history.body).not.toContain('red/box')
  })

  it('that are shared stay, also by force and by ID', async () => {
    const { Id } = await tell(blue, '/images/box:1/json')
    for (const ref of ['box:1', Id, Id.slice(7, 19)]) {
      expect((await blue('DELETE', `/images/${ref}?force=1`)).status).toBe(403)
    }
    expect((await blue('DELETE', '/images/blue/box:2?force=1')).status).toBe(200)
    expect((await blue('DELETE', '/images/blue/app:1')).status).toBe(200)
    expect((await blue('GET', '/images/box:1/json')).status).toBe(200)
  })

  it('are built by the classic builder, from nothing that others left there', async () => {
    expect((await blue('POST', '/build?version=2&t=blue/x', Buffer.alloc(1024))).status).toBe(403)
    const before = bed.engines.map((engine) => engine.requests.length)
    await blue(
      'POST',
      '/build?t=blue/x&cachefrom=%5B%22red/app:1%22%5D&labels=%7B%22com.flotilla.tenant%22:%22red%22%7D',
      Buffer.alloc(1024),
    )
    const [asked] = bed.engines.flatMap((engine, index) =>
      engine.requests.slice(before[index]).filter((each) => each.path === '/build'),
    )
    expect(asked?.query).toMatchObject({
      pull: '1',
      nocache: '1',
      forcerm: '1',
      labels: '{"com.flotilla.tenant":"blue"}',
    })
    expect(asked?.query).not.toHaveProperty('cachefrom')
  })

  it('are not fetched in two ways at once', async () => {
    expect((await blue('POST', '/images/create?fromSrc=-&fromImage=red/app&repo=blue/x')).status).toBe(400)
    expect((await blue('POST', '/images/create?fromSrc=-&repo=nginx')).status).toBe(403)
  })
})

describe('what is not the tenants’', () => {
  it('cannot become theirs by the labels of an image', async () => {
    for (const engine of bed.engines) {
      for (const image of engine.state.images.values()) {
        if (image.tags.has('box:1')) Object.assign(image.config, { Labels: { [label]: 'blue' } })
      }
    }
    await make(admin, 'boss')
    expect((await tell(admin, '/containers/boss/json')).Config.Labels[label]).toBe('')
    expect((await blue('GET', '/containers/boss/json')).status).toBe(404)
    // Unless an admin wants it so.
    await make(admin, 'given', { Labels: { [label]: 'blue' } })
    expect((await blue('GET', '/containers/given/json')).status).toBe(200)
  })

  it('is no form that engines would read as a query', async () => {
    for (const type of [
      'application/x-www-form-urlencoded',
      ' Application/X-WWW-Form-Urlencoded; charset=x',
      'multipart/form-data',
    ]) {
      const answer = await blue('POST', '/commit?container=base&repo=blue/x', 'container=taken', {
        'content-type': type,
      })
      expect(answer.status).toBeGreaterThanOrEqual(400)
    }
  })

  it('are networks of the host', async () => {
    for (const Driver of ['macvlan', 'ipvlan', 'host']) {
      expect((await blue('POST', '/networks/create', { Name: 'lan', Driver })).status).toBe(403)
    }
    const Options = { 'com.docker.network.bridge.name': 'virbr0' }
    expect((await blue('POST', '/networks/create', { Name: 'lan', options: Options })).status).toBe(403)
    expect(
      (await blue('POST', '/containers/create', { Image: 'box:1', HostConfig: { NetworkMode: 'host' } })).status,
    ).toBe(403)
  })
})

describe('what is moved', () => {
  it('keeps its owner', async () => {
    const id = await make(blue, 'mover', { Env: ['constraint:node==n*'], HostConfig: { Binds: ['moved-data:/data'] } })
    const before = bed.endpoint.cluster.directory.findContainer(id)
    const node = before.kind === 'found' ? before.node.name : ''
    expect((await admin('POST', `/flotilla/nodes/${node}/drain`, { Force: true })).status).toBe(200)
    const find = (): string => {
      const found = bed.endpoint.cluster.directory.findContainer('mover')
      return found.kind === 'found' ? found.node.name : ''
    }
    await eventually(() => find() !== node && find() !== '', 'the move')
    expect((await tell(blue, '/containers/mover/json')).Config.Labels[label]).toBe('blue')
    expect((await red('GET', '/containers/mover/json')).status).toBe(404)
    expect((await admin('POST', `/flotilla/nodes/${node}/undrain`)).status).toBe(200)
  }, 60_000)
})

describe('events', () => {
  interface Event {
    readonly Type: string
    readonly Action: string
    readonly Actor: { readonly Attributes: Record<string, string> }
  }

  it('are told to those whose things they are about', async () => {
    const heard: Event[] = []
    const stream = request({
      port: bed.port,
      path: '/events',
      headers: { authorization: 'Bearer blue' },
      agent: false,
    })
    let text = ''
    stream.on('response', (reply) => {
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        const lines = text.split('\n')
        text = lines.pop() ?? ''
        heard.push(...lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Event))
      })
    })
    stream.on('error', () => undefined)
    stream.end()
    await eventually(() => bed.endpoint.cluster.events.size === 1, 'a subscriber')
    for (const [who, asks] of [
      ['red', red],
      ['boss', admin],
      ['blue', blue],
    ] as const) {
      await make(asks, `${who}-heard`, { HostConfig: { Binds: [`${who}-heard:/x`] } })
      await asks('POST', `/containers/${who}-heard/start`)
      await asks('POST', '/networks/create', { Name: `${who}-heard` })
      await asks('DELETE', `/containers/${who}-heard?force=1`)
      await asks('DELETE', `/networks/${who}-heard`)
      await asks('DELETE', `/volumes/${who}-heard`)
    }
    const said = (type: string): readonly string[] =>
      heard.filter((each) => each.Type === type).map((each) => each.Action)
    await eventually(() => said('container').includes('destroy'), 'the last event of the container')
    await eventually(() => said('network').includes('destroy'), 'the last event of the network')
    expect(JSON.stringify(heard)).not.toMatch(/red-heard|boss-heard/)
    expect(said('container')).toEqual(expect.arrayContaining(['create', 'start', 'destroy']))
    expect(said('network')).toEqual(expect.arrayContaining(['create', 'destroy']))
    const past = await blue(
      'GET',
      '/events?since=1&until=9999999999'.replace('9999999999', String(Math.floor(Date.now() / 1000) + 1)),
    )
    expect(past.body).not.toMatch(/red-heard|boss-heard/)
    expect(past.body).toContain('blue-heard')
    stream.destroy()
  })
})
