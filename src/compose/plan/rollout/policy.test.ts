import { describe, expect, it } from 'vitest'
import { dependsOn, emptyEngine, project, service } from '../../../testing/compose-builders.ts'
import { applyPlan } from '../../../testing/apply-plan.ts'
import { loadProject } from '../../load/load.ts'
import { makeDictionary } from '../../model/dictionary.ts'
import type { Project } from '../../model/project.ts'
import type { Service } from '../../model/service.ts'
import { defaultReconcileOptions } from '../options.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'
import { readRollbackPolicy, readUpdatePolicy } from './policy.ts'

function load(deploy: string): Service {
  const text = `services: { web: { image: busybox, deploy: ${deploy} } }`
  const loaded = loadProject(
    { files: [{ path: '/a/compose.yml', text }], workingDir: '/a', environment: makeDictionary(), projectName: 'p' },
    { files: { readText: () => undefined, kindOf: () => 'missing', resolveLinks: (path) => path } },
  )
  return loaded.services['web']!
}

describe('deploy.update_config', () => {
  it('is read from the file, with the defaults of swarm mode', () => {
    const web = load(
      '{ update_config: { order: start-first, parallelism: 0, delay: 1m, monitor: 250ms, failure_action: rollback, max_failure_ratio: 0.5, x-aliases: when-ready }, rollback_config: { parallelism: 2, delay: 1s } }',
    )
    const update = readUpdatePolicy(web)!
    expect(update).toEqual({
      order: 'start-first',
      parallelism: Number.POSITIVE_INFINITY,
      delayMs: 60_000,
      monitorMs: 250,
      failureAction: 'rollback',
      maxFailureRatio: 0.5,
      movesAliases: true,
    })
    expect(readRollbackPolicy(web, update)).toMatchObject({
      order: 'start-first',
      parallelism: 2,
      delayMs: 1000,
      monitorMs: 5000,
    })
    expect(readUpdatePolicy(load('{ update_config: { delay: 0s } }'))).toMatchObject({
      order: 'stop-first',
      parallelism: 1,
      delayMs: 0,
      failureAction: 'pause',
    })
    expect(readUpdatePolicy(load('{ replicas: 2 }'))).toBeUndefined()
  })

  it.each([
    ['{ update_config: { failure_action: explode } }', 'deploy.update_config.failure_action cannot be "explode"'],
    ['{ update_config: { max_failure_ratio: 2 } }', 'deploy.update_config.max_failure_ratio cannot be "2"'],
    ['{ update_config: { x-aliases: later } }', 'deploy.update_config.x-aliases cannot be "later"'],
  ])('%s is refused by name', (deploy, message) => {
    expect(() => readUpdatePolicy(load(deploy))).toThrow(`service "web": ${message}`)
  })
})

describe('what start-first cannot be done for', () => {
  const update_config = { order: 'start-first' } as const
  const warningsOf = (extra: Partial<Service>, more: readonly Service[] = []): readonly string[] => {
    const web = (version: string): Service =>
      service('web', { labels: makeDictionary([['v', version]]), deploy: { update_config }, ...extra })
    const have = applyPlan(
      reconcile(project([web('1'), ...more]), emptyEngine(), defaultReconcileOptions) as Plan,
      emptyEngine(),
    )
    return (reconcile(project([web('2'), ...more]), have, defaultReconcileOptions) as Plan).warnings
  }

  it.each<[string, Partial<Service>]>([
    ['host port 80', { ports: [{ target: 80, published: '80' }] }],
    ['host port 80-81', { scale: 2, ports: [{ target: 80, published: '80-81' }] }],
    ['address 10.1.1.1', { networks: makeDictionary([['default', { ipv4_address: '10.1.1.1' }]]) }],
    ['the network of the host', { network_mode: 'host' }],
  ])('%s: it says so', (what, extra) => {
    expect(warningsOf(extra)).toEqual([
      expect.stringContaining(`is updated stop-first, although it asks for start-first: ${what}`),
    ])
  })

  it('a range with room for the successor, and ports the engine chooses, are no obstacle', () => {
    expect(warningsOf({ scale: 2, ports: [{ target: 80, published: '80-82' }, { target: 81 }] })).toEqual([])
  })

  it('a container_name on an overlay network is kept by one container at a time, and there is no way back', () => {
    const web = (version: string): Project =>
      project([
        service('web', {
          container_name: 'solo',
          labels: makeDictionary([['v', version]]),
          deploy: { update_config: { order: 'start-first', failure_action: 'rollback' } },
        }),
      ])
    const bridged = applyPlan(reconcile(web('1'), emptyEngine(), defaultReconcileOptions) as Plan, emptyEngine())
    const have = { ...bridged, networks: bridged.networks.map((network) => ({ ...network, driver: 'overlay' })) }
    const { warnings, rollouts = [], steps } = reconcile(web('2'), have, defaultReconcileOptions) as Plan
    expect(warnings).toEqual([
      expect.stringMatching(
        /^service "web" cannot be rolled back: on an overlay network .* a failure pauses the update$/,
      ),
      expect.stringContaining('is updated stop-first, although it asks for start-first: the name solo can belong to'),
    ])
    expect(rollouts.map(({ policy }) => [policy.order, policy.failureAction])).toEqual([['stop-first', 'pause']])
    expect(steps.filter(({ op }) => op.kind === 'rename-container')).toEqual([])
  })

  it('a service in whose container another lives is replaced at once, with a word', () => {
    const guest = service('guest', { network_mode: 'service:web', depends_on: dependsOn('web') })
    expect(warningsOf({}, [guest])).toEqual([
      'service "web" is updated at once, without deploy.update_config: service "guest" lives in its container',
    ])
  })

  it('so is one whose volumes another has, which lives elsewhere', () => {
    const guest = service('guest', { volumes_from: ['web:ro'], depends_on: dependsOn('web') })
    expect(warningsOf({}, [guest])).toEqual([
      'service "web" is updated at once, without deploy.update_config: service "guest" has the volumes of its container',
    ])
  })
})

describe('what depends on an updated service', () => {
  it('is restarted where it asks for that, once all of the service is exchanged', () => {
    const want = (version: string): Project =>
      project([
        service('web', {
          scale: 2,
          labels: makeDictionary([['v', version]]),
          deploy: { update_config: { order: 'start-first' } },
        }),
        service('asking', { depends_on: dependsOn({ on: 'web', restart: true }) }),
        service('other', { depends_on: dependsOn('web') }),
      ])
    const have = applyPlan(reconcile(want('1'), emptyEngine(), defaultReconcileOptions) as Plan, emptyEngine())
    const { steps, rollouts = [] } = reconcile(want('2'), have, defaultReconcileOptions) as Plan
    expect(rollouts).toHaveLength(1)
    const restarts = steps.filter(({ op }) => op.kind === 'restart-container')
    expect(restarts.map(({ resource, cause }) => [resource, cause])).toEqual([
      ['Container p-asking-1', 'web is updated'],
    ])
    // Behind a step of each container of the service.
    expect(new Set(restarts[0]?.after.map((id) => steps[id - 1]?.resource))).toEqual(
      new Set(['Container p-web-1', 'Container p-web-2']),
    )
    expect(steps.some(({ resource }) => resource === 'Container p-other-1')).toBe(false)
  })
})
