import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, image, project, service } from '../../testing/compose-builders.ts'
import { hashNetworkWithOptions, hashService, hashServiceAsAfter } from '../hash.ts'
import { materialKey } from '../model/material.ts'
import type { Materials } from '../model/material.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { resolveReferences } from '../translate/reference.ts'
import { FILES_LABEL, LABEL } from './label.ts'
import type { Observed, ObservedContainer } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import type { ReconcileOptions } from './options.ts'
import { isQuestions, renderPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

function plan(want: Project, have: Observed, options: Partial<ReconcileOptions> = {}): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, ...options })
  if (isQuestions(outcome)) throw new Error(`asks: ${outcome.questions.map((question) => question.text).join()}`)
  return outcome
}

function text(want: Project, have: Observed, options: Partial<ReconcileOptions> = {}): string {
  return `\n${renderPlan(plan(want, have, options))}\n`
}

/** What is there after `up` of a project. */
function up(want: Project, have: Observed = emptyEngine(), options: Partial<ReconcileOptions> = {}): Observed {
  return applyPlan(plan(want, have, options), have)
}

describe('a first up', () => {
  it('makes networks and volumes, then containers, then starts them dependencies first', () => {
    const want = project(
      [
        service('web', { depends_on: dependsOn({ on: 'db', condition: 'service_healthy' }, 'cache') }),
        service('db', { volumes: [{ type: 'volume', source: 'data', target: '/data' }] }),
        service('cache', { scale: 2 }),
      ],
      { volumes: { data: {} } },
    )
    expect(text(want, emptyEngine())).toMatchInlineSnapshot(`
      "
      [] → #1 Volume p_data: create-volume (missing)
      [] → #2 Network p_default: create-network (missing)
      [2] → #3 Container p-cache-1: create-container as p-cache-1 (missing)
      [2] → #4 Container p-cache-2: create-container as p-cache-2 (missing)
      [1 2] → #5 Container p-db-1: create-container as p-db-1 (missing)
      [2] → #6 Container p-web-1: create-container as p-web-1 (missing)
      [3] → #7 Container p-cache-1: start-container (missing)
      [4] → #8 Container p-cache-2: start-container (missing)
      [5] → #9 Container p-db-1: start-container (missing)
      [9] → #10 Container p-db-1: wait-container until healthy (depended on)
      [6 7 8 10] → #11 Container p-web-1: start-container (missing)
      "
    `)
  })

  it('creates without starting when asked to', () => {
    const want = project([service('web', { depends_on: dependsOn('db') }), service('db')])
    expect(text(want, emptyEngine(), { start: false })).toMatchInlineSnapshot(`
      "
      [] → #1 Network p_default: create-network (missing)
      [1] → #2 Container p-db-1: create-container as p-db-1 (missing)
      [1] → #3 Container p-web-1: create-container as p-web-1 (missing)
      "
    `)
  })

  it('connects further networks one by one on engines before API 1.44', () => {
    const web = service('web', { networks: dictionary({ back: { priority: 5 }, front: null }) })
    const want = project([web], { networks: { back: {}, front: {} } })
    expect(text(want, emptyEngine(), { apiVersion: '1.41' })).toMatchInlineSnapshot(`
      "
      [] → #1 Network p_back: create-network (missing)
      [] → #2 Network p_front: create-network (missing)
      [1 2] → #3 Container p-web-1: create-container as p-web-1 (missing)
      [3] → #4 Container p-web-1: connect-network to p_front (missing)
      [3 4] → #5 Container p-web-1: start-container (missing)
      "
    `)
  })

  it('gives containers the IDs of those whose namespaces they share', () => {
    const want = project([
      service('vpn'),
      service('app', { network_mode: 'service:vpn', depends_on: dependsOn({ on: 'vpn', restart: true }) }),
    ])
    const have = up(want)
    const vpn = have.containers.find((entry) => entry.service === 'vpn')
    const app = plan(want, emptyEngine()).steps.find(
      (step) => step.op.kind === 'create-container' && step.op.name === 'p-app-1',
    )
    expect(app?.op).toMatchObject({ needs: { vpn: { kind: 'made', name: 'p-vpn-1' } } })
    expect(vpn).toBeDefined()
    expect(renderPlan(plan(want, have))).toBe('')
  })

  it('keeps a container that shares the namespaces of another container of the same service', () => {
    const app = service('app', { network_mode: 'service:vpn', depends_on: dependsOn({ on: 'vpn', restart: true }) })
    const want = (scale: number): Project => project([service('vpn', { scale }), app])
    const have = up(want(2))
    const [first, second] = have.containers.filter((entry) => entry.service === 'vpn')
    // docker-compose 2 takes any container of the service.
    const hash = hashService(resolveReferences(app, dictionary({ vpn: second!.id })))
    const taken = have.containers.map((entry) =>
      entry.service === 'app' ? { ...entry, labels: { ...entry.labels, [LABEL.configHash]: hash } } : entry,
    )
    expect(renderPlan(plan(want(2), { ...have, containers: taken }))).toBe('')
    expect(renderPlan(plan(want(1), { ...have, containers: taken }))).toContain('rename-container to p-app-1')
    const alone = taken.filter(({ id }) => id !== first!.id)
    expect(renderPlan(plan(want(1), { ...have, containers: alone }))).toBe('')
  })

  it('names a missing external network and volume', () => {
    const network = project([service('web')], { networks: { default: { name: 'shared', external: true } } })
    expect(() => plan(network, emptyEngine())).toThrow('network shared declared as external, but could not be found')
    const web = service('web', { volumes: [{ type: 'volume', source: 'data', target: '/data' }] })
    const volume = project([web], { volumes: { data: { name: 'theirs', external: true } } })
    expect(() => plan(volume, emptyEngine())).toThrow('external volume "theirs" not found')
  })
})

