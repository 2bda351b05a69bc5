import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, project, service } from '../../../testing/compose-builders.ts'
import { hashService } from '../../hash.ts'
import type { UpdateConfig } from '../../model/deploy.ts'
import type { Project } from '../../model/project.ts'
import type { Service } from '../../model/service.ts'
import { toCreateBody } from '../../translate.ts'
import { planDown } from '../down.ts'
import type { Observed } from '../observed.ts'
import { defaultReconcileOptions } from '../options.ts'
import { isQuestions } from '../plan.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'
import { describePlan } from './document.ts'
import type { PlanDocument } from './document.ts'
import { findFieldChanges } from './field-changes.ts'
import type { InspectedContainer } from './field-changes.ts'
import { renderDocument } from './render.ts'

function plan(want: Project, have: Observed): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, orphans: 'remove' })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

const none: Plan = { steps: [], settled: [], warnings: [] }

function describeIt(want: Project, have: Observed): PlanDocument {
  return describePlan({ project: 'p', plan: plan(want, have), pulls: none, observed: have, fields: new Map() })
}

const up = (want: Project): Observed => applyPlan(plan(want, emptyEngine()), emptyEngine())

const web = (value: string, scale: number, config?: UpdateConfig): Service =>
  service('web', {
    scale,
    environment: dictionary({ VALUE: value }),
    ...(config !== undefined && { deploy: { update_config: config } }),
  })

describe('a plan as a document', () => {
  it('of a project that is as wanted says so in one line', () => {
    const want = project([web('1', 2)])
    const document = describeIt(want, up(want))
    expect(document).toMatchObject({ hasChanges: false, summary: { unchanged: 2, replace: 0 }, containers: [] })
    expect(renderDocument(document)).toBe('nothing to do: 2 containers are as wanted\n')
  })

  it('counts what is made, replaced and removed', () => {
    const have = up(project([web('1', 2), service('old'), service('same')]))
    const document = describeIt(project([web('2', 3), service('same')]), have)
    expect(document.summary).toMatchObject({ create: 1, replace: 2, remove: 1, unchanged: 1 })
    expect(document.containers.map(({ name, action }) => `${action} ${name}`).sort()).toEqual([
      'create p-web-3',
      'remove p-old-1',
      'replace p-web-1',
      'replace p-web-2',
    ])
  })

  it.each<[string, UpdateConfig | undefined, number, boolean]>([
    ['all at once', undefined, 0, true],
    ['stop-first one by one', { order: 'stop-first', parallelism: 1 }, 2, false],
    ['stop-first all at once', { order: 'stop-first', parallelism: 0 }, 0, true],
    ['start-first', { order: 'start-first', parallelism: 2 }, 3, false],
    ['start-first with rollback', { order: 'start-first', parallelism: 0, failure_action: 'rollback' }, 3, false],
  ])('tells the fewest that run: %s', (_name, config, least, hasGap) => {
    const have = up(project([web('1', 3, config)]))
    const document = describeIt(project([web('2', 3, config)]), have)
    expect(document.services).toMatchObject([{ name: 'web', running: 3, least, hasGap }])
  })

  it('counts what is restarted with an updated dependency as that alone', () => {
    const tail = service('tail', { depends_on: dependsOn({ on: 'web', restart: true }) })
    const have = up(project([web('1', 1, {}), tail]))
    const document = describeIt(project([web('2', 1, {}), tail]), have)
    expect(document.summary).toMatchObject({ replace: 1, restart: 1, unchanged: 0 })
  })

  it('does not count what is paused, or between two lives, as running', () => {
    const want = project([web('1', 3)])
    const states = ['paused', 'restarting', 'running'] as const
    const containers = up(want).containers.map((entry, index) => ({ ...entry, state: states[index] ?? 'running' }))
    const document = describeIt(want, { ...up(want), containers })
    expect(document.services).toMatchObject([{ name: 'web', running: 1, least: 1, hasGap: false }])
    expect(document.containers).toMatchObject([{ name: 'p-web-1', action: 'start', reason: 'paused' }])
  })

  it('does not call the end of a project a gap', () => {
    const want = project([web('1', 1)])
    const have = up(want)
    const options = { projectName: 'p', project: want, services: [], removeOrphans: false, removeVolumes: false }
    const down = planDown(have, options)
    const document = describePlan({ project: 'p', plan: down, pulls: none, observed: have, fields: new Map() })
    expect(document.services).toMatchObject([{ name: 'web', hasGap: false }])
    expect(document.summary).toMatchObject({ remove: 1 })
  })

  it('tells of two thousand services', () => {
    const many = (value: string): Project =>
      project(
        Array.from({ length: 2000 }, (_, index) =>
          service(`s${index}`, {
            environment: dictionary({ VALUE: value }),
            deploy: { update_config: { order: 'start-first' } },
          }),
        ),
      )
    const have = up(many('1'))
    const document = describeIt(many('2'), have)
    expect(document.summary.replace).toBe(2000)
  })

  it('tells of two thousand containers of one service', () => {
    const config: UpdateConfig = { order: 'start-first', parallelism: 10 }
    const have = up(project([web('1', 2000, config)]))
    const document = describeIt(project([web('2', 2000, config)]), have)
    expect(document.services).toMatchObject([{ running: 2000, least: 2000 }])
  })
})

describe('settings that differ', () => {
  const wanted = service('web', {
    command: ['b'],
    environment: dictionary({ LEVEL: 'debug', DB_PASSWORD: 'new-one', URL: 'http://me:word@db/' }),
    healthcheck: { test: ['CMD', 'true'], interval: 2e9 },
  })
  const body = toCreateBody(
    {
      project: project([wanted]),
      service: wanted,
      number: 1,
      inherited: [],
      links: [],
      placementHints: [],
      separator: '-',
      apiVersion: '1.47',
    },
    dictionary({}),
  )
  const old: InspectedContainer = {
    labels: { 'com.docker.compose.project': 'p' },
    config: {
      Cmd: ['a'],
      Env: ['LEVEL=info', 'DB_PASSWORD=old-one', 'PATH=/bin', 'FROM_IMAGE=1', 'GONE=1'],
      User: 'app',
      Hostname: '0123456789ab',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9 },
    },
    host: { ShmSize: 67_108_864, RestartPolicy: { Name: 'no' } },
    imageConfig: { Env: ['PATH=/bin', 'FROM_IMAGE=1'], User: 'app' },
  }

  it('are found by what the engine shows; what came with the image is not a difference, secrets are hidden', () => {
    const changes = findFieldChanges(old, hashService(service('web')), wanted, body)
    expect(changes.map(({ field, from, to }) => [field, from, to])).toEqual([
      ['command', '["a"]', '["b"]'],
      ['environment.DB_PASSWORD', '"***"', '"***"'],
      ['environment.GONE', '"1"', null],
      ['environment.LEVEL', '"info"', '"debug"'],
      ['environment.URL', null, '"http://me:***@db/"'],
      ['healthcheck.interval', '"1s"', '"2s"'],
      ['image', null, '"busybox"'],
    ])
  })
})
