import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import type { Seen } from './bring-back-steps.ts'
import { findInterrupted, planBringBack } from './bring-back.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import type { ReconcileOptions } from './options.ts'
import { isQuestions } from './plan.ts'
import type { Plan, Step } from './plan.ts'
import { reconcile } from './reconcile.ts'

function plan(want: Project, have: Observed, options: Partial<ReconcileOptions> = {}): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, ...options })
  if (isQuestions(outcome)) throw new Error('asked without an answer')
  return outcome
}

/** `stop p-web-1`: the kind of a step without its last word, and what it is about. */
const toLine = ({ op, resource }: Step): string => `${op.kind.split('-')[0]} ${resource.split(' ')[1]}`

/** States as the engine has them: by name for old ones, by `new NAME` for those that the plan made. */
type Now = Readonly<Record<string, Seen['state'] | undefined>>

/** What is planned after a failure of one step, before which all those given were done. */
function afterFailure(
  change: Plan,
  have: Observed,
  done: readonly string[],
  failed: string,
  now: Now,
): readonly string[] {
  const find = (line: string): number => change.steps.find((step) => toLine(step) === line)?.id ?? Number.NaN
  const ids = done.map(find)
  expect([...ids, find(failed)]).not.toContain(Number.NaN)
  const made = new Map(
    change.steps.filter(({ op }) => op.kind === 'create-container').map(({ id }) => [id, `new${id}`]),
  )
  const ended = { done: new Set(ids), begun: new Set([...ids, find(failed)]), made }
  const interrupted = findInterrupted(change, ended)
  const seen = new Map<string, Seen>()
  const unknown = new Set<string>()
  for (const { old, successor } of interrupted) {
    const [before, after] = [now[old.name], now[`new ${old.name}`]]
    if (before === 'dead') unknown.add(old.id)
    else if (before !== undefined) seen.set(old.id, { id: old.id, name: old.name, state: before, networks: [] })
    if (successor === undefined || after === undefined) continue
    const { name } = successor.creation.op
    seen.set(successor.reference, { id: successor.reference, name, state: after, networks: [] })
  }
  const networks = new Set(failed.startsWith('remove') ? ['p_default'] : [])
  const back = planBringBack(change, interrupted, ended, { seen, unknown, networks })
  const olds = new Set(have.containers.map(({ id }) => id))
  return back.steps.map((step) => {
    const isNew = 'container' in step.op && step.op.container.kind === 'existing' && !olds.has(step.op.container.id)
    return `${toLine(step)}${isNew ? ' new' : ''}`
  })
}

