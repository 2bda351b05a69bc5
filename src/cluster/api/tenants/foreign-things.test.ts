import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTenantBed } from '../../../testing/tenant-bed.ts'
import type { Asks, TenantBed } from '../../../testing/tenant-bed.ts'
import { eventually } from '../../../testing/manager-bed.ts'
import { toFullReference } from '../../image-name.ts'
import { listRoutes } from '../routes.ts'
import { accessOf } from '../../access/routes.ts'
import { closedRoutes, listRuled, ruleOf } from './routes.ts'

/** How a route is asked for something that goes by `ref`. */
interface Ask {
  readonly path: string
  readonly body?: unknown
}

type AskFor = (ref: string) => Ask

function at(path: string, body?: unknown): AskFor {
  return (ref) => ({ path: path.replace('*', ref), ...(body === undefined ? {} : { body }) })
}

const create =
  (change: (ref: string) => object): AskFor =>
  (ref) => ({
    path: '/containers/create',
    body: { Image: 'box:1', ...change(ref) },
  })

const host = (change: (ref: string) => object): AskFor => create((ref) => ({ HostConfig: change(ref) }))

/** Every route that can name a container, network, volume, exec or image, in every way that it can. */
const byKind: Readonly<Record<string, Readonly<Record<string, readonly AskFor[]>>>> = {
  container: {
    'POST /containers/create': [
      host((ref) => ({ NetworkMode: `container:${ref}` })),
      host((ref) => ({ PidMode: `container:${ref}` })),
      host((ref) => ({ IpcMode: `container:${ref}` })),
      host((ref) => ({ VolumesFrom: [`${ref}:ro`] })),
      host((ref) => ({ Links: [`${ref}:peer`] })),
      create((ref) => ({ hostconfig: { links: [ref] } })),
      create((ref) => ({ HostConfig: { Links: [] }, hostConfig: { pidmode: `container:${ref}` } })),
    ],
    'GET /containers/json': [(ref) => ({ path: `/containers/json?filters={"before":["${ref}"]}` })],
    'GET /containers/*/json': [at('/containers/*/json')],
    'GET /containers/*/logs': [at('/containers/*/logs?stdout=1'), at('/containers/*/logs?stdout=1&follow=1')],
    'GET /containers/*/stats': [at('/containers/*/stats'), at('/containers/*/stats?stream=0')],
    'GET /containers/*/top': [at('/containers/*/top')],
    'GET /containers/*/changes': [at('/containers/*/changes')],
    'GET /containers/*/export': [at('/containers/*/export')],
    'GET /containers/*/archive': [at('/containers/*/archive?path=/')],
    'HEAD /containers/*/archive': [at('/containers/*/archive?path=/')],
    'PUT /containers/*/archive': [at('/containers/*/archive?path=/', Buffer.alloc(1024))],
    'POST /containers/*/copy': [at('/containers/*/copy', { Resource: '/' })],
    'GET /containers/*/attach/ws': [at('/containers/*/attach/ws')],
    'POST /containers/*/attach': [at('/containers/*/attach?stream=1&stdout=1')],
    'POST /containers/*/exec': [at('/containers/*/exec', { Cmd: ['id'] })],
    'POST /containers/*/kill': [at('/containers/*/kill')],
    'POST /containers/*/pause': [at('/containers/*/pause')],
    'POST /containers/*/rename': [at('/containers/*/rename?name=mine-now')],
    'POST /containers/*/resize': [at('/containers/*/resize?h=1&w=1')],
    'POST /containers/*/restart': [at('/containers/*/restart')],
    'POST /containers/*/start': [at('/containers/*/start')],
    'POST /containers/*/stop': [at('/containers/*/stop'), at('/containers/*/stop?t=1')],
    'POST /containers/*/unpause': [at('/containers/*/unpause')],
    'POST /containers/*/update': [at('/containers/*/update', { Memory: 1_000_000_000 })],
    'POST /containers/*/wait': [at('/containers/*/wait')],
    'DELETE /containers/*': [at('/containers/*?force=1'), at('/containers/*?link=1')],
    'POST /commit': [(ref) => ({ path: `/commit?container=${ref}&repo=blue/x` })],
    'POST /networks/*/connect': [(ref) => ({ path: '/networks/blue-net/connect', body: { Container: ref } })],
    'POST /networks/*/disconnect': [
      (ref) => ({ path: '/networks/blue-net/disconnect', body: { Container: ref, Force: true } }),
    ],
    'POST /build': [(ref) => ({ path: `/build?networkmode=container:${ref}`, body: Buffer.alloc(1024) })],
  },
  network: {
    'POST /containers/create': [
      host((ref) => ({ NetworkMode: ref })),
      create((ref) => ({ NetworkingConfig: { EndpointsConfig: { [ref]: {} } } })),
      create((ref) => ({ networkingconfig: { endpointsCONFIG: { [ref]: { Aliases: ['db'] } } } })),
    ],
    'POST /networks/create': [
      (ref) => ({ path: '/networks/create', body: { Name: 'copied', ConfigFrom: { Network: ref } } }),
    ],
    'GET /networks/*': [at('/networks/*')],
    'POST /networks/*/connect': [at('/networks/*/connect', { Container: 'blue-web' })],
    'POST /networks/*/disconnect': [at('/networks/*/disconnect', { Container: 'blue-web' })],
    'DELETE /networks/*': [at('/networks/*')],
    'POST /build': [(ref) => ({ path: `/build?networkmode=${ref}`, body: Buffer.alloc(1024) })],
  },
  volume: {
    'GET /volumes/*': [at('/volumes/*')],
    'DELETE /volumes/*': [at('/volumes/*')],
  },
  thing: {
    'GET /plugins/*/json': [at('/plugins/*/json')],
    'GET /configs/*': [at('/configs/*')],
    'GET /nodes/*': [at('/nodes/*')],
    'GET /secrets/*': [at('/secrets/*')],
    'GET /services/*': [at('/services/*')],
    'GET /tasks/*': [at('/tasks/*')],
  },
  exec: {
    'GET /exec/*/json': [at('/exec/*/json')],
    'POST /exec/*/resize': [at('/exec/*/resize?h=1&w=1')],
    'POST /exec/*/start': [at('/exec/*/start', { Detach: true })],
  },
  image: {
    'POST /containers/create': [
      create((ref) => ({ Image: ref })),
      host((ref) => ({ Mounts: [{ Type: 'image', Source: ref, Target: '/x' }] })),
    ],
    'GET /images/get': [(ref) => ({ path: `/images/get?names=${ref}` })],
    'GET /images/*/get': [at('/images/*/get')],
    'GET /images/*/json': [at('/images/*/json')],
    'GET /images/*/history': [at('/images/*/history')],
    'GET /images/*/attestations': [at('/images/*/attestations')],
    'POST /images/*/push': [at('/images/*/push')],
    'POST /images/*/tag': [at('/images/*/tag?repo=blue/stolen')],
    'DELETE /images/*': [at('/images/*?force=1')],
    'POST /images/create': [(ref) => ({ path: `/images/create?fromImage=${ref}` })],
  },
}

