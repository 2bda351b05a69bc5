import { assertNever } from '../../core/errors.ts'
import { makePlanBuilder } from './builder.ts'
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
 * dependents first, the others all at once.
 *
 * @param services empty means all
 */
export function planVerb(verb: Verb, roster: Roster, services: readonly string[]): Plan {
  const builder = makePlanBuilder()
  const levels = orderFor(verb, serviceLevels(roster))
  const chosen = new Set(services.length > 0 ? services : roster.dependencies.keys())
  let before: readonly number[] = []
  for (const level of levels) {
    const steps: number[] = []
    for (const service of level) {
      if (!chosen.has(service)) continue
      for (const container of roster.containers.get(service) ?? []) {
        if (!appliesTo(verb, container)) continue
        const resource = toResource(container.name)
        const op = toOp(verb, container)
        steps.push(builder.add({ op, resource, cause: verb.kind, group: service, after: before }))
      }
    }
    if (steps.length > 0) before = steps
  }
  return builder.build()
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
