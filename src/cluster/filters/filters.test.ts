import { describe, expect, it } from 'vitest'
import { testFilter } from '../../../test/conformance/filter.ts'
import {
  makeClaim,
  makeContainer,
  makeImage,
  makeNode,
  makePending,
  makeRequest,
} from '../../testing/cluster-builders.ts'
import type { RequestSketch } from '../../testing/cluster-builders.ts'
import type { NodeView, PortClaim } from '../model.ts'
import { affinityFilter } from './affinity.ts'
import { constraintFilter } from './constraint.ts'
import { containerslotsFilter } from './containerslots.ts'
import { defaultFilters } from './default-filters.ts'
import { dependencyFilter } from './dependency.ts'
import type { Filter } from './filter.ts'
import { healthFilter } from './health.ts'
import { portFilter } from './port.ts'
import { whitelistFilter } from './whitelist.ts'

for (const filter of defaultFilters) testFilter(filter)

function passes(filter: Filter, sketch: RequestSketch, node: NodeView): boolean {
  const request = makeRequest(sketch)
  return !filter.relevant(request) || filter.pass(request, node)
}

describe('health', () => {
  it('refuses engines whose indicator is 0', () => {
    expect(passes(healthFilter, {}, makeNode('a'))).toBe(true)
    const down = makeNode('a', { health: { state: 'unhealthy', failures: 3, indicator: 0 }, errorText: 'refused' })
    expect(passes(healthFilter, {}, down)).toBe(false)
    expect(healthFilter.explain(makeRequest(), down)).toBe('refused')
    const shaky = makeNode('a', { health: { state: 'healthy', failures: 1, indicator: 67 } })
    expect(passes(healthFilter, {}, shaky)).toBe(true)
  })
})

describe('port', () => {
  function clash(held: PortClaim, asked: PortClaim): boolean {
    const node = makeNode('a', { containers: [makeContainer('web', { ports: [held], state: 'exited' })] })
    return !passes(portFilter, { ports: [asked] }, node)
  }

  it.each([
    ['the same port, also of a stopped container', makeClaim(80), makeClaim(80), true],
    ['another port', makeClaim(80), makeClaim(81), false],
    ['tcp and udp (the ancestor took them for one)', makeClaim(53), makeClaim(53, { protocol: 'udp' }), false],
    ['two addresses', makeClaim(80, { hostIp: '10.0.0.1' }), makeClaim(80, { hostIp: '10.0.0.2' }), false],
    ['one address twice', makeClaim(80, { hostIp: '10.0.0.1' }), makeClaim(80, { hostIp: '10.0.0.1' }), true],
    ['an address and every interface', makeClaim(80, { hostIp: '10.0.0.1' }), makeClaim(80), true],
    ['every interface, written out', makeClaim(80, { hostIp: '0.0.0.0' }), makeClaim(80, { hostIp: '10.0.0.1' }), true],
    ['IPv6 every interface', makeClaim(80, { hostIp: '::' }), makeClaim(80), true],
    ['a range with a free port', makeClaim(8000), makeClaim(8000, { to: 8001 }), false],
    ['a range that is full', makeClaim(8000), makeClaim(8000, { to: 8000 }), true],
  ] as const)('%s', (_name, held, asked, isClash) => {
    expect(clash(held, asked)).toBe(isClash)
  })

  it('counts unsettled ranges against ranges', () => {
    const range = makeClaim(8000, { to: 8001 })
    const node = makeNode('a', { containers: ['x', 'y'].map((name) => makeContainer(name, { ports: [range] })) })
    expect(passes(portFilter, { ports: [range] }, node)).toBe(false)
  })

  it('sees promised containers', () => {
    const request = makeRequest({ ports: [makeClaim(80)] })
    const node = makeNode('a', { pending: [makePending(request, 'a', 'p1')] })
    expect(portFilter.pass(request, node)).toBe(false)
  })

  it('compares exposed ports of host-mode containers with each other only', () => {
    const hostMode = { networkMode: 'host', exposed: ['80/tcp'] }
    const other = makeNode('a', { containers: [makeContainer('web', hostMode)] })
    expect(passes(portFilter, hostMode, other)).toBe(false)
    expect(passes(portFilter, { networkMode: 'host', exposed: ['80/udp'] }, other)).toBe(true)
    const bridged = makeNode('a', { containers: [makeContainer('web', { exposed: ['80/tcp'] })] })
    expect(passes(portFilter, hostMode, bridged)).toBe(true)
  })

  it('words its conditions as the ancestor', () => {
    const ports = [makeClaim(8888), makeClaim(9000, { to: 9010 })]
    expect(portFilter.legacy(makeRequest({ ports }))).toBe('port 8888 (Bridge mode) port 9000-9010 (Bridge mode)')
    const hostMode = makeRequest({ networkMode: 'host', exposed: ['80/tcp'] })
    expect(portFilter.legacy(hostMode)).toBe('port 80/tcp (Host mode)')
  })
})

