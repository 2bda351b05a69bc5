import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, image, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import { reportPlan } from '../report-plan.ts'
import { rosterOfLabels, rosterOfProject, withDependencies, withDependents } from './dependency.ts'
import { describePlan } from './document/document.ts'
import { planDown } from './down.ts'
import type { DownOptions } from './down.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { LABEL } from './label.ts'
import { isQuestions, renderPlan } from './plan.ts'
import { reconcile } from './reconcile.ts'
import { planVerb } from './verbs.ts'

function up(want: Project): Observed {
  const outcome = reconcile(want, emptyEngine(), defaultReconcileOptions)
  if (isQuestions(outcome)) throw new Error('asked')
  return applyPlan(outcome, emptyEngine())
}

const want = project(
  [
    service('web', { depends_on: dependsOn('api') }),
    service('api', { depends_on: dependsOn('db') }),
    service('db', { volumes: [{ type: 'volume', source: 'data', target: '/data' }] }),
    service('other', { networks: dictionary({ apart: null }) }),
  ],
  { networks: { default: {}, apart: {} }, volumes: { data: {} } },
)

function down(have: Observed, extra: Partial<DownOptions> = {}): string {
  const base = { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false }
  return `\n${renderPlan(planDown(have, { ...base, ...extra }))}\n`
}

