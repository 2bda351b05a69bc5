import { assertNever } from '../../core/errors.ts'
import { makePlanBuilder } from './builder.ts'
import type { PlanBuilder } from './builder.ts'
import { serviceLevels } from './dependency.ts'
import type { Roster } from './dependency.ts'
import { addPostStart, addPreStart, addPreStop, serviceOf } from './hook-steps.ts'
import type { HookTarget } from './hook-steps.ts'
import { isAlive, isOutOfReach } from './observed.ts'
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
 * dependents first, the others and what is independent all at once. What is started waits for what its dependencies' conditions ask.
 *
 * @param services empty means all
 */
export function planVerb(verb: Verb, roster: Roster, services: readonly string[]): Plan {
  const builder = makePlanBuilder()
  const neighbours = neighboursFor(verb, roster)
  const chosen = new Set(services.length > 0 ? services : roster.dependencies.keys())
  const begun: Begun = new Map()
  /** Service → the steps after which come those of the next ones. */
  const ends = new Map<string, readonly number[]>()
  for (const service of orderFor(verb, roster)) {
    const before = (neighbours.get(service) ?? []).flatMap((name) => ends.get(name) ?? [])
    const mine = chosen.has(service) ? (roster.containers.get(service) ?? []) : []
    const affected = mine.filter((container) => appliesTo(verb, container))
    const waits = affected.length === 0 ? [] : addWaits(builder, roster, service, verb.kind === 'start', begun)
    const own = addService(builder, verb, roster, affected, [...new Set([...before, ...waits])])
    if (verb.kind === 'start' || verb.kind === 'restart') begun.set(service, own)
    // Nothing is done to one in the middle: those at its ends keep their order. No stop waits for a node that does not answer.
    const reached = verb.kind === 'stop' ? own.filter(({ container }) => !isOutOfReach(container)) : own
    ends.set(service, reached.length > 0 ? reached.map(({ last }) => last) : [...new Set(before)])
  }
  return builder.build()
}

/** A container the verb is done to, the step that does it, and the last of what belongs to it. */
interface Affected {
  readonly container: ObservedContainer
  readonly step: number
  readonly last: number
}

/** One that runs already. */
interface Running {
  readonly container: ObservedContainer
  readonly step?: undefined
  readonly last?: undefined
}

/** Service → its containers this plan starts. */
type Begun = Map<string, readonly Affected[]>

/** The verb on the containers of one service, with the hooks that belong before and after it. */
function addService(
  builder: PlanBuilder,
  verb: Verb,
  roster: Roster,
  containers: readonly ObservedContainer[],
  before: readonly (number | undefined)[],
): readonly Affected[] {
  const target = (container: ObservedContainer, ready: HookTarget['ready']): HookTarget => ({
    ref: toRef(container),
    resource: toResource(container.name),
    ready,
  })
  const first = containers.find((container) => !container.isOneOff)
  const service = first === undefined ? undefined : serviceOf(roster.project, first)
  const isStart = verb.kind === 'start' && service !== undefined && roster.project !== undefined
  const prepared = isStart
    ? addPreStart(
        builder,
        roster.project,
        service,
        containers.map((container) => target(container, [])),
        before,
      )
    : before
  return containers.map((container) => {
    const own = serviceOf(roster.project, container)
    const isStop = verb.kind === 'stop' || verb.kind === 'restart'
    const step = builder.add({
      op: toOp(verb, container),
      resource: toResource(container.name),
      cause: verb.kind,
      group: container.service,
      after: isStop ? addPreStop(builder, roster.project, container, target(container, prepared)) : prepared,
    })
    const isBegun = verb.kind === 'start' || verb.kind === 'restart'
    const last =
      isBegun && own !== undefined && roster.project !== undefined
        ? addPostStart(builder, roster.project, own, target(container, [step]))
        : [step]
    return { container, step, last: last[0] ?? step }
  })
}

/**
 * Waits for the dependencies that are started too, as far as their conditions ask for more than a start; with
 * `withRunning` also for those that run already.
 */
function addWaits(
  builder: PlanBuilder,
  roster: Roster,
  service: string,
  withRunning: boolean,
  begun: Begun,
): readonly number[] {
  const waits: number[] = []
  for (const [name, { condition, required }] of roster.dependencies.get(service) ?? []) {
    if (condition === 'service_started') continue
    const isHealth = condition === 'service_healthy'
    const awaited = [...(begun.get(name) ?? []), ...(withRunning ? runningOf(roster, name) : [])]
    for (const { container, step, last } of isHealth ? awaited : awaited.slice(0, 1)) {
      if (last !== undefined && last !== step) waits.push(last)
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
        after: step === undefined ? [] : [step],
        ...(!required && { bestEffort: true }),
        words: { working: 'Waiting', done: isHealth ? 'Healthy' : 'Exited' },
      })
      waits.push(wait)
    }
  }
  return waits
}

function runningOf(roster: Roster, service: string): readonly Running[] {
  const containers = roster.containers.get(service) ?? []
  return containers.filter((container) => !container.isOneOff && isAlive(container)).map((container) => ({ container }))
}

/** Services in an order in which those that come before are done first. */
function orderFor(verb: Verb, roster: Roster): readonly string[] {
  const levels = serviceLevels(roster)
  return (verb.kind === 'stop' ? levels.toReversed() : levels).flat()
}

/** Service → those that come right before it. Others do not hold it up. */
function neighboursFor(verb: Verb, { dependencies }: Roster): ReadonlyMap<string, readonly string[]> {
  const neighbours = new Map<string, string[]>()
  if (!['start', 'restart', 'stop'].includes(verb.kind)) return neighbours
  for (const [service, needed] of dependencies) {
    for (const name of needed.keys()) {
      const [before, after] = verb.kind === 'stop' ? [service, name] : [name, service]
      neighbours.set(after, [...(neighbours.get(after) ?? []), before])
    }
  }
  return neighbours
}

/** What somebody runs beside the service is left alone, as by docker compose 2.40; only `kill` means all. */
function appliesTo(verb: Verb, container: ObservedContainer): boolean {
  if (verb.kind === 'kill') return isAlive(container)
  if (container.isOneOff) return false
  switch (verb.kind) {
    case 'start':
      // The engine refuses one that is paused, in words of its own, as with the reference program: it is not running after it.
      return !isAlive(container) || container.state === 'paused'
    case 'restart':
      return true
    case 'stop':
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
