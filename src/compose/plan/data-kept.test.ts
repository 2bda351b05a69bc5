import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dictionary, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import type { Volume } from '../model/resource.ts'
import type { Service } from '../model/service.ts'
import { planDown } from './down.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import type { ReconcileOptions } from './options.ts'
import { isQuestions } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

/** Volumes hold what cannot be made again: which ones go, and when. */

function plan(want: Project, have: Observed, options: Partial<ReconcileOptions> = {}): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, ...options })
  if (isQuestions(outcome)) throw new Error(`asks: ${outcome.questions.map(({ text }) => text).join()}`)
  return outcome
}

const mounts = [{ type: 'volume', source: 'data', target: '/data' }] as const

const using = (data: Partial<Volume>, ...others: readonly Service[]): Project =>
  project([service('db', { volumes: mounts }), ...others], { volumes: { data } })

/** There, and made by nobody of this project. */
const given = (name: string): Observed => ({
  ...emptyEngine(),
  volumes: [{ name, driver: 'local', labels: {} }],
})

describe('down', () => {
  const base = { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false }
  const steps = (want: Project, have: Observed, removeVolumes: boolean): Plan['steps'] =>
    planDown(have, { ...base, project: want, removeVolumes }).steps
  const removed = (want: Project, have: Observed): readonly string[] =>
    steps(want, have, true).flatMap(({ op }) => (op.kind === 'remove-volume' ? [op.name] : []))

  it('takes the volumes of containers along with -v, and only then', () => {
    const want = using({})
    const have = applyPlan(plan(want, emptyEngine()), emptyEngine())
    const withVolumes = (asked: boolean): readonly unknown[] =>
      steps(want, have, asked).flatMap(({ op }) => (op.kind === 'remove-container' ? [op.withVolumes] : []))
    expect([withVolumes(false), withVolumes(true)]).toEqual([[false], [true]])
    expect(removed(want, have)).toEqual(['p_data'])
  })

  it.each<readonly [string, Partial<Volume>]>([
    ['external', { external: true, name: 'kept' }],
    ["of file format 1, which is the engine's", { isPlain: true, name: 'kept' }],
  ])('leaves a volume that is %s, whatever it is asked', (_, data) => {
    const want = using(data)
    const have = applyPlan(plan(want, given('kept')), given('kept'))
    expect(have.volumes.map(({ name }) => name)).toEqual(['kept'])
    expect(removed(want, have)).toEqual([])
  })
})

describe('up', () => {
  it.each<readonly [string, Partial<Volume>]>([
    ['external', { external: true, name: 'kept' }],
    ["of file format 1, which is the engine's", { isPlain: true, name: 'kept' }],
  ])('takes a volume that is %s as it is, without a word', (_, data) => {
    const have: Observed = {
      ...emptyEngine(),
      volumes: [{ name: 'kept', driver: 'local', labels: { 'com.docker.compose.config-hash': 'other' } }],
    }
    const { steps, warnings } = plan(using(data), have)
    expect(warnings).toEqual([])
    expect(steps.filter(({ op }) => op.kind === 'create-volume' || op.kind === 'remove-volume')).toEqual([])
  })

  it('makes no volume anew that is in use by what it would not make again', () => {
    const backup = service('backup', { volumes: mounts })
    const have = applyPlan(plan(using({}, backup), emptyEngine()), emptyEngine())
    const changed = using({ labels: dictionary({ v: '2' }) }, backup)
    const answers = { 'volume:p_data': true }
    expect(() => plan(changed, have, { services: ['db'], answers })).toThrow(
      'volume p_data has changed, and is in use by p-backup-1',
    )
    expect(plan(changed, have, { answers }).steps.filter(({ op }) => op.kind === 'remove-volume')).toHaveLength(1)
    expect(plan(changed, have, { answers: { 'volume:p_data': false } }).steps).toEqual([])
  })

  it('replaces a container without its volumes', () => {
    const have = applyPlan(plan(using({}), emptyEngine()), emptyEngine())
    const removals = plan(using({}), have, { recreate: 'force' }).steps.flatMap(({ op }) =>
      op.kind === 'remove-container' ? [op.withVolumes] : [],
    )
    expect(removals).toEqual([false])
  })

  it('does not count on a container that is being removed', () => {
    const have = applyPlan(plan(using({}), emptyEngine()), emptyEngine())
    const leaving = have.containers.map((entry) => ({ ...entry, state: 'removing' as const }))
    const made = plan(using({}), { ...have, containers: leaving }).steps.flatMap(({ op }) =>
      op.kind === 'create-container' ? [op.name] : [],
    )
    expect(made).toEqual(['p-db-2'])
  })
})