describe('down', () => {
  it('removes dependents first, then networks; volumes only when asked', () => {
    expect(down(up(want), { project: want, timeoutSeconds: 3 })).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-web-1: stop-container within 3s (down)
      [1] → #2 Container p-web-1: remove-container (down)
      [2] → #3 Container p-api-1: stop-container within 3s (down)
      [2 3] → #4 Container p-api-1: remove-container (down)
      [4] → #5 Container p-db-1: stop-container within 3s (down)
      [4 5] → #6 Container p-db-1: remove-container (down)
      [] → #7 Container p-other-1: stop-container within 3s (down)
      [7] → #8 Container p-other-1: remove-container (down)
      [2 4 6 8] → #9 Network p_default: remove-network (down)
      [2 4 6 8] → #10 Network p_apart: remove-network (down)
      "
    `)
    expect(down(up(want), { project: want, removeVolumes: true })).toContain('Volume p_data: remove-volume (down)')
  })

  it('finds the same order from labels alone', () => {
    expect(down(up(want), {})).toBe(down(up(want), { project: want }))
  })

  it('of one service leaves those that depend on it, and what others use', () => {
    const alone = down(up(want), { project: want, services: ['api'] })
    expect(alone).toMatch(/^\n\[\] → #1 Container p-api-1: stop-container/)
    expect(alone).not.toMatch(/p-web-1|p-db-1|Network/)
    expect(down(up(want), { project: want, services: ['web', 'db'] })).toContain('Container p-api-1: remove-container')
    expect(down(up(want), { project: want, services: ['other'] })).toContain('Network p_apart: remove-network')
  })

  it('knows what the engine will refuse because an orphan that stays uses it, and says so without trying', () => {
    const volumes = [{ type: 'volume', source: 'data', target: '/data' }] as const
    const have = up(
      project([...Object.values(want.services), service('old', { volumes })], {
        networks: { default: {}, apart: {} },
        volumes: { data: {} },
      }),
    )
    const base = { projectName: 'p', project: want, services: [], removeOrphans: false, removeVolumes: true }
    const inUse = (observed: Observed): readonly string[] =>
      planDown(observed, base).steps.flatMap(({ resource, isInUse }) => (isInUse === true ? [resource] : []))
    expect(inUse(have)).toEqual(['Network p_default', 'Volume p_data'])
    const stopped = have.containers.map((entry) =>
      entry.service === 'old' ? ({ ...entry, state: 'exited' } as const) : entry,
    )
    expect(inUse({ ...have, containers: stopped })).toEqual(['Volume p_data'])
    const lines: string[] = []
    reportPlan(planDown(have, base), ({ id, text }) => lines.push(`${id} ${text}`))
    expect(lines).toEqual(
      expect.arrayContaining(['Network p_apart Removed', 'Network p_default Resource is still in use']),
    )
    const plan = planDown(have, base)
    const none = { steps: [], settled: [], warnings: [] }
    const { resources } = describePlan({ project: 'p', plan, pulls: none, observed: have, fields: new Map() })
    expect(resources.map(({ name }) => name)).toEqual(['p_apart'])
  })

  it('of one service takes its dependents along where only labels tell of them', () => {
    expect(down(up(want), { services: ['api'] })).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-web-1: stop-container (down)
      [1] → #2 Container p-web-1: remove-container (down)
      [2] → #3 Container p-api-1: stop-container (down)
      [2 3] → #4 Container p-api-1: remove-container (down)
      "
    `)
  })

  it('of the last service that has containers takes the network too, though others of the file could use it', () => {
    const have = up(want)
    const last = { ...have, containers: have.containers.filter(({ service: name }) => name === 'db') }
    expect(down(last, { project: want, services: ['db'] })).toContain('Network p_default: remove-network')
    expect(down(have, { project: want, services: ['db'] })).not.toContain('remove-network')
  })

  it('of one service leaves what only others could use, also where they have no containers', () => {
    const have = up(want)
    const alone = (name: string): Observed => ({
      ...have,
      containers: have.containers.filter(({ service: each }) => each === name),
    })
    const other = down(alone('other'), { project: want, services: ['other'], removeVolumes: true })
    expect(other).toContain('Network p_apart')
    expect(other).not.toMatch(/Network p_default|Volume/)
    // What a service depends on counts as it does.
    const api = down(alone('api'), { project: want, services: ['api'], removeVolumes: true })
    expect(api).toMatch(/Network p_default[^]*Volume p_data/)
    expect(api).not.toContain('Network p_apart')
  })

  it('leaves networks of the same name that others have made', () => {
    const have = up(want)
    for (const labels of [{}, { [LABEL.project]: 'q', [LABEL.network]: 'apart' }, { [LABEL.project]: 'p' }]) {
      const networks = have.networks.map((entry) => (entry.name === 'p_apart' ? { ...entry, labels } : entry))
      const text = down({ ...have, networks }, { project: want })
      expect(text).toContain('Network p_default: remove-network')
      expect(text).not.toContain('p_apart')
    }
  })

  it('leaves external networks and volumes, and orphans unless asked', () => {
    const outside = { ...want, networks: dictionary({ ...want.networks, apart: { name: 'p_apart', external: true } }) }
    const have = up(want)
    expect(down(have, { project: outside })).not.toContain('p_apart')
    const fewer = { ...want, services: dictionary({ web: service('web') }) }
    expect(down(have, { project: fewer })).not.toContain('p-db-1')
    expect(down(have, { project: fewer, removeOrphans: true })).toContain('Container p-db-1: remove-container (down)')
  })

  it('removes images that have no name of their own, or all', () => {
    const { image: _image, ...unnamed } = service('built')
    const mixed = project([unnamed, service('web')])
    const have = {
      ...up(project([service('web')])),
      images: dictionary({ 'p-built': image('sha256:1'), busybox: image('sha256:2') }),
    }
    expect(down(have, { project: mixed, removeImages: 'local' })).toMatch(
      /Image p-built:latest(?![\s\S]*Image busybox)/,
    )
    expect(down(have, { project: mixed, removeImages: 'all' })).toMatch(
      /Image p-built[\s\S]*Image busybox|Image busybox[\s\S]*Image p-built/,
    )
  })

  it('removes what was built for the services under whatever name, orphans when they go; local only what nobody named', () => {
    const { image: _image, ...web } = service('web')
    const files = project([web])
    const have = { ...up(project([service('web')])), images: dictionary({ 'p-web': image('sha256:1') }) }
    const built = [
      { service: 'web', names: ['p-web:latest', 'extra:1'] },
      { service: 'gone', names: ['p-gone:latest', 'registry:5000/gone:2'] },
    ]
    const removed = (extra: Partial<DownOptions>): readonly string[] =>
      [...down(have, { project: files, built, ...extra }).matchAll(/Image (\S+): /g)].map((match) => match[1] ?? '')
    expect(removed({ removeImages: 'all' })).toEqual(['p-web:latest', 'extra:1'])
    expect(removed({ removeImages: 'local' })).toEqual(['p-web:latest'])
    const all = { removeOrphans: true }
    expect(removed({ ...all, removeImages: 'all' })).toEqual([
      'p-web:latest',
      'extra:1',
      'p-gone:latest',
      'registry:5000/gone:2',
    ])
    expect(removed({ ...all, removeImages: 'local' })).toEqual(['p-web:latest', 'p-gone:latest'])
    expect(removed({ ...all, removeImages: 'all', services: ['web'] })).toEqual(['p-web:latest', 'extra:1'])
    expect(removed({})).toEqual([])
  })

  it('removes what docker-compose 1 built also after up --build made another of it', () => {
    const { image: _image, ...web } = service('web', { build: { context: '/p' } })
    const files = project([web, service('db')])
    const have = {
      ...up(files),
      images: dictionary({ 'p-web': image('sha256:1'), p_web: image('sha256:2'), p_db: image('sha256:3') }),
    }
    for (const removeImages of ['local', 'all'] as const) {
      const text = down(have, { project: files, removeImages })
      expect(text).toContain('Image p-web:latest: remove-image')
      expect(text).toContain('Image p_web:latest: remove-image')
      // Its image has a name in the file: one called so is nobody's of this project.
      expect(text).not.toContain('Image p_db')
    }
  })

  it('says when there is nothing', () => {
    const plan = planDown(emptyEngine(), { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false })
    expect(plan).toEqual({
      steps: [],
      settled: [],
      warnings: ['Warning: No resource found to remove for project "p".'],
    })
  })
})

