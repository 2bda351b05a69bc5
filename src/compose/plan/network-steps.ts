import { FlotillaError } from '../../core/errors.ts'
import { hashNetwork, hashNetworkWithOptions } from '../hash.ts'
import { sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Network } from '../model/resource.ts'
import { toDraftAttachments, toNetworkBody } from '../translate.ts'
import { silent } from './builder.ts'
import { LABEL } from './label.ts'
import { toNetworkGuests } from './placement/network-guests.ts'
import { isAlive } from './observed.ts'
import type { Observed, ObservedContainer, ObservedNetwork } from './observed.ts'
import type { Selection } from './selection.ts'
import { toDraft } from './draft.ts'
import type { ServiceSlots, Slot } from './slot.ts'
import { stopOnce, toRef, toResource } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Keys of the networks in play: those of selected services, and those no service uses (`--all-resources`). */
export function networksInPlay(project: Project, selection: Selection): readonly string[] {
  const users = new Map<string, string[]>()
  for (const service of Object.values(project.services)) {
    for (const key of Object.keys(service.networks ?? {})) users.set(key, [...(users.get(key) ?? []), service.name])
  }
  return sortedNames(project.networks).filter((key) => {
    const services = users.get(key)
    return services === undefined || services.some((name) => selection.names.has(name))
  })
}

/** The existing network of a key. */
export function findNetwork(project: Project, observed: Observed, key: string): ObservedNetwork | undefined {
  const name = project.networks[key]?.name
  return observed.networks.find((network) => network.name === name)
}

/** Keys of our networks whose definition changed: they are made anew. */
export function findRenewedNetworks(project: Project, observed: Observed, selection: Selection): ReadonlySet<string> {
  const renewed = networksInPlay(project, selection).filter((key) => {
    const wanted = project.networks[key]
    const existing = findNetwork(project, observed, key)
    return wanted !== undefined && wanted.external !== true && existing !== undefined && isChanged(wanted, existing)
  })
  return new Set(renewed)
}

function isChanged(wanted: Network, { labels, ipamOptions }: ObservedNetwork): boolean {
  const hash = labels[LABEL.configHash]
  if (hash === undefined || hash === hashNetworkWithOptions(wanted)) return false
  if (hash !== hashNetwork(wanted)) return true
  // The hash says nothing of these. A network without any may be one of the reference program, which leaves them out.
  return ipamOptions !== undefined && !isEqualMap(ipamOptions, wanted.ipam?.options ?? {})
}

function isEqualMap(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}

/**
 * Adds the steps that make missing networks and renew changed ones: stop what is on it, disconnect,
 * remove, create, connect again.
 *
 * @throws {compose/not-found} for an external network that does not exist
 * @throws {compose/plan} for a network of the same name that is another one's, and for a changed one that a container of `run` is using
 */
export function addNetworkSteps(
  space: Workspace,
  renewed: ReadonlySet<string>,
  slots: ReadonlyMap<string, ServiceSlots>,
): void {
  for (const key of networksInPlay(space.project, space.selection)) {
    const wanted = space.project.networks[key]
    if (wanted === undefined) continue
    const existing = findNetwork(space.project, space.observed, key)
    if (wanted.external === true) {
      if (existing === undefined && !isBuiltIn(wanted.name)) {
        const message = `network ${wanted.name} declared as external, but could not be found`
        throw new FlotillaError('compose/not-found', message)
      }
      continue
    }
    if (existing === undefined) {
      space.networks.set(key, addCreation(space, key, 'missing', []))
      continue
    }
    checkOwner(space, key, existing)
    if (renewed.has(key)) renewNetwork(space, key, existing, slots)
  }
}

function isBuiltIn(name: string): boolean {
  return name === 'bridge' || name === 'host' || name === 'none'
}

function checkOwner(space: Workspace, key: string, network: ObservedNetwork): void {
  const owner = network.labels[LABEL.project]
  if (owner === undefined) {
    space.builder.warn(
      `a network with name ${network.name} exists but was not created by compose.\n` +
        'Set `external: true` to use an existing network',
    )
  } else if (owner !== space.project.name) {
    space.builder.warn(
      `a network with name ${network.name} exists but was not created for project "${space.project.name}".\n` +
        'Set `external: true` to use an existing network',
    )
  }
  const label = network.labels[LABEL.network] ?? ''
  if (label !== key) {
    throw new FlotillaError(
      'compose/plan',
      `network ${network.name} was found but has incorrect label ${LABEL.network} set to "${label}" (expected: "${key}")`,
    )
  }
}