describe('an up over what is there', () => {
  const want = project(
    [
      service('web', { depends_on: dependsOn({ on: 'db', restart: true }) }),
      service('db', { volumes: [{ type: 'volume', source: 'data', target: '/data' }] }),
    ],
    { volumes: { data: {} } },
  )
  const changed = (name: string, extra: Partial<Service>): Project => {
    const before = want.services[name]!
    return { ...want, services: dictionary<Service>({ ...want.services, [name]: { ...before, ...extra } as Service }) }
  }

  it('does nothing when nothing changed, and says what runs', () => {
    const again = plan(want, up(want))
    expect(again.steps).toEqual([])
    expect(again.settled).toEqual(['Container p-db-1', 'Container p-web-1'])
  })

  it('awaits again what running services depend on, if asked to', () => {
    const condition = 'service_healthy'
    const waiting = project([service('web', { depends_on: dependsOn({ on: 'db', condition }) }), service('db')])
    const have = up(waiting)
    expect(plan(waiting, have).steps).toEqual([])
    expect(renderPlan(plan(waiting, have, { awaitsAgain: true }))).toBe(
      '[] → #1 Container p-db-1: wait-container until healthy (depended on)',
    )
    expect(plan(waiting, have, { awaitsAgain: true, start: false }).steps).toEqual([])
  })

  it('replaces only the changed service, under a temporary name first', () => {
    expect(text(changed('web', { environment: dictionary({ A: '1' }) }), up(want))).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-web-1: create-container as 000000001002_p-web-1 (configuration changed: environment.A)
      [1] → #2 Container p-web-1: stop-container (configuration changed: environment.A)
      [1 2] → #3 Container p-web-1: remove-container (configuration changed: environment.A)
      [3] → #4 Container p-web-1: rename-container to p-web-1 (configuration changed: environment.A)
      [4] → #5 Container p-web-1: start-container (configuration changed: environment.A)
      "
    `)
  })

  it('stops and starts dependents that ask for it when a dependency is replaced', () => {
    expect(text(changed('db', { environment: dictionary({ A: '1' }) }), up(want))).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: create-container as 000000001003_p-db-1 (configuration changed: environment.A)
      [1] → #2 Container p-web-1: stop-container (db is replaced)
      [1 2] → #3 Container p-db-1: stop-container (configuration changed: environment.A)
      [1 3] → #4 Container p-db-1: remove-container (configuration changed: environment.A)
      [4] → #5 Container p-db-1: rename-container to p-db-1 (configuration changed: environment.A)
      [5] → #6 Container p-db-1: start-container (configuration changed: environment.A)
      [2 6] → #7 Container p-web-1: start-container (stopped by this plan)
      "
    `)
  })

  it('leaves dependents alone that do not ask for it', () => {
    const web = { depends_on: dependsOn('db') }
    const next = {
      ...want,
      services: dictionary<Service>({
        ...changed('db', { environment: dictionary({ A: '1' }) }).services,
        web: { ...want.services['web']!, ...web },
      }),
    }
    const have = up(changed('web', web))
    expect(new Set(plan(next, have).steps.map(({ resource }) => resource))).toEqual(new Set(['Container p-db-1']))
  })

  it('replaces what runs on an older image, unless told never to', () => {
    const have = up(want)
    const newer = { ...have, images: dictionary({ busybox: image('sha256:new') }) }
    expect(plan(want, newer).steps.filter((step) => step.op.kind === 'create-container')).toHaveLength(2)
    expect(plan(want, newer, { recreate: 'never', recreateDependencies: 'never' }).steps).toEqual([])
    const both = { id: 'sha256:new', ids: ['sha256:new', have.images['busybox']!.id], digests: [] }
    expect(plan(want, { ...have, images: dictionary({ busybox: both }) }).steps).toEqual([])
  })

  it('keeps a container with a bind that docker-compose 5 has made', () => {
    const bind = { type: 'bind', source: '/a', target: '/b', bind: { create_host_path: true } } as const
    const bound = changed('web', { volumes: [bind] })
    const have = up(bound)
    const hash = hashServiceAsAfter(bound.services['web']!)
    const containers = have.containers.map((entry) => ({
      ...entry,
      labels: { ...entry.labels, ...(entry.service === 'web' && { 'com.docker.compose.config-hash': hash }) },
    }))
    expect(hash).not.toBe(
      have.containers.find(({ service: of }) => of === 'web')?.labels['com.docker.compose.config-hash'],
    )
    expect(plan(bound, { ...have, containers }).steps).toEqual([])
  })

  it('knows an image by the digest that releases from 5.5 on label containers with', () => {
    const have = up(want)
    const labelled = have.containers.map((entry) => ({
      ...entry,
      labels: { ...entry.labels, 'com.docker.compose.image': 'sha256:content' },
    }))
    const named = (digest: string): Observed => ({
      ...have,
      containers: labelled,
      images: dictionary({ busybox: { id: 'sha256:x', ids: ['sha256:x'], digests: [`busybox@${digest}`] } }),
    })
    const withLabel = (label: string, digest: string): Observed => ({
      ...named(digest),
      containers: labelled.map((entry) => ({
        ...entry,
        labels: { ...entry.labels, 'com.docker.compose.image': label },
      })),
    })
    expect(plan(want, named('sha256:content')).steps).toEqual([])
    expect(plan(want, named('sha256:other')).steps.length).toBeGreaterThan(0)
    expect(plan(want, withLabel('', 'sha256:content')).steps.length).toBeGreaterThan(0)
  })

  it('replaces what has another image mounted than there is now, and nothing of programs that do not tell', () => {
    const tooled = changed('web', { volumes: [{ type: 'image', source: 'tool', target: '/tool' }] })
    const materials = (fingerprint: string): Materials => ({
      isRemote: false,
      entries: new Map([[materialKey('image', 'tool'), { fingerprint }]]),
    })
    const options = (fingerprint: string): Partial<ReconcileOptions> => ({
      apiVersion: '1.48',
      materials: materials(fingerprint),
    })
    const have = up(tooled, emptyEngine(), options('one'))
    expect(plan(tooled, have, options('one')).steps).toEqual([])
    expect(new Set(plan(tooled, have, options('two')).steps.map(({ cause }) => cause))).toEqual(
      new Set(['mounted image tool changed']),
    )
    const containers = have.containers.map((entry) => ({
      ...entry,
      labels: Object.fromEntries(Object.entries(entry.labels).filter(([key]) => key !== FILES_LABEL)),
    }))
    expect(plan(tooled, { ...have, containers }, options('two')).steps).toEqual([])
  })

  it('counts no container of run as one of the service', () => {
    const have = up(want)
    const web = have.containers.find((entry) => entry.service === 'web')!
    const run = { ...web, id: 'run1', name: 'p-web-run-1', number: 0, isOneOff: true }
    const alone = [...have.containers.filter((entry) => entry !== web), run]
    expect(plan(want, { ...have, containers: [...have.containers, run] }).steps).toEqual([])
    expect(
      up(want, { ...have, containers: alone })
        .containers.map(({ name }) => name)
        .sort(),
    ).toEqual(['p-db-1', 'p-web-1', 'p-web-run-1'])
  })

  it('replaces what does not have a volume of its service mounted', () => {
    const have = up(want)
    const db = have.containers.find((entry) => entry.service === 'db')!
    const mounted = db.mounts.map((mount) => ({ ...mount, name: 'another' }))
    const containers = have.containers.map((entry) => (entry === db ? { ...db, mounts: mounted } : entry))
    expect(new Set(plan(want, { ...have, containers }).steps.map(({ cause }) => cause))).toEqual(
      new Set(['volume p_data not mounted', 'db is replaced', 'stopped by this plan']),
    )
  })

  it('with force replaces the named services, and dependencies only when these are forced too', () => {
    const have = up(want)
    const created = (options: Partial<ReconcileOptions>): readonly string[] =>
      plan(want, have, { services: ['web'], recreate: 'force', ...options }).steps.flatMap((step) =>
        step.op.kind === 'create-container' ? [step.op.draft.service.name] : [],
      )
    expect(created({})).toEqual(['web'])
    expect(created({ recreateDependencies: 'force' })).toEqual(['db', 'web'])
  })

  it('leaves dependencies out with withoutDependencies', () => {
    const steps = plan(want, emptyEngine(), { services: ['web'], withoutDependencies: true }).steps
    expect(steps.map((step) => step.resource)).toEqual(['Network p_default', 'Container p-web-1', 'Container p-web-1'])
  })

  it('starts what is stopped, unpauses what is paused', () => {
    const have = up(want)
    const states = { 'p-db-1': 'exited', 'p-web-1': 'paused' } as const
    const containers = have.containers.map((entry) => ({ ...entry, state: states[entry.name as keyof typeof states] }))
    expect(text(want, { ...have, containers })).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: start-container (exited)
      [1] → #2 Container p-web-1: unpause-container (paused)
      "
    `)
  })

  it('containers whose labels tell no number stay, and are replaced by some that have one', () => {
    const want = (LEVEL: string): Project => project([service('web', { scale: 3, environment: dictionary({ LEVEL }) })])
    const seen = up(want('info'))
    const containers = seen.containers.map((entry, index) =>
      index === 0 ? entry : { ...entry, name: `odd${index}`, number: 0 },
    )
    const have = { ...seen, containers }
    expect(plan(want('info'), have).steps).toEqual([])
    expect(up(want('debug'), have).containers.map(({ name, number }) => [name, number])).toEqual([
      ['p-web-1', 1],
      ['p-web-2', 2],
      ['p-web-3', 3],
    ])
  })

  it('numbers new containers after the highest and removes the highest first', () => {
    const have = up(want, emptyEngine(), { scale: { web: 3 } })
    const holed = { ...have, containers: have.containers.filter((entry) => entry.name !== 'p-web-2') }
    const names = (observed: Observed): readonly string[] => observed.containers.map((entry) => entry.name).sort()
    expect(names(up(want, holed, { scale: { web: 3 } }))).toEqual(['p-db-1', 'p-web-1', 'p-web-3', 'p-web-4'])
    expect(names(up(want, have, { scale: { web: 1 } }))).toEqual(['p-db-1', 'p-web-1'])
    expect(names(up(want, have, { scale: { web: 0 } }))).toEqual(['p-db-1'])
  })

  it('keeps anonymous volumes over a replacement, unless renewed', () => {
    const anonymous = project([service('web', { volumes: [{ type: 'volume', target: '/cache' }] })])
    const have = up(anonymous)
    const volumeOf = (observed: Observed): string | undefined =>
      observed.containers[0]?.mounts.find((mount) => mount.target === '/cache')?.name
    const options = { recreate: 'force' } as const
    expect(volumeOf(up(anonymous, have, options))).toBe(volumeOf(have))
    expect(volumeOf(up(anonymous, have, { ...options, renewAnonymousVolumes: true }))).not.toBe(volumeOf(have))
  })

  it('keeps volumes that the image declares', () => {
    const have = up(want)
    const web = have.containers.find((entry) => entry.service === 'web')!
    const mounts = [{ type: 'volume', name: 'anonymous1', source: '', target: '/var/lib/x' }]
    const observed = {
      ...have,
      containers: have.containers.map((entry) => (entry === web ? { ...web, mounts } : entry)),
      images: dictionary({ busybox: image(have.images['busybox']!.id, ['/var/lib/x']) }),
    }
    const after = up(want, observed, { services: ['web'], recreate: 'force' })
    expect(after.containers.find((entry) => entry.service === 'web')?.mounts).toEqual([
      { type: 'volume', name: 'anonymous1', source: 'anonymous1', target: '/var/lib/x' },
    ])
  })

  it('finishes a replacement that was interrupted after the new container was made', () => {
    const have = up(want)
    const next = changed('web', { environment: dictionary({ A: '1' }) })
    const whole = plan(next, have)
    const cut = { ...whole, steps: whole.steps.slice(0, 1) }
    const after = up(next, applyPlan(cut, have))
    expect(after.containers.map((entry) => `${entry.name} ${entry.state}`)).toEqual([
      'p-db-1 running',
      'p-web-1 running',
    ])
    const resources = plan(next, applyPlan(cut, have)).steps.map(({ resource }) => resource)
    expect(new Set(resources)).toEqual(new Set(['Container p-web-1']))
  })
})

describe('orphans', () => {
  const old = up(project([service('web'), service('old')]))
  const want = project([service('web')])

  it('are warned about, removed, or ignored', () => {
    expect(plan(want, old).warnings).toEqual([
      'Found orphan containers ([p-old-1]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.',
    ])
    expect(plan(want, old, { orphans: 'ignore' }).warnings).toEqual([])
    expect(text(want, old, { orphans: 'remove' })).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-old-1: stop-container (orphan)
      [1] → #2 Container p-old-1: remove-container (orphan)
      "
    `)
  })

  it('are containers of run that have ended, and none that somebody is at work in', () => {
    const run = old.containers.find((entry) => entry.service === 'web')!
    const have = (state: ObservedContainer['state']): Observed => ({
      ...old,
      containers: [run, { ...run, id: 'run1', name: 'p-web-run-1', number: 0, isOneOff: true, state }],
    })
    const removed = (state: ObservedContainer['state']): readonly string[] =>
      plan(want, have(state), { orphans: 'remove' }).steps.map(({ resource }) => resource)
    expect(removed('exited')).toEqual(['Container p-web-run-1'])
    for (const state of ['running', 'paused', 'created'] as const) {
      expect(removed(state)).toEqual([])
      expect(plan(want, have(state)).warnings).toEqual([])
    }
  })

  it('are not the containers of services that a profile switched off', () => {
    const off = project([service('web')], { disabledServices: dictionary({ old: service('old') }) })
    expect(plan(off, old).warnings).toEqual([])
  })

  it('give their ports back before anything is started', () => {
    const ports = [{ published: 80, target: 80, protocol: 'tcp' }]
    const have = { ...old, containers: old.containers.map((entry) => ({ ...entry, ports })) }
    const renamed = project([service('new')])
    const steps = plan(renamed, have, { orphans: 'remove' }).steps
    const removals = steps.filter((step) => step.op.kind === 'remove-container').map((step) => step.id)
    const start = steps.find((step) => step.op.kind === 'start-container')
    expect(removals).toHaveLength(2)
    expect(start?.after).toEqual(expect.arrayContaining(removals))
  })
})