describe('verbs', () => {
  const have = up(want)
  const verb = (kind: 'start' | 'stop' | 'pause', services: readonly string[] = []): readonly string[] =>
    planVerb({ kind }, rosterOfProject(want, have), services).steps.map(
      (step) => `${step.resource.replace('Container p-', '')} [${step.after.join(' ')}]`,
    )

  it('stop goes dependents first, pause all at once, start does nothing to what runs', () => {
    // What is independent waits for nobody.
    expect(verb('stop')).toEqual(['web-1 []', 'api-1 [1]', 'db-1 [2]', 'other-1 []'])
    expect(verb('pause')).toEqual(['db-1 []', 'other-1 []', 'api-1 []', 'web-1 []'])
    expect(verb('start')).toEqual([])
    expect(verb('stop', ['db'])).toEqual(['db-1 []'])
  })

  it('the ends of a chain keep their order where nothing is done in between', () => {
    const containers = have.containers.map((entry) =>
      entry.service === 'api' ? { ...entry, state: 'exited' as const } : entry,
    )
    const steps = planVerb({ kind: 'stop' }, rosterOfProject(want, { ...have, containers }), []).steps
    expect(steps.map((step) => [step.resource, step.after])).toEqual([
      ['Container p-web-1', []],
      ['Container p-db-1', [1]],
      ['Container p-other-1', []],
    ])
    expect(verb('stop', ['web', 'db'])).toEqual(['web-1 []', 'db-1 [1]'])
  })

  it('start goes dependencies first', () => {
    const stopped = { ...have, containers: have.containers.map((entry) => ({ ...entry, state: 'exited' as const })) }
    const steps = planVerb({ kind: 'start' }, rosterOfLabels(stopped), ['web', 'db']).steps
    expect(steps.map((step) => [step.resource, step.after])).toEqual([
      ['Container p-db-1', []],
      ['Container p-web-1', [1]],
    ])
  })

  it('start of a service is that of what it depends on, and waits for what of it runs', () => {
    const roster = rosterOfProject(want, have)
    expect([...withDependencies(roster, ['web'])].sort()).toEqual(['api', 'db', 'web'])
    expect(withDependencies(roster, [])).toEqual([])
    const checked = project([
      service('web', { depends_on: dependsOn({ on: 'db', condition: 'service_healthy' }, 'cache') }),
      service('db'),
      service('cache'),
    ])
    const seen = up(checked)
    const state = (name: string): 'exited' | 'running' => (name === 'p-web-1' ? 'exited' : 'running')
    const stopped = { ...seen, containers: seen.containers.map((entry) => ({ ...entry, state: state(entry.name) })) }
    const text = renderPlan(planVerb({ kind: 'start' }, rosterOfProject(checked, stopped), ['web', 'db', 'cache']))
    expect(`\n${text}\n`).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: wait-container until healthy (depended on)
      [1] → #2 Container p-web-1: start-container (start)
      "
    `)
  })

  it('restart waits for what conditions ask before it goes on, from the files and from labels', () => {
    const ordered = project([
      service('web', {
        depends_on: dependsOn(
          { on: 'db', condition: 'service_healthy' },
          { on: 'init', condition: 'service_completed_successfully', required: false },
        ),
      }),
      service('db', { scale: 2 }),
      service('init'),
    ])
    const running = up(ordered)
    const text = renderPlan(planVerb({ kind: 'restart' }, rosterOfProject(ordered, running), []))
    expect(`\n${text}\n`).toMatchInlineSnapshot(`
      "
      [] → #1 Container p-db-1: restart-container (restart)
      [] → #2 Container p-db-2: restart-container (restart)
      [] → #3 Container p-init-1: restart-container (restart)
      [1] → #4 Container p-db-1: wait-container until healthy (depended on)
      [2] → #5 Container p-db-2: wait-container until healthy (depended on)
      [3] → #6 Container p-init-1: wait-container until completed (depended on)
      [1 2 3 4 5 6] → #7 Container p-web-1: restart-container (restart)
      "
    `)
    const kinds = planVerb({ kind: 'restart' }, rosterOfLabels(running), ['web', 'db']).steps.map(({ op }) => op.kind)
    expect(kinds.filter((kind) => kind === 'wait-container')).toHaveLength(2)
    // A dependency that is left alone is as it was.
    expect(planVerb({ kind: 'restart' }, rosterOfProject(ordered, running), ['web']).steps).toHaveLength(1)
  })

  it('dependents are found over several services, along the dependencies that count', () => {
    const chain = project([
      service('web', { depends_on: dependsOn({ on: 'api', restart: true }) }),
      service('api', { depends_on: dependsOn({ on: 'db', restart: true }, 'cache') }),
      service('db'),
      service('cache'),
    ])
    const roster = rosterOfProject(chain, up(chain))
    const restarted = (name: string): readonly string[] =>
      [...withDependents(roster, [name], ({ restart }) => restart === true)].sort()
    expect([restarted('db'), restarted('cache')]).toEqual([['api', 'db', 'web'], ['cache']])
  })

  it.each([
    ['db', true],
    ['db:service_started', true],
    ['db:service_started:true', true],
    ['db:service_started:1', true],
    ['db:service_started:false', false],
    ['db:service_started:maybe', false],
  ])('a label %j asks for a restart with the dependency: %s', (label, isAsked) => {
    const chain = project([service('web', { depends_on: dependsOn('db') }), service('db')])
    const roster = rosterOfLabels(withDependsOn(up(chain), { web: label }))
    expect(roster.dependencies.get('web')?.get('db')?.restart).toBe(isAsked)
  })

  it('labels that name each other in a circle, or nobody, stop nothing from being stopped and removed', () => {
    const three = project([service('web'), service('api'), service('db')])
    const odd = { web: 'api,web,,:::,__proto__,gone:x:y:z', api: 'db:service_healthy:true', db: 'web' }
    const roster = rosterOfLabels(withDependsOn(up(three), odd))
    expect(
      planVerb({ kind: 'stop' }, roster, [])
        .steps.map(({ resource }) => resource)
        .sort(),
    ).toEqual(['Container p-api-1', 'Container p-db-1', 'Container p-web-1'])
    expect(roster.dependencies.get('web')?.has('web')).toBe(false)
  })
})

/** The same containers, with other labels of what their services depend on. */
function withDependsOn(have: Observed, labels: Readonly<Record<string, string>>): Observed {
  const containers = have.containers.map((entry) => ({
    ...entry,
    labels: { ...entry.labels, [LABEL.dependsOn]: labels[entry.service] ?? '' },
  }))
  return { ...have, containers }
}
