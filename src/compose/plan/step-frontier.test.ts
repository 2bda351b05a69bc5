import { expect, it } from 'vitest'
import { makePlanBuilder } from './builder.ts'
import { insertStep, StepFrontier } from './step-frontier.ts'

function steps(...afters: readonly (readonly number[])[]) {
  const builder = makePlanBuilder()
  for (const after of afters) builder.add({ op: { kind: 'delay', ms: 1 }, resource: 'x', cause: '', after })
  return builder.build().steps
}

it('a step may run when the last one it waits for is done', () => {
  const all = steps([], [], [1], [1, 2], [3, 4])
  const frontier = new StepFrontier(all)
  const ids = (list: readonly { readonly id: number }[]): readonly number[] => list.map(({ id }) => id)
  expect(ids(frontier.first)).toEqual([1, 2])
  const finish = (index: number): readonly number[] =>
    ids(all.slice(index, index + 1).flatMap((s) => frontier.finish(s)))
  expect([finish(0), finish(1), finish(2), finish(3), finish(4)]).toEqual([[3], [4], [], [5], []])
})

it('what is not among the steps holds nothing back', () => {
  const [, second, third] = steps([], [1], [1, 2])
  if (second === undefined || third === undefined) throw new Error('there are three')
  const frontier = new StepFrontier([second, third])
  expect(frontier.first).toEqual([second])
  expect(frontier.finish(second)).toEqual([third])
})

it('keeps a list in order', () => {
  const list = steps([], [], [], [])
  const [first, second, third, fourth] = list
  const sorted = [first, third].filter((step) => step !== undefined)
  for (const step of [fourth, second]) if (step !== undefined) insertStep(sorted, step)
  expect(sorted).toEqual(list)
})
