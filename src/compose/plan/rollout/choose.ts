import type { Project } from '../../model/project.ts'
import type { Port, Service } from '../../model/service.ts'
import { isLegacyBridge } from '../../translate.ts'
import { hostServices, referencedServices } from '../../translate/reference.ts'
import { toContainerName } from '../../translate/name.ts'
import { holdsHostPorts } from '../draft.ts'
import { findNetwork } from '../network-steps.ts'
import { isOutOfReach } from '../observed.ts'
import type { ObservedContainer } from '../observed.ts'
import type { ServiceSlots, Slot } from '../slot.ts'
import type { Workspace } from '../workspace.ts'
import { readRollbackPolicy, readUpdatePolicy } from './policy.ts'
import type { UpdatePolicy } from './policy.ts'
import { isPredecessor, toOtherTemporaryName } from './unfinished.ts'

/** A service whose containers are exchanged batch by batch. */
export interface RollingService {
  readonly service: Service
  readonly policy: UpdatePolicy
  readonly rollback: UpdatePolicy
  /** The containers that are exchanged, in the order of their numbers. */
  readonly slots: readonly ExchangedSlot[]
  /** Every old container has to be gone before its successor can be made. */
  readonly isInPlace: boolean
}

/** A slot in which one container takes the place of another. */
export interface ExchangedSlot extends Slot {
  readonly container: ObservedContainer
  /** The container that goes. */
  readonly old: ObservedContainer
  /** Its successor gets a number and a name of its own; absent: those of the old one, when that is gone. */
  readonly fresh?: { readonly number: number; readonly name: string }
}

/**
 * What earlier updates that were cut short have left of successors, and what goes once the next one is made: as long as one is
 * there it is known that the old container was stopped for it. On a cluster they go first, for they take up room.
 */
export function findLeftovers(
  { observed, options }: Workspace,
  { isInPlace }: RollingService,
  { old, name, predecessor }: ExchangedSlot,
): readonly ObservedContainer[] {
  if (isInPlace || options.isCluster || predecessor !== undefined) return []
  const other = toOtherTemporaryName(old, name)
  const all = observed.containers.filter((each) => each.service === old.service && isPredecessor(old, each))
  // One of two has to go for its name.
  return all.filter((each) => all.length === 1 || each.name !== other)
}

/** @returns undefined for a slot whose container stays, or that has none yet */
export function toExchanged(slot: Slot): ExchangedSlot | undefined {
  const { container, predecessor } = slot
  if (container === undefined) return undefined
  if (predecessor !== undefined) return { ...slot, container, old: predecessor }
  return slot.action === 'recreate' ? { ...slot, container, old: container } : undefined
}

/**
 * The services of a plan to which `deploy.update_config` applies. What it asks for and cannot be is warned of by name.
 *
 * @throws {compose/plan} for values of `update_config` that are not known
 */
export function chooseRollingServices(
  space: Workspace,
  slots: ReadonlyMap<string, ServiceSlots>,
  renewedNetworks: ReadonlySet<string>,
): ReadonlyMap<string, RollingService> {
  const rolling = new Map<string, RollingService>()
  const guests = findGuests(space.project)
  for (const { service, slots: list } of slots.values()) {
    const policy = readUpdatePolicy(service)
    if (policy === undefined) continue
    const rollback = readRollbackPolicy(service, policy)
    // What cannot be reached is no part of the update: it would fail with it whenever a node is away.
    const exchanged = list
      .map(toExchanged)
      .filter((slot) => slot !== undefined)
      .filter(({ old }) => !isOutOfReach(old))
    if (!space.options.start || exchanged.length === 0) continue
    const obstacle = findObstacle(space.project, service, guests.get(service.name), renewedNetworks)
    if (obstacle !== undefined) {
      space.builder.warn(`service "${service.name}" is updated at once, without deploy.update_config: ${obstacle}`)
      continue
    }
    const settled = settleOrder(space, { service, policy, rollback, slots: exchanged }, list.length)
    rolling.set(service.name, {
      ...settled,
      slots: settled.isInPlace ? exchanged : addFresh(space, service, list, exchanged),
    })
  }
  return rolling
}

/**
 * Engines (20.10 to 28.5 at least) fail to rename a container that runs on an overlay network, and take its names out of
 * the network while they try: there successors get numbers that are free.
 */
