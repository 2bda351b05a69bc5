import { describe, expect, it } from 'vitest'
import { ContainerRow } from '../container-row.ts'
import { collectEntries, orderContainers } from '../container-order.ts'
import { decodeContainer } from '../watch/decode.ts'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import type { ClusterSnapshot, ContainerView, ImageView, NodeView } from '../model.ts'
import { loadRegex, noRegex } from '../regex.ts'
import type { Fields } from '../wire.ts'
import { containerFilterKeys } from './container-filter.ts'
import { writeContainerRow } from './container-json.ts'
import { selectContainers } from './list-containers.ts'
import type { ContainerQuery } from './list-containers.ts'
import { renderStatus } from './container-status.ts'
import { compileNames, needsNameRegex, parseListFilters } from './list-filter.ts'
import { imageFilterKeys, listImages } from './list-images.ts'
import { listNetworks, listVolumes, networkFilterKeys, splitNodeName, volumeFilterKeys } from './merge.ts'

const hour = 3_600_000

function snapshot(...nodes: readonly NodeView[]): ClusterSnapshot {
  return { revision: 1, nodes, pending: [] }
}

describe('filters parameter', () => {
  it('has two forms', () => {
    const expected = new Map([['name', ['a', 'b']]])
    expect(parseListFilters('{"name":["a","b"]}', ['name'])).toEqual(expected)
    expect(parseListFilters('{"name":{"a":true,"b":true}}', ['name'])).toEqual(expected)
    expect(parseListFilters('', ['name'])).toEqual(new Map())
  })

  it.each([
    ['{', 'invalid filter: not JSON'],
    ['[]', 'invalid filter: must be an object'],
    ['{"nmae":["a"]}', "invalid filter 'nmae'"],
    ['{"name":"a"}', "invalid filter 'name': must be a list of texts"],
  ])('%s is refused', (text, message) => {
    expect(() => parseListFilters(text, ['name'])).toThrow(expect.objectContaining({ message, status: 400 }))
  })
})

