import { describe, expect, it } from 'vitest'
import { applyPlan, applyPrefix } from '../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { isQuestions, renderPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

/** Replacements that a crash, a ^C or another program has cut short. */

const want = (version: string): Project =>
  project([service('web', { scale: 3, environment: dictionary({ VERSION: version }) })])

function plan(wanted: Project, have: Observed, isCluster: boolean): Plan {
  const outcome = reconcile(wanted, have, { ...defaultReconcileOptions, isCluster })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

const namesOf = ({ containers }: Observed): readonly string[] =>
  containers.map(({ name, state }) => `${name} ${state}`).sort()

const whole = ['p-web-1 running', 'p-web-2 running', 'p-web-3 running']

describe('a replacement of several containers that was cut short', () => {
  const first = applyPlan(plan(want('1'), emptyEngine(), false), emptyEngine())
  const change = plan(want('2'), first, false)
  const moments = Array.from({ length: change.steps.length + 1 }, (_, index) => index)

  it.each(['1', '2', '3'])('is finished, taken back or overtaken from any moment by version %s', (version) => {
    for (const moment of moments) {
      // One container after the other, and all at the same pace.
      for (const pick of [undefined, () => 0]) {
        const half = applyPrefix(change, first, moment, pick).observed
        // Engines list newer containers first.
        for (const containers of [half.containers, [...half.containers].reverse()]) {
          const have = { ...half, containers }
          const done = applyPlan(plan(want(version), have, false), have)
          expect(namesOf(done), `after ${moment} steps`).toEqual(whole)
          expect(plan(want(version), done, false).steps).toEqual([])
        }
      }
    }
  })
})

it('the rest of a replacement starts those again that ask for it', () => {
  const chain = (version: string): Project =>
    project([
      service('web', { environment: dictionary({ VERSION: version }) }),
      service('app', { depends_on: dependsOn({ on: 'web', restart: true }) }),
    ])
  const first = applyPlan(plan(chain('1'), emptyEngine(), false), emptyEngine())
  // The successor is made, and nothing else.
  const half = applyPrefix(plan(chain('2'), first, false), first, 1, () => 0).observed
  const lines = renderPlan(plan(chain('2'), half, false))
  expect(lines).toMatch(/p-app-1: stop-container [\s\S]*p-web-1: start-container [\s\S]*p-app-1: start-container /)
})
