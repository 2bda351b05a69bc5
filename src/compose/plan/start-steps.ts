import type { Service } from '../model/service.ts'
import { addStrangerStarts, placeBystanders } from './bystander-steps.ts'
import { silent } from './builder.ts'
import { addWait, awaited } from './dependency-waits.ts'
import type { Waits } from './dependency-waits.ts'
import { addPostStart, addPreStart } from './hook-steps.ts'
import type { HookTarget } from './hook-steps.ts'
import { isAlive } from './observed.ts'
import { placeNew } from './container-steps.ts'
import type { Placed } from './creation-steps.ts'
import type { RollingService } from './rollout/choose.ts'
import { addRolloutSteps } from './rollout/steps.ts'
import type { ServiceSlots } from './slot.ts'
import { orderServices } from './selection.ts'
import { toResource } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Adds starts in dependency order, with the waits that conditions ask for between them. */
export function addStartSteps(
  space: Workspace,
  placed: Map<string, readonly Placed[]>,
  before: readonly number[],
  slots: ReadonlyMap<string, ServiceSlots>,
  rolling: ReadonlyMap<string, RollingService>,
  waits: Waits,
): void {
  const starts = new Map<string, Started>()
  const bystanders = placeBystanders(space)
  addStrangerStarts(space)
  const given = { placed, bystanders, starts, waits }
  const names = new Set([...space.selection.names, ...bystanders.keys()])
  for (const service of orderServices(space.project).filter(({ name }) => names.has(name))) {
    const wanting = entriesOf(given, service.name).filter((entry) => needsStart(space, entry))
    const update = rolling.get(service.name)
    if (wanting.length === 0 && update === undefined) {
      const { start, awaitsAgain } = space.options
      const isThere = (placed.get(service.name) ?? []).length > 0
      if (start && awaitsAgain === true && isThere) addDependencyWaits(space, service, given)
      restartAfterUpdates(space, service, placed, starts, rolling)
      continue
    }
    const dependencies = addDependencyWaits(space, service, given)
    const waiting = wanting.map((entry) =>
      entry.isPostponed === true ? placeNew(space, entry.slot, dependencies, slots, placed) : entry,
    )
    const fresh = waiting.filter((entry) => !isPaused(space, entry)).map((entry) => toTarget(space, entry))
    const first = [...before, ...dependencies, ...networksOf(space, service, waiting)]
    const prepared = fresh.length === 0 ? first : addPreStart(space.builder, space.project, service, fresh, first)
    for (const entry of waiting) {
      const step = space.builder.add({
        op: { kind: isPaused(space, entry) ? 'unpause-container' : 'start-container', container: entry.ref },
        resource: toResource(entry.slot.name),
        cause: entry.slot.action === 'keep' ? stateOf(space, entry) : entry.slot.cause,
        group: service.name,
        after: [...entry.ready, ...prepared],
        owedFrom: stopOf(space, entry),
        ...(entry.slot.oneOff !== undefined && { words: silent }),
      })
      const target = { ...toTarget(space, entry), ready: [step] }
      const last = isPaused(space, entry) ? [step] : addPostStart(space.builder, space.project, service, target)
      starts.set(entry.slot.name, { step, last: last[0] ?? step })
    }
    restartAfterUpdates(space, service, placed, starts, rolling)
    if (update === undefined) continue
    const exchanged = addRolloutSteps(space, update, { slots, placed, after: [...before, ...dependencies] })
    for (const { slot, gate } of exchanged) starts.set(slot.name, { step: gate, last: gate })
    const refs = new Map(exchanged.map(({ slot, ref }) => [slot.name, ref]))
    placed.set(
      service.name,
      (placed.get(service.name) ?? []).map((entry) => ({ ...entry, ref: refs.get(entry.slot.name) ?? entry.ref })),
    )
  }
}

/** Containers that were made earlier and never ran find their networks by name, also those this plan makes. */
function networksOf(space: Workspace, service: Service, waiting: readonly Placed[]): readonly number[] {
  if (waiting.every(({ slot }) => slot.action !== 'keep' || slot.container?.state !== 'created')) return []
  return Object.keys(service.networks ?? {}).flatMap((key) => space.networks.get(key) ?? [])
}

