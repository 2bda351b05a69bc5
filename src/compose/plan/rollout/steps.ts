import { toDraftAttachments } from '../../translate.ts'
import { silent } from '../builder.ts'
import { addPostStart, addPreStart } from '../hook-steps.ts'
import { removalOf } from '../container-steps.ts'
import { addCreation } from '../creation-steps.ts'
import type { Placed } from '../creation-steps.ts'
import { toDraft } from '../draft.ts'
import { isAlive } from '../observed.ts'
import type { ObservedContainer } from '../observed.ts'
import type { ContainerRef } from '../plan.ts'
import type { ServiceSlots, Slot } from '../slot.ts'
import { removeOnce, stopOnce, toRef, toResource } from '../workspace.ts'
import type { Workspace } from '../workspace.ts'
import type { ExchangedSlot, RollingService } from './choose.ts'
import type { Rollout, RolloutMember } from './rollout.ts'
import { findLeftovers } from './choose.ts'
import { toOtherTemporaryName, toTemporaryName } from './unfinished.ts'

/** What the exchange of a service follows on and refers to. */
export interface RolloutSetting {
  readonly slots: ReadonlyMap<string, ServiceSlots>
  readonly placed: ReadonlyMap<string, readonly Placed[]>
  /** Steps before the first: waits for dependencies, removals that free ports. */
  readonly after: readonly number[]
  /** Ends of what is done once before the first container starts; the first one sets it. */
  readonly prepared: { ends?: readonly (number | undefined)[] }
}

/** One exchanged container as the rest of the plan sees it. */
export interface Exchanged {
  readonly slot: ExchangedSlot
  readonly ref: ContainerRef
  /** The step after which it has proved good. */
  readonly gate: number
}

/**
 * Adds the exchange of a service's containers: batch by batch, each container behind a gate that its successor has to
 * pass. Where a failure is to be rolled back, old containers stay, stopped, until the last one has passed.
 */
export function addRolloutSteps(
  space: Workspace,
  rolling: RollingService,
  given: Omit<RolloutSetting, 'prepared'>,
): readonly Exchanged[] {
  const setting: RolloutSetting = { ...given, prepared: {} }
  const { policy, rollback, service, isInPlace } = rolling
  const isDeferred = policy.failureAction === 'rollback'
  const batches: RolloutMember[][] = []
  const exchanged: Exchanged[] = []
  const open: Halfway[] = []
  let before = setting.after
  for (let index = 0; index < rolling.slots.length; index += Math.min(policy.parallelism, rolling.slots.length)) {
    const batch = rolling.slots.slice(index, index + policy.parallelism)
    if (index > 0 && policy.delayMs > 0) before = [addDelay(space, service.name, policy.delayMs, before)]
    const members: RolloutMember[] = []
    const ends: number[] = []
    for (const slot of batch) {
      const half = isInPlace
        ? exchangeInPlace(space, rolling, slot, { ...setting, after: before })
        : exchange(space, rolling, slot, { ...setting, after: before })
      exchanged.push({ slot, ref: half.successor, gate: half.gate })
      ends.push(...half.ends)
      if (half.removal !== undefined) members.push(toMember(half, half.removal))
      else if (isDeferred) open.push({ ...half, batch: batches.length })
      else {
        const { removal, end } = commit(space, half, [])
        members.push(toMember(half, removal))
        ends.push(end)
      }
    }
    batches.push(members)
    before = ends
  }
  for (const half of open) {
    const { removal } = commit(space, half, before)
    batches[half.batch ?? 0]?.push(toMember(half, removal))
  }
  const rollout: Rollout = {
    service: service.name,
    policy,
    rollback,
    tolerated:
      policy.failureAction === 'continue'
        ? Number.POSITIVE_INFINITY
        : Math.floor(policy.maxFailureRatio * rolling.slots.length),
    batches,
    running: rolling.slots.filter(({ old }) => isAlive(old)).length,
  }
  space.builder.addRollout(rollout)
  return exchanged
}

/** A container whose successor has its gate, and whose old one may still be there. */
interface Halfway {
  readonly slot: ExchangedSlot
  readonly successor: ContainerRef
  readonly temporary: string
  readonly gate: number
  readonly stop?: number
  /** Set where the old container had to go first. */
  readonly removal?: number
  /** What the next batch follows on. */
  readonly ends: readonly number[]
  readonly batch?: number
}

