import { describe, expect, it } from 'vitest'
import { makeImage, makeNode } from '../../testing/cluster-builders.ts'
import type { ImageView, NodeView } from '../model.ts'
import { fitsNode, listSources, planNaming } from './plan-copy.ts'

function held(node: NodeView, id: string, createdAtMs: number): { node: NodeView; item: ImageView } {
  return { node, item: { ...makeImage('app:1'), id, createdAtMs } }
}

describe('listSources', () => {
  it('groups nodes by image, the newest first, without the target and those that do not answer', () => {
    const sick = makeNode('sick', { health: { state: 'unhealthy', failures: 3, indicator: 0 } })
    const holders = [
      held(makeNode('a'), 'old', 1000),
      held(makeNode('b'), 'new', 2000),
      held(makeNode('c'), 'new', 2000),
      held(makeNode('d'), 'third', 2000),
      held(makeNode('target'), 'new', 2000),
      held(sick, 'newest', 9000),
    ]
    expect(listSources(holders, 'target:2375')).toEqual([
      { id: 'new', addrs: ['b:2375', 'c:2375'] },
      { id: 'third', addrs: ['d:2375'] },
      { id: 'old', addrs: ['a:2375'] },
    ])
    expect(listSources(holders, 'target:2375', 'old').map(({ id }) => id)).toEqual(['old', 'new', 'third'])
  })
})

describe('planNaming', () => {
  const holders = [held(makeNode('a'), 'sha256:abc', 0)]

  it.each([
    ['app:1', { repo: 'app', tag: '1' }],
    ['docker.io/library/app:1', { repo: 'docker.io/library/app', tag: '1' }],
    ['sha256:abc', 'id'],
    ['abc', 'id'],
    ['app@sha256:abc', 'none'],
    ['app:1@sha256:abc', 'none'],
  ])('%s', (reference, expected) => {
    expect(planNaming(reference, holders)).toEqual(expected)
  })

  it('fills in the tag that nobody wrote', () => {
    const latest = [{ node: makeNode('a'), item: makeImage('app:latest') }]
    expect(planNaming('app', latest)).toEqual({ repo: 'app', tag: 'latest' })
  })
})

describe('fitsNode', () => {
  const amd = { os: 'linux', architecture: 'amd64', variant: '' }
  const arm = { os: 'linux', architecture: 'arm64', variant: 'v8' }
  const pc = { osType: 'linux', architecture: 'x86_64' }

  it.each([
    [amd, pc, undefined, true],
    [arm, pc, undefined, false],
    [arm, { osType: 'linux', architecture: 'aarch64' }, undefined, true],
    [amd, { osType: 'windows', architecture: 'x86_64' }, undefined, false],
    [amd, { osType: '', architecture: '' }, undefined, true],
    [arm, pc, 'linux/arm64', true],
    [arm, pc, 'linux/arm64/v8', true],
    [arm, pc, 'linux/arm64/v9', false],
    [arm, pc, 'linux/amd64', false],
    [amd, pc, 'linux', true],
    [amd, pc, 'x86_64', true],
    [amd, pc, 'arm64', false],
    [amd, pc, '', true],
  ])('%j on %j for %s: %s', (image, node, platform, expected) => {
    expect(fitsNode(image, node, platform)).toBe(expected)
  })
})
