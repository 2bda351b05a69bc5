import { afterEach, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { startTenantBed } from '../../../testing/tenant-bed.ts'

let bed: EndpointBed
afterEach(() => bed.close())

const engine = (disk: string) => ({ images: ['busybox'], labels: [`disk=${disk}`] })

async function start(): Promise<void> {
  bed = await startEndpointBed([engine('hdd'), engine('hdd'), engine('ssd')])
}

/** The node a network is made on whose containers are described so, or the answer when it is not made. */
async function placeFor(name: string, container: object, more: object = {}): Promise<string> {
  const made = await bed.call('POST', '/networks/create', { Name: name, ...more, Flotilla: { Container: container } })
  if (made.status !== 201) return made.body
  const found = bed.endpoint.cluster.directory.findNetwork(name)
  return found.kind === 'found' ? found.node.name : found.kind
}

describe('a network of one node is made where its containers can be', () => {
  it('by constraints, whatever the spelling, and where they cannot be met anywhere all the same', async () => {
    await start()
    expect(await placeFor('one', { Env: ['constraint:disk==ssd'] })).toBe('n3')
    expect(await placeFor('two', { env: ['constraint:disk==hdd', 'constraint:node!=n1'] })).toBe('n2')
    expect(await placeFor('nowhere', { Env: ['constraint:disk==tape'] })).toMatch(/^n\d$/)
    expect(await placeFor('odd', { Env: ['constraint:=='] })).toMatch(/^n\d$/)
  })

  it('where their data, their other networks and the containers they share with are', async () => {
    await start()
    await bed.call('POST', '/volumes/create', { Name: 'n2/data' })
    await bed.call('POST', '/networks/create', { Name: 'n3/outer' })
    await bed.call('POST', '/containers/create?name=other', { Image: 'busybox', Env: ['constraint:node==n2'] })
    expect(await placeFor('one', { HostConfig: { Binds: ['data:/v0'] } })).toBe('n2')
    expect(await placeFor('two', { NetworkingConfig: { EndpointsConfig: { outer: {} } } })).toBe('n3')
    expect(await placeFor('three', { HostConfig: { VolumesFrom: ['other'] } })).toBe('n2')
    const data = { HostConfig: { Binds: ['data:/v0'] } }
    expect(await placeFor('four', { ...data, Env: ['constraint:disk==ssd'] })).toBe('n3')
  })

  it('where their ports are free, which their data outweighs', async () => {
    await start()
    const ports = { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } }
    for (const node of ['n1', 'n2']) {
      const body = { Image: 'busybox', HostConfig: ports, Env: [`constraint:node==${node}`] }
      expect((await bed.call('POST', `/containers/create?name=at-${node}`, body)).status).toBe(201)
    }
    expect(await placeFor('one', { HostConfig: ports })).toBe('n3')
    await bed.call('POST', '/volumes/create', { Name: 'n1/data' })
    expect(await placeFor('two', { HostConfig: { ...ports, Binds: ['data:/v0'] } })).toBe('n1')
  })

  it('beside the other networks of its project first of all', async () => {
    await start()
    const Labels = { 'com.docker.compose.project': 'shop' }
    await bed.call('POST', '/networks/create', { Name: 'n1/front', Labels })
    expect(await placeFor('back', { Env: ['constraint:disk==ssd'] }, { Labels })).toBe('n1')
  })
})

it('is followed by a container that is not on it and is said to belong there, as long as there is room', async () => {
  await start()
  expect((await bed.call('POST', '/networks/create', { Name: 'n2/net' })).status).toBe(201)
  const make = async (name: string, more: object): Promise<string> => {
    const body = { Image: 'busybox', Flotilla: { networks: ['none', 'other', 'net'] }, ...more }
    const made = await bed.call('POST', `/containers/create?name=${name}`, body)
    expect(made.status, made.body).toBe(201)
    const found = bed.endpoint.cluster.directory.findContainer(name)
    return found.kind === 'found' ? found.node.name : found.kind
  }
  expect([
    await make('one', {}),
    await make('two', {}),
    await make('elsewhere', { Env: ['constraint:node!=n2'] }),
  ]).toEqual(['n2', 'n2', expect.stringMatching(/^n[13]$/)])
})

it('is followed by a container of its project whose memory others may join, which nobody says more of', async () => {
  await start()
  const Labels = { 'com.docker.compose.project': 'shop' }
  expect((await bed.call('POST', '/networks/create', { Name: 'n2/shop_default', Labels })).status).toBe(201)
  const make = async (name: string, more: object): Promise<string> => {
    const made = await bed.call('POST', `/containers/create?name=${name}`, { Image: 'busybox', Labels, ...more })
    expect(made.status, made.body).toBe(201)
    const found = bed.endpoint.cluster.directory.findContainer(name)
    return found.kind === 'found' ? found.node.name : found.kind
  }
  const HostConfig = { NetworkMode: 'none', IpcMode: 'shareable' }
  expect([
    await make('one', { HostConfig }),
    await make('two', { HostConfig }),
    await make('plain', { HostConfig: { NetworkMode: 'none' } }),
    await make('foreign', { HostConfig, Labels: { 'com.docker.compose.project': 'other' } }),
  ]).toEqual(['n2', 'n2', expect.stringMatching(/^n[13]$/), expect.stringMatching(/^n[13]$/)])
})

