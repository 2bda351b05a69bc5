import { describe, expect, it } from 'vitest'
import { makeContainer, makeImage, makeNode } from '../../testing/cluster-builders.ts'
import { changeNode } from '../copies.ts'
import type { ClusterSnapshot, NetworkView, NodeView, VolumeView } from '../model.ts'
import { isForeignImageName, isOwnImageName, narrowImage } from './image-names.ts'
import type { Lens } from './lens.ts'
import { makeNarrowing } from './narrow-node.ts'
import { TENANT_LABEL } from './owner.ts'
import { TenantView } from './tenant-view.ts'

const lens: Lens = { tenant: 'blue', tenants: new Set(['blue', 'red']), seesHostNetwork: false }

function labels(owner: string): ReadonlyMap<string, string> {
  return new Map(owner === '' ? [] : [[TENANT_LABEL, owner]])
}

function volume(name: string, owner = ''): VolumeView {
  return { name, driver: 'local', scope: 'local', labels: labels(owner), row: {} }
}

function network(name: string, owner = '', more: Partial<NetworkView> = {}): NetworkView {
  return {
    id: `${name}-id`,
    name,
    scope: 'local',
    driver: 'bridge',
    labels: labels(owner),
    createdAtMs: 0,
    row: {},
    ...more,
  }
}

function mounts(...names: readonly string[]): {
  readonly mounts: { kind: string; name: string; source: string; target: string }[]
} {
  return { mounts: names.map((name) => ({ kind: 'volume', name, source: '', target: '/x' })) }
}

const node = makeNode('n1', {
  containers: [
    makeContainer('mine', { labels: labels('blue'), memoryBytes: 5, ...mounts('loose', 'both', '') }),
    makeContainer('theirs', { labels: labels('red'), memoryBytes: 7, ...mounts('both', 'other') }),
    makeContainer('nobodys', { memoryBytes: 9 }),
    makeContainer('disowned', { labels: new Map([[TENANT_LABEL, '']]) }),
  ],
  images: [makeImage('app:1', 'red/app:1'), makeImage('red/app:2'), makeImage('blue/app:3')],
  networks: [
    network('bridge'),
    network('host', '', { driver: 'host' }),
    network('none'),
    network('nat'),
    network('a', 'blue'),
    network('b', 'red'),
  ],
  volumes: [
    volume('own', 'blue'),
    volume('red', 'red'),
    volume('nobodys'),
    volume('loose'),
    volume('both'),
    volume('other'),
  ],
})

describe('a node as a tenant sees it', () => {
  it('has what is the tenant’s and what all share', () => {
    const { to } = makeNarrowing(lens)(node, undefined)
    expect(to.containers.map((each) => each.names[0])).toEqual(['mine'])
    expect(to.images.map((each) => each.repoTags)).toEqual([['app:1'], ['blue/app:3']])
    expect(to.networks.map((each) => each.name)).toEqual(['bridge', 'none', 'a'])
    expect(to.volumes.map((each) => each.name)).toEqual(['own', 'loose'])
    expect([to.usage.containers, to.usage.memoryBytes, to.memoryBytes]).toEqual([1, 5, node.memoryBytes])
    const free = makeNarrowing({ ...lens, seesHostNetwork: true })(node, undefined).to
    expect(free.networks.map((each) => each.name)).toContain('host')
  })

  it('keeps lists that did not change', () => {
    const narrow = makeNarrowing(lens)
    const first = narrow(node, undefined)
    expect(narrow(node, first)).toBe(first)
    const later = narrow(changeNode(node, { images: [...node.images, makeImage('app:9')] }), first)
    expect(later.to.containers).toBe(first.to.containers)
    expect(later.to.volumes).toBe(first.to.volumes)
    expect(later.to.networks).toBe(first.to.networks)
    expect(later.to.images[0]).toBe(first.to.images[0])
    expect(later.to.images).toHaveLength(3)
  })
})

describe('the view of a tenant', () => {
  it('follows the cluster: what comes is found, what goes is gone, nodes too', () => {
    let whole: ClusterSnapshot = { revision: 1, nodes: [node], pending: [] }
    const seen: number[] = []
    const view = new TenantView(
      lens,
      () => whole,
      (nodes) => seen.push(nodes.length),
    )
    expect(view.directory.findContainer('mine').kind).toBe('found')
    expect(view.directory.findContainer('theirs').kind).toBe('missing')
    // An ID that begins like another's is no less the tenant's.
    const twins = [
      makeContainer('x', { id: 'abcdef1', labels: labels('blue') }),
      makeContainer('y', { id: 'abcdef2', labels: labels('red') }),
    ]
    const second: NodeView = makeNode('n2', { containers: twins })
    whole = { revision: 2, nodes: [changeNode(node, { containers: [] }), second], pending: [] }
    const found = view.directory.findContainer('abcdef')
    expect(found.kind === 'found' && found.item.id).toBe('abcdef1')
    expect(view.directory.findContainer('mine').kind).toBe('missing')
    expect(view.snapshot().nodes.map((each) => each.containers.length)).toEqual([0, 1])
    whole = { revision: 3, nodes: [node], pending: [] }
    expect(view.directory.findContainer('abcdef1').kind).toBe('missing')
    expect(view.snapshot().nodes).toHaveLength(1)
    // Each version is told of once.
    expect(seen).toEqual([1, 2, 1])
  })
})

describe('names of images', () => {
  it.each([
    ['blue/app', 'own'],
    ['blue/app:1', 'own'],
    ['docker.io/blue/app', 'own'],
    ['index.docker.io/blue/app@sha256:00', 'own'],
    ['registry.example/blue/app', 'own'],
    ['registry.example:5000/blue/deep/app:1', 'own'],
    ['localhost/blue/app', 'own'],
    ['red/app', 'foreign'],
    ['localhost:5000/red/app', 'foreign'],
    ['Registry/red/app', 'foreign'],
    ['blue', 'shared'],
    ['red:1', 'shared'],
    ['library/red', 'shared'],
    ['registry.example/red', 'shared'],
    ['team/red/app', 'shared'],
    ['busybox', 'shared'],
    ['', 'shared'],
  ])('%s is %s', (name, whose) => {
    expect([isOwnImageName(lens, name), isForeignImageName(lens, name)]).toEqual([whose === 'own', whose === 'foreign'])
  })

  it('decide who sees an image; without any its label does, or that it was pulled', () => {
    const bare = { ...makeImage(), id: 'sha256:1' }
    const pulled = { ...bare, repoDigests: ['app@sha256:2'] }
    const seen = (image: typeof bare): boolean => narrowImage(lens, image) !== undefined
    expect([bare, pulled].map(seen)).toEqual([false, true])
    expect([bare, pulled].map((image) => seen({ ...image, labels: labels('blue') }))).toEqual([true, true])
    expect([bare, pulled].map((image) => seen({ ...image, labels: labels('red') }))).toEqual([false, false])
    expect(seen({ ...bare, repoDigests: ['red/app@sha256:2'] })).toBe(false)
    // A label alone gives nobody an image that has another's name.
    expect(narrowImage(lens, { ...makeImage('red/app:1'), labels: labels('blue') })?.repoTags).toEqual([])
  })
})
