import type { Project } from '../model/project.ts'
import { makePlanBuilder } from './builder.ts'
import type { PlanBuilder } from './builder.ts'
import { rosterOfLabels, rosterOfProject, serviceLevels, withDependencies, withDependents } from './dependency.ts'
import type { Roster } from './dependency.ts'
import { addPreStop } from './hook-steps.ts'
import { isAlive, isOutOfReach } from './observed.ts'
import type { Observed, ObservedContainer, ObservedNetwork } from './observed.ts'
import { imagesToRemove } from './down-images.ts'
import type { BuiltImage } from './down-images.ts'
import { LABEL } from './label.ts'
import { networksInPlay } from './network-steps.ts'
import { findOrphans } from './orphan-steps.ts'
import type { Plan } from './plan.ts'
import { selectServices } from './selection.ts'
import { volumesInPlay } from './volume-steps.ts'
import { toRef, toResource } from './workspace.ts'

/** What is to be taken down, and how thoroughly. */
export interface DownOptions {
  readonly projectName: string
  /** The files' project; without it everything is read from labels. */
  readonly project?: Project
  /** Services to take down (see `chooseServices`); empty means all. */
  readonly services: readonly string[]
  readonly removeOrphans: boolean
  /** Named volumes of the project and anonymous ones of its containers. */
  readonly removeVolumes: boolean
  readonly removeImages?: 'local' | 'all'
  /** Images with the project's labels, whatever their names; absent: none are known. */
  readonly built?: readonly BuiltImage[]
  readonly timeoutSeconds?: number
}

/** Text of the warning when something else still uses a network, volume or image. */
const inUse = 'Resource is still in use'

/**
 * Plans the end of a project: containers in reverse dependency order, then networks, images and volumes.
 * External networks and volumes are left alone.
 */
export function planDown(observed: Observed, options: DownOptions): Plan {
  const builder = makePlanBuilder()
  const { project } = options
  const resources = chooseResources(options)
  const roster = project === undefined ? rosterOfLabels(observed) : rosterOfProject(project, observed)
  const chosen = chooseServices(roster, options)
  const removals = addContainerRemovals(builder, roster, chosen, options)
  if (project !== undefined && options.removeOrphans) {
    for (const container of findOrphans(project, observed)) {
      if (!removals.has(container.id)) addRemoval(builder, container, [], options, removals)
    }
  }
  const after = [...removals.values()]
  const left = observed.containers.filter((container) => !removals.has(container.id))
  for (const network of networksToRemove(observed, { ...options, resources }, chosen, left)) {
    builder.add({
      op: { kind: 'remove-network', id: network.id, name: network.name },
      resource: `Network ${network.name}`,
      cause: 'down',
      after,
      refusal: inUse,
      isInUse: left.some((container) => isAlive(container) && Object.values(container.networks).includes(network.id)),
    })
  }
  for (const name of imagesToRemove(observed, options, chosen)) {
    const op = { kind: 'remove-image', reference: name } as const
    builder.add({ op, resource: `Image ${name}`, cause: 'down', after, refusal: inUse })
  }
  addVolumeRemovals(builder, observed, { ...options, resources }, after, left)
  const plan = builder.build()
  if (plan.steps.length > 0) return plan
  return { ...plan, warnings: [`Warning: No resource found to remove for project "${options.projectName}".`] }
}

/**
 * By the files: the named services, and what stands between them, as a service that one of them depends on and that
 * depends on another of them. By labels alone: the named services and all that depend on them. Both as the reference
 * program does it (docs/decisions/0040).
 */
function chooseServices(roster: Roster, { project, services }: DownOptions): ReadonlySet<string> {
  const dependents = withDependents(roster, services)
  if (project === undefined || services.length === 0) return dependents
  return new Set(withDependencies(roster, services).filter((name) => dependents.has(name)))
}

/** Names of what may go besides containers; absent: all that has the project's labels. */
interface Resources {
  readonly networks: ReadonlySet<string>
  readonly volumes: ReadonlySet<string>
}

