import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyPlan, applyPrefix } from '../../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, project, service } from '../../../testing/compose-builders.ts'
import { hashService } from '../../hash.ts'
import type { UpdateConfig } from '../../model/deploy.ts'
import type { Project } from '../../model/project.ts'
import { LABEL } from '../label.ts'
import type { Observed } from '../observed.ts'
import { defaultReconcileOptions } from '../options.ts'
import { isQuestions, joinPlans } from '../plan.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'
import { planRecovery } from './recovery.ts'
import type { Progress } from './recovery.ts'

/** The laws of updates, for settings and moments of interruption nobody thought of. */

const configs = fc.record({
  order: fc.constantFrom('start-first', 'stop-first'),
  parallelism: fc.integer({ min: 0, max: 3 }),
  delay: fc.constantFrom(0, 1e9),
  failure_action: fc.constantFrom('pause', 'continue', 'rollback'),
} as const)

const cases = fc.record({
  config: configs,
  before: fc.integer({ min: 0, max: 4 }),
  after: fc.integer({ min: 1, max: 4 }),
  apiVersion: fc.constantFrom('1.41', '1.47'),
  driver: fc.constantFrom('bridge', 'overlay'),
  picks: fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }),
  cut: fc.nat(200),
  cutAgain: fc.nat(200),
})

function toProject(value: string, scale: number, config: UpdateConfig): Project {
  return project([
    service('db'),
    service('web', {
      scale,
      environment: dictionary({ VALUE: value }),
      deploy: { update_config: config },
      depends_on: dependsOn({ on: 'db', condition: 'service_started' }),
    }),
    service('tail', { depends_on: dependsOn({ on: 'web', restart: true }) }),
  ])
}

function plan(want: Project, have: Observed, apiVersion = '1.47'): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, apiVersion })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

/** What takes an update back after so much of it, as one plan. */
function takenBack({ rollouts = [] }: Plan, progress: Progress): Plan {
  return joinPlans(planRecovery(rollouts, progress).flatMap(({ batches }) => batches.map((batch) => batch.plan)))
}

/** Nothing but the network, which was made without saying how. */
function emptyNetwork(driver: string): Observed {
  const first = applyPrefix(plan(toProject('1', 1, {}), emptyEngine()), emptyEngine(), 1, () => 0).observed
  expect(first.networks).toHaveLength(1)
  return { ...first, networks: first.networks.map((network) => ({ ...network, driver })) }
}

function start(scale: number, config: UpdateConfig, driver: string): Observed {
  const empty = emptyNetwork(driver)
  return applyPlan(plan(toProject('1', scale, config), empty), empty)
}

function picker(picks: readonly number[]): (ready: readonly unknown[]) => number {
  let at = 0
  return (ready) => (picks[at++ % picks.length] ?? 0) % ready.length
}

function expectConverged(result: Observed, want: Project): void {
  const web = result.containers.filter((container) => container.service === 'web')
  const wanted = want.services['web']!
  expect(web.map(({ state }) => state)).toEqual(Array(wanted.scale).fill('running'))
  for (const container of web) {
    expect(container.name).toBe(`p-web-${container.number}`)
    expect(container.labels[LABEL.configHash]).toBe(hashService(wanted))
  }
  expect(new Set(web.map(({ number }) => number)).size).toBe(web.length)
  expect(plan(want, result).steps).toEqual([])
}

/** The steps before a cut, in an order the executor might take. */
function cutShort(steps: Plan, have: Observed, cut: number, picks: readonly number[]): ReturnType<typeof applyPrefix> {
  return applyPrefix(steps, have, cut % (steps.steps.length + 1), picker(picks))
}

const running = (observed: Observed): number =>
  observed.containers.filter(({ service: name, state }) => name === 'web' && state === 'running').length

describe('laws of updates', () => {
  it('an update gives what is wanted, and planning again is empty', () => {
    fc.assert(
      fc.property(cases, ({ config, before, after, apiVersion, driver, picks }) => {
        const want = toProject('2', after, config)
        const have = start(before, config, driver)
        expectConverged(applyPlan(plan(want, have, apiVersion), have, picker(picks)), want)
      }),
      { numRuns: 100 },
    )
  })

  it('at every moment enough containers run: all with start-first, else all but those exchanged at once', () => {
    fc.assert(
      fc.property(cases, ({ config, before, driver, picks }) => {
        fc.pre(before > 0)
        const have = start(before, config, driver)
        const steps = plan(toProject('2', before, config), have)
        const parallelism = config.parallelism === 0 ? before : config.parallelism
        const least = config.order === 'start-first' ? before : Math.max(0, before - parallelism)
        for (let cut = 0; cut <= steps.steps.length; cut += 1) {
          expect(running(applyPrefix(steps, have, cut, picker(picks)).observed)).toBeGreaterThanOrEqual(least)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('whatever moment it is cut short at, and the next one too, a further plan finishes it', () => {
    fc.assert(
      fc.property(cases, ({ config, before, after, driver, picks, cut, cutAgain }) => {
        const want = toProject('2', after, config)
        const have = start(before, config, driver)
        const first = cutShort(plan(want, have), have, cut, picks).observed
        const second = cutShort(plan(want, first), first, cutAgain, picks).observed
        expectConverged(applyPlan(plan(want, second), second, picker(picks)), want)
      }),
      { numRuns: 150 },
    )
  })

  it('an interrupted update can be taken back by asking for what was before, or go on to something third', () => {
    fc.assert(
      fc.property(cases, fc.constantFrom('1', '3'), ({ config, before, driver, picks, cut }, value) => {
        fc.pre(before > 0)
        const have = start(before, config, driver)
        const first = cutShort(plan(toProject('2', before, config), have), have, cut, picks).observed
        const want = toProject(value, before, config)
        expectConverged(applyPlan(plan(want, first), first, picker(picks)), want)
      }),
      { numRuns: 100 },
    )
  })

  it('a failed update that rolls back leaves the old containers, by their names, running', () => {
    fc.assert(
      fc.property(cases, ({ config, before, driver, picks, cut }) => {
        fc.pre(before > 0)
        const own = { ...config, failure_action: 'rollback' }
        const have = start(before, own, driver)
        const steps = plan(toProject('2', before, own), have)
        const { observed, begun, made } = cutShort(steps, have, cut, picks)
        // Once old containers are being removed the update has succeeded.
        fc.pre(!steps.steps.some(({ id, op }) => op.kind === 'remove-container' && begun.has(id)))
        const result = applyPlan(takenBack(steps, { begun, made }), observed, picker(picks))
        const web = (entry: Observed): unknown =>
          entry.containers.filter((item) => item.service === 'web').map(({ id, name, state }) => ({ id, name, state }))
        expect(web(result)).toEqual(web(have))
      }),
      { numRuns: 100 },
    )
  })

  it('a failed update that pauses keeps every container that runs in its place, old or new', () => {
    fc.assert(
      fc.property(cases, ({ config, before, driver, picks, cut }) => {
        fc.pre(before > 0)
        const own = { ...config, failure_action: 'pause' }
        const have = start(before, own, driver)
        const steps = plan(toProject('2', before, own), have)
        const { observed, begun, made } = cutShort(steps, have, cut, picks)
        const result = applyPlan(takenBack(steps, { begun, made }), observed, picker(picks))
        expect(running(result)).toBe(before)
        expectConverged(applyPlan(plan(toProject('2', before, own), result), result), toProject('2', before, own))
      }),
      { numRuns: 100 },
    )
  })
})
