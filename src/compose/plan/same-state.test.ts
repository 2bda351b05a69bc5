import { expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { emptyEngine, image, project, service } from '../../testing/compose-builders.ts'
import type { Observed, ObservedContainer } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { isQuestions } from './plan.ts'
import { reconcile } from './reconcile.ts'
import { isSameState } from './same-state.ts'

function observed(): Observed {
  const outcome = reconcile(project([service('web')]), emptyEngine(), defaultReconcileOptions)
  if (isQuestions(outcome)) throw new Error('asked without need')
  return applyPlan(outcome, emptyEngine())
}

const withContainer = (changes: Partial<ObservedContainer>): Observed => {
  const seen = observed()
  return { ...seen, containers: seen.containers.map((container) => ({ ...container, ...changes })) }
}

it.each([
  ['Up 3 seconds', 'Up About a minute', true],
  ['Up Less than a second (healthy)', 'Up 5 hours (healthy)', true],
  ['Up 3 seconds (health: starting)', 'Up 3 seconds (healthy)', false],
  ['Exited (0) 3 seconds ago', 'Exited (0) 2 weeks ago', true],
  ['Exited (0) 3 seconds ago', 'Exited (1) 3 seconds ago', false],
])('a container that says %s, then %s: %s', (first, second, isSame) => {
  expect(isSameState(withContainer({ status: first }), withContainer({ status: second }))).toBe(isSame)
})

it.each([
  ['state', withContainer({ state: 'exited' })],
  ['ID', withContainer({ id: 'other' })],
  ['labels', withContainer({ labels: {} })],
  ['networks', { ...observed(), networks: [] }],
  ['images', { ...observed(), images: { busybox: image('sha256:other') } }],
  ['number', { ...observed(), containers: [] }],
] as const)('a change of %s is one', (_, after) => {
  expect(isSameState(observed(), after)).toBe(false)
  expect(isSameState(observed(), observed())).toBe(true)
})
