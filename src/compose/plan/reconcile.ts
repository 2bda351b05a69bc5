import type { Project } from '../model/project.ts'
import { makePlanBuilder } from './builder.ts'
import { addContainerSteps } from './container-steps.ts'
import { addNetworkSteps, findRenewedNetworks } from './network-steps.ts'
import { isOutOfReach } from './observed.ts'
import type { Waits } from './dependency-waits.ts'
import type { Observed } from './observed.ts'
import type { ReconcileOptions } from './options.ts'
import { addOrphanSteps } from './orphan-steps.ts'
import { containerOf, isStepOutOfReach } from './plan.ts'
import type { Plan, Questions } from './plan.ts'
import { chooseRollingServices } from './rollout/choose.ts'
import { selectServices } from './selection.ts'
import { decideSlots } from './slot.ts'
import type { ServiceSlots } from './slot.ts'
import { addStartSteps } from './start-steps.ts'
import { addVolumeSteps, findChangedVolumes, findUsers } from './volume-steps.ts'
import { makeWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/**
 * Plans what brings the engine from what was observed to what the project asks for.
 *
 * Pure: equal arguments give an equal plan. Applying the plan and planning again gives an empty one,
 * except that services that ended by themselves are started again.
 *
 * @returns questions instead of a plan when data would be lost; call again with the answers
 * @throws {compose/not-found} for unknown services and missing external resources
 * @throws {compose/plan} for what cannot be: names in use, a custom name with a scale above one
 */
export function reconcile(project: Project, observed: Observed, options: ReconcileOptions): Plan | Questions {
  const selection = selectServices(project, options.services, options.withoutDependencies)
  const changed = findChangedVolumes(project, observed, selection)
  const open = changed.filter((entry) => options.answers[entry.question.id] === undefined)
  if (open.length > 0) return { questions: open.map((entry) => entry.question) }
  const renewedVolumes = changed.filter((entry) => options.answers[entry.question.id] === true)

  const space = makeWorkspace(project, observed, options, selection, makePlanBuilder())
  const doomed = new Set(findUsers(observed, renewedVolumes).map((container) => container.id))
  const renewedNetworks = findRenewedNetworks(project, observed, selection)
  const slots = decideSlots({ project, observed, options, selection, doomed })

  const blocking = addOrphanSteps(space)
  addVolumeSteps(space, renewedVolumes)
  addNetworkSteps(space, renewedNetworks, slots)
  const rolling = chooseRollingServices(space, slots, renewedNetworks)
  const waits: Waits = new Map()
  const placed = addContainerSteps(space, slots, rolling, waits)
  addStartSteps(space, placed, blocking, slots, rolling, waits)
  warnOfSilence(space)
  warnOfHeld(space, slots)
  return space.builder.build()
}

/** Says beforehand what will fail because a node of the cluster does not answer. */
function warnOfSilence({ builder, observed }: Workspace): void {
  const touched = new Set(
    builder
      .build()
      .steps.filter(isStepOutOfReach)
      .flatMap(({ op }) => containerOf(op) ?? []),
  )
  const byNode = new Map<string, string[]>()
  for (const { name, node = '' } of observed.containers.filter(isOutOfReach)) {
    if (touched.has(name)) byNode.set(node, [...(byNode.get(node) ?? []), name])
  }
  for (const [node, names] of byNode) {
    builder.warn(`node ${node} does not answer: nothing can be done to ${names.join(', ')} until it does`)
  }
}

/** Says what is out of date and stays so, because nothing new can be made in its place. */
function warnOfHeld({ builder }: Workspace, services: ReadonlyMap<string, ServiceSlots>): void {
  for (const { slots } of services.values()) {
    for (const { isHeld, container } of slots) {
      if (isHeld !== true || container === undefined) continue
      const { name, node } = container
      builder.warn(`node ${node ?? ''} is cordoned: ${name} stays as it is until the node is back in service`)
    }
  }
}
