import { describe, expect, it } from 'vitest'
import { makeNode, makeRequest } from '../testing/cluster-builders.ts'
import { constraintFilter } from './filters/constraint.ts'
import { canRun, parsePlatform, renderPlatform } from './platform.ts'

describe('platform', () => {
  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['Linux/AMD64/v2', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/armv6l', 'linux/arm/v6'],
    ['linux/s390x', 'linux/s390x'],
    ['linux', 'linux'],
    ['arm64', 'arm64'],
    ['windows/amd64', 'windows/amd64'],
  ])('%s means %s', (text, expected) => {
    const platform = parsePlatform(text)
    expect(platform === undefined ? '' : renderPlatform(platform)).toBe(expected)
  })

  it.each([
    ['x86_64', 'linux/amd64', true],
    ['x86_64', 'linux/386', true],
    ['x86_64', 'linux/arm64', false],
    ['x86_64', 'windows/amd64', false],
    ['x86_64', 'linux', true],
    ['x86_64', 'amd64', true],
    ['aarch64', 'linux/arm64', true],
    ['aarch64', 'linux/arm/v7', true],
    ['armv7l', 'linux/arm/v6', true],
    ['armv6l', 'linux/arm/v7', false],
    ['armv7l', 'linux/arm64', false],
    ['ppc64le', 'linux/ppc64le', true],
    ['x86_64', 'linux/__proto__', false],
  ])('an engine on %s runs %s: %s', (architecture, text, expected) => {
    const platform = parsePlatform(text)!
    expect(canRun(makeNode('a', { architecture }), platform)).toBe(expected)
  })

  it('an operator may say that an engine emulates others', () => {
    const node = makeNode('a', { labels: new Map([['platforms', 'linux/arm64, linux/riscv64']]) })
    expect(
      ['linux/arm64', 'linux/arm/v7', 'linux/riscv64', 'linux/s390x'].map((text) => canRun(node, parsePlatform(text)!)),
    ).toEqual([true, true, true, false])
  })

  it('is one more condition of the constraint filter', () => {
    const request = makeRequest({ platform: parsePlatform('linux/arm64'), constraints: ['storage==ssd'] })
    const node = makeNode('a', { labels: new Map([['storage', 'ssd']]) })
    expect([constraintFilter.relevant(request), constraintFilter.pass(request, node)]).toEqual([true, false])
    expect(constraintFilter.explain(request, node)).toBe('platform linux/arm64 does not run here (linux/x86_64)')
    expect(constraintFilter.legacy(request)).toBe('storage==ssd platform==linux/arm64')
    expect(constraintFilter.pass(request, { ...node, architecture: 'aarch64' })).toBe(true)
    expect(parsePlatform(' ')).toBeUndefined()
  })
})