describe('containers that do not run', () => {
  const want = project([service('web', { networks: dictionary({ default: null, back: null }) })], {
    networks: { default: {}, back: {} },
  })
  const causes = (have: Observed): readonly string[] =>
    plan(want, have).steps.flatMap(({ op, cause }) => (op.kind === 'create-container' ? [cause] : []))
  const withContainers = (have: Observed, extra: Partial<ObservedContainer>): Observed => ({
    ...have,
    containers: have.containers.map((container) => ({ ...container, ...extra })),
  })

  it.each(['exited', 'created'] as const)('and are %s are replaced when they were taken off a network', (state) => {
    const have = up(want)
    // Names are known also where the engine tells no ID.
    const on = (...names: readonly string[]): Readonly<Record<string, string>> =>
      Object.fromEntries(names.map((name) => [name, '']))
    expect(causes(withContainers(have, { state, networks: on('p_default', 'p_back') }))).toEqual([])
    expect(causes(withContainers(have, { state, networks: on('p_default') }))).toEqual(['not on network p_back'])
  })

  it('but are paused are replaced when they were taken off a network: what goes on does so without it', () => {
    const have = up(want)
    const networks = Object.fromEntries(Object.entries(have.containers[0]?.networks ?? {}).slice(0, 1))
    expect(causes(withContainers(have, { state: 'paused' }))).toEqual([])
    expect(causes(withContainers(have, { state: 'paused', networks }))).toEqual([
      expect.stringMatching(/^not on network/),
    ])
  })

  it.each([
    ['is gone', (all: Observed['networks']) => all.filter(({ name }) => name !== 'p_back')],
    ['has been made anew', (all: Observed['networks']) => all.map((each) => ({ ...each, id: `${each.id}-new` }))],
  ])('and are on a network that %s are replaced: no engine would start them', (_, change) => {
    const have = up(want)
    const stopped = { ...withContainers(have, { state: 'exited' }), networks: change(have.networks) }
    expect(causes(stopped)).toEqual([expect.stringMatching(/^network p_\w+ is no longer the one it was on$/)])
  })

  it('and never ran wait for networks that are made', () => {
    const have = up(want)
    const networks = { p_default: '', p_back: '' }
    const { steps } = plan(want, { ...withContainers(have, { state: 'created', networks }), networks: [] })
    const made = steps.filter(({ op }) => op.kind === 'create-network').map(({ id }) => id)
    expect(made).toHaveLength(2)
    expect(steps.filter(({ op }) => op.kind === 'create-container')).toEqual([])
    expect(steps.find(({ op }) => op.kind === 'start-container')?.after).toEqual(expect.arrayContaining(made))
  })
})

