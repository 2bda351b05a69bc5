import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  arbitraryNode,
  arbitraryNodes,
  arbitraryRequest,
  mutateNode,
} from '../../test/conformance/cluster-arbitraries.ts'
import { makeClaim, makeContainer, makeNode, makePending, makeRequest } from '../testing/cluster-builders.ts'
import { explainPlacement } from './explain.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { constraintFilter } from './filters/constraint.ts'
import { isValidated } from './model.ts'
import type { NodeView } from './model.ts'
import { PlacementIndex } from './placement-index.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import { schedule } from './schedule.ts'
import { binpackStrategy } from './strategies/binpack.ts'
import { randomStrategy } from './strategies/random.ts'
import { spreadStrategy } from './strategies/spread.ts'
import { withoutPending, withPending } from './usage.ts'

const spread: Policy = { filters: defaultFilters, strategy: spreadStrategy }
const strategies = [spreadStrategy, binpackStrategy, randomStrategy]
const anyPolicy = fc.constantFrom(...strategies).map((strategy): Policy => ({ filters: defaultFilters, strategy }))

/** A source that gives the same number again and again. */
function fixed(value: number): { next(): number } {
  return { next: () => value }
}

function summarize(result: Placement | NoPlacement): unknown {
  if (result.kind === 'refused') return result
  return { node: result.node.addr, weight: result.weight, isSoftIgnored: result.isSoftIgnored }
}

describe('refusals (classicswarm scheduler/scheduler.go)', () => {
  function refusal(nodes: readonly NodeView[], request: PlacementRequest, policy = spread): NoPlacement {
    const result = schedule(nodes, request, policy, fixed(0))
    if (result.kind === 'placed') throw new Error('was placed')
    return result
  }
  const head = 'Unable to find a node that satisfies the following conditions '
  const down = makeNode('down', { health: { state: 'unhealthy', failures: 3, indicator: 0 } })

  it('an empty cluster has no healthy node, or no node where health is not asked', () => {
    expect(refusal([], makeRequest()).text).toBe('No healthy node available in the cluster')
    const policy = { filters: [constraintFilter], strategy: spreadStrategy }
    expect(refusal([], makeRequest(), policy).text).toBe('No nodes available in the cluster')
  })

  it('only unhealthy nodes', () => {
    expect(refusal([down], makeRequest())).toEqual({
      kind: 'refused',
      reason: 'no-healthy-node',
      text: 'No healthy node available in the cluster',
      blockers: [{ filter: 'health', nodes: 1, conditions: '' }],
    })
  })

  it('lists the conditions up to the failing filter', () => {
    const request = makeRequest({ affinities: ['container==s1'], constraints: ['node==node-1'] })
    const nodes = [
      makeNode('node-0', { containers: [makeContainer('s1')] }),
      makeNode('node-1', { containers: [makeContainer('s2')] }),
      makeNode('node-2', { containers: [makeContainer('s3')] }),
      down,
    ]
    expect(refusal(nodes, request)).toEqual({
      kind: 'refused',
      reason: 'conditions',
      text: `${head}\n[available container slots]\n[container==s1 (soft=false)]\n[node==node-1]`,
      blockers: [
        { filter: 'affinity', nodes: 2, conditions: 'container==s1 (soft=false)' },
        { filter: 'health', nodes: 1, conditions: '' },
        { filter: 'constraint', nodes: 1, conditions: 'node==node-1' },
      ],
    })
  })

  it('names ports before anything else', () => {
    const taken = makeNode('a', { containers: [makeContainer('c', { ports: [makeClaim(80)] })] })
    expect(refusal([taken], makeRequest({ ports: [makeClaim(80)] })).text).toBe(`${head}\n[port 80 (Bridge mode)]`)
  })

  it('shows soft affinities that were dropped in vain', () => {
    const request = makeRequest({ affinities: ['container==~x'], constraints: ['storage==ssd'] })
    expect(refusal([makeNode('a')], request).text).toBe(
      `${head}\n[available container slots]\n[container==x (soft=true)]\n[storage==ssd]`,
    )
  })

  it('puts what cannot be read in the place of its line', () => {
    const result = refusal([makeNode('a')], makeRequest({ constraints: ['storage=ssd'] }))
    expect(result.reason).toBe('invalid')
    expect(result.text).toBe(
      `${head}\n[available container slots]\nerror from constraint filter: One of operator ==, != is expected`,
    )
  })

  it('says when resources are exhausted', () => {
    expect(refusal([makeNode('a')], makeRequest({ nanoCpus: 5e9 }))).toMatchObject({
      reason: 'resources',
      text: 'no resources available to schedule container',
      blockers: [{ filter: 'resources', nodes: 1 }],
    })
  })
})

