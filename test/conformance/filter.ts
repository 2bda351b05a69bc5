import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Filter } from '../../src/cluster/filters/filter.ts'
import type { PlacementRequest } from '../../src/cluster/placement.ts'
import { diffParts, toPartBits } from '../../src/cluster/shape.ts'
import { arbitraryNode, arbitraryRequest, mutateNode } from './cluster-arbitraries.ts'

/** What every filter has to do: the scheduler's index relies on all of it. */
export function testFilter(filter: Filter): void {
  describe(`filter ${filter.name}`, () => {
    it('has a lower-case name', () => {
      expect(filter.name).toMatch(/^[a-z][a-z0-9-]*$/)
    })

    it('answers alike for equal arguments and changes none of them', () => {
      fc.assert(
        fc.property(arbitraryRequest, arbitraryNode('a'), (request, node) => {
          const before = JSON.stringify(node)
          expect(filter.relevant(request)).toBe(filter.relevant(request))
          expect(filter.pass(request, node)).toBe(filter.pass(request, { ...node }))
          expect(JSON.stringify(node)).toBe(before)
        }),
      )
    })

    it('explains every refusal', () => {
      fc.assert(
        fc.property(arbitraryRequest, arbitraryNode('a'), (request, node) => {
          if (!filter.relevant(request) || filter.pass(request, node)) return
          expect(filter.explain(request, node)).not.toBe('')
        }),
      )
    })

    it('reads no part of a node that it does not name', () => {
      const reads = toPartBits(filter.reads)
      fc.assert(
        fc.property(arbitraryRequest, arbitraryNode('a'), mutateNode, (request, node, mutate) => {
          const after = mutate(node)
          if ((diffParts(node, after) & reads) !== 0) return
          expect(filter.pass(request, after)).toBe(filter.pass(request, node))
        }),
      )
    })

    it('reads no field of a request that it does not name', () => {
      if (filter.asks === undefined) return
      // One that asks nothing is asked once for all requests.
      const asks = new Set<string>(filter.asks.length === 0 ? [] : [...filter.asks, 'isSoftIgnored'])
      fc.assert(
        fc.property(arbitraryRequest, arbitraryRequest, arbitraryNode('a'), (request, other, node) => {
          const mixed: Record<string, unknown> = { ...other }
          for (const [key, value] of Object.entries(request)) if (asks.has(key)) mixed[key] = value
          expect(filter.pass(mixed as unknown as PlacementRequest, node)).toBe(filter.pass(request, node))
        }),
      )
    })
  })
}
