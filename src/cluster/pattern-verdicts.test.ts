import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeContainer, makeNode, makeRequest } from '../testing/cluster-builders.ts'
import { startEndpointBed } from '../testing/endpoint-bed.ts'
import type { EndpointBed } from '../testing/endpoint-bed.ts'
import { parseExpressions } from './expression.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { recallBroken } from './filters/remembered.ts'
import type { NodeView } from './model.ts'
import { judgePatterns } from './pattern-verdicts.ts'
import { PlacementIndex } from './placement-index.ts'
import { loadRegex } from './regex.ts'
import { schedule } from './schedule.ts'
import { spreadStrategy } from './strategies/spread.ts'
import { countTurns } from '../testing/count-turns.ts'

const policy = { filters: defaultFilters, strategy: spreadStrategy }
const random = { next: () => 0 }

/** A pattern that takes four milliseconds for each text. */
function makeSlow(): {
  readonly compile: () => (text: string) => boolean
  readonly clock: { nowMs: number; matched: number }
} {
  const clock = { nowMs: 0, matched: 0 }
  return {
    clock,
    compile: () => (text) => {
      clock.nowMs += 4
      clock.matched += 1
      return text.endsWith('7')
    },
  }
}

function makeNodes(count: number): readonly NodeView[] {
  return Array.from({ length: count }, (_, index) =>
    makeNode(`n${String(index)}`, {
      labels: new Map([['zone', `zone-${String(index)}`]]),
      containers: [makeContainer(`c${String(index)}`, { labels: new Map([['tier', String(index)]]) })],
    }),
  )
}

