import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import type { ContainerView, NodeView, PublishedPort } from '../model.ts'
import { findForwards, orderTargets } from './find-forwards.ts'

function publish(publicPort: number, more: Partial<PublishedPort> = {}): PublishedPort {
  return { ip: '0.0.0.0', privatePort: 80, publicPort, protocol: 'tcp', ...more }
}

function chosen(publicPort: number): ContainerView['ports'] {
  return [{ hostIp: '0.0.0.0', from: publicPort, to: publicPort, protocol: 'tcp', target: '80/tcp', isChosen: true }]
}

function up(name: string, more: Partial<ContainerView>): ContainerView {
  return makeContainer(name, { state: 'running', ...more })
}

function nodeAt(
  name: string,
  ip: string,
  containers: readonly ContainerView[],
  more: Partial<NodeView> = {},
): NodeView {
  return makeNode(name, { ip, containers, ...more })
}

function hostsOf(nodes: readonly NodeView[]): Record<string, readonly string[]> {
  const { forwards } = findForwards(nodes)
  return Object.fromEntries([...forwards].map(([key, { targets }]) => [key, targets.map((each) => each.host)]))
}

describe('findForwards', () => {
  it('takes ports that are published for other machines, once for both families', () => {
    const web = up('web', { published: [publish(8080), publish(8080, { ip: '::' }), publish(53, { protocol: 'udp' })] })
    const inner = up('inner', { published: [{ ip: '', privatePort: 80, publicPort: undefined, protocol: 'tcp' }] })
    expect(hostsOf([nodeAt('a', '10.0.0.1', [web, inner])])).toEqual({
      'tcp/8080': ['10.0.0.1'],
      'udp/53': ['10.0.0.1'],
    })
  })

  it('goes to the address that the port is published at, and says which nobody else can reach', () => {
    const one = up('one', { published: [publish(8080, { ip: '10.9.0.1' }), publish(9090, { ip: '127.0.0.1' })] })
    const plan = findForwards([
      nodeAt('a', '10.0.0.1', [one, up('s', { published: [publish(7, { protocol: 'sctp' })] })]),
    ])
    expect([...plan.forwards.keys()]).toEqual(['tcp/8080'])
    expect(plan.forwards.get('tcp/8080')?.targets[0]?.host).toBe('10.9.0.1')
    expect(plan.unforwarded.map(({ container, port, why }) => [container, port, why])).toEqual([
      ['one', 9090, 'it is published at 127.0.0.1 of its node only'],
      ['s', 7, 'sctp is not forwarded'],
    ])
  })

  it('leaves out what does not run', () => {
    const states = ['created', 'exited', 'dead', 'stopping', 'removing'] as const
    const containers = states.map((state, index) => makeContainer(state, { state, published: [publish(8000 + index)] }))
    expect(hostsOf([nodeAt('a', '10.0.0.1', containers)])).toEqual({})
  })

  it('takes a number that several nodes were asked for as one service', () => {
    const nodes = ['1', '2'].map((n) =>
      nodeAt(n, `10.0.0.${n}`, [up(`web${n}`, { id: n, published: [publish(8080)] })]),
    )
    expect(hostsOf(nodes)).toEqual({ 'tcp/8080': ['10.0.0.1', '10.0.0.2'] })
  })

  it('gives a number that engines chose to the oldest, and to none where somebody asked for it', () => {
    const younger = up('b', { id: 'b', createdAtMs: 2, published: [publish(32_768)], ports: chosen(32_768) })
    const older = up('c', { id: 'c', createdAtMs: 1, published: [publish(32_768)], ports: chosen(32_768) })
    const asked = up('d', { id: 'd', createdAtMs: 3, published: [publish(32_768)] })
    const nodes = [nodeAt('1', '10.0.0.1', [younger]), nodeAt('2', '10.0.0.2', [older])]
    expect(hostsOf(nodes)).toEqual({ 'tcp/32768': ['10.0.0.2'] })
    expect(findForwards(nodes).unforwarded).toMatchObject([
      { container: 'b', port: 32_768, why: 'the number belongs to c on node 2' },
    ])
    expect(hostsOf([...nodes, nodeAt('3', '10.0.0.3', [asked])])).toEqual({ 'tcp/32768': ['10.0.0.3'] })
  })

  it('leaves the numbers of a node to it that is on the machine of the manager, of stopped containers too', () => {
    const claim = { hostIp: '', from: 8080, to: 8080, protocol: 'tcp' as const, target: '80/tcp' }
    const stopped = makeContainer('s', { state: 'exited', ports: [claim] })
    const nodes = [
      nodeAt('a', '10.0.0.1', [stopped]),
      nodeAt('b', '10.0.0.2', [up('web', { published: [publish(8080), publish(8081)] })]),
    ]
    const plan = findForwards(nodes, new Set(['10.0.0.1', '::1']))
    expect([...plan.forwards.keys()]).toEqual(['tcp/8081'])
    expect(plan.unforwarded).toMatchObject([
      { container: 'web', port: 8080, why: 'node a is on this machine and has the number' },
    ])
  })

  it('sees that a node got another address or fell ill, although its containers are the same', () => {
    const node = nodeAt('a', '10.0.0.1', [up('web', { published: [publish(80)] })])
    expect(hostsOf([node])).toEqual({ 'tcp/80': ['10.0.0.1'] })
    expect(hostsOf([{ ...node, ip: '10.0.0.7' }])).toEqual({ 'tcp/80': ['10.0.0.7'] })
    const ill: NodeView = { ...node, health: { ...node.health, state: 'unhealthy' } }
    expect(findForwards([ill]).forwards.get('tcp/80')?.targets[0]?.isDoubtful).toBe(true)
  })
})

describe('orderTargets', () => {
  const target = (host: string, isDoubtful = false) => ({
    node: host,
    container: host,
    containerId: host,
    host,
    isDoubtful,
  })

  it('takes turns among those that are well, and the others after them', () => {
    const targets = [target('a'), target('b', true), target('c')]
    const order = [0, 1, 2].map((turn) =>
      orderTargets(targets, turn)
        .map((each) => each.host)
        .join(''),
    )
    expect(order).toEqual(['acb', 'cab', 'acb'])
  })
})