describe('choice', () => {
  it('prefers fewer containers for spread and more for binpack, then the name', () => {
    const nodes = [
      makeNode('c'),
      makeNode('b', { containers: [makeContainer('x')] }),
      makeNode('d', { containers: [makeContainer('y')] }),
      makeNode('a'),
    ]
    const names = strategies.slice(0, 2).map((strategy) => {
      const result = schedule(nodes, makeRequest(), { filters: defaultFilters, strategy }, fixed(0))
      return result.kind === 'placed' ? result.node.name : ''
    })
    expect(names).toEqual(['a', 'b'])
  })

  it('draws every node that fits for random', () => {
    const policy = { filters: defaultFilters, strategy: randomStrategy }
    const nodes = ['c', 'a', 'b'].map((name) => makeNode(name))
    const names = [0, 0.34, 0.67, 0.9999].map((value) => {
      const result = schedule(nodes, makeRequest(), policy, fixed(value))
      return result.kind === 'placed' ? result.node.name : ''
    })
    expect(names).toEqual(['a', 'b', 'c', 'c'])
  })

  it('drops soft conditions together, and only when nothing fits with them', () => {
    const nodes = [makeNode('a', { labels: new Map([['region', 'eu']]) }), makeNode('b')]
    const both = makeRequest({ constraints: ['region==~eu', 'storage==~ssd'] })
    expect(summarize(schedule(nodes, both, spread, fixed(0)))).toMatchObject({ node: 'a:2375', isSoftIgnored: true })
    const one = makeRequest({ constraints: ['region!=~eu'] })
    expect(summarize(schedule(nodes, one, spread, fixed(0)))).toMatchObject({ node: 'b:2375', isSoftIgnored: false })
  })

  it('does not offer nodes that were never validated', () => {
    const pending = makeNode('a', { health: { state: 'pending', failures: 0, indicator: 0 } })
    expect(schedule([pending, makeNode('b')], makeRequest(), spread, fixed(0))).toMatchObject({ node: { name: 'b' } })
  })

  it('spreads evenly over equal nodes', () => {
    let nodes = Array.from({ length: 7 }, (_, index) => makeNode(`n${String(index)}`))
    for (let turn = 0; turn < 7 * 3; turn += 1) {
      const result = schedule(nodes, makeRequest(), spread, fixed(0))
      if (result.kind === 'refused') throw new Error(result.text)
      const { addr } = result.node
      const placed = withPending(result.node, makePending(makeRequest(), result.node.id, `p${String(turn)}`))
      nodes = nodes.map((node) => (node.addr === addr ? placed : node))
    }
    expect(nodes.map((node) => node.usage.containers)).toEqual([3, 3, 3, 3, 3, 3, 3])
  })
})

describe('laws', () => {
  it('the order of the nodes does not matter', () => {
    fc.assert(
      fc.property(
        arbitraryNodes,
        arbitraryRequest,
        anyPolicy,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (nodes, request, policy, chance) => {
          const forward = schedule(nodes, request, policy, fixed(chance))
          const backward = schedule([...nodes].reverse(), request, policy, fixed(chance))
          expect(summarize(backward)).toEqual(summarize(forward))
        },
      ),
    )
  })

  it('hard rules hold, and soft ones unless no node keeps them all', () => {
    fc.assert(
      fc.property(arbitraryNodes, arbitraryRequest, anyPolicy, (nodes, request, policy) => {
        const result = schedule(nodes, request, policy, fixed(0.5))
        const strict = fitting(nodes, request, policy)
        const lenient = fitting(nodes, { ...request, isSoftIgnored: true }, policy)
        if (result.kind === 'refused') expect([strict, lenient]).toEqual([[], []])
        else {
          expect(result.isSoftIgnored).toBe(strict.length === 0)
          expect(strict.length === 0 ? lenient : strict).toContain(result.node.addr)
        }
      }),
    )
  })

  function fitting(nodes: readonly NodeView[], request: PlacementRequest, policy: Policy): string[] {
    return nodes
      .filter((node) => isValidated(node))
      .filter((node) => policy.filters.every((filter) => !filter.relevant(request) || filter.pass(request, node)))
      .filter((node) => policy.strategy.weigh(request, node) !== undefined)
      .map((node) => node.addr)
  }

  it('explain agrees with the choice', () => {
    fc.assert(
      fc.property(arbitraryNodes, arbitraryRequest, (nodes, request) => {
        const table = explainPlacement(nodes, request, spread)
        const fit = table.filter((row) => row.weight !== undefined).map((row) => row.addr)
        expect(fit.sort()).toEqual(fitting(nodes, request, spread).sort())
        for (const row of table) expect(row.why === '').toBe(row.weight !== undefined)
      }),
    )
  })
})

/** What can happen to a cluster between placements. */
type Action =
  | { readonly kind: 'place'; readonly request: PlacementRequest; readonly chance: number }
  | { readonly kind: 'release'; readonly pick: number }
  | { readonly kind: 'change'; readonly pick: number; readonly mutate: (node: NodeView) => NodeView }
  | { readonly kind: 'join'; readonly node: NodeView }
  | { readonly kind: 'leave'; readonly pick: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('place' as const),
      request: arbitraryRequest,
      chance: fc.double({ min: 0, max: 0.999, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('change' as const), pick: fc.nat(), mutate: mutateNode }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('join' as const),
      node: fc.constantFrom('node-5', 'node-6', 'a-node').chain(arbitraryNode),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), pick: fc.nat() }) },
)

