import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode } from '../testing/cluster-builders.ts'
import { collectEntries, ContainerOrder, mergeEntries, orderContainers } from './container-order.ts'
import type { Visit } from './container-order.ts'
import type { ContainerView, NodeView } from './model.ts'

function list(each: (visit: Visit) => void): readonly (readonly [ContainerView, NodeView])[] {
  const all: [ContainerView, NodeView][] = []
  each((container, node) => all.push([container, node]) > 0)
  return all
}

describe('the order of containers', () => {
  it('is that of a sort, whatever came, went and changed since the last look', () => {
    const change = fc.record({ node: fc.nat(2), id: fc.nat(6), time: fc.nat(3), isGone: fc.boolean() })
    const look = fc.constant('look' as const)
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 6, arbitrary: change }, look), { maxLength: 400 }), (steps) => {
        const order = new ContainerOrder()
        const nodes = new Map<string, NodeView>(['a', 'b', 'c'].map((name) => [`${name}:2375`, makeNode(name)]))
        for (const step of [...steps, 'look' as const]) {
          if (step === 'look') {
            const shown = list((visit) => order.each((addr) => nodes.get(addr), visit))
            expect(shown).toEqual(list((visit) => orderContainers([...nodes.values()]).each(visit)))
            expect(order.size).toBe(shown.length)
            continue
          }
          const node = [...nodes.values()][step.node]!
          const id = `c${step.id}`
          const before = node.containers.find((each) => each.id === id)
          const others = node.containers.filter((each) => each !== before)
          const after: ContainerView | undefined = step.isGone
            ? undefined
            : makeContainer(id, { id, createdAtMs: step.time })
          if (before !== undefined) order.drop(node, before)
          if (after !== undefined) order.add(node, after)
          nodes.set(node.addr, { ...node, containers: after === undefined ? others : [...others, after] })
        }
      }),
      { numRuns: 200 },
    )
  })

  it('leaves out nodes that are gone', () => {
    const order = new ContainerOrder()
    order.add(makeNode('a'), makeContainer('web'))
    expect(list((visit) => order.each(() => undefined, visit))).toEqual([])
  })

  it('holds for others among them, and for a look that ends early', () => {
    const containers = fc.array(fc.nat(5), { maxLength: 8 })
    fc.assert(
      fc.property(containers, containers, fc.nat(20), (mine, others, limit) => {
        const make = (name: string, times: readonly number[]): NodeView =>
          makeNode(name, { containers: times.map((time, at) => makeContainer(`${name}${at}`, { createdAtMs: time })) })
        const [a, b] = [make('a', mine), make('b', others)]
        const merged = mergeEntries(orderContainers([a]), collectEntries(orderContainers([b])))
        const all = list((visit) => orderContainers([a, b]).each(visit))
        expect(list((visit) => merged.each(visit))).toEqual(all)
        const few: ContainerView[] = []
        merged.each((container) => few.push(container) < limit)
        expect(few).toEqual(all.slice(0, Math.max(limit, 1)).map(([container]) => container))
      }),
    )
  })
})
