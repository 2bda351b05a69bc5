import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toMessage } from './errors.ts'
import { findCycle, topologicalLevels, topologicalOrder } from './graph.ts'

function graph(table: Readonly<Record<string, readonly string[]>>): Map<string, readonly string[]> {
  return new Map(Object.entries(table))
}

describe('graph', () => {
  it('dependencies come first, neighbours stay in the order given', () => {
    const web = graph({ web: ['db', 'cache'], db: [], cache: ['db'], other: [] })
    expect(topologicalLevels(web)).toEqual([['db', 'other'], ['cache'], ['web']])
    expect(topologicalOrder(web)).toEqual(['db', 'other', 'cache', 'web'])
  })

  it('a cycle is named', () => {
    const circle = graph({ a: ['b'], b: ['c'], c: ['b'] })
    expect(findCycle(circle)).toEqual(['b', 'c', 'b'])
    let message = ''
    try {
      topologicalOrder(circle)
    } catch (error) {
      message = toMessage(error)
    }
    expect(message).toBe('dependency cycle: b -> c -> b')
  })

  it('a dependency that is no key is left out', () => {
    expect(topologicalOrder(graph({ a: ['gone'] }))).toEqual(['a'])
  })

  it('a chain of 100,000 does not overflow the stack', () => {
    const chain = new Map(Array.from({ length: 100_000 }, (_, index) => [`n${index}`, [`n${index + 1}`]]))
    chain.set('n100000', ['n0'])
    expect(findCycle(chain)).toHaveLength(100_002)
  })

  it('the order respects every edge, or there is a cycle', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const edges = fc.dictionary(fc.constantFrom(...names), fc.uniqueArray(fc.constantFrom(...names)), {
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(edges, (table) => {
        const input = graph(table)
        const cycle = findCycle(input)
        if (cycle.length > 0) {
          for (const [index, name] of cycle.slice(0, -1).entries()) expect(table[name]).toContain(cycle[index + 1])
          expect(() => topologicalOrder(input)).toThrow('dependency cycle')
          return
        }
        const order = topologicalOrder(input)
        expect([...order].sort()).toEqual([...input.keys()].sort())
        for (const [name, dependencies] of input) {
          for (const dependency of dependencies) expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(name))
        }
      }),
    )
  })
})
