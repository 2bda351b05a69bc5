import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Strategy } from '../../src/cluster/strategies/strategy.ts'
import { arbitraryNode, arbitraryRequest } from './cluster-arbitraries.ts'

/** What every strategy has to do. */
export function testStrategy(strategy: Strategy): void {
  describe(`strategy ${strategy.name}`, () => {
    it('weighs alike for equal arguments, with a finite number or not at all', () => {
      fc.assert(
        fc.property(arbitraryRequest, arbitraryNode('a'), (request, node) => {
          const weight = strategy.weigh(request, node)
          expect(strategy.weigh(request, { ...node })).toBe(weight)
          if (weight !== undefined) expect(Number.isFinite(weight)).toBe(true)
        }),
      )
    })

    it('leaves out nodes whose CPUs or memory do not suffice', () => {
      fc.assert(
        fc.property(arbitraryRequest, arbitraryNode('a'), (request, node) => {
          if (strategy.weigh(request, node) === undefined) return
          if (request.nanoCpus > 0) {
            expect(node.usage.nanoCpus + request.nanoCpus).toBeLessThanOrEqual(node.totalCpus * 1e9)
          }
          if (request.memoryBytes > 0) {
            expect(node.usage.memoryBytes + request.memoryBytes).toBeLessThanOrEqual(node.totalMemoryBytes)
          }
        }),
      )
    })
  })
}
