import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeContainer, makeImage, makeNode } from '../testing/cluster-builders.ts'
import { Directory } from './directory.ts'
import type { Lookup } from './directory.ts'
import { toFullReference } from './image-name.ts'
import type { NetworkView, NodeView, VolumeView } from './model.ts'

const idA = 'a'.repeat(12) + '0'.repeat(52)
const idB = `ab${'1'.repeat(62)}`
const swarmB = `beef${'2'.repeat(60)}`

function makeNetwork(id: string, name: string, scope = 'local'): NetworkView {
  return {
    id,
    name,
    scope,
    driver: scope === 'local' ? 'bridge' : 'overlay',
    labels: new Map(),
    createdAtMs: 0,
    row: {},
  }
}

function makeVolume(name: string, driver = 'local'): VolumeView {
  return { name, driver, scope: 'local', labels: new Map(), row: {} }
}

const nodeA = makeNode('node-a', {
  containers: [makeContainer('web', { id: idA, names: ['web', 'other/alias'] })],
  networks: [makeNetwork('bridge-a-000', 'bridge'), makeNetwork('over-0000000', 'mesh', 'swarm')],
  volumes: [makeVolume('data'), makeVolume('nfs', 'nfs')],
  images: [makeImage('busybox:latest', 'reg:5000/app:1')],
})
const nodeB = makeNode('node-b', {
  containers: [
    makeContainer('db', { id: idB, swarmId: swarmB }),
    makeContainer(swarmB.slice(0, 12), { id: 'c'.repeat(64) }),
  ],
  networks: [
    makeNetwork('bridge-b-000', 'bridge'),
    makeNetwork('over-0000000', 'mesh', 'swarm'),
    makeNetwork('n3-000000000', 'own'),
  ],
  volumes: [makeVolume('data'), makeVolume('only')],
  images: [makeImage('busybox:latest')],
})

function fill(...nodes: readonly NodeView[]): Directory {
  const directory = new Directory()
  for (const node of nodes) directory.replace(node)
  return directory
}

function show(lookup: Lookup<{ readonly names?: readonly string[]; readonly name?: string }>): string {
  if (lookup.kind !== 'found') return lookup.kind
  return `${lookup.node.name} ${lookup.item.names?.[0] ?? lookup.item.name ?? ''}`
}

