import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../../testing/apply-plan.ts'
import { dictionary, emptyEngine } from '../../../testing/compose-builders.ts'
import { disturb, drafts, options, states, toProject } from '../../../../test/compose-project-arbitraries.ts'
import type { Draft } from '../../../../test/compose-project-arbitraries.ts'
import { mapDictionary } from '../../model/dictionary.ts'
import type { Project } from '../../model/project.ts'
import type { Observed, ObservedContainer } from '../observed.ts'
import { defaultReconcileOptions } from '../options.ts'
import { isQuestions } from '../plan.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'
import { describePlan } from './document.ts'
import type { PlanDocument } from './document.ts'

/** A plan says what happens: each line of it does, and nothing does that has no line. */

const extras = fc.record({
  updates: fc.array(fc.constantFrom(undefined, 'start-first', 'stop-first'), { minLength: 5, maxLength: 5 }),
  parallelism: fc.constantFrom(0, 1, 2),
  volume: fc.constantFrom('1', '2'),
  answer: fc.boolean(),
} as const)
type Extra = typeof extras extends fc.Arbitrary<infer T> ? T : never

const choices = fc.record({
  services: fc.constantFrom([], ['a'], ['c'], ['b', 'd']),
  withoutDependencies: fc.boolean(),
  orphans: fc.constantFrom('remove', 'warn'),
  renewAnonymousVolumes: fc.boolean(),
  lowestNumbers: fc.boolean(),
  start: fc.boolean(),
} as const)

/** The draft with updates in batches, and a volume whose definition may change. */
function toWhole(draft: Draft, { updates, parallelism, volume }: Extra): Project {
  const plain = toProject(draft)
  const services = mapDictionary(plain.services, (entry) => {
    const order = updates['abcde'.indexOf(entry.name)]
    return order === undefined ? entry : { ...entry, deploy: { update_config: { order, parallelism } } }
  })
  const data = plain.volumes['data']
  if (data === undefined) return { ...plain, services }
  return { ...plain, services, volumes: dictionary({ data: { ...data, labels: dictionary({ v: volume }) } }) }
}

function plan(want: Project, have: Observed, options: Partial<typeof defaultReconcileOptions>): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, ...options })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

const nothing: Plan = { steps: [], settled: [], warnings: [] }

function describeIt(made: Plan, observed: Observed): PlanDocument {
  return describePlan({ project: 'p', plan: made, pulls: nothing, observed, fields: new Map() })
}

const byName = (observed: Observed): ReadonlyMap<string, ObservedContainer> =>
  new Map(observed.containers.map((container) => [container.name, container]))

const isUp = (container: ObservedContainer | undefined): boolean => container?.state === 'running'

/** What became of a container, as far as one can see. */
function compare(before: ObservedContainer | undefined, after: ObservedContainer | undefined): string {
  if (before === undefined) return 'create'
  if (after === undefined) return 'remove'
  if (before.id !== after.id) return 'replace'
  if (before.state === after.state)
    return JSON.stringify(before.networks) === JSON.stringify(after.networks) ? '' : 'change'
  return isUp(after) ? 'start' : 'stop'
}

/** Actions that come to what one can see; a restart leaves no trace in this model of an engine. */
const consistent: Readonly<Record<string, readonly string[]>> = {
  '': ['restart'],
  change: ['change', 'restart'],
  start: ['start', 'restart'],
  stop: ['stop'],
  create: ['create'],
  remove: ['remove'],
  replace: ['replace'],
}

describe('laws of the document', () => {
  it('it names each container that becomes another, with what becomes of it, and no other', () => {
    fc.assert(
      fc.property(
        fc.tuple(drafts, extras, drafts, extras, states),
        fc.tuple(options, choices, fc.nat(99)),
        ([draft, extra, nextDraft, nextExtra, marks], [how, choice, pick]) => {
          const answers = { 'volume:p_data': nextExtra.answer }
          const first = toWhole(draft, extra)
          const have = disturb(applyPlan(plan(first, emptyEngine(), {}), emptyEngine()), marks)
          const want = toWhole(nextDraft, nextExtra)
          const named = choice.services.filter((name) => want.services[name] !== undefined)
          let made: Plan
          try {
            made = plan(want, have, { ...how, ...choice, services: named, answers })
          } catch (error) {
            // A service may be without a partner it shares its network with, a volume in use by what is not made again;
            // then nothing is done.
            expect(String(error)).toMatch(/container missing|volume p_data has changed, and is in use by/)
            return
          }
          const document = describeIt(made, have)
          const after = applyPlan(made, have, (ready) => pick % ready.length)
          const [old, now] = [byName(have), byName(after)]
          const lines = new Map(document.containers.map(({ name, action }) => [name, action]))
          expect(lines.size).toBe(document.containers.length)
          for (const name of new Set([...old.keys(), ...now.keys()])) {
            const seen = compare(old.get(name), now.get(name))
            const line = lines.get(name)
            if (line === undefined) expect([name, seen]).toEqual([name, ''])
            else expect(consistent[seen], `${name}: ${line}`).toContain(line)
          }
          for (const { name } of document.containers) expect([...old.keys(), ...now.keys()]).toContain(name)

          const volumes = document.resources.filter(({ kind }) => kind === 'volume').map(({ action }) => action)
          const isChanged = have.volumes[0]?.labels['v'] !== after.volumes[0]?.labels['v']
          const action = have.volumes.length === 0 ? 'create' : 'replace'
          expect(volumes).toEqual(isChanged ? [action] : [])
          const networks = new Map(have.networks.map(({ name, id }) => [name, id]))
          for (const { name, id } of after.networks) {
            const line = document.resources.find((entry) => entry.kind === 'network' && entry.name === name)?.action
            const was = networks.get(name)
            expect([name, line]).toEqual([name, was === id ? undefined : was === undefined ? 'create' : 'replace'])
          }

          for (const { name, running, least } of document.services) {
            const own = have.containers.filter(
              (container) => container.service === name && container.state === 'running',
            )
            expect(running).toBeGreaterThanOrEqual(own.length)
            expect(least).toBeLessThanOrEqual(running)
          }
          const isSame = document.containers.length + document.resources.length === 0
          if (isSame)
            expect(document.hasChanges && made.steps.some(({ op }) => !op.kind.startsWith('wait'))).toBe(false)
        },
      ),
      { numRuns: 400 },
    )
  })
})
