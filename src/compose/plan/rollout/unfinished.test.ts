import { expect, it } from 'vitest'
import { applyPlan, applyPrefix } from '../../../testing/apply-plan.ts'
import { dictionary, emptyEngine, project, service } from '../../../testing/compose-builders.ts'
import type { Project } from '../../model/project.ts'
import type { ContainerState, Observed } from '../observed.ts'
import { defaultReconcileOptions } from '../options.ts'
import { renderPlan } from '../plan.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'
import { planRecovery } from './recovery.ts'
import { isTemporaryName } from './unfinished.ts'

/** What the next `up` makes of a successor that an update which was cut short has left. */

const want = (version: string): Project => {
  const update_config = { order: 'start-first', monitor: 1e6 } as const
  return project([service('web', { labels: dictionary({ version }), deploy: { update_config } })])
}
const plan = (wanted: Project, have: Observed): Plan => reconcile(wanted, have, defaultReconcileOptions) as Plan

/** The containers that are left when an update is cut short after its first step, with what it made and the old one in these states. */
function leave(successor: ContainerState, old: ContainerState = 'running'): Observed {
  const first = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const { observed } = applyPrefix(plan(want('2'), first), first, 1, () => 0)
  expect(observed.containers).toHaveLength(2)
  const stateOf = (name: string): ContainerState => (isTemporaryName(name) ? successor : old)
  return { ...observed, containers: observed.containers.map((entry) => ({ ...entry, state: stateOf(entry.name) })) }
}

const next = (observed: Observed): string => renderPlan(plan(want('2'), observed))

it.each<[ContainerState, string]>([
  ['exited', 'start-container'],
  ['paused', 'unpause-container'],
])('one that is %s has to prove itself after %s', (state, verb) => {
  expect(next(leave(state))).toMatch(
    new RegExp(`^\\[\\] → #1 .*${verb} .*\\n.*monitor-container .*\\n.*stop-container`),
  )
})

it('one that runs has to prove itself as it is', () => {
  expect(next(leave('running'))).toMatch(/^\[\] → #1 .*monitor-container/)
})

it('one that was never started is made anew, and goes once the next one is there', () => {
  expect(next(leave('created'))).toMatch(
    /^\[\] → #1 .*create-container .*\n\[1\] → #2 .*remove-container .*\n\[1 2\] → #3 .*start-container/,
  )
})

it('that an old container was stopped for one is known at any moment of the next update, and of the one after it', () => {
  const cutShort = (version: string, have: readonly Observed[]): readonly Observed[] =>
    have.flatMap((observed) => {
      const update = plan(want(version), observed)
      return Array.from({ length: 5 }, (_, count) => applyPrefix(update, observed, count, () => 0).observed)
    })
  const left = [leave('created', 'exited'), leave('exited', 'exited')]
  for (const observed of cutShort('4', cutShort('3', left))) {
    const update = plan(want('5'), observed)
    const members = (update.rollouts ?? []).flatMap(({ batches }) => batches.flat())
    expect(members).toMatchObject([{ isDown: true }])
    expect(applyPlan(update, observed).containers.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'p-web-1 running',
    ])
  }
})

it.each<[ContainerState, number]>([
  ['exited', 0],
  ['created', 1],
])('an old container that was stopped for one that is %s runs again when the update fails', (state, made) => {
  const steps = plan(want('2'), leave(state, 'exited'))
  const progress = { begun: new Set(steps.steps.map(({ id }) => id).slice(0, made)), made: new Map([[made, 'new']]) }
  const [recovery] = planRecovery(steps.rollouts ?? [], progress)
  expect(recovery?.batches.map((batch) => renderPlan(batch.plan)).join()).toMatch(
    /start-container[\s\S]*monitor-container/,
  )
})

it('an old container that nobody has stopped for another stays as it was', () => {
  const first = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const stopped = { ...first, containers: first.containers.map((entry) => ({ ...entry, state: 'exited' as const })) }
  const [rollout] = plan(want('2'), stopped).rollouts ?? []
  expect(rollout?.batches.flat()).toMatchObject([{ wasAlive: false }])
})
