import type { Observed, ObservedContainer } from '../observed.ts'
import { renderStep } from '../plan.ts'
import type { Plan, Step } from '../plan.ts'
import { insertStep, StepFrontier } from '../step-frontier.ts'
import type { FieldChange } from './field-changes.ts'

/** What is done to one container, in one word. */
export type ContainerAction = 'create' | 'replace' | 'restart' | 'start' | 'stop' | 'remove' | 'change'

/** What becomes of one container, and why. */
export interface ContainerChange {
  readonly name: string
  readonly service: string
  readonly action: ContainerAction
  readonly reason: string
  /** Settings that differ; empty when something else is the reason, or only the hash tells. */
  readonly fields: readonly FieldChange[]
  /** Node it is on; only on a cluster. */
  readonly node?: string
}

/** What becomes of a network, a volume or an image, and why. */
export interface ResourceChange {
  readonly kind: 'network' | 'volume' | 'image'
  readonly name: string
  readonly action: 'create' | 'remove' | 'replace' | 'pull' | 'build'
  readonly reason: string
}

/** What a plan means for a service that is in use. */
export interface ServiceChange {
  readonly name: string
  /** Containers that run now: one that is paused, or between two lives, serves nobody. */
  readonly running: number
  /** The fewest that run at any moment until the plan is done. */
  readonly least: number
  /** True when for a while none runs although some do now and will again. */
  readonly hasGap: boolean
  /** How its containers are exchanged, where `deploy.update_config` applies. */
  readonly update?: {
    readonly order: 'start-first' | 'stop-first'
    /** 0: all at once. */
    readonly parallelism: number
    readonly delayMs: number
    readonly failureAction: 'pause' | 'continue' | 'rollback'
  }
}

/**
 * A plan for programs: the JSON of `plan --format json`. Members are only ever added within one `version`.
 */
export interface PlanDocument {
  readonly version: 1
  readonly project: string
  readonly hasChanges: boolean
  readonly summary: Readonly<Record<ContainerAction | 'unchanged', number>>
  readonly containers: readonly ContainerChange[]
  readonly resources: readonly ResourceChange[]
  readonly services: readonly ServiceChange[]
  readonly warnings: readonly string[]
  /** Every call in order, a line each: `[needs] → #id resource: call (cause)`. */
  readonly steps: readonly string[]
}

/** What `describePlan` is told besides the plan. */
export interface DocumentSource {
  readonly project: string
  readonly plan: Plan
  /** Pulls before it. */
  readonly pulls: Plan
  readonly observed: Observed
  /** Name of a replaced container → how its settings differ. */
  readonly fields: ReadonlyMap<string, readonly FieldChange[]>
}

/** Describes a plan: what happens to each container, network, volume and image, why, and who notices. */
export function describePlan(source: DocumentSource): PlanDocument {
  const { plan, pulls, observed, project } = source
  const containers = describeContainers(source)
  const count = (action: ContainerAction): number => containers.filter((entry) => entry.action === action).length
  return {
    version: 1,
    project,
    hasChanges: [...pulls.steps, ...plan.steps].some((step) => step.isInUse !== true),
    summary: {
      create: count('create'),
      replace: count('replace'),
      restart: count('restart'),
      start: count('start'),
      stop: count('stop'),
      remove: count('remove'),
      change: count('change'),
      unchanged: plan.settled.length,
    },
    containers,
    resources: keepFirstOfName([...pulls.steps, ...plan.steps].flatMap((step) => describeResource(step))),
    services: describeServices(plan, observed),
    warnings: plan.warnings,
    steps: [...pulls.steps, ...plan.steps].map(renderStep),
  }
}

function describeContainers({ plan, observed, fields }: DocumentSource): readonly ContainerChange[] {
  const groups = new Map<string, Step[]>()
  for (const step of plan.steps) {
    if (!step.resource.startsWith('Container ') || step.op.kind.startsWith('wait')) continue
    const name = step.resource.slice('Container '.length)
    const list = groups.get(name)
    if (list === undefined) groups.set(name, [step])
    else list.push(step)
  }
  const nodes = new Map(observed.containers.map((container) => [container.name, container.node]))
  return [...groups].map(([name, steps]) => {
    const node = nodes.get(name)
    return {
      name,
      service: steps[0]?.group ?? '',
      action: actionOf(steps),
      reason: reasonOf(steps),
      fields: fields.get(name) ?? [],
      ...(node !== undefined && { node }),
    }
  })
}

function actionOf(steps: readonly Step[]): ContainerAction {
  const kinds = new Set(steps.map(({ op }) => op.kind))
  const isReplacing = kinds.has('create-container') && kinds.has('remove-container')
  if (isReplacing || kinds.has('rename-container')) return 'replace'
  if (kinds.has('create-container')) return 'create'
  if (kinds.has('remove-container')) return 'remove'
  const starts = kinds.has('start-container') || kinds.has('unpause-container')
  if (kinds.has('restart-container') || (starts && kinds.has('stop-container'))) return 'restart'
  if (starts) return 'start'
  return kinds.has('stop-container') || kinds.has('kill-container') ? 'stop' : 'change'
}

function reasonOf(steps: readonly Step[]): string {
  const main = steps.find(({ op }) => op.kind === 'create-container') ?? steps[0]
  // The names of the settings follow one by one.
  return (main?.cause ?? '').replace(/^configuration changed: .*/s, 'configuration changed')
}

