import { toContainerName } from '../translate/name.ts'
import { hostServices } from '../translate/reference.ts'
import { silent } from './builder.ts'
import { addCopies, addCreation } from './creation-steps.ts'
import type { Placed } from './creation-steps.ts'
import { holdsHostPorts, toDraft } from './draft.ts'
import { isAlive, isOutOfReach } from './observed.ts'
import type { ObservedContainer } from './observed.ts'
import { isJob } from './placement/assign.ts'
import { addHopelessWaits } from './dependency-waits.ts'
import type { Waits } from './dependency-waits.ts'
import { findLeftovers } from './rollout/choose.ts'
import type { RollingService } from './rollout/choose.ts'
import { isTemporaryName, toTemporaryName } from './rollout/unfinished.ts'
import type { ServiceSlots, Slot } from './slot.ts'
import { removeOnce, stopOnce, toRef, toResource } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Adds the steps that bring every service to its containers; nothing is started here. */
export function addContainerSteps(
  space: Workspace,
  slots: ReadonlyMap<string, ServiceSlots>,
  rolling: ReadonlyMap<string, RollingService>,
  waits: Waits,
): Map<string, readonly Placed[]> {
  const placed = new Map<string, readonly Placed[]>()
  for (const { service, slots: list, surplus } of slots.values()) {
    const first = addHopelessWaits(space, service, placed, waits)
    const update = rolling.get(service.name)
    const later = new Set(update?.slots.flatMap((slot) => findLeftovers(space, update, slot)))
    for (const container of surplus) if (!later.has(container)) removeOnce(space, container, { cause: 'scale down' })
    placed.set(
      service.name,
      list.map((slot) =>
        update?.slots.some(({ name }) => name === slot.name) === true && slot.container !== undefined
          ? { slot, ref: toRef(slot.container), ready: [], isSettled: false, isRolling: true }
          : placeSlot(space, slot, slots, placed, first),
      ),
    )
  }
  return placed
}

/** @param first steps before what runs is replaced */
function placeSlot(
  space: Workspace,
  slot: Slot,
  slots: ReadonlyMap<string, ServiceSlots>,
  placed: ReadonlyMap<string, readonly Placed[]>,
  first: readonly number[],
): Placed {
  if (slot.action === 'keep' && slot.container !== undefined) return keepContainer(space, slot, slot.container, slots)
  if (slot.action === 'recreate' && slot.container !== undefined) {
    if (isOutOfReach(slot.container) || (space.options.isCluster && holdsHostPorts(slot.service))) {
      return replaceInPlace(space, slot, slot.container, slots, placed, first)
    }
    return replaceContainer(space, slot, slot.container, slots, placed, first)
  }
  // A one-off container that is never to run, because a dependency fails, would be left behind.
  if (slot.oneOff !== undefined && space.options.start) {
    return { slot, ref: { kind: 'existing', id: '', name: slot.name }, ready: [], isSettled: false, isPostponed: true }
  }
  const removal = slot.container === undefined ? undefined : space.removals.get(slot.container.id)
  return placeNew(space, slot, [removal], slots, placed)
}

/** Adds the making of a container where there is none. */
export function placeNew(
  space: Workspace,
  slot: Slot,
  after: readonly (number | undefined)[],
  slots: ReadonlyMap<string, ServiceSlots>,
  placed: ReadonlyMap<string, readonly Placed[]>,
): Placed {
  const { step, attached } = addCreation(space, slot, slot.name, after, slots, placed)
  return {
    slot,
    ref: { kind: 'made', step, name: slot.name },
    ready: [step, ...attached],
    isSettled: false,
  }
}

function keepContainer(
  space: Workspace,
  slot: Slot,
  container: ObservedContainer,
  slots: ReadonlyMap<string, ServiceSlots>,
): Placed {
  if (slot.predecessor !== undefined) removeOnce(space, slot.predecessor, { cause: slot.cause })
  const stop = space.stops.get(container.id)
  const rename = renameLeftover(space, slot, container)
  // The rest of a replacement is one, too.
  if (rename !== undefined && !isAlive(container)) stopDependents(space, slot, slots, undefined)
  // What was made and never started may have been left before its files were in it.
  const isFresh = container.state === 'created' && space.options.start
  const filled = isFresh ? addCopies(space, slot, toDraft(space, slot, slots), toRef(container)) : []
  const reconnections = space.reconnections.get(container.id) ?? []
  const ready = [stop, rename, ...reconnections, ...filled].filter((step) => step !== undefined)
  const isRunning = container.state === 'running' || container.state === 'restarting'
  const isSettled = (isRunning || isFinishedJob(space, slot, container)) && ready.length === 0
  if (isSettled) space.builder.settle(toResource(container.name))
  return { slot, ref: toRef(container), ready, isSettled }
}

