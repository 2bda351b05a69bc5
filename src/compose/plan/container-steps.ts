import type { Service } from '../model/service.ts'
import type { ContainerDraft } from '../translate.ts'
import { isLegacyBridge, toDraftAttachments } from '../translate.ts'
import { isApiAtLeast } from '../translate/api-version.ts'
import { toContainerName } from '../translate/name.ts'
import { referencedServices } from '../translate/reference.ts'
import { silent } from './builder.ts'
import { holdsHostPorts, toDraft } from './draft.ts'
import { isOutOfReach } from './observed.ts'
import type { ObservedContainer } from './observed.ts'
import type { ContainerRef } from './plan.ts'
import { isJob } from './placement/assign.ts'
import type { RollingService } from './rollout/choose.ts'
import { isTemporaryName, toTemporaryName } from './rollout/unfinished.ts'
import type { ServiceSlots, Slot } from './slot.ts'
import { removeOnce, stopOnce, toRef, toResource } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** A container as the plan leaves it before the start steps. */
export interface Placed {
  readonly slot: Slot
  readonly ref: ContainerRef
  /** Steps that must be done before it can start. */
  readonly ready: readonly number[]
  /** It runs all through the plan and needs nothing. */
  readonly isSettled: boolean
  /** It is exchanged in the start phase, behind a gate of its own; until then `ref` is the old container. */
  readonly isRolling?: boolean
  /** It takes the place of a container that is gone by then, and is started whatever fails elsewhere. */
  readonly isOwed?: boolean
  /** It is made in the start phase, once what it depends on is there; until then `ref` is nothing. */
  readonly isPostponed?: boolean
}

/** Adds the steps that bring every service to its containers; nothing is started here. */
export function addContainerSteps(
  space: Workspace,
  slots: ReadonlyMap<string, ServiceSlots>,
  rolling: ReadonlyMap<string, RollingService>,
): Map<string, readonly Placed[]> {
  const placed = new Map<string, readonly Placed[]>()
  for (const { service, slots: list, surplus } of slots.values()) {
    for (const container of surplus) removeOnce(space, container, { cause: 'scale down' })
    placed.set(
      service.name,
      list.map((slot) =>
        rolling.get(service.name)?.slots.some(({ name }) => name === slot.name) === true && slot.container !== undefined
          ? { slot, ref: toRef(slot.container), ready: [], isSettled: false, isRolling: true }
          : placeSlot(space, slot, slots, placed),
      ),
    )
  }
  return placed
}