function toMember(half: Halfway, remove: number): RolloutMember {
  const { old, isCutShort } = half.slot
  const isDown = isCutShort === true && !isAlive(old)
  return {
    name: half.slot.name,
    old: { kind: 'existing', id: old.id, name: old.name },
    wasAlive: isDown || isAlive(old),
    ...(isDown && { isDown }),
    successor: half.successor,
    ...(half.stop !== undefined && { stop: half.stop }),
    remove,
  }
}

function exchange(space: Workspace, rolling: RollingService, slot: ExchangedSlot, setting: RolloutSetting): Halfway {
  const { policy } = rolling
  const { old } = slot
  const isStartFirst = policy.order === 'start-first'
  const leftovers = findLeftovers(space, rolling, slot)
  const temporary = toFreeName(slot, leftovers)
  const made = slot.predecessor === undefined ? addSuccessor(space, rolling, slot, temporary, setting) : undefined
  const successor: ContainerRef =
    made === undefined
      ? { kind: 'existing', id: slot.container.id, name: slot.name }
      : { kind: 'made', step: made.step, name: slot.name }
  // They tell that the old container was stopped for a successor, until there is another one.
  const cleared = leftovers.map((each) => removeOnce(space, each, { cause: 'unfinished update', after: [made?.step] }))
  const ready = [...setting.after, ...(made === undefined ? [] : [made.step, ...made.attached]), ...cleared]
  const stopBefore = isStartFirst ? undefined : stopOld(space, slot, ready)
  const gate = addTrial(space, rolling, slot, successor, [...ready, stopBefore], setting)
  const moved =
    policy.movesAliases && isStartFirst ? addAliasMove(space, rolling, slot, successor, gate, setting) : gate
  const stop = isStartFirst ? stopOld(space, slot, [moved]) : stopBefore
  const ends = [moved, stop].filter((step) => step !== undefined)
  return { slot, successor, temporary, gate: moved, ends, ...(stop !== undefined && { stop }) }

  function stopOld(where: Workspace, { cause }: Slot, after: readonly number[]): number | undefined {
    return stopOnce(where, old, { cause, after, words: silent })
  }
}

/** Of the two, one is free, or will be. */
function toFreeName({ old, name }: ExchangedSlot, leftovers: readonly ObservedContainer[]): string {
  const first = toTemporaryName(old, name)
  return leftovers.some((each) => each.name === first) ? toOtherTemporaryName(old, name) : first
}

function addSuccessor(
  space: Workspace,
  rolling: RollingService,
  slot: ExchangedSlot,
  name: string,
  setting: RolloutSetting,
): { readonly step: number; readonly attached: readonly number[] } {
  const { policy } = rolling
  const isHidden = policy.movesAliases && policy.order === 'start-first'
  const { fresh } = slot
  if (fresh !== undefined) {
    const own = { ...slot, number: fresh.number }
    const how = { isHidden, predecessor: slot.old.id }
    return addCreation(space, own, fresh.name, setting.after, setting.slots, setting.placed, how)
  }
  // An earlier update that was cut short may have left a container of that name.
  const after = [...setting.after, removalOf(space, name)]
  return addCreation(space, slot, name, after, setting.slots, setting.placed, { isHidden })
}

/** On a cluster a stopped container holds its host port: the old one goes before a node is chosen for the new one. */
function exchangeInPlace(
  space: Workspace,
  rolling: RollingService,
  slot: ExchangedSlot,
  setting: RolloutSetting,
): Halfway {
  const { old } = slot
  const removal = removeOnce(space, old, { cause: slot.cause, after: setting.after, words: silent })
  const stop = space.stops.get(old.id)
  const made =
    slot.predecessor === undefined
      ? addCreation(space, slot, slot.name, [removal, removalOf(space, slot.name)], setting.slots, setting.placed, {
          owedFrom: removal,
        })
      : undefined
  const successor: ContainerRef =
    made === undefined ? toRef(slot.container) : { kind: 'made', step: made.step, name: slot.name }
  const after = made === undefined ? [removal] : [made.step, ...made.attached]
  const gate = addTrial(space, rolling, slot, successor, after, setting)
  return { slot, successor, temporary: slot.name, gate, removal, ends: [gate], ...(stop !== undefined && { stop }) }
}

