import { assertNever } from '../../core/errors.ts'
import type { Dependency } from '../model/service.ts'
import { makePlanBuilder } from './builder.ts'
import type { PlanBuilder } from './builder.ts'
import { serviceLevels } from './dependency.ts'
import type { Roster } from './dependency.ts'
import { isAlive } from './observed.ts'
import type { ObservedContainer } from './observed.ts'
import type { Plan, StepOp } from './plan.ts'
import { toRef, toResource } from './workspace.ts'

/** Verbs that act on the containers that exist and make none. */
export type Verb =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop'; readonly timeoutSeconds?: number }
  | { readonly kind: 'restart'; readonly timeoutSeconds?: number }
  | { readonly kind: 'kill'; readonly signal: string }
  | { readonly kind: 'pause' }
  | { readonly kind: 'unpause' }
  | { readonly kind: 'remove'; readonly withVolumes: boolean }

/**
 * Plans one verb over the services of a roster: `start` and `restart` go dependencies first, `stop`
 * dependents first, the others all at once. What is started waits for what its dependencies' conditions ask.
 *
 * @param services empty means all
 */
export function planVerb(verb: Verb, roster: Roster, services: readonly string[]): Plan {
  const builder = makePlanBuilder()
  const levels = orderFor(verb, serviceLevels(roster))
  const chosen = new Set(services.length > 0 ? services : roster.dependencies.keys())
  const begun: Begun = new Map()
  let before: readonly number[] = []
  for (const level of levels) {
    const steps: number[] = []
    for (const service of level) {
      if (!chosen.has(service)) continue
      const affected = (roster.containers.get(service) ?? []).filter((container) => appliesTo(verb, container))
      const waits = affected.length === 0 ? [] : addWaits(builder, roster.dependencies.get(service), begun)
      const own = affected.map((container) => {
        const shared = { resource: toResource(container.name), cause: verb.kind, group: service }
        const step = builder.add({ op: toOp(verb, container), ...shared, after: [...before, ...waits] })
        return { container, step }
      })
      if (verb.kind === 'start' || verb.kind === 'restart') begun.set(service, own)
      steps.push(...own.map(({ step }) => step))
    }
    if (steps.length > 0) before = steps
  }
  return builder.build()
}

/** Service → its containers this plan starts, and the step that does. */
type Begun = Map<string, readonly { readonly container: ObservedContainer; readonly step: number }[]>

/** Waits for the dependencies that are started too, as far as their conditions ask for more than a start. */
function addWaits(
  builder: PlanBuilder,
  dependencies: ReadonlyMap<string, Dependency> | undefined,
  begun: Begun,
): readonly number[] {
  const waits: number[] = []
  for (const [name, { condition, required }] of dependencies ?? []) {
    if (condition === 'service_started') continue
    const isHealth = condition === 'service_healthy'
    const started = begun.get(name) ?? []
    for (const { container, step } of isHealth ? started : started.slice(0, 1)) {
      const wait = builder.add({
        op: {
          kind: 'wait-container',
          container: toRef(container),
          service: name,
          condition: isHealth ? 'healthy' : 'completed',
        },
        resource: toResource(container.name),
        cause: 'depended on',
        group: name,
        after: [step],
        ...(!required && { bestEffort: true }),
        words: { working: 'Waiting', done: isHealth ? 'Healthy' : 'Exited' },
      })
      waits.push(wait)
    }
  }
  return waits
}

function orderFor(verb: Verb, levels: readonly (readonly string[])[]): readonly (readonly string[])[] {
  if (verb.kind === 'start' || verb.kind === 'restart') return levels
  return verb.kind === 'stop' ? [...levels].reverse() : [levels.flat()]
}

function appliesTo(verb: Verb, container: ObservedContainer): boolean {
  switch (verb.kind) {
    case 'start':
      return !container.isOneOff && !isAlive(container)
    case 'restart':
      return !container.isOneOff
    case 'stop':
    case 'kill':
      return isAlive(container)
    case 'pause':
      return container.state === 'running'
    case 'unpause':
      return container.state === 'paused'
    case 'remove':
      return !isAlive(container)
    default:
      return assertNever(verb)
  }
}

function toOp(verb: Verb, container: ObservedContainer): StepOp {
  const ref = toRef(container)
  switch (verb.kind) {
    case 'start':
      return { kind: 'start-container', container: ref }
    case 'stop':
    case 'restart': {
      const { timeoutSeconds } = verb
      const kind = verb.kind === 'stop' ? 'stop-container' : 'restart-container'
      return { kind, container: ref, ...(timeoutSeconds !== undefined && { timeoutSeconds }) }
    }
    case 'kill':
      return { kind: 'kill-container', container: ref, signal: verb.signal }
    case 'pause':
      return { kind: 'pause-container', container: ref }
    case 'unpause':
      return { kind: 'unpause-container', container: ref }
    case 'remove':
      return { kind: 'remove-container', container: ref, withVolumes: verb.withVolumes }
    default:
      return assertNever(verb)
  }
}