describe('containers', () => {
  const web = makeContainer('web', {
    createdAtMs: 3,
    labels: new Map([['app', 'shop']]),
    mounts: [{ kind: 'volume', name: 'data', source: '/x', target: '/data' }],
    endpoints: [{ network: 'front', networkId: 'f'.repeat(64), ipAddress: '', aliases: [] }],
    healthCheck: 'healthy',
  })
  const old = makeContainer('old', { createdAtMs: 1, state: 'exited', exitCode: 3 })
  const agent = makeContainer('agent', { createdAtMs: 4, image: 'swarm' })
  const lost = makeContainer('lost', { createdAtMs: 2 })
  const cluster = snapshot(
    makeNode('a', { containers: [old, web, agent] }),
    makeNode('b', { containers: [lost], health: { state: 'unhealthy', failures: 3, indicator: 0 } }),
    makeNode('c', { containers: [makeContainer('x')], health: { state: 'pending', failures: 0, indicator: 0 } }),
  )

  function names(filters: Fields = {}, over: Partial<ContainerQuery> = {}): string[] {
    const parsed = parseListFilters(JSON.stringify(filters), containerFilterKeys)
    const query: ContainerQuery = { isAll: false, limit: 0, before: '', since: '', filters: parsed, ...over }
    const find = (reference: string): ContainerView | undefined =>
      [old, web].find((each) => each.names[0] === reference)
    return collectEntries(
      selectContainers(orderContainers(cluster.nodes), query, find, compileNames(query.filters, noRegex)),
    ).map((each) => each.container.names[0]!)
  }

  it('shows what runs on healthy engines, and everything on demand, newest first', () => {
    expect(names()).toEqual(['web'])
    expect(names({}, { isAll: true })).toEqual(['agent', 'web', 'lost', 'old'])
    expect(names({}, { limit: 2 })).toEqual(['agent', 'web'])
  })

  it.each([
    [{ name: ['we'] }, 'web'],
    [{ name: ['^/web$'] }, 'web'],
    [{ name: ['a/web'] }, 'web'],
    [{ name: ['^w$'] }, ''],
    [{ name: ['old', 'web'] }, 'web old'],
    [{ label: ['app'] }, 'web'],
    [{ label: ['app=shop', 'other'] }, ''],
    [{ status: ['exited'] }, 'old'],
    [{ exited: ['3'] }, 'old'],
    [{ exited: ['0'] }, ''],
    [{ health: ['healthy'] }, 'web'],
    [{ volume: ['data'] }, 'web'],
    [{ volume: ['/data'] }, 'web'],
    [{ network: ['front'] }, 'web'],
    [{ network: ['ffffffffffff'] }, 'web'],
    [{ node: ['b'] }, 'lost'],
    [{ id: ['web'] }, 'web'],
    [{ ancestor: ['swarm'] }, 'agent'],
    [{ before: ['web'] }, 'lost old'],
    [{ since: ['old'] }, 'agent web lost'],
    [{ 'is-task': ['true'] }, ''],
  ])('%j shows %s', (filters, expected) => {
    expect(names(filters, { isAll: true }).join(' ')).toBe(expected)
  })

  it('takes an image without a tag for its latest, also where a container names it by ID', () => {
    const id = `sha256:${'1'.repeat(64)}`
    const image = { repoDigests: [], createdAtMs: 1, labels: new Map<string, string>(), row: {} }
    const made = (name: string, of: string, imageId = ''): ContainerView => makeContainer(name, { image: of, imageId })
    const node = makeNode('a', {
      images: [{ ...image, id, repoTags: ['redis:latest'] }],
      containers: [made('latest', 'redis', id), made('byid', id, id), made('six', 'redis:6', 'sha256:6')],
    })
    const shown = (value: string): readonly string[] => {
      const filters = new Map([['ancestor', [value]]])
      const query: ContainerQuery = { isAll: true, limit: 0, before: '', since: '', filters }
      const all = orderContainers([node])
      const entries = collectEntries(
        selectContainers(all, query, () => undefined, compileNames(query.filters, noRegex)),
      )
      return entries.map(({ container }) => container.names[0] ?? '').sort()
    }
    expect(['redis', 'redis:latest', 'redis:6', id.slice(7, 19), 'postgres'].map(shown)).toEqual([
      ['byid', 'latest'],
      ['byid', 'latest'],
      ['six'],
      ['byid', 'latest'],
      [],
    ])
  })

  it('is not asked about the node by a name, unless the name has a slash in it', async () => {
    const nodes = [
      makeNode('web1', { containers: [makeContainer('db', { createdAtMs: 2 })] }),
      makeNode('n2', { containers: [makeContainer('web', { createdAtMs: 1 })] }),
    ]
    const regex = await loadRegex()
    const shown = (...name: string[]): readonly (string | undefined)[] => {
      const query: ContainerQuery = { isAll: true, limit: 0, before: '', since: '', filters: new Map([['name', name]]) }
      const found = collectEntries(
        selectContainers(orderContainers(nodes), query, () => undefined, compileNames(query.filters, regex)),
      )
      return found.map((each) => each.container.names[0])
    }
    const bare = ['web', '/web', '^/?web', 'w.b']
    expect(bare.map((text) => shown(text).join(' '))).toEqual(bare.map(() => 'web'))
    const withNode = ['web1/', 'web1/db', '^/web1/db$', '^/?web./d']
    expect(withNode.map((text) => shown(text).join(' '))).toEqual(withNode.map(() => 'db'))
    expect(shown('.*')).toEqual(['db', 'web'])
    expect(shown('web', 'web1/db')).toEqual(['db', 'web'])
  })

  it('refuses unknown containers as bounds', () => {
    expect(() => names({ before: ['nosuch'] })).toThrow('No such container: nosuch')
  })

  it('takes regular expressions in Go syntax as names', async () => {
    const filters = parseListFilters('{"name":["^/?w[e]b$"]}', containerFilterKeys)
    expect(needsNameRegex(filters)).toBe(true)
    const query: ContainerQuery = { isAll: true, limit: 0, before: '', since: '', filters }
    const found = collectEntries(
      selectContainers(
        orderContainers(cluster.nodes),
        query,
        () => undefined,
        compileNames(query.filters, await loadRegex()),
      ),
    )
    expect(found.map((each) => each.container.names[0])).toEqual(['web'])
  })

  it('a row keeps what the engine said, with node name, address and status of ours', () => {
    const row = {
      Id: 'web-id',
      Names: ['/web', '/x/alias'],
      Status: 'Up 2 weeks',
      Labels: { app: 'shop' },
      Future: { kept: true },
      Ports: [
        { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
        { PrivatePort: 81, Type: 'tcp' },
      ],
    }
    const decoded = decodeContainer(row, undefined, undefined, { name: 'a', cpus: 1, clockDeltaMs: 0 })
    const { names, published } = decoded
    const container = { ...web, names, published, row: decoded.row, startedAtMs: 1 }
    const node = makeNode('a', { ip: '10.0.0.5' })
    function render(on: NodeView): string {
      let text = ''
      writeContainerRow({ write: (piece) => void (text += piece) }, container, on, 3 * hour)
      return text
    }
    expect(JSON.parse(render(node))).toMatchObject({
      Id: 'web-id',
      Names: ['/a/web', '/a/x/alias'],
      Status: 'Up 3 hours (healthy)',
      Future: { kept: true },
      Ports: [
        { IP: '10.0.0.5', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
        { PrivatePort: 81, Type: 'tcp' },
      ],
      Labels: { app: 'shop' },
    })
    expect(render({ ...node, name: 'z' })).toContain('"/z/web"')
  })
})

describe('status', () => {
  const node = makeNode('a')
  it.each([
    [{ state: 'running', startedAtMs: 1 }, 'Up 2 hours'],
    [{ state: 'paused', startedAtMs: 1 }, 'Up 2 hours (Paused)'],
    [{ state: 'running', startedAtMs: 1, healthCheck: 'starting' }, 'Up 2 hours (health: starting)'],
    [{ state: 'exited', finishedAtMs: 1, exitCode: 137 }, 'Exited (137) 2 hours ago'],
    [{ state: 'restarting', finishedAtMs: 1, exitCode: 1 }, 'Restarting (1) 2 hours ago'],
    [{ state: 'created' }, 'Created'],
    [{ state: 'dead' }, 'Dead'],
    [{ state: 'removing' }, 'Removal In Progress'],
    [{ state: 'running', isPartial: true, row: new ContainerRow('', 'Up 9 days') }, 'Up 9 days'],
  ] as const)('%j is %s', (over, expected) => {
    expect(renderStatus(makeContainer('c', over), node, 2 * hour)).toBe(expected)
  })

  it('of an engine that does not answer is Host Down', () => {
    const down = makeNode('a', { health: { state: 'unhealthy', failures: 3, indicator: 0 } })
    expect(renderStatus(makeContainer('c'), down, 0)).toBe('Host Down')
  })
})

describe('images', () => {
  function image(id: string, tags: readonly string[], over: Partial<ImageView> = {}): ImageView {
    const row = { Id: id, RepoTags: tags, ParentId: '', Size: 5 }
    return { id, repoTags: tags, repoDigests: [], createdAtMs: 1000, labels: new Map(), row, ...over }
  }
  const cluster = snapshot(
    makeNode('a', {
      images: [
        image('i1', ['web:1'], { createdAtMs: 2000 }),
        image('i2', []),
        image('base', [], { createdAtMs: 500 }),
        image('i3', ['tool:1'], { labels: new Map([['keep', 'yes']]), row: { Id: 'i3', ParentId: 'base' } }),
      ],
    }),
    makeNode('b', {
      images: [
        image('i1', ['web:1', 'web:latest'], { createdAtMs: 2000 }),
        image('other-store', ['app:1'], { repoDigests: ['app@sha256:1'] }),
      ],
    }),
    makeNode('c', { images: [image('classic', ['app:2'], { repoDigests: ['app@sha256:1'] })] }),
  )

  function ids(filters: Fields = {}, isAll = false): string {
    const parsed = parseListFilters(JSON.stringify(filters), imageFilterKeys)
    return listImages(cluster, { isAll, filters: parsed, nowMs: 0 })
      .map((row) => String(row['Id']))
      .join(' ')
  }

  it('shows each image once, with the tags of all nodes', () => {
    const rows = listImages(cluster, { isAll: false, filters: new Map(), nowMs: 0 })
    expect(rows[0]).toMatchObject({ Id: 'i1', RepoTags: ['web:1', 'web:latest'], Size: 5 })
    expect(new Set(rows.map((row) => row['Id']))).toEqual(new Set(['i1', 'i2', 'i3', 'other-store']))
  })

  it('takes one image in two stores for one, by its digest', () => {
    const row = listImages(cluster, { isAll: false, filters: new Map(), nowMs: 0 }).find(
      (each) => each['Id'] === 'other-store',
    )
    expect(row).toMatchObject({ RepoTags: ['app:1', 'app:2'], RepoDigests: ['app@sha256:1'] })
  })

  it('takes what was never in a registry for one by tag and second, between engines that keep images differently', () => {
    const made = { createdAtMs: 5000 }
    const on = (name: string, driver: string, id: string, createdAtMs = 5000): NodeView =>
      makeNode(name, {
        labels: new Map([['storagedriver', driver]]),
        images: [image(id, ['built:1'], { ...made, createdAtMs })],
      })
    const rowsOf = (...nodes: NodeView[]): readonly unknown[] =>
      listImages(snapshot(...nodes), { isAll: false, filters: new Map(), nowMs: 0 }).map((row) => row['Id'])
    expect(rowsOf(on('a', 'overlay2', 'x'), on('b', 'overlayfs', 'y'), on('c', 'overlay2', 'x'))).toEqual(['x'])
    expect(rowsOf(on('a', 'overlay2', 'x'), on('b', 'overlay2', 'y'))).toEqual(['x', 'y'])
    expect(rowsOf(on('a', 'overlay2', 'x'), on('b', 'overlayfs', 'y', 9000))).toEqual(['y', 'x'])
  })

  it.each([
    [{ reference: ['web'] }, 'i1'],
    [{ reference: ['w*:lat*'] }, 'i1'],
    [{ reference: ['*'] }, 'i1 i3 other-store'],
    [{ reference: ['[a-b]pp:?'] }, 'other-store'],
    [{ dangling: ['true'] }, 'i2'],
    [{ dangling: ['false'] }, 'i1 i3 other-store'],
    [{ node: ['a'] }, 'i1 i2 i3'],
    [{ since: ['tool:1'] }, 'i1'],
    [{ until: ['2'] }, 'i2 i3 other-store'],
    [{ 'label!': ['keep'] }, 'i1 i2 other-store'],
    [{ 'label!': ['keep=no'] }, 'i1 i2 i3 other-store'],
    [{ before: ['web'] }, 'i2 i3 other-store'],
  ])('%j shows %s', (filters, expected) => {
    expect(ids(filters)).toBe(expected)
  })

  it('shows layers on demand', () => {
    expect(ids({}, true)).toContain('base')
  })

  it('refuses unknown images as bounds', () => {
    expect(() => ids({ before: ['nosuch'] })).toThrow(expect.objectContaining({ status: 400 }))
  })
})

describe('networks and volumes', () => {
  function network(id: string, name: string, scope: string, labels: Record<string, string> = {}) {
    return {
      id,
      name,
      scope,
      driver: scope === 'local' ? 'bridge' : 'overlay',
      labels: new Map(Object.entries(labels)),
      createdAtMs: 0,
      row: { Id: id, Name: name },
    }
  }
  function volume(name: string, driver: string, labels: Record<string, string> = {}, more: Fields = {}) {
    const row = { Name: name, Driver: driver, ...more }
    return { name, driver, scope: 'local', labels: new Map(Object.entries(labels)), row }
  }
  const user = makeContainer('u1', { mounts: [{ kind: 'volume', name: 'data', source: '', target: '/data' }] })
  const cluster = snapshot(
    makeNode('a', {
      networks: [network('1', 'bridge', 'local'), network('9', 'mesh', 'swarm'), network('4', 'twin', 'local')],
      volumes: [volume('data', 'local'), volume('shared', 'nfs'), volume('mixed', 'local')],
    }),
    makeNode('b', {
      networks: [
        network('2', 'bridge', 'local'),
        network('9', 'mesh', 'swarm'),
        network('3', 'own', 'local'),
        network('5', 'twin', 'local', { of: 'b' }),
      ],
      volumes: [
        volume('data', 'local', {}, { Mountpoint: '/on/b' }),
        volume('shared', 'nfs'),
        volume('mixed', 'local', {}, { Options: { type: 'tmpfs' } }),
        volume('one', 'local'),
      ],
      containers: [user],
    }),
    makeNode('c', { volumes: [volume('mixed', 'local', { of: 'c' })] }),
  )

  it('a network of the swarm that only a worker still has is gone', () => {
    const worker = makeNode('w', {
      swarmRole: 'worker',
      networks: [network('8', 'gone', 'swarm'), network('9', 'mesh', 'swarm')],
    })
    const manager = makeNode('m', { swarmRole: 'manager', networks: [network('9', 'mesh', 'swarm')] })
    const names = (...nodes: readonly NodeView[]): readonly unknown[] =>
      listNetworks(snapshot(...nodes), parseListFilters('', networkFilterKeys), undefined).map((row) => row['Name'])
    expect(names(worker, manager)).toEqual(['mesh'])
    expect(names(worker)).toEqual(['gone', 'mesh'])
  })

  it.each([
    [{}, 'a/bridge a/twin b/bridge b/twin mesh own'],
    [{ type: ['custom'] }, 'a/twin b/twin mesh own'],
    [{ type: ['builtin'] }, 'a/bridge b/bridge'],
    [{ name: ['own'] }, 'own'],
    [{ name: ['b/own'] }, 'own'],
    [{ name: ['b/'] }, 'b/bridge b/twin own'],
    [{ name: ['twin'] }, 'a/twin b/twin'],
    [{ name: ['a'] }, ''],
    [{ name: ['^/?b.twin$'] }, ''],
    [{ label: ['of=b'] }, 'b/twin'],
    [{ driver: ['overlay'] }, 'mesh'],
    [{ node: ['a'] }, 'a/bridge a/twin mesh'],
    [{ node: ['b'] }, 'b/bridge b/twin mesh own'],
    [{ id: ['3'] }, 'own'],
    [{ scope: ['local'] }, 'a/bridge a/twin b/bridge b/twin own'],
    // moby daemon/network/filter.go, volume/service/convert.go: names are patterns
    [{ name: ['^own$'] }, 'own'],
    [{ name: ['^ow$'] }, ''],
    [{ name: ['^twin$', 'me.h'] }, 'a/twin b/twin mesh'],
    [{ name: ['^b/(own|twin)$'] }, 'b/twin own'],
  ])('networks with %j are %s', async (filters, expected) => {
    const parsed = parseListFilters(JSON.stringify(filters), networkFilterKeys)
    const rows = listNetworks(cluster, parsed, compileNames(parsed, await loadRegex()))
    expect(rows.map((row) => row['Name']).join(' ')).toBe(expected)
  })

  it.each([
    [{}, 'a/mixed b/mixed c/mixed data one shared'],
    [{ name: ['dat'] }, 'data'],
    [{ name: ['b/dat'] }, 'data'],
    [{ name: ['b/'] }, 'b/mixed data one shared'],
    [{ name: ['b'] }, ''],
    [{ driver: ['nfs'] }, 'shared'],
    [{ node: ['b'] }, 'b/mixed data one shared'],
    [{ node: ['a'] }, 'a/mixed data shared'],
    [{ label: ['of=c'] }, 'c/mixed'],
    [{ dangling: ['true'] }, 'a/mixed b/mixed c/mixed one shared'],
    [{ dangling: ['false'] }, 'data'],
    [{ name: ['^data$'] }, 'data'],
    [{ name: ['^(one|mix.*)$'] }, 'a/mixed b/mixed c/mixed one'],
    [{ name: ['^b/(data|mixed)$'] }, 'b/mixed data'],
  ])('volumes with %j are %s', async (filters, expected) => {
    const parsed = parseListFilters(JSON.stringify(filters), volumeFilterKeys)
    const rows = listVolumes(cluster, parsed, compileNames(parsed, await loadRegex()))
    expect(rows.map((row) => row['Name']).join(' ')).toBe(expected)
  })

  it('a row of equal copies shows the one a container uses', () => {
    const filters = parseListFilters('{"name":["data"]}', volumeFilterKeys)
    const [row] = listVolumes(cluster, filters, compileNames(filters, noRegex))
    expect(row).toEqual({ Name: 'data', Driver: 'local', Mountpoint: '/on/b' })
  })

  it('a name that begins with a node goes there', () => {
    const find = (name: string): NodeView | undefined => cluster.nodes.find((node) => node.name === name)
    expect(splitNodeName('a/mine', find)).toMatchObject({ name: 'mine', node: { name: 'a' } })
    expect(splitNodeName('mine', find)).toEqual({ name: 'mine', node: undefined })
    expect(splitNodeName('x/mine', find)).toEqual({ name: 'x/mine', node: undefined })
  })
})