describe('links of the default bridge', () => {
  const old = { network_mode: 'bridge' }
  const want = project([
    service('app', { ...old, links: ['db:store'], depends_on: dependsOn({ on: 'db', restart: true }) }),
    service('db', old),
  ])
  const stepsBefore = (rendered: string): readonly string[] =>
    /\[([\d ]*)\] → #\d+ Container p-app-1: create-container/.exec(rendered)?.[1]?.split(' ') ?? []

  it('have the names of docker-compose 1 in a file of version 1, whatever containers are called', () => {
    const links = (of: Project, observed: Observed, extra: Partial<ReconcileOptions> = {}): unknown =>
      plan(of, observed, extra).steps.flatMap(({ op }) =>
        op.kind === 'create-container' && op.draft.service.name === 'app' ? [op.draft.links] : [],
      )
    const first = { ...want, isVersion1: true }
    expect(links(first, emptyEngine())).toEqual([['p-db-1:store', 'p-db-1:db_1', 'p-db-1:p_db_1']])
    expect(links(want, emptyEngine())).toEqual([['p-db-1:store', 'p-db-1:db-1', 'p-db-1:p-db-1']])
    const compatible = { separator: '_' } as const
    expect(links(want, emptyEngine(), compatible)).toEqual([['p_db_1:store', 'p_db_1:db_1', 'p_db_1:p_db_1']])
    const have = up(want)
    const taken = have.containers
      .filter(({ service: name }) => name === 'db')
      .map((container) => ({ ...container, name: 'p_db_1' }))
    expect(links(first, { ...have, containers: taken })).toEqual([['p_db_1:store', 'p_db_1:db_1', 'p_db_1:p_db_1']])
  })

  it('are made once the linked container has been made', () => {
    const rendered = renderPlan(plan(want, emptyEngine()))
    const made = /→ #(\d+) Container p-db-1: create-container/.exec(rendered)?.[1]
    expect(stepsBefore(rendered), rendered).toContain(made)
  })

  it('are made once the linked container has its last name', () => {
    const forced = { recreate: 'force', recreateDependencies: 'force' } as const
    const rendered = renderPlan(plan(want, up(want), forced))
    const named = /→ #(\d+) Container p-db-1: rename-container/.exec(rendered)?.[1]
    expect(stepsBefore(rendered), rendered).toContain(named)
  })
})