describe('judgePatterns', () => {
  it.each([
    ['a constraint', { constraints: ['zone==/7$/'] }, 100],
    ['an affinity to a label', { affinities: ['tier==/7$/'] }, 100],
    ['an affinity to containers', { affinities: ['container!=/7$/'] }, 150],
  ])('%s: others have their turn, and choosing a node matches nothing once more', async (_, conditions, least) => {
    const { compile, clock } = makeSlow()
    const nodes = makeNodes(100)
    const endTurns = countTurns()
    const request = makeRequest({ ...conditions, compile })
    await judgePatterns(
      request,
      () => nodes,
      () => clock.nowMs,
    )
    expect(clock.matched).toBeGreaterThanOrEqual(least)
    expect(endTurns()).toBeGreaterThanOrEqual(clock.matched / 4)
    const before = clock.matched
    const index = new PlacementIndex(policy)
    for (const node of nodes) index.set(node)
    const again = makeRequest({ ...conditions, compile })
    expect(index.place(again, random)).toMatchObject({ kind: 'placed' })
    expect(schedule(nodes, { ...request, name: 'x' }, policy, random)).toMatchObject({ kind: 'placed' })
    expect(clock.matched).toBe(before)
  })

  it('a constraint and an affinity in the same words are two things', async () => {
    const { compile, clock } = makeSlow()
    const node = makeNode('n1', {
      labels: new Map([['tier', 'front-7']]),
      containers: [makeContainer('c1', { labels: new Map([['tier', 'back-1']]) })],
    })
    const words = ['tier==/7$/']
    const judged = async (sketch: { constraints?: string[]; affinities?: string[] }): Promise<string> => {
      const request = makeRequest({ ...sketch, compile })
      await judgePatterns(
        request,
        () => [node],
        () => clock.nowMs,
      )
      return schedule([node], request, policy, random).kind
    }
    expect(await judged({ constraints: words })).toBe('placed')
    expect(await judged({ affinities: words })).toBe('refused')
  })

  it('looks at nodes that changed meanwhile, until none has', async () => {
    const { compile, clock } = makeSlow()
    let nodes = makeNodes(10)
    const request = makeRequest({ constraints: ['zone!=/7$/', 'zone!=/x/'], compile })
    let looks = 0
    await judgePatterns(
      request,
      () => {
        looks += 1
        // One more is another object each time, for a while.
        if (looks < 4) nodes = nodes.map((node, at) => (at === looks ? { ...node } : node))
        return nodes
      },
      () => clock.nowMs,
    )
    expect(nodes.map((node) => recallBroken(request.constraints, node, false))).toEqual(
      nodes.map((_, at) => (at === 7 ? 0 : -1)),
    )
  })

  it('refuses patterns that take more than half a minute in all, naming one', async () => {
    const { compile, clock } = makeSlow()
    const nodes = makeNodes(20)
    const constraints = Array.from({ length: 999 }, (_, index) => `zone!=/x${String(index)}/`)
    const judged = judgePatterns(
      makeRequest({ constraints, compile }),
      () => nodes,
      () => clock.nowMs,
    )
    await expect(judged).rejects.toMatchObject({ status: 400, message: expect.stringMatching(/30 seconds.*"\/x0\/"/) })
    expect(clock.nowMs).toBeLessThan(31_000)
  })

  it('plain conditions are not looked at', async () => {
    const request = makeRequest({ constraints: ['zone==a', 'node!=n.1'], affinities: ['image==box:1.2'] })
    await judgePatterns(
      request,
      () => {
        throw new Error('nodes were asked for')
      },
      () => 0,
    )
  })

  it('what is remembered never changes where a container goes', async () => {
    const compile = await loadRegex()
    const value = fc.constantFrom('a', 'b*', '*', '/a|b/', '/^c/', '~/c/', '~d*', '~a', 'a.c', '(a|b)')
    const condition = (keys: readonly string[]): fc.Arbitrary<string> =>
      fc.tuple(fc.constantFrom(...keys), fc.constantFrom('==', '!='), value).map((parts) => parts.join(''))
    const label = fc.constantFrom('a', 'b', 'bc', 'c', 'd', 'abc')
    const node = fc.record({ zone: label, tier: label, name: label })
    await fc.assert(
      fc.asyncProperty(
        fc.array(condition(['zone', 'node', 'other']), { maxLength: 4 }),
        fc.array(condition(['tier', 'container', 'image']), { maxLength: 3 }),
        fc.array(node, { minLength: 1, maxLength: 5 }),
        async (constraints, affinities, specs) => {
          const nodes = specs.map((spec, at) =>
            makeNode(`n${String(at)}`, {
              labels: new Map([['zone', spec.zone]]),
              containers: [makeContainer(spec.name, { labels: new Map([['tier', spec.tier]]) })],
            }),
          )
          const request = makeRequest({ constraints, affinities, compile })
          const copies = nodes.map((each) => ({ ...each }))
          await judgePatterns(
            request,
            () => nodes,
            () => 0,
          )
          const judged = schedule(nodes, request, policy, random)
          const plain = schedule(copies, request, policy, random)
          expect({ ...judged, node: judged.kind === 'placed' ? judged.node.name : '' }).toEqual({
            ...plain,
            node: plain.kind === 'placed' ? plain.node.name : '',
          })
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('through the endpoint', () => {
  let bed: EndpointBed
  beforeAll(async () => {
    bed = await startEndpointBed([{ images: ['box:1'] }, { images: ['box:1'] }])
  })
  afterAll(() => bed.close())

  it.each([
    ['a create', '/containers/create', 'node==/nosuch-a/', {}],
    ['a create that may wait', '/containers/create', 'node==/nosuch-b/', { 'flotilla.wait': '1ms' }],
    ['explain', '/flotilla/explain', 'node==/nosuch-c/', {}],
  ])('%s matches its patterns beforehand', async (_, path, condition, labels) => {
    const body = { Image: 'box:1', Env: [`constraint:${condition}`], Labels: labels }
    await bed.call('POST', `/v1.41${path}`, body)
    const list = parseExpressions([condition], await loadRegex(), 'constraint')
    const { nodes } = bed.endpoint.cluster.snapshot()
    expect(nodes.map((node) => recallBroken(list, node, false))).toEqual([0, 0])
  })
})
