import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import type { Observed, ObservedContainer } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import type { ReconcileOptions } from './options.ts'
import { isQuestions, renderPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

function plan(want: Project, have: Observed = emptyEngine(), options: Partial<ReconcileOptions> = {}): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, ...options })
  if (isQuestions(outcome)) throw new Error('asked without an answer')
  return outcome
}

const up = (want: Project): Observed => applyPlan(plan(want), emptyEngine())

function withContainer(have: Observed, name: string, change: Partial<ObservedContainer>): Observed {
  return { ...have, containers: have.containers.map((each) => (each.name === name ? { ...each, ...change } : each)) }
}

describe('a network that is made anew for some of the services', () => {
  const services = [service('db'), service('web', { depends_on: dependsOn('db') }), service('old')]
  const have = up(project(services))
  const want = project(services.slice(0, 2), { networks: { default: { labels: dictionary({ a: 'b' }) } } })

  it('lets everything else that was stopped for it run again, whether the files still have it or not', () => {
    const done = plan(want, have, { services: ['db'] })
    expect(applyPlan(done, have).containers.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'p-db-1 running',
      'p-old-1 running',
      'p-web-1 running',
    ])
    expect(plan(want, applyPlan(done, have)).steps).toEqual([])
  })

  it('leaves alone what did not run', () => {
    const stopped = withContainer(have, 'p-web-1', { state: 'exited' })
    const after = applyPlan(plan(want, stopped, { services: ['db'] }), stopped)
    expect(after.containers.find(({ name }) => name === 'p-web-1')?.state).toBe('exited')
  })

  it('starts it before those that depend on it, and once it is stopped whatever fails elsewhere', () => {
    const done = plan(want, have, { services: ['web'], withoutDependencies: true })
    const [old, db, web] = done.steps.filter(({ op }) => op.kind === 'start-container')
    expect([old, db, web].map((step) => step?.resource)).toEqual([
      'Container p-old-1',
      'Container p-db-1',
      'Container p-web-1',
    ])
    expect(web?.after).toContain(db?.id)
    for (const start of [old, db]) {
      const stop = done.steps.find(({ op, resource }) => op.kind === 'stop-container' && resource === start?.resource)
      expect(start?.owedFrom).toBe(stop?.id)
    }
  })

  it('starts what ran beside in the order of its dependencies, and fails for none of them', () => {
    const chain = [
      service('a', { depends_on: dependsOn({ on: 'b', condition: 'service_healthy' }) }),
      service('b', { depends_on: dependsOn('c') }),
      service('c'),
      service('web'),
    ]
    const before = up(project(chain))
    const renewed = project(chain, { networks: { default: { labels: dictionary({ a: 'b' }) } } })
    for (const start of [true, false]) {
      const done = plan(renewed, before, { services: ['web'], start })
      const [c, b, a] = ['c', 'b', 'a'].map((name) =>
        done.steps.find(({ op, resource }) => op.kind === 'start-container' && resource === `Container p-${name}-1`),
      )
      expect(b?.after).toContain(c?.id)
      const wait = done.steps.find(({ op }) => op.kind === 'wait-container')
      expect(wait?.after).toEqual([b?.id])
      expect(wait?.bestEffort).toBe(true)
      expect(a?.after).toContain(wait?.id)
      expect(applyPlan(done, before).containers.every(({ state }) => state === 'running')).toBe(true)
    }
  })

  it('is refused while a container of run is on it, and takes along one that has ended', () => {
    const running = withContainer(have, 'p-old-1', { service: 'db', isOneOff: true, name: 'p-db-run-1' })
    expect(() => plan(want, running)).toThrow('network p_default has changed, and p-db-run-1 is running on it')
    const ended = withContainer(running, 'p-db-run-1', { state: 'exited' })
    expect(renderPlan(plan(want, ended))).toContain('p-db-run-1: connect-network to p_default')
  })
})

describe('a volume that is made anew', () => {
  const mount = [{ type: 'volume', source: 'data', target: '/data' }] as const
  const services = [service('db', { volumes: mount }), service('web', { volumes: mount })]
  const have = up(project(services, { volumes: { data: {} } }))
  const want = project(services, { volumes: { data: { labels: dictionary({ a: 'b' }) } } })
  const answers = { 'volume:p_data': true }

  it('is refused where a container that uses it would be gone for good', () => {
    expect(() => plan(want, have, { services: ['db'], answers })).toThrow(
      'volume p_data has changed, and is in use by p-web-1',
    )
    const oneOff = withContainer(have, 'p-web-1', { isOneOff: true, state: 'exited' })
    expect(() => plan(want, oneOff, { answers })).toThrow('is in use by p-web-1')
  })

  it('replaces all its users where they are all asked for', () => {
    expect(applyPlan(plan(want, have, { answers }), have).containers).toHaveLength(2)
    expect(plan(want, have, { services: ['db'], answers: { 'volume:p_data': false } }).steps).toEqual([])
  })
})