function describeResource({ op, cause, isInUse }: Step): readonly ResourceChange[] {
  if (isInUse === true) return []
  switch (op.kind) {
    case 'create-network':
      return [{ kind: 'network', name: op.body.Name, action: isAnew(cause) ? 'replace' : 'create', reason: cause }]
    case 'create-volume':
      return [{ kind: 'volume', name: op.body.Name, action: isAnew(cause) ? 'replace' : 'create', reason: cause }]
    case 'remove-network':
    case 'remove-volume': {
      const kind = op.kind === 'remove-network' ? 'network' : 'volume'
      return [{ kind, name: op.name, action: isAnew(cause) ? 'replace' : 'remove', reason: cause }]
    }
    case 'create-container':
      return (op.volumes ?? []).map(({ body: { Name: name }, cause: reason }) => ({
        kind: 'volume',
        name,
        action: isAnew(reason) ? 'replace' : 'create',
        reason,
      }))
    case 'pull-image':
      return [{ kind: 'image', name: op.reference, action: 'pull', reason: cause }]
    case 'build-image':
      return [{ kind: 'image', name: op.build.tags[0] ?? '', action: 'build', reason: cause }]
    case 'remove-image':
      return [{ kind: 'image', name: op.reference, action: 'remove', reason: cause }]
    default:
      return []
  }
}

function isAnew(cause: string): boolean {
  return cause === 'configuration changed'
}

function keepFirstOfName(changes: readonly ResourceChange[]): readonly ResourceChange[] {
  const first = new Map<string, ResourceChange>()
  for (const change of changes) {
    const key = `${change.kind} ${change.name}`
    if (!first.has(key)) first.set(key, change)
  }
  return [...first.values()]
}

function describeServices(plan: Plan, observed: Observed): readonly ServiceChange[] {
  const groups = new Map<string, Step[]>()
  for (const step of plan.steps) {
    if (step.group === undefined) continue
    const list = groups.get(step.group)
    if (list === undefined) groups.set(step.group, [step])
    else list.push(step)
  }
  const running = groupRunning(observed)
  const policies = new Map(plan.rollouts?.map(({ service, policy }) => [service, policy]))
  return [...groups.keys()].sort().map((name) => {
    const { running: before, least, last } = countRunning(groups.get(name) ?? [], running.get(name) ?? [])
    const policy = policies.get(name)
    return {
      name,
      running: before,
      least,
      hasGap: before > 0 && least === 0 && last > 0,
      ...(policy !== undefined && {
        update: {
          order: policy.order,
          parallelism: Number.isFinite(policy.parallelism) ? policy.parallelism : 0,
          delayMs: policy.delayMs,
          failureAction: policy.failureAction,
        },
      }),
    }
  })
}

/** Service → its containers that run. */
function groupRunning({ containers }: Observed): ReadonlyMap<string, readonly ObservedContainer[]> {
  const groups = new Map<string, ObservedContainer[]>()
  for (const container of containers) {
    if (container.isOneOff || container.state !== 'running') continue
    const list = groups.get(container.service)
    if (list === undefined) groups.set(container.service, [container])
    else list.push(container)
  }
  return groups
}

/**
 * Counts running containers along the plan, at the worst: what nothing holds back comes before anything that adds one.
 *
 * A container counts from the step after which it has proved good, where there is one.
 */
function countRunning(
  steps: readonly Step[],
  own: readonly ObservedContainer[],
): { readonly running: number; readonly least: number; readonly last: number } {
  const frontier = new StepFrontier(steps)
  const gated = new Set(steps.flatMap(({ op }) => (op.kind === 'monitor-container' ? [refKey(op.container)] : [])))
  const up = new Set(own.map(({ id }) => id))
  let least = up.size
  const isGaining = ({ op }: Step): boolean =>
    op.kind === 'monitor-container' ||
    ((op.kind === 'start-container' || op.kind === 'restart-container' || op.kind === 'unpause-container') &&
      !gated.has(refKey(op.container)))
  const gaining: Step[] = []
  const others: Step[] = []
  const admit = (ready: readonly Step[]): void => {
    for (const step of ready) {
      if (isGaining(step)) insertStep(gaining, step)
      else others.push(step)
    }
  }
  admit(frontier.first)
  for (let next = others.pop() ?? gaining.shift(); next !== undefined; next = others.pop() ?? gaining.shift()) {
    const { op } = next
    if (op.kind === 'stop-container' || op.kind === 'remove-container' || op.kind === 'kill-container') {
      up.delete(refKey(op.container))
    } else if (op.kind === 'start-container' || op.kind === 'restart-container' || op.kind === 'unpause-container') {
      if (op.kind === 'restart-container') {
        up.delete(refKey(op.container))
        least = Math.min(least, up.size)
      }
      if (!gated.has(refKey(op.container))) up.add(refKey(op.container))
    } else if (op.kind === 'monitor-container') up.add(refKey(op.container))
    least = Math.min(least, up.size)
    admit(frontier.finish(next))
  }
  return { running: own.length, least, last: up.size }
}

function refKey(ref: { readonly kind: string; readonly id?: string; readonly step?: number }): string {
  return ref.kind === 'existing' ? (ref.id ?? '') : `#${String(ref.step)}`
}