function addFresh(
  space: Workspace,
  service: Service,
  all: readonly Slot[],
  slots: readonly ExchangedSlot[],
): readonly ExchangedSlot[] {
  if (!isOnOverlay(space, service)) return slots
  const { project, observed, options } = space
  const own = observed.containers.filter((container) => container.service === service.name && !container.isOneOff)
  const taken = new Set([...own, ...all].map(({ number }) => number))
  let number = 0
  return slots.map((slot) => {
    if (slot.predecessor !== undefined) return slot
    do number += 1
    while (taken.has(number))
    return { ...slot, fresh: { number, name: toContainerName(project.name, service, number, options.separator) } }
  })
}

function isOnOverlay({ project, observed }: Workspace, service: Service): boolean {
  return Object.keys(service.networks ?? {}).some((key) => findNetwork(project, observed, key)?.driver === 'overlay')
}

/** Service → what another one has of its container. */
function findGuests(project: Project): ReadonlyMap<string, string> {
  const guests = new Map<string, string>()
  for (const service of Object.values(project.services)) {
    const inside = new Set(hostServices(service))
    for (const host of referencedServices(service)) {
      if (inside.has(host)) guests.set(host, `service "${service.name}" lives in its container`)
      else if (!guests.has(host)) guests.set(host, `service "${service.name}" has the volumes of its container`)
    }
    if (!isLegacyBridge(service)) continue
    for (const link of service.links ?? []) {
      const host = link.split(':')[0] ?? ''
      if (!guests.has(host))
        guests.set(host, `service "${service.name}" has a link of the default bridge to its container`)
    }
  }
  return guests
}

/** Why the containers of a service cannot be exchanged one by one. */
function findObstacle(
  project: Project,
  service: Service,
  guest: string | undefined,
  renewedNetworks: ReadonlySet<string>,
): string | undefined {
  if (guest !== undefined) return guest
  const renewed = Object.keys(service.networks ?? {}).find((key) => renewedNetworks.has(key))
  return renewed === undefined ? undefined : `its network ${project.networks[renewed]?.name ?? renewed} is made anew`
}

/** Two containers cannot hold one host port or one address: there the old one goes first whatever the file says. */
function settleOrder(space: Workspace, rolling: Omit<RollingService, 'isInPlace'>, replicas: number): RollingService {
  const { service, rollback } = rolling
  const { isCluster } = space.options
  const isNameBound = service.container_name !== undefined && isOnOverlay(space, service)
  const isInPlace = (isCluster && holdsHostPorts(service)) || isNameBound
  const cannotGoBack = isInPlace && rolling.policy.failureAction === 'rollback'
  const policy: UpdatePolicy = cannotGoBack ? { ...rolling.policy, failureAction: 'pause' } : rolling.policy
  if (cannotGoBack) {
    space.builder.warn(
      `service "${service.name}" cannot be rolled back: ${
        isNameBound
          ? 'on an overlay network a container keeps the name it is started with'
          : 'on a cluster a stopped container still holds its host port'
      }, so that the old container is removed before its successor is made; a failure pauses the update`,
    )
  }
  const conflict = isNameBound
    ? `the name ${service.container_name ?? ''}`
    : findConflict(service, isCluster ? 1 : Math.min(policy.parallelism, rolling.slots.length), replicas)
  if (conflict === undefined) return { ...rolling, policy, isInPlace }
  if (policy.order === 'start-first') {
    space.builder.warn(
      `service "${service.name}" is updated stop-first, although it asks for start-first: ${conflict} can belong to one ` +
        'container at a time; publish a range of ports, or put a proxy before the service',
    )
  }
  return {
    ...rolling,
    policy: { ...policy, order: 'stop-first' },
    rollback: { ...rollback, order: 'stop-first' },
    isInPlace,
  }
}

/** What an old container and its successor would both need. */
function findConflict(service: Service, extra: number, replicas: number): string | undefined {
  if (service.network_mode === 'host') return 'the network of the host'
  const port = (service.ports ?? []).find((entry) => isTooSmall(entry, replicas + extra))
  if (port !== undefined) return `host port ${port.published ?? ''}`
  for (const network of Object.values(service.networks ?? {})) {
    const address = network?.ipv4_address ?? network?.ipv6_address
    if (address !== undefined && address !== '') return `address ${address}`
  }
  return undefined
}

function isTooSmall({ published = '' }: Port, wanted: number): boolean {
  if (published === '' || published === '0') return false
  const [first = '', last = first] = published.split('-')
  return Number(last) - Number(first) + 1 < wanted
}