function placeSlot(
  space: Workspace,
  slot: Slot,
  slots: ReadonlyMap<string, ServiceSlots>,
  placed: ReadonlyMap<string, readonly Placed[]>,
): Placed {
  if (slot.action === 'keep' && slot.container !== undefined) return keepContainer(space, slot, slot.container, slots)
  if (slot.action === 'recreate' && slot.container !== undefined) {
    if (isOutOfReach(slot.container) || (space.options.isCluster && holdsHostPorts(slot.service))) {
      return replaceInPlace(space, slot, slot.container, slots, placed)
    }
    return replaceContainer(space, slot, slot.container, slots, placed)
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
): Placed {
  const { cause } = slot
  const resource = toResource(slot.name)
  const group = slot.service.name
  const temporary = toTemporaryName(old, slot.name)
  // An earlier replacement that was cut short may still have the temporary name.
  const { step, attached } = addCreation(space, slot, temporary, [removalOf(space, temporary)], slots, placed)
  const stop = stopOnce(space, old, {
    cause,
    after: [step, ...stopDependents(space, slot, slots, step)],
    words: silent,
  })
  const removal = space.builder.add({
    op: { kind: 'remove-container', container: toRef(old), withVolumes: false },
    resource,
    cause,
    group,
    after: [step, stop, ...(space.detachments.get(old.id) ?? [])],
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
): Placed {
  const dependents = stopDependents(space, slot, slots, undefined)
  const removal = removeOnce(space, old, {
    cause: slot.cause,
    after: dependents,
    words: silent,
    isOwed: true,
  })
  const holder = removalOf(space, slot.name)
  const { step, attached } = addCreation(space, slot, slot.name, [removal, holder], slots, placed, { isOwed: true })
  const ref = { kind: 'made', step, name: slot.name } as const
  return { slot, ref, ready: [step, ...attached], isSettled: false, isOwed: true }
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

export interface CreationOptions {
  /** Without the names of the service on its networks. */
  readonly isHidden?: boolean
  /** The container it replaces is gone by then. */
  readonly isOwed?: boolean
  /** ID of the container it replaces, where its name does not tell. */
  readonly predecessor?: string
}

/**
 * Adds the making of a slot's container, and of what it is connected to afterwards.
 *
 */
export function addCreation(
  space: Workspace,
  slot: Slot,
  name: string,
  after: readonly (number | undefined)[],
  slots: ReadonlyMap<string, ServiceSlots>,
  placed: ReadonlyMap<string, readonly Placed[]>,
  { isHidden = false, isOwed = false, predecessor }: CreationOptions = {},
): { readonly step: number; readonly attached: readonly number[] } {
  const { service } = slot
  const draft = {
    ...toDraft(space, slot, slots),
    ...(isHidden && { isHidden }),
    ...(predecessor !== undefined && { predecessor }),
  }
  const needs = Object.fromEntries(
    referencedServices(service).flatMap((dependency) => {
      const ref = firstContainer(space, dependency, placed)
      return ref === undefined ? [] : [[dependency, ref]]
    }),
  )
  const isReplacing = slot.action === 'recreate'
  const step = space.builder.add({
    op: { kind: 'create-container', name, draft, needs },
    resource: toResource(slot.name),
    cause: slot.cause,
    group: service.name,
    after: [
      ...after,
      ...Object.keys(service.networks ?? {}).map((key) => space.networks.get(key)),
      ...(service.volumes ?? []).map((mount) => space.volumes.get(mount.source ?? '')),
      ...Object.values(needs).map((ref) => (ref.kind === 'made' ? ref.step : undefined)),
      ...linkedSteps(service, placed),
    ],
    isOwed,
    // The reference program says nothing of the container it is about to show.
    ...(slot.oneOff !== undefined && { words: silent }),
    ...(isReplacing && { words: { working: 'Recreate', done: name === slot.name ? 'Recreated' : '' } }),
  })
  const filled = addCopies(space, slot, draft, { kind: 'made', step, name }, isOwed)
  if (isApiAtLeast(draft.apiVersion, '1.44') || service.network_mode !== undefined) return { step, attached: filled }
  const attached = toDraftAttachments(draft)
    .slice(1)
    .map(({ network, endpoint }) =>
      space.builder.add({
        op: { kind: 'connect-network', network, container: { kind: 'made', step, name }, endpoint },
        resource: toResource(slot.name),
        cause: slot.cause,
        group: service.name,
        after: [step],
        isOwed,
      }),
    )
  return { step, attached: [...filled, ...attached] }
}

/** The engine's own links are made with the container: those linked to have to be there by then, under their last names. */
function linkedSteps(service: Service, placed: ReadonlyMap<string, readonly Placed[]>): readonly number[] {
  if (!isLegacyBridge(service)) return []
  return (service.links ?? []).flatMap((link) =>
    (placed.get(link.split(':')[0] ?? '') ?? []).flatMap(({ ready }) => ready),
  )
}

/** Configs and secrets are in before the first process is. */
function addCopies(
  space: Workspace,
  slot: Slot,
  draft: ContainerDraft,
  container: ContainerRef,
  isOwed = false,
): readonly number[] {
  const { copies = [], warnings = [] } = draft.files ?? {}
  for (const warning of warnings) space.builder.warn(warning)
  if (copies.length === 0) return []
  return [
    space.builder.add({
      op: { kind: 'copy-files', container, copies },
      resource: toResource(slot.name),
      cause: slot.cause,
      group: slot.service.name,
      after: container.kind === 'made' ? [container.step] : [],
      isOwed,
    }),
  ]
}

function firstContainer(
  space: Workspace,
  service: string,
  placed: ReadonlyMap<string, readonly Placed[]>,
): ContainerRef | undefined {
  const list = placed.get(service)
  if (list !== undefined) return list[0]?.ref
  const container = space.observed.containers.find((entry) => entry.service === service && !entry.isOneOff)
  return container === undefined ? undefined : toRef(container)
}
