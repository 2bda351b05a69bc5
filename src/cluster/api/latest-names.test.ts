import { describe, expect, it } from 'vitest'
import { makeImage, makeNode } from '../../testing/cluster-builders.ts'
import type { Located } from '../directory.ts'
import type { ImageView } from '../model.ts'
import { areSame, LatestNames, listChanged } from './latest-names.ts'

const image = (id: string, ...repoTags: string[]): ImageView => ({ ...makeImage(id), id, repoTags, repoDigests: [] })
const on = (name: string, item: ImageView): Located<ImageView> => ({ node: makeNode(name), item })
const [old, fresh] = [image('v1', 'app:1'), image('v2', 'app:1')]
const [a, b] = ['a:2375', 'b:2375']

describe('what a name stands for', () => {
  it('is the image that a build has given it last, while its node still has that', () => {
    const names = new LatestNames()
    names.compare(a, [old], [image('v1'), fresh], ['app:1'])
    expect(names.find('docker.io/library/app:1', [on('b', old), on('a', fresh)])).toEqual(on('a', fresh))
    expect(names.find('app:1', [on('b', old), on('a', old)])).toBeUndefined()
    names.give('app:1', b, 'v1')
    expect(names.find('app:1', [on('b', old), on('a', fresh)])).toEqual(on('b', old))
  })

  it('is known to nobody after a build that changed nothing on another node, or a pull', () => {
    const names = new LatestNames()
    names.compare(a, [], [fresh], ['app:1', 'other:1'])
    names.compare(a, [fresh], [fresh], ['app:1'])
    expect(names.find('app:1', [on('a', fresh)])).toBeDefined()
    names.compare(b, [old], [old], ['app:1'])
    expect(names.find('app:1', [on('a', fresh)])).toBeUndefined()
    names.give('app:latest', a, 'v2')
    expect([names.knows('app'), names.knows('other:1')]).toEqual([true, false])
    names.forget(['app'])
    expect(names.knows('app')).toBe(false)
  })

  it('is found by what a node has after a tunnel to its builder', () => {
    const names = new LatestNames()
    names.look(a, [fresh])
    names.begin(a, [old, image('x', 'base:1')])
    names.look(a, [fresh, image('x', 'base:1'), image('y', 'new:1')])
    const holders = [on('a', fresh), on('a', image('y', 'new:1')), on('a', image('x', 'base:1'))]
    expect(['app:1', 'new:1', 'base:1'].map((name) => names.find(name, holders)?.item.id)).toEqual([
      'v2',
      'y',
      undefined,
    ])
    names.look(a, [old])
    expect(names.find('app:1', [on('a', old)])).toBeDefined()
  })

  it('is forgotten for the oldest of very many', () => {
    const names = new LatestNames()
    for (let index = 0; index <= 4096; index += 1) names.give(`app:${index}`, a, 'v1')
    const holders = [on('a', image('v1'))]
    expect([names.find('app:0', holders), names.find('app:1', holders)]).toEqual([undefined, holders[0]])
  })

  it('is waited for while it is read', async () => {
    const names = new LatestNames()
    expect(names.reading).toBeUndefined()
    let resolve: () => void = () => undefined
    const read = new Promise<void>((done) => (resolve = done))
    names.after(read, () => names.give('app:1', a, 'v1'))
    const reading = names.reading
    resolve()
    await reading
    expect([names.knows('app:1'), names.reading]).toEqual([true, undefined])
  })
})

it('names that changed are those that stand for something else than before', () => {
  const before = [image('1', 'a:1', 'b:1'), image('2', 'c:1')]
  expect([...listChanged(before, [image('1', 'a:1'), image('3', 'b:1', 'd:1')])]).toEqual([
    ['b:1', '3'],
    ['d:1', '3'],
  ])
  expect(listChanged(before, before).size).toBe(0)
})

describe('the same image on two nodes', () => {
  const stored = (name: string, driver: string, item: ImageView): Located<ImageView> => ({
    node: makeNode(name, { labels: new Map([['storagedriver', driver]]) }),
    item,
  })
  it.each([
    ['one ID', on('a', old), on('b', old), true],
    ['two IDs in stores of one kind', on('a', old), on('b', fresh), false],
    ['two IDs in two kinds of store, made at one time', stored('a', 'overlay2', old), stored('b', 'x', fresh), true],
    [
      'two IDs in two kinds of store, made at different times',
      stored('a', 'overlay2', old),
      stored('b', 'x', { ...fresh, createdAtMs: old.createdAtMs + 1000 }),
      false,
    ],
    [
      'one digest',
      on('a', { ...old, repoDigests: ['app@sha256:1'] }),
      on('b', { ...fresh, repoDigests: ['app@sha256:1'] }),
      true,
    ],
  ])('%s', (_, one, other, expected) => {
    expect(areSame(one, other)).toBe(expected)
  })
})