describe('a container that was to be replaced', () => {
  const want = (version: string): Project => project([service('web', { labels: dictionary({ version }) })])
  const have = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const change = plan(want('2'), have)

  it('stays as it is, without the successor, where its stop has not begun', () => {
    const now = { 'p-web-1': 'running', 'new p-web-1': 'created' } as const
    expect(afterFailure(change, have, ['create p-web-1'], 'create p-web-1', now)).toEqual(['remove p-web-1 new'])
  })

  it('runs again where it is still there', () => {
    const now = { 'p-web-1': 'exited', 'new p-web-1': 'created' } as const
    expect(afterFailure(change, have, ['create p-web-1', 'stop p-web-1'], 'remove p-web-1', now)).toEqual([
      'start p-web-1',
      'remove p-web-1 new',
    ])
  })

  it('has its successor started where it is gone, under its own name if it can be', () => {
    const done = ['create p-web-1', 'stop p-web-1', 'remove p-web-1']
    const now = { 'new p-web-1': 'created' } as const
    expect(afterFailure(change, have, done, 'rename p-web-1', now)).toEqual(['rename p-web-1 new', 'start p-web-1 new'])
  })

  it('has its successor started where what that waits for was to be replaced and still runs', () => {
    const onDb = dependsOn({ on: 'db', condition: 'service_healthy' })
    const both = (version: string): Project =>
      project([
        service('db', { labels: dictionary({ version }), healthcheck: { test: ['CMD', 'true'] } }),
        service('web', { labels: dictionary({ version }), depends_on: onDb }),
      ])
    const there = applyPlan(plan(both('1'), emptyEngine()), emptyEngine())
    const done = ['create p-db-1', 'create p-web-1', 'stop p-web-1', 'remove p-web-1']
    const now = { 'p-db-1': 'running', 'new p-db-1': 'created', 'new p-web-1': 'created' } as const
    expect(afterFailure(plan(both('2'), there), there, done, 'stop p-db-1', now)).toEqual([
      'remove p-db-1 new',
      'rename p-web-1 new',
      'wait p-web-1',
      'start p-web-1 new',
    ])
  })

  it('is left alone where nothing is known of it, or its successor has failed to start', () => {
    const done = ['create p-web-1', 'stop p-web-1', 'remove p-web-1', 'rename p-web-1']
    expect(afterFailure(change, have, done, 'remove p-web-1', { 'p-web-1': 'dead' })).toEqual([])
    expect(afterFailure(change, have, done, 'start p-web-1', { 'new p-web-1': 'created' })).toEqual([])
  })

  it('runs again where `create` was to leave it replaced and stopped', () => {
    const creation = plan(want('2'), have, { start: false })
    const now = { 'p-web-1': 'exited', 'new p-web-1': 'created' } as const
    expect(afterFailure(creation, have, ['create p-web-1'], 'stop p-web-1', now)).toEqual([
      'start p-web-1',
      'remove p-web-1 new',
    ])
  })

  it('that was to go for good stays stopped', () => {
    const fewer = plan(want('1'), have, { scale: { web: 0 } })
    expect(afterFailure(fewer, have, ['stop p-web-1'], 'remove p-web-1', { 'p-web-1': 'exited' })).toEqual([])
  })
})

describe('a container that was to be started again with another', () => {
  const want = (version: string): Project =>
    project([
      service('web', { labels: dictionary({ version }) }),
      service('app', { depends_on: dependsOn({ on: 'web', restart: true }) }),
    ])
  const have = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const change = plan(want('2'), have)
  const stopped = ['create p-web-1', 'stop p-app-1', 'stop p-web-1']

  it('runs again after it', () => {
    const now = { 'p-web-1': 'exited', 'new p-web-1': 'created', 'p-app-1': 'exited' } as const
    expect(afterFailure(change, have, stopped, 'remove p-web-1', now)).toEqual([
      'start p-web-1',
      'remove p-web-1 new',
      'start p-app-1',
    ])
  })

  it('runs again without it where that cannot be', () => {
    const done = [...stopped, 'remove p-web-1', 'rename p-web-1']
    const now = { 'new p-web-1': 'created', 'p-app-1': 'exited' } as const
    expect(afterFailure(change, have, done, 'start p-web-1', now)).toEqual(['start p-app-1'])
  })
})