/** Of the named services and what they depend on, as with docker-compose 2.40; of all where none is named. */
function chooseResources({ project, services }: DownOptions): Resources | undefined {
  if (project === undefined) return undefined
  const selection = selectServices(project, services)
  const { networks, volumes } = project
  return {
    networks: new Set(
      networksInPlay(project, selection).flatMap((key) => {
        const network = networks[key]
        return network === undefined || network.external === true ? [] : [network.name]
      }),
    ),
    volumes: new Set(
      volumesInPlay(project, selection).flatMap((key) => {
        const volume = volumes[key]
        return volume === undefined || volume.external === true || volume.isPlain === true ? [] : [volume.name]
      }),
    ),
  }
}

function addContainerRemovals(
  builder: PlanBuilder,
  roster: Roster,
  chosen: ReadonlySet<string>,
  options: DownOptions,
): Map<string, number> {
  const removals = new Map<string, number>()
  const byService = new Map<string, readonly number[]>()
  for (const level of [...serviceLevels(roster)].reverse()) {
    for (const service of level) {
      if (!chosen.has(service)) continue
      const dependents = [...roster.dependencies].filter(([, dependencies]) => dependencies.has(service))
      const after = dependents.flatMap(([name]) => byService.get(name) ?? [])
      const containers = roster.containers.get(service) ?? []
      const added = containers.map(
        (container) => [container, addRemoval(builder, container, after, options, removals)] as const,
      )
      // Nobody waits for a node that does not answer.
      const steps = added.flatMap(([container, step]) => (isOutOfReach(container) ? [] : [step]))
      // A service without containers passes its dependents' order on.
      byService.set(service, steps.length > 0 ? steps : after)
    }
  }
  return removals
}

function addRemoval(
  builder: PlanBuilder,
  container: ObservedContainer,
  after: readonly number[],
  options: DownOptions,
  removals: Map<string, number>,
): number {
  const { timeoutSeconds } = options
  const shared = { resource: toResource(container.name), cause: 'down', group: container.service }
  const ref = toRef(container)
  const target = { ref, resource: shared.resource, ready: after }
  const stop = isAlive(container)
    ? builder.add({
        op: {
          kind: 'stop-container',
          container: ref,
          ...(timeoutSeconds !== undefined && { timeoutSeconds }),
        },
        ...shared,
        after: addPreStop(builder, options.project, container, target),
      })
    : undefined
  const step = builder.add({
    op: { kind: 'remove-container', container: ref, withVolumes: options.removeVolumes },
    ...shared,
    after: [stop, ...after],
  })
  removals.set(container.id, step)
  return step
}

/** Our networks; with services named, those that no service left behind is on. */
function networksToRemove(
  observed: Observed,
  options: DownOptions & { readonly resources: Resources | undefined },
  chosen: ReadonlySet<string>,
  left: readonly ObservedContainer[],
): readonly ObservedNetwork[] {
  const { project, resources } = options
  const own = observed.networks.filter((network) => {
    if (project === undefined) return true
    // One of that name which somebody else has made is not ours to remove.
    const { [LABEL.project]: owner, [LABEL.network]: key = '' } = network.labels
    const isWanted = project.networks[key]?.name === network.name && resources?.networks.has(network.name) === true
    return owner === options.projectName && isWanted
  })
  if (options.services.length === 0) return own
  const usedIds = new Set(left.flatMap((container) => Object.values(container.networks)))
  // A container that has never run may have the name of its network and no ID.
  const leftServices = new Set(left.map((container) => container.service))
  const usedNames = new Set(
    Object.values(project?.services ?? {})
      .filter((service) => !chosen.has(service.name) && leftServices.has(service.name))
      .flatMap((service) => Object.keys(service.networks ?? {}).map((key) => project?.networks[key]?.name ?? key)),
  )
  return own.filter((network) => !usedIds.has(network.id) && !usedNames.has(network.name))
}

function addVolumeRemovals(
  builder: PlanBuilder,
  observed: Observed,
  options: DownOptions & { readonly resources: Resources | undefined },
  after: readonly number[],
  left: readonly ObservedContainer[],
): void {
  const { removeVolumes, resources } = options
  if (!removeVolumes) return
  for (const volume of observed.volumes) {
    if (resources !== undefined && !resources.volumes.has(volume.name)) continue
    builder.add({
      op: { kind: 'remove-volume', name: volume.name },
      resource: `Volume ${volume.name}`,
      cause: 'down',
      after,
      refusal: inUse,
      isInUse: left.some(({ mounts }) => mounts.some((mount) => mount.name === volume.name)),
    })
  }
}