/** Routes that name nothing that exists already; lists and streams are looked through by tests of their own. */
const nameless: ReadonlySet<string> = new Set([
  'GET /_ping',
  'HEAD /_ping',
  'GET /version',
  'GET /info',
  'GET /events',
  'GET /system/df',
  'POST /auth',
  'GET /images/search',
  'GET /distribution/*/json',
  'GET /flotilla/whoami',
  'GET /flotilla/tenants',
  'GET /flotilla/nodes',
  'GET /containers/ps',
  'POST /containers/prune',
  'GET /images/json',
  'POST /images/prune',
  'GET /networks',
  'POST /networks/prune',
  'GET /volumes',
  'POST /volumes/create',
  'POST /volumes/prune',
])

const routes = listRoutes().map(({ method, pattern }) => `${method} ${pattern}`)

describe('the table of what tenants may call', () => {
  it('says something of every route of the endpoint, and of none besides', () => {
    const said = [...listRuled(), ...closedRoutes]
    expect(routes.filter((route) => !said.includes(route))).toEqual([])
    expect(said.filter((route) => !routes.includes(route))).toEqual([])
    expect([...closedRoutes].filter((route) => ruleOf(route) !== 'closed')).toEqual([])
    expect(ruleOf('GET /new/*')).toBe('closed')
    expect(ruleOf('__proto__')).toBe('closed')
  })

  it('opens nothing that roles close, and every open route is tried on things of others', () => {
    const open = listRuled()
    const isForTenants = (route: string): boolean => {
      const [method = '', pattern = ''] = route.split(' ')
      return accessOf(method, pattern).isForTenants
    }
    expect(open.filter((route) => !isForTenants(route))).toEqual([])
    const tried = new Set(Object.values(byKind).flatMap((kind) => Object.keys(kind)))
    expect(open.filter((route) => !tried.has(route) && !nameless.has(route))).toEqual([])
  })
})