/** Dependents that ask for a restart with a service get it once that service is wholly updated. */
function restartAfterUpdates(
  space: Workspace,
  service: Service,
  placed: ReadonlyMap<string, readonly Placed[]>,
  starts: ReadonlyMap<string, Started>,
  rolling: ReadonlyMap<string, RollingService>,
): void {
  const updated = Object.entries(service.depends_on ?? {}).filter(
    ([name, dependency]) => dependency.restart === true && rolling.has(name),
  )
  if (updated.length === 0) return
  const after = updated.flatMap(([name]) => (placed.get(name) ?? []).map((entry) => starts.get(entry.slot.name)?.last))
  const timeoutSeconds = space.options.timeoutSeconds
  for (const entry of placed.get(service.name) ?? []) {
    if (!entry.isSettled) continue
    space.builder.unsettle(toResource(entry.slot.name))
    space.builder.add({
      op: {
        kind: 'restart-container',
        container: entry.ref,
        ...(timeoutSeconds !== undefined && { timeoutSeconds }),
      },
      resource: toResource(entry.slot.name),
      cause: `${updated.map(([name]) => name).join(', ')} is updated`,
      group: service.name,
      after,
    })
  }
}

/** The start of a container, and the last step of it: the end of its hooks. */
interface Started {
  readonly step: number
  readonly last: number
}

/** A stop takes it out of its pause, so that it is started like any other. */
function isPaused(space: Workspace, entry: Placed): boolean {
  return entry.slot.action === 'keep' && entry.slot.container?.state === 'paused' && !isStopped(space, entry)
}

/** The step that stops it, or what it replaces. */
function stopOf({ stops }: Workspace, { slot }: Placed): number | undefined {
  return slot.container === undefined ? undefined : stops.get(slot.container.id)
}

function isStopped(space: Workspace, entry: Placed): boolean {
  return stopOf(space, entry) !== undefined
}

function toTarget(space: Workspace, entry: Placed): HookTarget {
  return {
    ref: entry.ref,
    resource: toResource(entry.slot.name),
    ready: entry.ready,
    owedFrom: stopOf(space, entry),
  }
}

/** What this plan stopped runs again even when nothing else is to be started. */
function needsStart(space: Workspace, entry: Placed): boolean {
  if (entry.isSettled || entry.isRolling === true) return false
  if (space.options.start) return true
  const container = entry.slot.container
  return entry.slot.action === 'keep' && container !== undefined && isAlive(container) && isStopped(space, entry)
}

function stateOf(space: Workspace, entry: Placed): string {
  return isStopped(space, entry) ? 'stopped by this plan' : (entry.slot.container?.state ?? 'not running')
}

interface Given {
  readonly placed: ReadonlyMap<string, readonly Placed[]>
  readonly bystanders: ReadonlyMap<string, readonly Placed[]>
  readonly starts: ReadonlyMap<string, Started>
  readonly waits: Waits
}

function entriesOf({ placed, bystanders }: Given, name: string): readonly Placed[] {
  return placed.get(name) ?? bystanders.get(name) ?? []
}

function addDependencyWaits(space: Workspace, service: Service, given: Given): readonly number[] {
  const { bystanders, starts, waits } = given
  const steps: number[] = []
  for (const [name, written] of Object.entries(service.depends_on ?? {}).sort(byName)) {
    // What the command is not about does not end it, and is waited for only where it starts as well.
    const isBeside = bystanders.has(service.name) || bystanders.has(name)
    const dependency = isBeside ? { ...written, required: false } : written
    for (const entry of awaited(dependency, entriesOf(given, name))) {
      const start = starts.get(entry.slot.name)
      if (isBeside && start === undefined) continue
      if (dependency.condition === 'service_started') {
        if (start !== undefined) steps.push(start.last)
      } else {
        steps.push(addWait(space, name, entry, dependency, start?.step, waits))
        if (start !== undefined && start.last !== start.step) steps.push(start.last)
      }
    }
  }
  return steps
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1
}
