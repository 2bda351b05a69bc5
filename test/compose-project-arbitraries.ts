import * as fc from 'fast-check'
import type { Project } from '../src/compose/model/project.ts'
import type { Service } from '../src/compose/model/service.ts'
import type { ReconcileOptions } from '../src/compose/plan/options.ts'
import type { ContainerState, Observed } from '../src/compose/plan/observed.ts'
import { dependsOn, dictionary, project, service } from '../src/testing/compose-builders.ts'

/** Projects and states nobody thought of, for the laws of planning. */

const names = ['a', 'b', 'c', 'd', 'e'] as const

/** Five services, `a` to `e`: which are there, and what each is like. */
export interface Draft {
  readonly present: readonly boolean[]
  readonly scales: readonly number[]
  readonly values: readonly string[]
  readonly networks: readonly (readonly string[])[]
  readonly mounts: readonly boolean[]
  readonly hooks: readonly (readonly ('pre_start' | 'post_start' | 'pre_stop')[])[]
  /** `from` and `to` by place. */
  readonly edges: readonly {
    readonly from: number
    readonly to: number
    readonly condition: 'service_started' | 'service_healthy'
    readonly restart: boolean
  }[]
  /** The last service lives in the network namespace of the first. */
  readonly shares: boolean
  readonly driver: string
}

export const drafts: fc.Arbitrary<Draft> = fc.record({
  present: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  scales: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 5, maxLength: 5 }),
  values: fc.array(fc.constantFrom('1', '2'), { minLength: 5, maxLength: 5 }),
  networks: fc.array(fc.subarray(['front', 'back']), { minLength: 5, maxLength: 5 }),
  mounts: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  hooks: fc.array(fc.subarray(['pre_start', 'post_start', 'pre_stop'] as const), { minLength: 5, maxLength: 5 }),
  edges: fc.array(
    fc.record({
      from: fc.integer({ min: 1, max: 4 }),
      to: fc.integer({ min: 0, max: 3 }),
      condition: fc.constantFrom('service_started' as const, 'service_healthy' as const),
      restart: fc.boolean(),
    }),
    { maxLength: 6 },
  ),
  shares: fc.boolean(),
  driver: fc.constantFrom('bridge', 'macvlan'),
})

const hooks = [{ command: ['one'] }, { command: ['two'], per_replica: true }]

export function toProject(draft: Draft): Project {
  const services: Service[] = []
  for (const [index, name] of names.entries()) {
    if (draft.present[index] !== true) continue
    const on = draft.edges
      .filter((edge) => edge.from === index && edge.to < index && draft.present[edge.to] === true)
      .map(({ to, condition, restart }) => ({ on: names[to]!, condition, restart }) as const)
    // The last service lives in the network namespace of the first, where both are there.
    const isGuest = draft.shares && index === 4 && draft.present[0] === true && (draft.scales[0] ?? 0) > 0
    const place = isGuest
      ? { network_mode: 'service:a', depends_on: dependsOn({ on: 'a', restart: true }, ...on) }
      : {
          networks: dictionary(Object.fromEntries((draft.networks[index] ?? []).map((key) => [key, null]))),
          depends_on: dependsOn(...on),
        }
    services.push(
      service(name, {
        scale: draft.scales[index] ?? 1,
        environment: dictionary({ VALUE: draft.values[index] ?? '' }),
        ...(draft.mounts[index] === true && {
          volumes: [
            { type: 'volume', source: 'data', target: '/data' },
            { type: 'volume', target: '/cache' },
          ],
        }),
        ...Object.fromEntries((draft.hooks[index] ?? []).map((phase) => [phase, hooks])),
        ...place,
      }),
    )
  }
  return project(services, { networks: { front: { driver: draft.driver }, back: {} }, volumes: { data: {} } })
}

/** How `up` is called, and the version of the engine. */
export const options: fc.Arbitrary<Pick<ReconcileOptions, 'recreate' | 'apiVersion'>> = fc.record({
  recreate: fc.constantFrom('diverged', 'force'),
  apiVersion: fc.constantFrom('1.41', '1.47'),
} as const)

/** Containers as they may be found: some have ended, some are gone. */
export function disturb(observed: Observed, states: readonly (ContainerState | 'gone')[]): Observed {
  const containers = observed.containers.flatMap((container, index) => {
    const state = states[index % states.length] ?? 'running'
    return state === 'gone' ? [] : [{ ...container, state }]
  })
  return { ...observed, containers }
}

export const states: fc.Arbitrary<(ContainerState | 'gone')[]> = fc.array(
  fc.constantFrom<ContainerState | 'gone'>('running', 'exited', 'created', 'paused', 'gone'),
  {
    minLength: 3,
    maxLength: 12,
  },
)
