import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dependsOn, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import { rosterOfLabels, rosterOfProject } from './dependency.ts'
import { planDown } from './down.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { isQuestions, renderPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'
import { planVerb } from './verbs.ts'

const want = project([
  service('web', {
    scale: 2,
    depends_on: dependsOn('db'),
    pre_start: [
      { command: ['migrate'], image: 'tools' },
      { command: ['prepare'], per_replica: true },
    ],
    post_start: [{ command: ['warm'] }, { command: ['announce'] }],
  }),
  service('db', { pre_stop: [{ command: ['flush'] }] }),
])

function up(have: Observed, wanted: Project = want): Plan {
  const outcome = reconcile(wanted, have, defaultReconcileOptions)
  if (isQuestions(outcome)) throw new Error('asked')
  return outcome
}

const running = applyPlan(up(emptyEngine()), emptyEngine())

function text(plan: Plan): string {
  const steps = plan.steps.filter(({ op }) => !/network/.test(op.kind))
  return `\n${renderPlan({ ...plan, steps })}\n`
}

describe('hooks', () => {
  it('of a service that comes up stand around its starts', () => {
    expect(text(up(emptyEngine()))).toMatchInlineSnapshot(`
      "
      [1] → #2 Container p-db-1: create-container as p-db-1 (missing)
      [1] → #3 Container p-web-1: create-container as p-web-1 (missing)
      [1] → #4 Container p-web-2: create-container as p-web-2 (missing)
      [2] → #5 Container p-db-1: start-container (missing)
      [3 5] → #6 Container p-web-1: run-init migrate (pre_start[0])
      [3 6] → #7 Container p-web-1: run-init prepare (pre_start[1])
      [4 6] → #8 Container p-web-2: run-init prepare (pre_start[1])
      [3 7 8] → #9 Container p-web-1: start-container (missing)
      [9] → #10 Container p-web-1: run-hook warm (post_start)
      [10] → #11 Container p-web-1: run-hook announce (post_start)
      [4 7 8] → #12 Container p-web-2: start-container (missing)
      [12] → #13 Container p-web-2: run-hook warm (post_start)
      [13] → #14 Container p-web-2: run-hook announce (post_start)
      "
    `)
  })

  it('are run by stop, restart and start', () => {
    const roster = rosterOfProject(want, running)
    expect(text(planVerb({ kind: 'stop' }, roster, ['db']))).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: run-hook flush (pre_stop)
      [1] → #2 Container p-db-1: stop-container (stop)
      "
    `)
    expect(text(planVerb({ kind: 'restart' }, roster, []))).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: run-hook flush (pre_stop)
      [1] → #2 Container p-db-1: restart-container (restart)
      [2] → #3 Container p-web-1: restart-container (restart)
      [3] → #4 Container p-web-1: run-hook warm (post_start)
      [4] → #5 Container p-web-1: run-hook announce (post_start)
      [2] → #6 Container p-web-2: restart-container (restart)
      [6] → #7 Container p-web-2: run-hook warm (post_start)
      [7] → #8 Container p-web-2: run-hook announce (post_start)
      "
    `)
    const stopped = {
      ...running,
      containers: running.containers.map((entry) => ({ ...entry, state: 'exited' as const })),
    }
    expect(text(planVerb({ kind: 'start' }, rosterOfProject(want, stopped), ['web']))).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-web-1: run-init migrate (pre_start[0])
      [1] → #2 Container p-web-1: run-init prepare (pre_start[1])
      [1] → #3 Container p-web-2: run-init prepare (pre_start[1])
      [2 3] → #4 Container p-web-1: start-container (start)
      [4] → #5 Container p-web-1: run-hook warm (post_start)
      [5] → #6 Container p-web-1: run-hook announce (post_start)
      [2 3] → #7 Container p-web-2: start-container (start)
      [7] → #8 Container p-web-2: run-hook warm (post_start)
      [8] → #9 Container p-web-2: run-hook announce (post_start)
      "
    `)
    expect(text(planVerb({ kind: 'kill', signal: 'KILL' }, roster, ['db']))).not.toContain('run-hook')
  })

  it('are run by down and before a replacement, and not when only labels are known or nothing runs', () => {
    const down = { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false }
    expect(text(planDown(running, { ...down, project: want }))).toContain('run-hook flush (pre_stop)')
    expect(text(planDown(running, down))).not.toContain('run-hook')
    expect(text(planVerb({ kind: 'stop' }, rosterOfLabels(running), []))).not.toContain('run-hook')
    const db = { ...want.services['db']!, hostname: 'other' }
    const changed = project([want.services['web']!, db])
    expect(text(up(running, changed))).toMatch(/run-hook flush \(pre_stop\)[\s\S]*stop-container/)
    const paused = {
      ...running,
      containers: running.containers.map((entry) => ({ ...entry, state: 'paused' as const })),
    }
    expect(text(planVerb({ kind: 'stop' }, rosterOfProject(want, paused), []))).not.toContain('run-hook')
  })

  it('do not begin again for what runs already', () => {
    expect(up(running).steps).toEqual([])
  })
})