/** Hooks and start, and the wait until it has proved good. A successor left over from an earlier plan may run already. */
function addTrial(
  space: Workspace,
  rolling: RollingService,
  slot: ExchangedSlot,
  successor: ContainerRef,
  after: readonly (number | undefined)[],
  { prepared }: RolloutSetting,
): number {
  const { service } = rolling
  const group = service.name
  const trial = { service: group, container: slot.name }
  const shared = { resource: toResource(slot.name), cause: slot.cause, group, trial }
  const isRunning = slot.predecessor !== undefined && slot.container.state === 'running'
  return space.builder.add({
    op: {
      kind: 'monitor-container',
      container: successor,
      service: group,
      monitorMs: rolling.policy.monitorMs,
    },
    ...shared,
    after: [...(isRunning ? [] : start()), ...after],
  })

  function start(): readonly (number | undefined)[] {
    if (slot.predecessor !== undefined && slot.container.state === 'paused') {
      return [space.builder.add({ op: { kind: 'unpause-container', container: successor }, ...shared, after })]
    }
    const target = { ref: successor, resource: shared.resource, ready: after, trial }
    const isLater = prepared.ends !== undefined
    const before = addPreStart(
      space.builder,
      space.project,
      service,
      [target],
      [...(prepared.ends ?? []), ...after],
      isLater,
    )
    prepared.ends ??= before.filter((step) => !after.includes(step))
    const step = space.builder.add({
      op: { kind: 'start-container', container: successor },
      ...shared,
      after: [...before, ...after],
    })
    return addPostStart(space.builder, space.project, service, { ...target, ready: [step] })
  }
}

/**
 * The successor was made without the names of the service; now it gets them. An endpoint cannot be changed, only made
 * anew, so that connections the successor has opened itself end here.
 */
function addAliasMove(
  space: Workspace,
  rolling: RollingService,
  slot: ExchangedSlot,
  successor: ContainerRef,
  gate: number,
  setting: RolloutSetting,
): number {
  const group = rolling.service.name
  const shared = { resource: toResource(slot.name), cause: 'takes over the names of the service', group, words: silent }
  let last = gate
  for (const { network, endpoint } of toDraftAttachments(toDraft(space, slot, setting.slots))) {
    const off = space.builder.add({
      op: { kind: 'disconnect-network', network, container: successor },
      ...shared,
      after: [last],
    })
    last = space.builder.add({
      op: { kind: 'connect-network', network, container: successor, endpoint },
      ...shared,
      after: [off],
    })
  }
  return last
}

/** The old container goes, and its name passes to the successor unless that has one of its own. */
function commit(
  space: Workspace,
  half: Halfway,
  after: readonly number[],
): { readonly removal: number; readonly end: number } {
  const { slot, gate, successor } = half
  const hasName = slot.fresh !== undefined || (successor.kind === 'existing' && slot.container.name === slot.name)
  const { old } = slot
  const shared = { resource: toResource(slot.name), cause: slot.cause, group: slot.service.name }
  const removal = space.builder.add({
    op: { kind: 'remove-container', container: toRef(old), withVolumes: false },
    ...shared,
    after: [...after, gate, half.stop, ...(space.detachments.get(old.id) ?? [])],
    words: hasName ? { working: '', done: 'Recreated' } : silent,
  })
  space.removals.set(old.id, removal)
  if (hasName) return { removal, end: removal }
  const rename = space.builder.add({
    op: { kind: 'rename-container', container: successor, name: slot.name },
    ...shared,
    after: [removal, removalOf(space, slot.name)],
    words: { working: '', done: 'Recreated' },
    owedFrom: removal,
  })
  return { removal, end: rename }
}

function addDelay(space: Workspace, service: string, ms: number, after: readonly number[]): number {
  return space.builder.add({
    op: { kind: 'delay', ms },
    resource: `Service ${service}`,
    cause: 'deploy.update_config.delay',
    group: service,
    after,
  })
}