describe('containers (classicswarm cluster/container.go)', () => {
  const directory = fill(nodeA, nodeB)

  it.each([
    [idA, 'node-a web'],
    [idA.slice(0, 12), 'node-a web'],
    [swarmB, 'node-b db'],
    // The short swarm ID comes before a name that looks the same.
    [swarmB.slice(0, 12), 'node-b db'],
    ['web', 'node-a web'],
    ['/web', 'node-a web'],
    ['node-a/web', 'node-a web'],
    ['/node-a/web', 'node-a web'],
    ['node-a-id/web', 'node-a web'],
    ['node-b/web', 'missing'],
    ['alias', 'missing'],
    ['other/alias', 'missing'],
    ['aa', 'node-a web'],
    ['ab', 'node-b db'],
    ['a', 'ambiguous'],
    ['bee', 'node-b db'],
    ['', 'missing'],
    ['nosuch', 'missing'],
  ])('%s is %s', (reference, expected) => {
    expect(show(directory.findContainer(reference))).toBe(expected)
  })

  it('a name on two nodes is ambiguous without the node', () => {
    const both = fill(nodeA, makeNode('node-c', { containers: [makeContainer('web', { id: 'd'.repeat(64) })] }))
    expect(show(both.findContainer('web'))).toBe('ambiguous')
    expect(show(both.findContainer('node-c/web'))).toBe('node-c web')
    expect(both.containersNamed('web')).toHaveLength(2)
  })

  it('follows renames and removals, and forgets nodes that are no longer validated', () => {
    const directory = fill(nodeA)
    directory.replace({ ...nodeA, containers: [{ ...nodeA.containers[0]!, names: ['site'] }] })
    expect([show(directory.findContainer('web')), show(directory.findContainer('site'))]).toEqual([
      'missing',
      'node-a site',
    ])
    directory.replace({ ...nodeA, health: { state: 'pending', failures: 0, indicator: 0 } })
    expect([show(directory.findContainer(idA)), directory.findNode('node-a')]).toEqual(['missing', undefined])
  })

  it('finds after any history what a new directory finds', () => {
    const names = fc.constantFrom('web', 'db', 'job')
    const ids = fc.constantFrom(idA, idB, 'c'.repeat(64), 'd'.repeat(64))
    const container = fc.tuple(names, ids).map(([name, id]) => makeContainer(name, { id }))
    const version = fc.record({
      node: fc.constantFrom('x', 'y', 'z'),
      containers: fc.uniqueArray(container, { maxLength: 4, selector: (each) => each.id }),
      isGone: fc.constantFrom(false, false, true),
    })
    fc.assert(
      fc.property(fc.array(version, { maxLength: 20, size: 'max' }), (versions) => {
        const directory = new Directory()
        const latest = new Map<string, NodeView>()
        for (const { node, containers, isGone } of versions) {
          const health = { state: isGone ? 'disconnected' : 'healthy', failures: 0, indicator: 0 } as const
          const view = makeNode(node, { containers, health })
          latest.set(node, view)
          directory.replace(view)
        }
        const fresh = fill(...latest.values())
        for (const reference of ['web', 'db', 'job', 'x/web', idA, idB.slice(0, 12), 'a', 'c', 'd']) {
          const [have, want] = [directory.findContainer(reference), fresh.findContainer(reference)]
          expect([reference, show(have)]).toEqual([reference, show(want)])
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('networks', () => {
  const directory = fill(nodeA, nodeB)

  it.each([
    ['bridge', 'ambiguous'],
    ['node-a/bridge', 'node-a bridge'],
    ['node-b-id/bridge', 'node-b bridge'],
    ['mesh', 'node-a mesh'],
    ['over-0000000', 'node-a mesh'],
    ['own', 'node-b own'],
    ['n3', 'node-b own'],
    ['nosuch', 'missing'],
  ])('%s is %s', (reference, expected) => {
    expect(show(directory.findNetwork(reference))).toBe(expected)
  })

  it('knows every node of one that spans nodes', () => {
    expect(directory.networkHolders('over-0000000').map((each) => each.node.name)).toEqual(['node-a', 'node-b'])
  })
})

describe('volumes', () => {
  const directory = fill(nodeA, nodeB)

  it.each([
    ['data', 'node-a data'],
    ['node-b/data', 'node-b data'],
    ['only', 'node-b only'],
    ['nfs', 'node-a nfs'],
    ['nosuch', 'missing'],
  ])('%s is %s', (reference, expected) => {
    expect(show(directory.findVolume(reference))).toBe(expected)
  })

  it('a plain name stands for every copy', () => {
    expect(directory.volumeHolders('data').map((each) => each.node.name)).toEqual(['node-a', 'node-b'])
  })

  it('of equal copies the one that a container uses is meant', () => {
    const mounts = [{ kind: 'volume', name: 'data', source: '', target: '/data' }]
    const volumes = [makeVolume('data')]
    const user = makeNode('node-c', { volumes, containers: [makeContainer('user', { mounts })] })
    expect(show(fill(nodeA, nodeB, user).findVolume('data'))).toBe('node-c data')
    const gone = { ...user, health: { ...user.health, state: 'unhealthy' as const } }
    expect(show(fill(nodeA, nodeB, gone).findVolume('data'))).toBe('node-a data')
  })

  it('copies that differ are ambiguous', () => {
    const other = makeNode('node-c', { volumes: [{ ...makeVolume('data'), labels: new Map([['a', 'b']]) }] })
    expect(show(fill(nodeA, other).findVolume('data'))).toBe('ambiguous')
    expect(show(fill(nodeA, other).findVolume('node-c/data'))).toBe('node-c data')
  })

  it('of networks of one name the one that spans nodes is meant', () => {
    const own = makeNode('node-c', { networks: [makeNetwork('n9', 'mesh')] })
    expect(show(fill(own, nodeA, nodeB).findNetwork('mesh'))).toBe('node-a mesh')
    expect(show(fill(own, nodeA, nodeB).findNetwork('node-c/mesh'))).toBe('node-c mesh')
  })

  it('of copies with different drivers the one that spans nodes is meant', () => {
    const other = makeNode('node-c', { volumes: [makeVolume('data', 'nfs')] })
    expect(show(fill(nodeA, other).findVolume('data'))).toBe('node-c data')
  })
})

describe('images', () => {
  const hex = 'abc123'.repeat(10)
  const tagged = { ...makeImage('tool:2'), id: `sha256:${hex}` }
  const directory = fill(nodeA, nodeB, makeNode('node-c', { images: [tagged] }))

  it.each([
    ['busybox', 'node-a node-b'],
    ['busybox:latest', 'node-a node-b'],
    ['docker.io/library/busybox', 'node-a node-b'],
    ['busybox:2', ''],
    ['reg:5000/app:1', 'node-a'],
    ['tool', ''],
    ['tool:2', 'node-c'],
    [`sha256:${hex}`, 'node-c'],
    [hex, 'node-c'],
    ['abc123abc', 'node-c'],
    ['sha256:abc1', 'node-c'],
    ['', ''],
  ])('%s is on %s', (reference, nodes) => {
    expect(
      directory
        .imageHolders(reference)
        .map((each) => each.node.name)
        .join(' '),
    ).toBe(nodes)
  })

  it('references are filled in as engines list them', () => {
    const given = ['a', 'a:1', 'reg:5000/a', 'a@sha256:1', 'reg:5000/a:1@sha256:1', 'index.docker.io/x/a']
    expect(given.map(toFullReference)).toEqual([
      'a:latest',
      'a:1',
      'reg:5000/a:latest',
      'a@sha256:1',
      'reg:5000/a@sha256:1',
      'x/a:latest',
    ])
  })
})