describe('changed networks and volumes', () => {
  it('renews a network for other options of its address management, and leaves one alone that was made without', () => {
    const withOption = (value: string): Project =>
      project([service('web')], { networks: { default: { ipam: { options: dictionary({ k: value }) } } } })
    const have = up(withOption('1'))
    const withOptions = (ipamOptions?: Readonly<Record<string, string>>): Observed => ({
      ...have,
      networks: have.networks.map((network) => ({ ...network, ...(ipamOptions !== undefined && { ipamOptions }) })),
    })
    expect(plan(withOption('1'), withOptions()).steps).toEqual([])
    expect(plan(withOption('1'), withOptions({ k: '1' })).steps).toEqual([])
    expect(renderPlan(plan(withOption('2'), withOptions({ k: '1' })))).toContain(
      'remove-network (configuration changed)',
    )
    // As docker-compose 5 labels it.
    const network = withOption('1').networks['default']!
    const label = { 'com.docker.compose.config-hash': hashNetworkWithOptions(network) }
    const newer = have.networks.map((entry) => ({ ...entry, labels: { ...entry.labels, ...label } }))
    expect(plan(withOption('1'), { ...have, networks: newer }).steps).toEqual([])
  })

  it('renews a network: everything on it is stopped, detached and attached again', () => {
    const before = project([service('web'), service('db')])
    const after = project([service('web'), service('db')], {
      networks: { default: { driver_opts: dictionary({ a: 'b' }) } },
    })
    expect(text(after, up(before))).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: stop-container (network p_default is renewed)
      [1] → #2 Container p-db-1: disconnect-network from p_default (network p_default is renewed)
      [] → #3 Container p-web-1: stop-container (network p_default is renewed)
      [3] → #4 Container p-web-1: disconnect-network from p_default (network p_default is renewed)
      [2 4] → #5 Network p_default: remove-network (configuration changed)
      [5] → #6 Network p_default: create-network (configuration changed)
      [6] → #7 Container p-db-1: connect-network to p_default (network p_default is renewed)
      [6] → #8 Container p-web-1: connect-network to p_default (network p_default is renewed)
      [1 7] → #9 Container p-db-1: start-container (stopped by this plan)
      [3 8] → #10 Container p-web-1: start-container (stopped by this plan)
      "
    `)
    expect(plan(after, up(after, up(before))).steps).toEqual([])
  })

  it('asks before a volume is made anew, and does as answered', () => {
    const web = service('web', { volumes: [{ type: 'volume', source: 'data', target: '/data' }] })
    const have = up(project([web], { volumes: { data: {} } }))
    const want = project([web], { volumes: { data: { driver_opts: dictionary({ type: 'tmpfs' }) } } })
    expect(reconcile(want, have, defaultReconcileOptions)).toEqual({
      questions: [
        {
          id: 'volume:p_data',
          text: 'Volume "p_data" exists but doesn\'t match configuration in compose file. Recreate (data will be lost)?',
        },
      ],
    })
    expect(plan(want, have, { answers: { 'volume:p_data': false } }).steps).toEqual([])
    expect(text(want, have, { answers: { 'volume:p_data': true } })).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-web-1: stop-container (volume p_data is made anew)
      [1] → #2 Container p-web-1: remove-container (volume p_data is made anew)
      [2] → #3 Volume p_data: remove-volume (configuration changed)
      [3] → #4 Volume p_data: create-volume (configuration changed)
      [2 4] → #5 Container p-web-1: create-container as p-web-1 (volume made anew)
      [5] → #6 Container p-web-1: start-container (volume made anew)
      "
    `)
  })

  it('refuses a network of the same name that is not its own', () => {
    const network = { id: 'n', name: 'p_default', driver: 'bridge', labels: {} }
    expect(() => plan(project([service('web')]), { ...emptyEngine(), networks: [network] })).toThrow(
      'network p_default was found but has incorrect label com.docker.compose.network set to "" (expected: "default")',
    )
  })
})

