import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode, makeRequest } from '../../testing/cluster-builders.ts'
import { defaultFilters } from '../filters/default-filters.ts'
import type { NodeView } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'
import { spreadStrategy } from '../strategies/spread.ts'
import { planRebalance } from './rebalance.ts'

const policy = { filters: defaultFilters, strategy: spreadStrategy }
const gibibyte = 2 ** 30

function makeCluster(counts: readonly number[], memoryBytes = 0): readonly NodeView[] {
  return counts.map((count, at) => {
    const name = `n${at + 1}`
    const containers = Array.from({ length: count }, (_, index) =>
      makeContainer(`${name}-${index}`, { swarmId: `${name}-${index}`, memoryBytes }),
    )
    return makeNode(name, { containers })
  })
}

function allMovable(nodes: readonly NodeView[]): ReadonlyMap<string, PlacementRequest> {
  return new Map(
    nodes.flatMap((node) =>
      node.containers.map((each) => [each.swarmId, makeRequest({ memoryBytes: each.memoryBytes })] as const),
    ),
  )
}

describe('a rebalance', () => {
  it('makes as few moves as it takes', () => {
    const nodes = makeCluster([5, 0, 1])
    const plan = planRebalance({ nodes, movable: allMovable(nodes), policy, measure: 'containers', threshold: 1 })
    expect(plan).toMatchObject({ before: 5, after: 0 })
    expect(plan.moves.map(({ from, to }) => `${from}>${to}`)).toEqual(['n1>n2', 'n1>n2', 'n1>n3'])
  })

  it('moves nothing to a closed node and nothing that may not be moved', () => {
    const [first, second] = makeCluster([4, 0]) as [NodeView, NodeView]
    const closed = { ...second, availability: 'pause' } as const
    const input = { movable: allMovable([first]), policy, measure: 'containers', threshold: 1 } as const
    expect(planRebalance({ ...input, nodes: [first, closed] }).moves).toEqual([])
    expect(planRebalance({ ...input, nodes: [first, second], movable: new Map() }).moves).toEqual([])
  })

  it('evens out reserved memory', () => {
    const nodes = makeCluster([4, 0], gibibyte / 2)
    const plan = planRebalance({ nodes, movable: allMovable(nodes), policy, measure: 'resources', threshold: 10 })
    expect(plan).toMatchObject({ before: 100, after: 0 })
    expect(plan.moves).toHaveLength(2)
  })

  it('never over capacity, never a container twice, never worse, and done when it says so', () => {
    const loads = fc.array(fc.array(fc.integer({ min: 1, max: 1024 }), { maxLength: 8 }), {
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(loads, fc.constantFrom('containers', 'resources'), (sizes, measure) => {
        const nodes = sizes.map((list, at) => {
          const containers = list.map((mib, index) =>
            makeContainer(`c${at}-${index}`, { swarmId: `c${at}-${index}`, memoryBytes: mib * 2 ** 20 }),
          )
          return makeNode(`n${at}`, { containers })
        })
        const movable = allMovable(nodes)
        const plan = planRebalance({ nodes, movable, policy, measure, threshold: measure === 'containers' ? 1 : 10 })
        expect(plan.after).toBeLessThanOrEqual(plan.before)
        expect(new Set(plan.moves.map((move) => move.swarmId)).size).toBe(plan.moves.length)
        const given = new Map<string, number>()
        for (const { swarmId, to } of plan.moves) {
          given.set(to, (given.get(to) ?? 0) + (movable.get(swarmId)?.memoryBytes ?? 0))
        }
        const gone = new Set(plan.moves.map((move) => move.swarmId))
        for (const node of nodes) {
          const stays = node.containers.filter((each) => !gone.has(each.swarmId))
          const sum = stays.reduce((total, each) => total + each.memoryBytes, given.get(node.name) ?? 0)
          if (given.has(node.name)) expect(sum).toBeLessThanOrEqual(node.totalMemoryBytes)
        }
      }),
    )
  })
})