describe('a container that lives in another', () => {
  const want = (version: string): Project =>
    project([
      service('host', { labels: dictionary({ version }) }),
      service('side', { network_mode: 'service:host', depends_on: dependsOn('host') }),
    ])
  const have = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const change = plan(want('2'), have)
  const created = ['create p-host-1', 'create p-side-1']

  it('goes over to the successor of that where the old one is gone', () => {
    const done = [...created, 'stop p-host-1', 'remove p-host-1', 'rename p-host-1', 'start p-host-1']
    const now = { 'p-side-1': 'running', 'new p-side-1': 'created' } as const
    expect(afterFailure(change, have, done, 'stop p-side-1', now)).toEqual([
      'stop p-side-1',
      'remove p-side-1',
      'rename p-side-1 new',
      'start p-side-1 new',
    ])
  })

  it('is not stopped before the old one is gone', () => {
    const stop = change.steps.find((step) => toLine(step) === 'stop p-side-1')
    expect(stop?.after).toContain(change.steps.find((step) => toLine(step) === 'rename p-host-1')?.id)
  })

  it('runs again where nothing has been done yet about that', () => {
    const both = (version: string): Project =>
      project([
        service('host', { labels: dictionary({ version }) }),
        service('web', { labels: dictionary({ version }) }),
        service('side', { network_mode: 'service:host', depends_on: dependsOn('host', { on: 'web', restart: true }) }),
      ])
    const there = applyPlan(plan(both('1'), emptyEngine()), emptyEngine())
    const done = ['create p-web-1', 'stop p-side-1']
    const now = { 'p-host-1': 'running', 'p-web-1': 'running', 'new p-web-1': 'created', 'p-side-1': 'exited' } as const
    expect(afterFailure(plan(both('2'), there), there, done, 'stop p-web-1', now)).toEqual([
      'remove p-web-1 new',
      'start p-side-1',
    ])
  })

  it('stays in the one it is in, whatever becomes of others of that service', () => {
    const scaled = plan(want('2'), have, { scale: { host: 2 } })
    const now = {
      'p-host-1': 'running',
      'p-side-1': 'running',
      'new p-host-1': 'created',
      'new p-side-1': 'created',
    } as const
    const done = [...created, 'create p-host-2']
    expect(afterFailure(scaled, have, done, 'stop p-host-1', now)).toEqual([
      'remove p-host-1 new',
      'remove p-side-1 new',
    ])
  })

  it('is restarted where that is started again', () => {
    const now = {
      'p-host-1': 'exited',
      'p-side-1': 'running',
      'new p-host-1': 'created',
      'new p-side-1': 'created',
    } as const
    expect(afterFailure(change, have, [...created, 'stop p-host-1'], 'remove p-host-1', now)).toEqual([
      'start p-host-1',
      'remove p-host-1 new',
      'restart p-side-1',
      'remove p-side-1 new',
    ])
  })
})

it('a container with a link of the default bridge goes over to the successor of the one it leads to', () => {
  const want = (version: string): Project =>
    project([
      service('db', { labels: dictionary({ version }), network_mode: 'bridge' }),
      service('web', { network_mode: 'bridge', links: ['db'], depends_on: dependsOn('db') }),
    ])
  const have = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const created = ['create p-db-1', 'stop p-db-1', 'remove p-db-1', 'rename p-db-1', 'create p-web-1']
  const done = [...created, 'start p-db-1', 'stop p-web-1']
  const now = { 'p-web-1': 'exited', 'new p-web-1': 'created' } as const
  expect(afterFailure(plan(want('2'), have), have, done, 'remove p-web-1', now)).toEqual([
    'remove p-web-1',
    'rename p-web-1 new',
    'start p-web-1 new',
  ])
})

it('containers on a network that could not be made anew are put on it again, in the order of their dependencies', () => {
  const want = (version: string): Project =>
    project([service('a', { depends_on: dependsOn('b') }), service('b')], {
      networks: { default: { labels: dictionary({ version }) } },
    })
  const have = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const done = ['stop p-a-1', 'stop p-b-1', 'disconnect p-a-1', 'disconnect p-b-1']
  const now = { 'p-a-1': 'exited', 'p-b-1': 'exited' } as const
  const again = ['connect p-b-1', 'start p-b-1', 'connect p-a-1', 'start p-a-1']
  const change = plan(want('2'), have)
  expect(afterFailure(change, have, done, 'remove p_default', now)).toEqual(again)
  const removed = [...done, 'remove p_default']
  expect(afterFailure(change, have, removed, 'create p_default', now)).toEqual(['create p_default', ...again])
})

it('a container that was to be replaced runs again after the one it depends on, which was not', () => {
  const want = (version: string): Project =>
    project([service('a', { labels: dictionary({ version }), depends_on: dependsOn('b') }), service('b')], {
      networks: { default: { labels: dictionary({ version }) } },
    })
  const have = applyPlan(plan(want('1'), emptyEngine()), emptyEngine())
  const done = ['stop p-a-1', 'stop p-b-1', 'disconnect p-a-1', 'disconnect p-b-1']
  const now = { 'p-a-1': 'exited', 'p-b-1': 'exited' } as const
  expect(afterFailure(plan(want('2'), have), have, done, 'remove p_default', now)).toEqual([
    'connect p-b-1',
    'start p-b-1',
    'connect p-a-1',
    'start p-a-1',
  ])
})