function addCreation(space: Workspace, key: string, cause: string, after: readonly number[]): number {
  const wanted = space.project.networks[key]
  const { isCluster } = space.options
  const plain = toNetworkBody(space.project, key, wanted ?? { name: key }, isCluster)
  const guests = isCluster ? toNetworkGuests(space.project, space.observed) : undefined
  const body = guests === undefined ? plain : { ...plain, Flotilla: { Container: guests } }
  // A cluster puts the networks of a project together, and has to know of one to put the next beside it.
  const before = isCluster ? [...after, ...space.networks.values()] : after
  return space.builder.add({
    op: { kind: 'create-network', body },
    resource: `Network ${body.Name}`,
    cause,
    after: before,
  })
}

function renewNetwork(
  space: Workspace,
  key: string,
  network: ObservedNetwork,
  slots: ReadonlyMap<string, ServiceSlots>,
): void {
  const { builder } = space
  const cause = 'configuration changed'
  const attached = space.observed.containers.filter((entry) => Object.values(entry.networks).includes(network.id))
  const detachments: number[] = []
  const busy = attached.find((entry) => entry.isOneOff && isAlive(entry) && !space.removals.has(entry.id))
  if (busy !== undefined) {
    // What somebody runs is not done twice, nor cut off: the reference program fails too, with the network half taken down.
    throw new FlotillaError('compose/plan', `network ${network.name} has changed, and ${busy.name} is running on it`, {
      hint: 'wait for its end, or stop it; then the network can be made anew',
    })
  }
  for (const container of attached) {
    const removal = space.removals.get(container.id)
    if (removal !== undefined) {
      detachments.push(removal)
      continue
    }
    const stop = stopOnce(space, container, { cause: `network ${network.name} is renewed` })
    const detachment = builder.add({
      op: { kind: 'disconnect-network', network: network.name, container: toRef(container) },
      resource: toResource(container.name),
      cause: `network ${network.name} is renewed`,
      group: container.service,
      after: [stop],
    })
    detachments.push(detachment)
    space.detachments.set(container.id, [...(space.detachments.get(container.id) ?? []), detachment])
  }
  const removal = builder.add({
    op: { kind: 'remove-network', id: network.id, name: network.name },
    resource: `Network ${network.name}`,
    cause,
    after: detachments,
    words: { working: 'Recreating', done: '' },
  })
  const creation = addCreation(space, key, cause, [removal])
  space.networks.set(key, creation)
  for (const container of attached) {
    if (space.removals.has(container.id)) continue
    reconnect(space, key, container, findSlot(slots, container), creation)
  }
}

function findSlot(slots: ReadonlyMap<string, ServiceSlots>, container: ObservedContainer): Slot | undefined {
  return slots.get(container.service)?.slots.find((slot) => slot.container?.id === container.id)
}

/** A container that stays is connected again; one that is replaced or surplus goes without. */
function reconnect(
  space: Workspace,
  key: string,
  container: ObservedContainer,
  slot: Slot | undefined,
  creation: number,
): void {
  const isSelected = space.selection.names.has(container.service)
  if (isSelected && slot?.action !== 'keep' && !container.isOneOff) return
  const name = space.project.networks[key]?.name ?? key
  const endpoint =
    slot === undefined
      ? { Aliases: container.isOneOff ? [container.name] : [container.name, container.service] }
      : (toDraftAttachments(toDraft(space, slot, new Map())).find((entry) => entry.network === name)?.endpoint ?? {})
  const step = space.builder.add({
    op: { kind: 'connect-network', network: name, container: toRef(container), endpoint },
    resource: toResource(container.name),
    cause: `network ${name} is renewed`,
    group: container.service,
    after: [creation],
    words: silent,
  })
  const list = space.reconnections.get(container.id)
  if (list === undefined) space.reconnections.set(container.id, [step])
  else list.push(step)
}
