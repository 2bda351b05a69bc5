import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dictionary, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import type { Volume } from '../model/resource.ts'
import type { Service } from '../model/service.ts'
import { toCreateBody } from '../translate.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { isQuestions, renderPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

const bridged = (name: string, extra: Partial<Service> = {}): Service =>
  service(name, {
    network_mode: 'bridge',
    volumes: [{ type: 'volume', source: 'data', target: '/data' }],
    ...extra,
  })

const want = (services: readonly Service[], data: Partial<Volume> = {}): Project =>
  project(services, { networks: {}, volumes: { data } })

function plan(wanted: Project, have: Observed = emptyEngine(), more: object = {}): Plan {
  const outcome = reconcile(wanted, have, { ...defaultReconcileOptions, isCluster: true, start: false, ...more })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

/** The mounts of the containers a plan makes, and the volumes that come with them. */
function creations(steps: Plan): readonly object[] {
  return steps.steps.flatMap(({ op }) => {
    if (op.kind !== 'create-container') return []
    const { Binds: binds = [], Mounts: mounts = [] } = toCreateBody(op.draft, {}).HostConfig
    return [{ name: op.name, binds, mounts, volumes: (op.volumes ?? []).map(({ body }) => body.Name) }]
  })
}

describe('a volume of one node, on a cluster', () => {
  it('comes with the first container that uses it, and the others are made after that', () => {
    const steps = plan(
      want([bridged('db', { scale: 2 }), bridged('backup')], { driver_opts: dictionary({ type: 'tmpfs' }) }),
    )
    expect(`\n${renderPlan(steps)}\n`).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-backup-1: create-container as p-backup-1 (missing)
      [1] → #2 Container p-db-1: create-container as p-db-1 (missing)
      [1] → #3 Container p-db-2: create-container as p-db-2 (missing)
      "
    `)
    const mount = {
      Type: 'volume',
      Source: 'p_data',
      Target: '/data',
      VolumeOptions: {
        Labels: expect.objectContaining({ 'com.docker.compose.project': 'p', 'com.docker.compose.volume': 'data' }),
        DriverConfig: { Options: { type: 'tmpfs' } },
      },
    }
    expect(creations(steps)).toEqual([
      { name: 'p-backup-1', binds: [], mounts: [mount], volumes: ['p_data'] },
      { name: 'p-db-1', binds: [], mounts: [mount], volumes: [] },
      { name: 'p-db-2', binds: [], mounts: [mount], volumes: [] },
    ])
    expect(plan(want([bridged('db')]), applyPlan(plan(want([bridged('db')])), emptyEngine())).steps).toEqual([])
  })

  it('is named like any other once it is there', () => {
    const have = applyPlan(plan(want([bridged('db')])), emptyEngine())
    expect(creations(plan(want([bridged('db', { user: 'me' })]), have))).toMatchObject([
      { binds: ['p_data:/data:rw'], mounts: [], volumes: [] },
    ])
  })

  it('whose definition changed goes, and comes back with the first container', () => {
    const have = applyPlan(plan(want([bridged('db')])), emptyEngine())
    const changed = want([bridged('db')], { labels: dictionary({ v: '2' }) })
    const steps = plan(changed, have, { answers: { 'volume:p_data': true } })
    expect(`\n${renderPlan(steps)}\n`).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: remove-container (volume p_data is made anew)
      [1] → #2 Volume p_data: remove-volume (configuration changed)
      [1 2] → #3 Container p-db-1: create-container as p-db-1 (volume made anew)
      "
    `)
    expect(creations(steps)).toMatchObject([{ volumes: ['p_data'] }])
  })
})

describe('a volume that every node gets', () => {
  const isAskedFor = (steps: Plan): boolean => steps.steps.some(({ op }) => op.kind === 'create-volume')

  it.each<readonly [string, Project]>([
    ['lies in the network', want([bridged('db')], { driver_opts: dictionary({ type: 'nfs', o: 'addr=10.0.0.1' }) })],
    ['is of another driver', want([bridged('db')], { driver: 'rexray' })],
    ['is of a service with a container on each', want([bridged('db', { deploy: { mode: 'global' } })])],
    ['is of one that is spread', want([bridged('db', { deploy: { placement: { max_replicas_per_node: 1 } } })])],
  ])('%s', (_, wanted) => {
    const steps = plan(wanted)
    expect(isAskedFor(steps)).toBe(true)
    expect(creations(steps)).toMatchObject([{ binds: ['p_data:/data:rw'] }])
  })

  it('is that of one engine', () => {
    expect(isAskedFor(plan(want([bridged('db')]), emptyEngine(), { isCluster: false }))).toBe(true)
  })
})