describe('containerslots', () => {
  function fits(label: string | undefined, count: number): boolean {
    const labels = new Map(label === undefined ? [] : [['containerslots', label]])
    const containers = Array.from({ length: count }, (_, index) =>
      makeContainer(`c${String(index)}`, { state: 'exited' }),
    )
    return passes(containerslotsFilter, {}, makeNode('a', { labels, containers }))
  }

  it('counts containers of every state; without a number there is no limit', () => {
    expect([fits('2', 1), fits('2', 2), fits('0', 0), fits('many', 9), fits(undefined, 9)]).toEqual([
      true,
      false,
      false,
      true,
      true,
    ])
  })
})

describe('dependency', () => {
  const labels = new Map<string, string>()
  const node = makeNode('a', {
    labels,
    containers: [makeContainer('db', { id: 'abcdef0123456789', swarmId: 'feed0000' }), makeContainer('web')],
  })

  it.each([
    [{ volumesFrom: ['db:ro'] }, true],
    [{ volumesFrom: ['nope'] }, false],
    [{ links: ['db:database', 'web'] }, true],
    [{ links: ['db:database', 'nope:x'] }, false],
    [{ joins: [{ flag: '--net', container: 'a/db' }] }, true],
    [{ joins: [{ flag: '--net', container: 'abcdef01' }] }, true],
    [{ joins: [{ flag: '--net', container: 'feed0000' }] }, true],
    [{ joins: [{ flag: '--pid', container: 'zzz' }] }, false],
  ] satisfies [RequestSketch, boolean][])('%j', (sketch, expected) => {
    expect(passes(dependencyFilter, sketch, node)).toBe(expected)
  })

  it('words its conditions as the ancestor', () => {
    const request = makeRequest({
      volumesFrom: ['x:ro'],
      links: ['a:b'],
      joins: [{ flag: '--net', container: 'c' }],
    })
    expect(dependencyFilter.legacy(request)).toBe('--volumes-from=x:ro --link=a:b --net=container:c')
  })
})

describe('affinity', () => {
  const node = makeNode('a', {
    containers: [makeContainer('c1', { labels: new Map([['tier', 'front']]) }), makeContainer('plain')],
    images: [makeImage('busybox:1', 'reg:5000/app/web:2')],
  })

  it.each([
    ['container==c1', true],
    ['container==c1-id', true],
    ['container!=c*', false],
    ['container==nope', false],
    ['image==busybox', true],
    ['image==busybox:1', true],
    ['image==sha256:busybox:1', true],
    ['image==reg:5000/app/web', true],
    ['image==alpine', false],
    ['tier==front', true],
    ['tier!=front', false],
    ['other==*', true],
    ['other==x', false],
  ])('%s is %s', (text, expected) => {
    expect(passes(affinityFilter, { affinities: [text] }, node)).toBe(expected)
  })

  it('sees the label and name of promised containers', () => {
    const request = makeRequest({ name: 'soon' })
    const promised = { ...makePending(request, 'b', 'p1'), labels: new Map([['tier', 'back']]) }
    const other = makeNode('b', { pending: [promised] })
    expect(passes(affinityFilter, { affinities: ['container==soon', 'tier==back'] }, other)).toBe(true)
  })

  it('does not hold soft conditions against a node in the second round', () => {
    expect(passes(affinityFilter, { affinities: ['container==~nope'] }, node)).toBe(false)
    expect(passes(affinityFilter, { affinities: ['container==~nope'], isSoftIgnored: true }, node)).toBe(true)
    const request = makeRequest({ affinities: ['container==~nope', 'image!=x'] })
    expect(affinityFilter.legacy(request)).toBe('container==nope (soft=true) image!=x (soft=false)')
  })
})

describe('constraint', () => {
  const labels = new Map([['storage', 'ssd']])
  const node = makeNode('node-1', { labels })

  it.each([
    ['storage==ssd', true],
    ['storage!=ssd', false],
    ['missing!=x', true],
    ['missing==*', true],
    ['missing==x', false],
    ['node==node-1', true],
    ['node==node-1-id', true],
    ['node==node-*', true],
    ['node!=node-2', true],
    ['node!=node-1', false],
  ])('%s is %s', (text, expected) => {
    expect(passes(constraintFilter, { constraints: [text] }, node)).toBe(expected)
  })

  it('says which condition failed and what the node has', () => {
    const request = makeRequest({ constraints: ['storage==ssd', 'storage==disk'] })
    expect(constraintFilter.explain(request, node)).toBe('constraint storage==disk is not met (storage is "ssd")')
    expect(constraintFilter.legacy(request)).toBe('storage==ssd storage==disk')
  })
})

describe('whitelist', () => {
  it('knows plain names only', () => {
    const sketch = { whitelists: ['node==a|b'] }
    expect(passes(whitelistFilter, sketch, makeNode('a'))).toBe(true)
    expect(passes(whitelistFilter, sketch, makeNode('b'))).toBe(true)
    expect(passes(whitelistFilter, sketch, makeNode('ab'))).toBe(false)
    expect(passes(whitelistFilter, { whitelists: ['node==*'] }, makeNode('a'))).toBe(false)
    expect(whitelistFilter.legacy(makeRequest(sketch))).toBe('node==a|b (soft=false)')
  })
})