/** On a cluster a job that has ended well is not done again. One engine knows no jobs, as ever with Compose. */
function isFinishedJob(space: Workspace, { service }: Slot, { state, status }: ObservedContainer): boolean {
  return space.options.isCluster && isJob(service) && state === 'exited' && status.startsWith('Exited (0)')
}

/** A replacement that was cut short leaves the new container under its temporary name. */
function renameLeftover(space: Workspace, slot: Slot, container: ObservedContainer): number | undefined {
  const { project, options } = space
  const name = toContainerName(project.name, slot.service, slot.number, options.separator)
  if (!container.name.endsWith(`_${name}`) || !isTemporaryName(container.name)) return undefined
  return space.builder.add({
    op: { kind: 'rename-container', container: toRef(container), name },
    resource: toResource(name),
    cause: 'unfinished replacement',
    group: slot.service.name,
    after: [removalOf(space, name)],
    words: { working: '', done: 'Recreated' },
  })
}

/** The step that frees a name some container of the project has now. */
export function removalOf(space: Workspace, name: string): number | undefined {
  const holder = space.observed.containers.find((container) => container.name === name)
  return holder === undefined ? undefined : space.removals.get(holder.id)
}

/**
 * The new container is made under a temporary name before the old one goes, so that a refusal by the
 * engine leaves the old one running.
 */
function replaceContainer(
  space: Workspace,
  slot: Slot,
  old: ObservedContainer,
  slots: ReadonlyMap<string, ServiceSlots>,
  placed: ReadonlyMap<string, readonly Placed[]>,
  first: readonly number[],
): Placed {
  const { cause } = slot
  const resource = toResource(slot.name)
  const group = slot.service.name
  const temporary = toTemporaryName(old, slot.name)
  // An earlier replacement that was cut short may still have the temporary name.
  const { step, attached } = addCreation(space, slot, temporary, [...first, removalOf(space, temporary)], slots, placed)
  const dependents = stopDependents(space, slot, slots, step)
  // What lives in another container stays as long as it is not sure that the other one goes.
  const hosts = hostServices(slot.service).flatMap((name) => (placed.get(name) ?? []).flatMap(({ ready }) => ready))
  const stop = stopOnce(space, old, { cause, after: [step, ...dependents, ...hosts], words: silent })
  const removal = space.builder.add({
    op: { kind: 'remove-container', container: toRef(old), withVolumes: false },
    resource,
    cause,
    group,
    after: [step, stop, ...hosts, ...(space.detachments.get(old.id) ?? [])],
    words: silent,
  })
  space.removals.set(old.id, removal)
  const rename = space.builder.add({
    op: { kind: 'rename-container', container: { kind: 'made', step, name: temporary }, name: slot.name },
    resource,
    cause,
    group,
    after: [removal, removalOf(space, slot.name)],
    words: { working: '', done: 'Recreated' },
    owedFrom: removal,
  })
  return {
    slot,
    ref: { kind: 'made', step, name: slot.name },
    ready: [rename, ...attached],
    isSettled: false,
  }
}

/**
 * A cluster counts the host ports of containers that are stopped too, so that the old container has to be gone
 * before a node is chosen for the new one. On a node that does not answer it has to go before a second one is made.
 */
function replaceInPlace(
  space: Workspace,
  slot: Slot,
  old: ObservedContainer,
  slots: ReadonlyMap<string, ServiceSlots>,
  placed: ReadonlyMap<string, readonly Placed[]>,
  first: readonly number[],
): Placed {
  const dependents = stopDependents(space, slot, slots, undefined)
  const removal = removeOnce(space, old, { cause: slot.cause, after: [...first, ...dependents], words: silent })
  const holder = removalOf(space, slot.name)
  const { step, attached } = addCreation(space, slot, slot.name, [removal, holder], slots, placed, {
    owedFrom: removal,
  })
  const ref = { kind: 'made', step, name: slot.name } as const
  return { slot, ref, ready: [step, ...attached], isSettled: false }
}

/** Services that ask for a restart with a dependency are stopped before it is replaced, and started after. */
function stopDependents(
  space: Workspace,
  slot: Slot,
  slots: ReadonlyMap<string, ServiceSlots>,
  creation: number | undefined,
): readonly (number | undefined)[] {
  const name = slot.service.name
  const dependents = [...slots.values()].filter((entry) => entry.service.depends_on?.[name]?.restart === true)
  return dependents.flatMap((entry) =>
    entry.slots.map(({ container }) =>
      container === undefined
        ? undefined
        : stopOnce(space, container, { cause: `${name} is replaced`, after: [creation] }),
    ),
  )
}
