import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Deploy } from '../model/deploy.ts'
import type { Project } from '../model/project.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { isQuestions } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

/** On the default bridge, where engines keep links to containers. */
function want(value: string, deploy: Deploy = {}): Project {
  return project([
    service('db', { network_mode: 'bridge', environment: { VALUE: value }, deploy }),
    service('web', {
      network_mode: 'bridge',
      links: ['db:data'],
      depends_on: { db: { condition: 'service_started', restart: true, required: true } },
    }),
  ])
}

function plan(wanted: Project, have: Observed): Plan {
  const outcome = reconcile(wanted, have, defaultReconcileOptions)
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

const made = (steps: Plan): readonly string[] =>
  steps.steps.flatMap(({ op, resource, cause }) => (op.kind === 'create-container' ? [`${resource}: ${cause}`] : []))

describe('a container with a link of the default bridge', () => {
  const have = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())

  it('is replaced with the one it leads to, and stays otherwise', () => {
    expect(plan(want('1'), have).steps).toEqual([])
    const changed = plan(want('2'), have)
    expect(made(changed)).toEqual([
      expect.stringContaining('p-db-1: configuration changed'),
      'Container p-web-1: container of db is replaced',
    ])
    expect(plan(want('2'), applyPlan(changed, have)).steps).toEqual([])
  })

  it('is replaced when another program has left it stopped', () => {
    const left: Observed = {
      ...have,
      containers: have.containers.map((each) =>
        each.service === 'web'
          ? { ...each, state: 'exited' as const, createdAtMs: 1000 }
          : { ...each, createdAtMs: 5000 },
      ),
    }
    expect(made(plan(want('1'), left))).toEqual(['Container p-web-1: container of db was replaced'])
  })

  it('keeps the service it leads to from a rolling update', () => {
    const rolling = plan(want('2', { update_config: { parallelism: 1 } }), have)
    expect(rolling.warnings.join()).toContain('service "web" has a link of the default bridge to its container')
    expect(made(rolling)).toHaveLength(2)
  })
})