describe('a network of a Compose project is made where its data is', () => {
  const Labels = { 'com.docker.compose.project': 'shop' }

  /** All nodes have the volume, and its data is on n2, which is not the emptiest. */
  async function startWithData(): Promise<void> {
    await start()
    expect((await bed.call('POST', '/volumes/create', { Name: 'data', Labels })).status).toBe(201)
    for (const name of ['user', 'fill']) {
      const HostConfig = name === 'user' ? { Binds: ['data:/data'] } : {}
      const body = { Image: 'busybox', Env: ['constraint:node==n2'], HostConfig, Labels }
      expect((await bed.call('POST', `/containers/create?name=${name}`, body)).status).toBe(201)
    }
    expect((await bed.call('DELETE', '/containers/user')).status).toBe(204)
  }

  it('as said of its containers, and by the labels of its volumes when nothing is said', async () => {
    await startWithData()
    expect(await placeFor('told', { HostConfig: { Binds: ['data:/v0'] } }, { Labels })).toBe('n2')
    expect((await bed.call('DELETE', '/networks/told')).status).toBe(204)
    const made = await bed.call('POST', '/networks/create', { Name: 'plain', Labels })
    expect(made.status, made.body).toBe(201)
    expect(bed.endpoint.cluster.directory.findNetwork('plain')).toMatchObject({ node: { name: 'n2' } })
  })

  it('where some of it is when it is on several nodes', async () => {
    await startWithData()
    await bed.call('POST', '/volumes/create', { Name: 'n3/other', Labels })
    const binds = { HostConfig: { Binds: ['data:/v0', 'other:/v1'] } }
    expect(await placeFor('told', binds, { Labels })).toBe('n2')
  })

  it('and not made while that node is out of service, unless it is said that data may stay behind', async () => {
    await startWithData()
    expect((await bed.call('POST', '/flotilla/nodes/n2/cordon')).status).toBe(200)
    const binds = { HostConfig: { Binds: ['data:/v0'] } }
    const text = 'the data of volume data is on node n2, which is cordoned'
    expect(await placeFor('told', binds, { Labels })).toContain(text)
    expect(await placeFor('plain', {}, { Labels: { ...Labels, 'flotilla.reschedule.volumes': 'new' } })).toBe('n1')
    expect((await bed.call('DELETE', '/networks/plain')).status).toBe(204)
    const mayBeNew = { ...binds, Labels: { 'flotilla.reschedule.volumes': 'new' } }
    expect(await placeFor('told', mayBeNew, { Labels })).toBe('n1')
  })

  it('and a container that has to follow its network away from its data is warned, or held', async () => {
    await startWithData()
    expect((await bed.call('POST', '/networks/create', { Name: 'n1/net', Labels })).status).toBe(201)
    const HostConfig = { Binds: ['data:/data'], NetworkMode: 'net' }
    const body = { Image: 'busybox', HostConfig, Labels }
    expect((await bed.call('POST', '/flotilla/nodes/n2/cordon')).status).toBe(200)
    expect(await bed.call('POST', '/containers/create?name=held', body)).toMatchObject({
      status: 500,
      body: expect.stringContaining('the data of volume data is on node n2, which is cordoned'),
    })
    expect((await bed.call('POST', '/flotilla/nodes/n2/undrain')).status).toBe(200)
    const made = await bed.call('POST', '/containers/create?name=apart', body)
    expect([made.status, made.body]).toEqual([201, expect.stringContaining('the data of volume data is on node n2')])
  })
})

it('of a tenant it is made by what the tenant may know', async () => {
  const labels = (at: number): readonly string[] => [`at=${at}`]
  const tenants = await startTenantBed(
    [1, 2].map((at) => ({ images: ['box:1'], labels: labels(at) })),
    '{blue: {}, red: {}}',
  )
  try {
    const [blue, red] = [tenants.as('blue'), tenants.as('red')]
    const other = { Image: 'box:1', Env: ['constraint:at==2'] }
    expect((await red('POST', '/containers/create?name=theirs', other)).status).toBe(201)
    const nodeOf = async (name: string, container: object): Promise<string | undefined> => {
      const body = { Name: name, Flotilla: { Container: container } }
      expect((await blue('POST', '/networks/create', body)).status).toBe(201)
      const at = tenants.engines.findIndex(({ state }) =>
        [...state.networks.values()].some((each) => each.Name === name),
      )
      return ['first', 'second'][at]
    }
    expect(await nodeOf('plain', { HostConfig: { VolumesFrom: ['theirs'], PidMode: 'container:theirs' } })).toBe(
      'first',
    )
    expect(await nodeOf('bound', { Env: ['constraint:at==2'] })).toBe('second')
  } finally {
    await tenants.close()
  }
})
