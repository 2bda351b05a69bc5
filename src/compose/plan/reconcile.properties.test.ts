import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { emptyEngine } from '../../testing/compose-builders.ts'
import { disturb, drafts, options, states, toProject } from '../../../test/compose-project-arbitraries.ts'
import { hashService } from '../hash.ts'
import type { Project } from '../model/project.ts'
import { planDown } from './down.ts'
import { LABEL } from './label.ts'
import type { Observed } from './observed.ts'
import { defaultReconcileOptions } from './options.ts'
import { isQuestions } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

/** The laws of planning, for projects and states nobody thought of. */

function plan(want: Project, have: Observed, extra: Partial<typeof defaultReconcileOptions> = {}): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, orphans: 'remove', ...extra })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

describe('laws of reconciliation', () => {
  it('carrying out the plan gives the project, from any earlier project in any state', () => {
    fc.assert(
      fc.property(drafts, drafts, states, options, fc.nat(99), (before, after, marks, extra, choice) => {
        const first = applyPlan(plan(toProject(before), emptyEngine()), emptyEngine())
        const have = disturb(first, marks)
        const want = toProject(after)
        const result = applyPlan(plan(want, have, extra), have, (ready) => choice % ready.length)
        for (const entry of Object.values(want.services)) {
          const own = result.containers.filter((container) => container.service === entry.name)
          expect(own.map((container) => container.state)).toEqual(Array(entry.scale ?? 1).fill('running'))
          expect(new Set(own.map((container) => container.name)).size).toBe(own.length)
          for (const container of own) {
            expect(container.name).toBe(`p-${entry.name}-${container.number}`)
            if (entry.network_mode === undefined) expect(container.labels[LABEL.configHash]).toBe(hashService(entry))
            const networks = Object.keys(entry.networks ?? {}).map((key) => want.networks[key]?.name)
            expect(new Set(Object.keys(container.networks))).toEqual(new Set(networks))
          }
        }
        const known = new Set(Object.keys(want.services))
        expect(result.containers.filter((container) => !known.has(container.service))).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('planning again after that is empty', () => {
    fc.assert(
      fc.property(drafts, drafts, states, options, (before, after, marks, extra) => {
        const have = disturb(applyPlan(plan(toProject(before), emptyEngine()), emptyEngine()), marks)
        const want = toProject(after)
        const result = applyPlan(plan(want, have, extra), have)
        expect(plan(want, result, { apiVersion: extra.apiVersion }).steps).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('a container starts after the starts and waits of what its service depends on', () => {
    fc.assert(
      fc.property(drafts, drafts, states, (before, after, marks) => {
        const have = disturb(applyPlan(plan(toProject(before), emptyEngine()), emptyEngine()), marks)
        const want = toProject(after)
        const { steps } = plan(want, have)
        const reach = new Map<number, Set<number>>()
        for (const step of steps) {
          reach.set(step.id, new Set(step.after.flatMap((id) => [id, ...(reach.get(id) ?? [])])))
        }
        const starts = steps.filter((step) => step.op.kind === 'start-container')
        for (const start of starts) {
          const dependencies = want.services[start.group ?? '']?.depends_on ?? {}
          for (const other of starts) {
            if (dependencies[other.group ?? ''] !== undefined) expect(reach.get(start.id)).toContain(other.id)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('runs each hook once for every stop and start, in order, around them', () => {
    fc.assert(
      fc.property(drafts, drafts, states, (before, after, marks) => {
        const have = disturb(applyPlan(plan(toProject(before), emptyEngine()), emptyEngine()), marks)
        const want = toProject(after)
        const { steps } = plan(want, have)
        for (const [index, step] of steps.entries()) {
          const hooksOf = (phase: 'pre_stop' | 'post_start'): readonly string[] =>
            (want.services[step.group ?? '']?.[phase] ?? []).map((hook) => hook.command?.[0] ?? '')
          const ran = (phase: string): readonly string[] =>
            steps.flatMap(({ op, cause, resource }) =>
              op.kind === 'run-hook' && cause === phase && resource === step.resource
                ? [op.hook.command?.[0] ?? '']
                : [],
            )
          if (step.op.kind === 'start-container') {
            expect(ran('post_start')).toEqual(hooksOf('post_start'))
            const inits = steps
              .slice(0, index)
              .filter(({ op, group }) => op.kind === 'run-init' && group === step.group)
            const isWanted = (want.services[step.group ?? '']?.pre_start ?? []).length > 0
            expect(inits.length > 0).toBe(isWanted)
          }
          if (step.op.kind !== 'stop-container' || step.op.container.kind !== 'existing') continue
          const { id } = step.op.container
          const isRunning = have.containers.find((container) => container.id === id)?.state === 'running'
          if (isRunning) expect(ran('pre_stop')).toEqual(hooksOf('pre_stop'))
        }
      }),
      { numRuns: 100 },
    )
  })

  it('is the same for the same arguments, in whatever order the engine lists', () => {
    fc.assert(
      fc.property(drafts, drafts, (before, after) => {
        const have = applyPlan(plan(toProject(before), emptyEngine()), emptyEngine())
        const want = toProject(after)
        const kinds = (observed: Observed): readonly string[] =>
          plan(want, observed)
            .steps.map((step) => `${step.resource} ${step.op.kind}`)
            .sort()
        const reversed = { ...have, networks: [...have.networks].reverse(), volumes: [...have.volumes].reverse() }
        expect(kinds(reversed)).toEqual(kinds(have))
        expect(plan(want, have)).toEqual(plan(want, have))
      }),
      { numRuns: 50 },
    )
  })

  it('never removes a volume without an answer', () => {
    fc.assert(
      fc.property(drafts, drafts, states, (before, after, marks) => {
        const have = disturb(applyPlan(plan(toProject(before), emptyEngine()), emptyEngine()), marks)
        expect(plan(toProject(after), have).steps.map((step) => step.op.kind)).not.toContain('remove-volume')
      }),
      { numRuns: 50 },
    )
  })
})

describe('laws of down', () => {
  it('with volumes and orphans leaves nothing, with the files or from labels alone', () => {
    fc.assert(
      fc.property(drafts, states, fc.boolean(), (draft, marks, hasFiles) => {
        const want = toProject(draft)
        const have = disturb(applyPlan(plan(want, emptyEngine()), emptyEngine()), marks)
        const down = planDown(have, {
          projectName: 'p',
          ...(hasFiles && { project: want }),
          services: [],
          removeOrphans: true,
          removeVolumes: true,
        })
        const left = applyPlan(down, have)
        expect([left.containers, left.networks, left.volumes]).toEqual([[], [], []])
      }),
      { numRuns: 100 },
    )
  })
})
