import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import type { Network } from '../model/resource.ts'
import type { Observed, ObservedContainer } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { isQuestions } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

/** What is on a network is stopped when it is made anew: which ones are, and when not. */

function plan(want: Project, have: Observed): Plan {
  const outcome = reconcile(want, have, defaultReconcileOptions)
  if (isQuestions(outcome)) throw new Error('asked')
  return outcome
}

const on = (network: Partial<Network>): Project => project([service('web')], { networks: { default: network } })
const calls = ({ steps }: Plan): readonly string[] => steps.map(({ op }) => op.kind)

describe('a network', () => {
  const have = applyPlan(plan(on({}), emptyEngine()), emptyEngine())

  it('that is external stays, whatever its label says of its settings', () => {
    const shared: Observed = {
      ...emptyEngine(),
      networks: have.networks.map((network) => ({ ...network, name: 'shared' })),
    }
    expect(shared.networks[0]?.labels['com.docker.compose.config-hash']).toBeDefined()
    const external = on({ external: true, name: 'shared', driver: 'overlay' })
    expect(calls(plan(external, shared))).toEqual(['create-container', 'start-container'])
  })

  it('that has changed is not made anew while somebody is at work on it', () => {
    const withRun = (state: ObservedContainer['state']): Observed => {
      const run = have.containers.map((entry) => ({
        ...entry,
        id: 'run1',
        name: 'p-web-run-1',
        number: 0,
        isOneOff: true,
        state,
      }))
      return { ...have, containers: [...have.containers, ...run] }
    }
    const changed = on({ internal: true })
    expect(() => plan(changed, withRun('running'))).toThrow(
      'network p_default has changed, and p-web-run-1 is running on it',
    )
    expect(calls(plan(changed, withRun('exited')))).toContain('create-network')
  })
})
