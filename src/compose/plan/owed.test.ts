import { expect, it } from 'vitest'
import { makePlanBuilder } from './builder.ts'
import { findOwed } from './owed.ts'

/** a: stop, removal, start; b: waits for the start of a; c: something else. */
function chain() {
  const builder = makePlanBuilder()
  const container = { kind: 'existing', id: 'i', name: 'n' } as const
  const step = (after: readonly number[], owedFrom?: number | 'start'): number =>
    builder.add({ op: { kind: 'start-container', container }, resource: 'r', cause: 'c', after, owedFrom })
  const network = step([])
  const stop = step([])
  const removal = step([stop, network])
  const start = step([removal], stop)
  const hook = step([start], stop)
  const other = step([start])
  return { steps: builder.build().steps, network, stop, removal, start, hook, other }
}

it('are the steps that bring back what has been stopped, with all they need', () => {
  const { steps, network, stop, removal, start, hook } = chain()
  expect(findOwed(steps, new Set(), new Set())).toEqual(new Set())
  expect(findOwed(steps, new Set([stop]), new Set())).toEqual(new Set([hook, start, removal, stop, network]))
})

it('are none that need what has failed', () => {
  const { steps, network, stop, hook, start, removal } = chain()
  expect(findOwed(steps, new Set([stop, network]), new Set([network]))).toEqual(new Set())
  expect(findOwed(steps, new Set([stop]), new Set([hook]))).toEqual(new Set([start, removal, stop, network]))
})

it('are those that are owed in any case, whatever has begun', () => {
  const builder = makePlanBuilder()
  const op = { kind: 'delay', ms: 1 } as const
  const [one, two] = [1, 2].map(() => builder.add({ op, resource: 'r', cause: 'c', owedFrom: 'start' }))
  expect(findOwed(builder.build().steps, new Set(), new Set([one ?? 0]))).toEqual(new Set([two]))
})
