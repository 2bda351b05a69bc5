import { expect, it } from 'vitest'
import { applyPlan, applyPrefix } from '../../../testing/apply-plan.ts'
import { dictionary, emptyEngine, project, service } from '../../../testing/compose-builders.ts'
import type { Project } from '../../model/project.ts'
import type { ContainerState, Observed } from '../observed.ts'
import { defaultReconcileOptions } from '../options.ts'
import { renderPlan } from '../plan.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'

/** What the next `up` makes of a successor that an update which was cut short has left. */

const want = (version: string): Project => {
  const update_config = { order: 'start-first', monitor: 1e6 } as const
  return project([service('web', { labels: dictionary({ version }), deploy: { update_config } })])
}
const plan = (wanted: Project, have: Observed): Plan => reconcile(wanted, have, defaultReconcileOptions) as Plan

function leftover(state: ContainerState): string {
  const first = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const { observed } = applyPrefix(plan(want('2'), first), first, 1, () => 0)
  const containers = observed.containers.map((entry) =>
    /^[0-9a-f]{12}_/.test(entry.name) ? { ...entry, state } : entry,
  )
  expect(containers).toHaveLength(2)
  return renderPlan(plan(want('2'), { ...observed, containers }))
}

it.each<[ContainerState, string]>([
  ['created', 'start-container'],
  ['exited', 'start-container'],
  ['paused', 'unpause-container'],
])('one that is %s has to prove itself after %s', (state, verb) => {
  expect(leftover(state)).toMatch(new RegExp(`${verb} .*\n.*monitor-container .*\n.*stop-container`))
})

it('one that runs has to prove itself as it is', () => {
  expect(leftover('running')).toMatch(/^\[\] → #1 .*monitor-container/)
})
