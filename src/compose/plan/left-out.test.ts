import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { emptyEngine, project, service } from '../../testing/compose-builders.ts'
import { findLeftOut } from './left-out.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import type { ReconcileOptions } from './options.ts'
import { isQuestions } from './plan.ts'
import { reconcile } from './reconcile.ts'

describe('what engines leave out', () => {
  it('is told by field and service', () => {
    const policy = { condition: 'any', delay: 5e9, max_attempts: 2, window: 1e9 }
    expect(findLeftOut([service('web', { deploy: { restart_policy: policy } }), service('db')])).toEqual([
      'deploy.restart_policy.delay of service "web" is left out: engines do not know it',
      'deploy.restart_policy.window of service "web" is left out: engines do not know it',
      'deploy.restart_policy.max_attempts of service "web" is left out: engines count attempts after failures only',
    ])
    const counted = { condition: 'on-failure', max_attempts: 2 }
    expect(findLeftOut([service('web', { deploy: { restart_policy: counted } })])).toEqual([])
    expect(findLeftOut([service('web', { deploy: { restart_policy: { condition: 'any', delay: 0 } } })])).toEqual([])
  })
})

describe('numbers of new containers', () => {
  function scale(have: Observed, count: number, extra: Partial<ReconcileOptions> = {}): Observed {
    const want = project([service('web', { scale: count })])
    const outcome = reconcile(want, have, { ...defaultReconcileOptions, ...extra })
    if (isQuestions(outcome)) throw new Error('asked')
    return applyPlan(outcome, have)
  }
  const numbers = (have: Observed): readonly number[] => have.containers.map(({ number }) => number)
  const three = scale(emptyEngine(), 3)
  const holed = { ...three, containers: three.containers.filter(({ number }) => number !== 2) }

  it('stand after the highest, or fill holes when asked', () => {
    expect(numbers(scale(holed, 4))).toEqual([1, 3, 4, 5])
    expect(numbers(scale(holed, 4, { lowestNumbers: true }))).toEqual([1, 2, 3, 4])
    expect(numbers(scale(emptyEngine(), 2, { lowestNumbers: true }))).toEqual([1, 2])
  })
})