/** A cluster kept twice: as a plain list for `schedule`, and in the index. */
class World {
  readonly nodes = new Map<string, NodeView>()
  readonly promised: { readonly addr: string; readonly id: string; readonly request: PlacementRequest }[] = []
  readonly index: PlacementIndex
  private readonly policy: Policy
  private count = 0

  constructor(policy: Policy, nodes: readonly NodeView[]) {
    this.policy = policy
    this.index = new PlacementIndex(policy)
    for (const node of nodes) this.set(node)
  }

  set(node: NodeView): void {
    this.nodes.set(node.addr, node)
    this.index.set(node)
  }

  pick(number: number): NodeView | undefined {
    const all = [...this.nodes.values()]
    return all[number % Math.max(1, all.length)]
  }

  perform(step: Action): void {
    switch (step.kind) {
      case 'place':
        return this.place(step.request, step.chance)
      case 'release':
        return this.release(step.pick)
      case 'change': {
        const node = this.pick(step.pick)
        if (node !== undefined) this.set(step.mutate(node))
        return
      }
      case 'join':
        return this.set(step.node)
      case 'leave': {
        const node = this.pick(step.pick)
        if (node === undefined) return
        this.nodes.delete(node.addr)
        this.index.remove(node.addr)
      }
    }
  }

  private place(request: PlacementRequest, chance: number): void {
    const plain = schedule([...this.nodes.values()], request, this.policy, fixed(chance))
    const quick = this.index.place(request, fixed(chance))
    expect(summarize(quick)).toEqual(summarize(plain))
    if (quick.kind === 'refused') return
    this.count += 1
    const id = `promise-${String(this.count)}`
    this.set(withPending(quick.node, makePending(request, quick.node.id, id)))
    this.promised.push({ addr: quick.node.addr, id, request })
    this.checkNode(this.nodes.get(quick.node.addr), request)
  }

  /** What was just promised fits: never over capacity, no port twice. */
  private checkNode(node: NodeView | undefined, request: PlacementRequest): void {
    if (node === undefined) throw new Error('placed on a node that is gone')
    if (request.nanoCpus > 0) expect(node.usage.nanoCpus).toBeLessThanOrEqual(node.totalCpus * 1e9)
    if (request.memoryBytes > 0) expect(node.usage.memoryBytes).toBeLessThanOrEqual(node.totalMemoryBytes)
    for (const claim of request.ports) {
      if (claim.from !== claim.to) continue
      const same = (node.usage.hostPorts.get(claim.from) ?? []).filter(
        (each) => each.protocol === claim.protocol && each.hostIp === claim.hostIp,
      )
      expect(same).toHaveLength(1)
    }
  }

  private release(pick: number): void {
    const entry = this.promised.splice(pick % Math.max(1, this.promised.length), 1)[0]
    const node = entry === undefined ? undefined : this.nodes.get(entry.addr)
    if (entry !== undefined && node !== undefined) this.set(withoutPending(node, entry.id))
  }
}

describe('placement index', () => {
  it('agrees with the full scan after any history, and never overbooks', () => {
    fc.assert(
      fc.property(
        anyPolicy,
        arbitraryNodes,
        fc.array(action, { maxLength: 60, size: 'max' }),
        (policy, nodes, actions) => {
          const world = new World(policy, nodes)
          for (const step of actions) world.perform(step)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('agrees with it also when there are many nodes', () => {
    fc.assert(
      fc.property(anyPolicy, fc.array(action, { minLength: 20, maxLength: 80 }), fc.nat(), (policy, actions, seed) => {
        const names = Array.from({ length: 75 }, (_, index) => `many-${String(index)}`)
        const world = new World(policy, fc.sample(fc.tuple(...names.map(arbitraryNode)), { seed, numRuns: 1 })[0] ?? [])
        for (const step of actions) world.perform(step)
      }),
      { numRuns: 40 },
    )
  })

  it('asks only about what changed once a shape is known', () => {
    let asked = 0
    const counting = {
      ...constraintFilter,
      pass: (...args: Parameters<typeof constraintFilter.pass>) => {
        asked += 1
        return constraintFilter.pass(...args)
      },
    }
    const index = new PlacementIndex({ filters: [counting], strategy: spreadStrategy })
    for (let count = 0; count < 100; count += 1) index.set(makeNode(`n${String(count)}`))
    const request = makeRequest({ constraints: ['node==n*'] })
    for (let turn = 0; turn < 50; turn += 1) {
      const result = index.place(request, fixed(0))
      if (result.kind === 'placed')
        index.set(withPending(result.node, makePending(request, result.node.id, `p${String(turn)}`)))
    }
    // Labels did not change, so every node was asked once, for the first placement.
    expect(asked).toBe(100)
  })

  it('forgets shapes nobody uses', () => {
    const index = new PlacementIndex(spread)
    index.set(makeNode('a'))
    for (let turn = 0; turn < 1000; turn += 1) {
      expect(index.place(makeRequest({ memoryBytes: turn }), fixed(0)).kind).toBe('placed')
    }
  })
})