describe('what cannot be', () => {
  it('a custom name with two containers', () => {
    const want = project([service('web', { container_name: 'one' })])
    expect(() => plan(want, emptyEngine(), { scale: { web: 2 } })).toThrow(
      'WARNING: The "web" service is using the custom container name "one". Docker requires each container to have a unique name. Remove the custom name to scale the service',
    )
  })

  it('a service that does not exist', () => {
    expect(() => plan(project([service('web')]), emptyEngine(), { services: ['wbe'] })).toThrow('no such service: wbe')
  })
})

describe('on a cluster', () => {
  const onCluster = { isCluster: true }
  const web = (value: string, extra: Partial<Service> = {}): Project =>
    project([
      service('web', { ports: [{ target: 80, published: '8080', protocol: 'tcp' }], command: [value], ...extra }),
    ])
  const onNode = (have: Observed, node: string): Observed => ({
    ...have,
    containers: have.containers.map((entry) => ({ ...entry, node })),
  })
  const hintsOf = (made: Plan): readonly (readonly string[])[] =>
    made.steps.flatMap(({ op }) => (op.kind === 'create-container' ? [op.draft.placementHints] : []))

  it('a container with a host port is gone before its replacement is placed, on its node if possible', () => {
    const have = onNode(up(web('1')), 'n2')
    expect(text(web('2'), have, onCluster)).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-web-1: stop-container (configuration changed: command)
      [1] → #2 Container p-web-1: remove-container (configuration changed: command)
      [2] → #3 Container p-web-1: create-container as p-web-1 (configuration changed: command)
      [3] → #4 Container p-web-1: start-container (configuration changed: command)
      "
    `)
    expect(hintsOf(plan(web('2'), have, onCluster))).toEqual([['constraint:node==~n2']])
    expect(plan(web('2'), up(web('2'), have, onCluster), onCluster).steps).toEqual([])
    expect(text(web('2'), have)).toContain('rename-container')
  })

  it('a replacement follows the volumes of the old container', () => {
    const data = { volumes: [{ type: 'volume', source: 'data', target: '/data' }] } as const
    const want = (value: string): Project =>
      project([service('db', { command: [value], ...data })], { volumes: { data: {} } })
    const have = onNode(up(want('1')), 'n3')
    expect(hintsOf(plan(want('2'), have, onCluster))).toEqual([['constraint:node==n3']])
    expect(hintsOf(plan(want('2'), have))).toEqual([[]])
  })

  it('networks are made one after the other', () => {
    const want = project([service('web', { networks: dictionary({ a: null, b: null }) })], {
      networks: { a: {}, b: {} },
    })
    const steps = (options: Partial<ReconcileOptions>): readonly (readonly number[])[] =>
      plan(want, emptyEngine(), options).steps.flatMap(({ op, after }) => (op.kind === 'create-network' ? [after] : []))
    expect([steps(onCluster), steps({})]).toEqual([
      [[], [1]],
      [[], []],
    ])
  })
})