describe('a tenant', () => {
  let bed: TenantBed
  let blue: Asks
  let red: Asks
  let admin: Asks
  /** By kind: every way in which a thing of another could be called. */
  const foreign = new Map<string, readonly string[]>()

  const idOf = (answer: { readonly body: string }): string => (JSON.parse(answer.body) as { Id: string }).Id

  beforeAll(async () => {
    const images = ['box:1', 'red/app:1', 'blue/app:1']
    bed = await startTenantBed([{ images }, { images }])
    blue = bed.as('blue')
    red = bed.as('red')
    admin = bed.as('admin')
    expect((await blue('POST', '/networks/create', { Name: 'blue-net' })).status).toBe(201)
    expect((await blue('POST', '/containers/create?name=blue-web', { Image: 'box:1' })).status).toBe(201)
    const containers: string[] = []
    const networks: string[] = []
    const volumes: string[] = []
    const execs: string[] = []
    for (const [who, asks] of [
      ['red', red],
      ['boss', admin],
    ] as const) {
      const made = await asks('POST', `/containers/create?name=${who}-web`, {
        Image: 'box:1',
        Labels: { secret: `${who}-label` },
        HostConfig: { Binds: [`${who}-data:/data`] },
      })
      expect(made.status).toBe(201)
      const id = idOf(made)
      expect((await asks('POST', `/containers/${id}/start`)).status).toBe(204)
      const found = bed.endpoint.cluster.directory.findContainer(id)
      if (found.kind !== 'found') throw new Error('the container was not found')
      const { node, item } = found
      const name = `${who}-web`
      containers.push(id, id.slice(0, 12), id.slice(0, 7), name, `${node.name}/${name}`, item.swarmId)
      const network = idOf(await asks('POST', '/networks/create', { Name: `${who}-net` }))
      const holder = bed.endpoint.cluster.directory.findNetwork(network)
      if (holder.kind !== 'found') throw new Error('the network was not found')
      networks.push(network, network.slice(0, 12), network.slice(0, 7), `${who}-net`, `${holder.node.name}/${who}-net`)
      expect((await asks('POST', '/volumes/create', { Name: `${who}-vol` })).status).toBe(201)
      volumes.push(`${who}-vol`, `n1/${who}-vol`, `${who}-data`)
      execs.push(idOf(await asks('POST', `/containers/${id}/exec`, { Cmd: ['sleep', '1'] })))
    }
    const hidden = (JSON.parse((await red('GET', '/images/red/app:1/json')).body) as { Id: string }).Id
    const bare = hidden.replace('sha256:', '')
    foreign.set('container', containers)
    foreign.set('network', networks)
    foreign.set('volume', volumes)
    foreign.set('exec', execs)
    // The engines run no swarm of their own; no tenant has to do with one.
    foreign.set('thing', ['red-thing', hidden.slice(7)])
    foreign.set('image', ['red/app:1', 'red/app', hidden, bare, bare.slice(0, 12), 'docker.io/red/app:1'])
  }, 60_000)
  afterAll(() => bed.close())

  /** Something of the same form that is not there. */
  function makeAbsent(ref: string): string {
    const flip = (text: string): string =>
      text.replaceAll(/[0-9a-f]/g, (digit) => ((Number.parseInt(digit, 16) + 7) % 16).toString(16))
    if (/^(?:sha256:)?[0-9a-f]{7,}$/.test(ref)) return ref.replace(/[0-9a-f]{7,}$/, flip)
    return ref
      .replace(/(?:red|boss)(?=[-/])/, 'red')
      .replace(/-(?:web|net|vol|data)$/, '-none')
      .replace('/app', '/none')
  }

  it.each(Object.entries(byKind).flatMap(([kind, asks]) => Object.keys(asks).map((route) => [kind, route] as const)))(
    'gets the same answer for a %s of somebody else as for none, from %s',
    async (kind, route) => {
      const [method = ''] = route.split(' ')
      const refs = foreign.get(kind) ?? []
      expect(refs.length).toBeGreaterThan(1)
      for (const askFor of byKind[kind]?.[route] ?? []) {
        for (const ref of refs) {
          const answer = async (each: string): Promise<unknown> => {
            const { path, body } = askFor(each)
            const { status, body: text } = await blue(method, encodeURI(path), body)
            return [status, text.replaceAll(each, 'REF').replaceAll(toFullReference(each), 'REF')]
          }
          const told = (await answer(ref)) as readonly [number, string]
          expect([ref, told]).toEqual([ref, await answer(makeAbsent(ref))])
          // A pull says in its progress that it failed.
          if (route !== 'POST /images/create') expect(told[0], `${ref}: ${told[1]}`).toBeGreaterThanOrEqual(400)
          expect(told[0]).not.toBe(500)
        }
      }
    },
    60_000,
  )

  it('has changed nothing of others by that', async () => {
    for (const [who, asks] of [
      ['red', red],
      ['boss', admin],
    ] as const) {
      const told = JSON.parse((await asks('GET', `/containers/${who}-web/json`)).body) as {
        State: { Running: boolean }
        Name: string
      }
      expect([told.Name, told.State.Running]).toEqual([`/${who}-web`, true])
      expect((await asks('GET', `/networks/${who}-net`)).status).toBe(200)
      expect((await asks('GET', `/volumes/${who}-vol`)).status).toBe(200)
    }
    expect((await red('GET', '/images/red/app:1/json')).status).toBe(200)
    const all = JSON.parse((await admin('GET', '/containers/json?all=1')).body) as readonly { Names: string[] }[]
    expect(all.map((each) => each.Names[0]?.replace(/^\/n\d\//, '') ?? '').sort()).toEqual([
      'blue-web',
      'boss-web',
      'red-web',
    ])
  })

  it.each([
    '/containers/json?all=1&size=1',
    '/containers/ps?all=1',
    '/containers/json?all=1&filters={"label":["secret"]}',
    '/containers/json?all=1&filters={"label":["com.flotilla.tenant=red"]}',
    '/containers/json?all=1&filters={"volume":["red-data"]}',
    '/containers/json?all=1&filters={"network":["bridge"]}',
    '/containers/json?all=1&filters={"ancestor":["box:1"]}',
    '/containers/json?all=1&filters={"name":["."]}',
    '/images/json?all=1',
    '/networks',
    '/networks?filters={"name":["red"]}',
    '/volumes',
    '/volumes?filters={"dangling":["true"]}',
    '/info',
    '/system/df',
    '/v1.41/system/df?type=container&type=image&type=volume',
    '/networks/n1%2Fbridge',
    '/networks/n2%2Fbridge',
    '/flotilla/tenants',
    '/flotilla/nodes',
    '/flotilla/whoami',
    '/version',
  ])('finds nothing of others in %s', async (path) => {
    const answer = await blue('GET', path.replaceAll('"', '%22').replaceAll('{', '%7B').replaceAll('}', '%7D'))
    expect(answer.status, answer.body).toBe(200)
    expect(answer.body).not.toMatch(/\bred\b|\bboss\b/)
    const ids = (foreign.get('container') ?? []).filter((ref) => /^[0-9a-f]{64}$/.test(ref))
    for (const id of [...ids, ...(foreign.get('network') ?? []).slice(0, 1)]) expect(answer.body).not.toContain(id)
  })

  it('finds nothing of others in /networks when a network has been read by itself, with all that is on it', async () => {
    const { cluster } = bed.endpoint
    for (const member of cluster.healthyMembers()) {
      const { id = '' } = member.view.networks.find((each) => each.name === 'bridge') ?? {}
      await cluster.changed(member, { what: 'network', id })
    }
    const told = async (ask: Asks): Promise<number> => {
      const { status, body } = await ask('GET', '/networks')
      expect(status, body).toBe(200)
      const ids = (foreign.get('container') ?? []).filter((ref) => /^[0-9a-f]{64}$/.test(ref))
      return ids.filter((id) => body.includes(id)).length
    }
    expect(await told(admin)).toBeGreaterThan(0)
    expect(await told(blue)).toBe(0)
  })

  it('is told of its own numbers alone', async () => {
    const info = JSON.parse((await blue('GET', '/info')).body) as { Containers: number; ContainersRunning: number }
    expect([info.Containers, info.ContainersRunning]).toEqual([1, 0])
    const nodes = JSON.parse((await blue('GET', '/flotilla/nodes')).body) as readonly {
      Containers: { Total: number }
    }[]
    expect(nodes.reduce((sum, each) => sum + each.Containers.Total, 0)).toBe(1)
    const own = JSON.parse((await blue('GET', '/flotilla/tenants')).body) as readonly { Name: string }[]
    expect(own.map((each) => each.Name)).toEqual(['blue'])
    const all = JSON.parse((await admin('GET', '/flotilla/tenants')).body) as readonly { Name: string }[]
    expect(all.map((each) => each.Name)).toEqual(['blue', 'red'])
  })

  it.each([...closedRoutes])('cannot call %s', async (route) => {
    const [method = '', pattern = ''] = route.split(' ')
    const answer = await blue(method, pattern.replace('*', 'x'))
    expect(answer.status, answer.body).toBe(403)
  })

  it('prunes what is its own: engines are asked for its label', async () => {
    const filters = encodeURIComponent('{"label":["com.flotilla.tenant=red"],"until":{"1h":true}}')
    for (const kind of ['containers', 'networks', 'volumes', 'images']) {
      for (const query of ['', `?filters=${filters}`]) {
        const before = bed.engines.map((engine) => engine.requests.length)
        const answer = await blue('POST', `/${kind}/prune${query}`)
        expect(answer.body).not.toMatch(/\bred\b|\bboss\b/)
        for (const [index, engine] of bed.engines.entries()) {
          const asked = engine.requests.slice(before[index]).filter((each) => each.query['filters'] !== undefined)
          // Volumes without a name are looked for one by one on engines that know no such prune.
          expect(asked.length).toBeGreaterThan(0)
          for (const each of asked) {
            const sent = JSON.parse(each.query['filters'] ?? '') as { readonly label?: readonly string[] }
            // The watch looks for what it is told of by name.
            if (sent.label === undefined) expect(each.method).toBe('GET')
            else expect(sent.label.at(-1)).toBe('com.flotilla.tenant=blue')
          }
        }
      }
      // Older engines take a semicolon for the beginning of another parameter.
      const before = bed.engines.map((engine) => engine.requests.length)
      expect((await blue('POST', `/${kind}/prune?filters=%7B%7D;filters=${filters}`)).status).toBe(400)
      const asked = bed.engines.flatMap((engine, index) => engine.requests.slice(before[index]))
      expect(asked.filter((each) => each.path.endsWith('/prune'))).toEqual([])
    }
    await eventually(async () => !(await blue('GET', '/containers/json?all=1')).body.includes('blue-web'), 'the prune')
    const left = JSON.parse((await admin('GET', '/containers/json?all=1')).body) as readonly unknown[]
    expect(left).toHaveLength(2)
  })
})
