import { compareNames, makeDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import { noMaterials } from '../model/material.ts'
import type { Service } from '../model/service.ts'
import type { ContainerDraft, VolumeCreateBody } from '../translate.ts'
import { deliverFiles } from '../translate/file.ts'
import type { InheritedVolume } from '../translate/mount.ts'
import { toImageReference, toLogName } from '../translate/name.ts'
import type { ObservedContainer, ObservedImage } from './observed.ts'
import { toConstraintHints } from './placement/constraint.ts'
import { tiedNetworks } from './placement/tied-services.ts'
import type { ServiceSlots, Slot } from './slot.ts'
import type { Workspace } from './workspace.ts'

/** What the container of a slot is made of. */
export function toDraft(space: Workspace, slot: Slot, slots: ReadonlyMap<string, ServiceSlots>): ContainerDraft {
  const { project, options } = space
  const { service } = slot
  const image = space.observed.images[toImageReference(project, service)]
  const old = slot.container
  const inherited = old === undefined || options.renewAnonymousVolumes ? [] : inheritVolumes(slot, old, image)
  return {
    project,
    service,
    number: slot.number,
    ...(image !== undefined && { imageId: image.id }),
    inherited,
    ...(slot.oneOff !== undefined && { oneOff: slot.oneOff }),
    ...(slot.action === 'recreate' && { replaces: toLogName(project.name, slot.service.name, slot.name) }),
    links: toLinks(space, slot, slots),
    placementHints: options.isCluster
      ? [
          ...toConstraintHints(service),
          ...toNodeHints(slot),
          ...(old === undefined ? [] : toHints(space, slot, old, inherited)),
        ]
      : [],
    nearNetworks: options.isCluster
      ? tiedNetworks(project, service).map((key) => project.networks[key]?.name ?? key)
      : [],
    files: deliverFiles(project, service, options.materials ?? noMaterials),
    separator: options.separator,
    ...(space.brought.size > 0 && { brought: bringVolumes(space, service) }),
    apiVersion: options.apiVersion,
  }
}

/** Key → create body of the volumes that come with the container unless they are there. */
function bringVolumes(space: Workspace, service: Service): Dictionary<VolumeCreateBody> {
  return makeDictionary(
    (service.volumes ?? []).flatMap(({ type, source = '' }) => {
      const volume = type === 'volume' ? space.brought.get(source) : undefined
      return volume === undefined ? [] : [[source, volume.body] as const]
    }),
  )
}

function toNodeHints({ node }: Slot): readonly string[] {
  return node === undefined ? [] : [`constraint:node==${node.isFirm ? '' : '~'}${node.name}`]
}

/**
 * Where a replacement has to go on a cluster: volumes lie on the old container's node, and whoever knows its
 * host port knows it there.
 */
function toHints(
  space: Workspace,
  slot: Slot,
  old: ObservedContainer,
  inherited: readonly InheritedVolume[],
): readonly string[] {
  const local = new Set(space.observed.volumes.filter((volume) => volume.driver === 'local').map((entry) => entry.name))
  const isBound = inherited.length > 0 || old.mounts.some((mount) => mount.name !== undefined && local.has(mount.name))
  if (isBound) return [old.node === undefined ? `affinity:container==${old.id}` : `constraint:node==${old.node}`]
  return old.node !== undefined && holdsHostPorts(slot.service) ? [`constraint:node==~${old.node}`] : []
}

/** True when a container of the service cannot exist beside its replacement on one node of a cluster. */
export function holdsHostPorts(service: Service): boolean {
  const isFixed = (service.ports ?? []).some(({ published = '' }) => published !== '' && published !== '0')
  return isFixed || service.network_mode === 'host'
}

/**
 * Anonymous volumes the new container takes over: those at a path the image declares, or where the
 * service declares an anonymous volume.
 */
function inheritVolumes(
  slot: Slot,
  old: ObservedContainer,
  image: ObservedImage | undefined,
): readonly InheritedVolume[] {
  const declared = new Set(image?.volumes)
  for (const mount of slot.service.volumes ?? []) {
    const isAnonymous = mount.type === 'volume' && (mount.source ?? '') === ''
    if (isAnonymous) declared.add(mount.target ?? '')
    else declared.delete(mount.target ?? '')
  }
  const inherited: InheritedVolume[] = []
  for (const mount of old.mounts) {
    if (mount.type !== 'volume' || mount.name === undefined || !declared.has(mount.target)) continue
    inherited.push({ name: mount.name, target: mount.target })
  }
  return inherited.sort((a, b) => compareNames(a.target, b.target))
}

/** `container:alias` for every container of a linked service, and for external links. */
function toLinks(space: Workspace, slot: Slot, slots: ReadonlyMap<string, ServiceSlots>): readonly string[] {
  const project = space.project.name
  const { separator } = space.options
  const links: string[] = []
  for (const link of slot.service.links ?? []) {
    const [service = '', alias = service] = link.split(':')
    for (const { name, number } of containersOf(space, service, slots)) {
      const names =
        space.project.isVersion1 === true
          ? toClassicAliases(project, service, name)
          : [[service, number].join(separator), [project, service, number].join(separator)]
      links.push(...[alias, ...names].map((each) => `${name}:${each}`))
    }
  }
  for (const link of slot.service.external_links ?? []) {
    const [container = '', alias = container] = link.split(':')
    links.push(`${container}:${alias}`)
  }
  return links
}

/**
 * Files of version 1 know containers by the names of docker-compose 1 (compose/service.py _get_links), whatever they are
 * called now.
 */
function toClassicAliases(project: string, service: string, name: string): readonly string[] {
  const log = toLogName(project, service, name)
  if (log === name) return [name]
  const short = `${service}_${log.slice(service.length + 1)}`
  return [short, `${project}_${short}`]
}

function containersOf(
  space: Workspace,
  service: string,
  slots: ReadonlyMap<string, ServiceSlots>,
): readonly { readonly name: string; readonly number: number }[] {
  const planned = slots.get(service)?.slots
  return (
    planned ?? space.observed.containers.filter((container) => container.service === service && !container.isOneOff)
  )
}
