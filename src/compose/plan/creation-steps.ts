import type { Service } from '../model/service.ts'
import type { ContainerDraft } from '../translate.ts'
import { isLegacyBridge, toDraftAttachments } from '../translate.ts'
import { isApiAtLeast } from '../translate/api-version.ts'
import { missingReference, referencedServices } from '../translate/reference.ts'
import { silent } from './builder.ts'
import { toDraft } from './draft.ts'
import type { ContainerRef } from './plan.ts'
import { tiedNetworks } from './placement/tied-services.ts'
import type { ServiceSlots, Slot } from './slot.ts'
import { toRef, toResource } from './workspace.ts'
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
  /** It is made in the start phase, once what it depends on is there; until then `ref` is nothing. */
  readonly isPostponed?: boolean
}

export interface CreationOptions {
  /** Without the names of the service on its networks. */
  readonly isHidden?: boolean
  /** The removal of the container it replaces, which goes first: from then on it is to be made. */
  readonly owedFrom?: number
  /** ID of the container it replaces, where its name does not tell. */
  readonly predecessor?: string
}

/**
 * Adds the making of a slot's container, and of what it is connected to afterwards.
 *
 * @throws {compose/plan} when it shares something with a service that has no container and gets none
 */
export function addCreation(
  space: Workspace,
  slot: Slot,
  name: string,
  after: readonly (number | undefined)[],
  slots: ReadonlyMap<string, ServiceSlots>,
  placed: ReadonlyMap<string, readonly Placed[]>,
  { isHidden = false, owedFrom, predecessor }: CreationOptions = {},
): { readonly step: number; readonly attached: readonly number[] } {
  const { service } = slot
  const draft = {
    ...toDraft(space, slot, slots),
    ...(isHidden && { isHidden }),
    ...(predecessor !== undefined && { predecessor }),
  }
  const needs = Object.fromEntries(
    referencedServices(service).map((dependency) => {
      const ref = firstContainer(space, dependency, placed)
      if (ref === undefined) throw missingReference(service, dependency)
      return [dependency, ref]
    }),
  )
  const isReplacing = slot.action === 'recreate'
  const open = Object.keys(draft.brought ?? {}).filter((key) => space.brought.get(key)?.isOpen === true)
  const volumes = open.flatMap((key) => space.brought.get(key) ?? [])
  const step = space.builder.add({
    op: { kind: 'create-container', name, draft, needs, ...(volumes.length > 0 && { volumes }) },
    resource: toResource(slot.name),
    cause: slot.cause,
    group: service.name,
    after: [
      ...after,
      ...[
        ...Object.keys(service.networks ?? {}),
        ...(space.options.isCluster ? tiedNetworks(space.project, service) : []),
      ].map((key) => space.networks.get(key)),
      ...(service.volumes ?? []).map((mount) => space.volumes.get(mount.source ?? '')),
      ...Object.values(needs).map((ref) => (ref.kind === 'made' ? ref.step : undefined)),
      ...linkedSteps(service, placed),
    ],
    owedFrom,
    // The reference program says nothing of the container it is about to show.
    ...(slot.oneOff !== undefined && { words: silent }),
    ...(isReplacing && { words: { working: 'Recreate', done: name === slot.name ? 'Recreated' : '' } }),
  })
  for (const volume of volumes) volume.isOpen = false
  // The others that use it go where it is by then.
  for (const key of open) space.volumes.set(key, step)
  const filled = addCopies(space, slot, draft, { kind: 'made', step, name })
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
export function addCopies(
  space: Workspace,
  slot: Slot,
  draft: ContainerDraft,
  container: ContainerRef,
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
