import { addPostStart, serviceOf } from './hook-steps.ts'
import type { Placed } from './creation-steps.ts'
import type { ObservedContainer } from './observed.ts'
import { toRef, toResource } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/**
 * What ran beside the services of the command, and was stopped only because a network it is on is made anew. Nothing else
 * brings it back: it is to run again whatever fails elsewhere.
 *
 * @returns service → its containers as the plan leaves them before the start steps
 */
export function placeBystanders(space: Workspace): ReadonlyMap<string, readonly Placed[]> {
  const placed = new Map<string, Placed[]>()
  for (const { container, ready } of findStopped(space)) {
    const service = space.project.services[container.service]
    if (service === undefined || container.isOneOff) continue
    const { name, number } = container
    const slot = { service, number, name, action: 'keep', container, cause: 'stopped by this plan' } as const
    const list = placed.get(service.name) ?? []
    placed.set(service.name, [...list, { slot, ref: toRef(container), ready, isSettled: false }])
  }
  return placed
}

/** Starts those of them that the files do not have (any more): nothing is known of what they depend on. */
export function addStrangerStarts(space: Workspace): void {
  const { builder, project } = space
  for (const { container, stop, ready } of findStopped(space)) {
    if (project.services[container.service] !== undefined && !container.isOneOff) continue
    const shared = { ref: toRef(container), resource: toResource(container.name), owedFrom: stop }
    const start = builder.add({
      op: { kind: 'start-container', container: shared.ref },
      resource: shared.resource,
      cause: 'stopped by this plan',
      group: container.service,
      after: ready,
      owedFrom: stop,
    })
    const service = serviceOf(project, container)
    if (service !== undefined) addPostStart(builder, project, service, { ...shared, ready: [start] })
  }
}

interface Stopped {
  readonly container: ObservedContainer
  readonly stop: number
  /** Steps that must be done before it can start. */
  readonly ready: readonly number[]
}

function findStopped({ observed, selection, stops, reconnections, removals }: Workspace): readonly Stopped[] {
  return observed.containers.flatMap((container) => {
    const stop = stops.get(container.id)
    const reconnected = reconnections.get(container.id)
    if (selection.names.has(container.service) || stop === undefined || reconnected === undefined) return []
    return removals.has(container.id) ? [] : [{ container, stop, ready: [stop, ...reconnected] }]
  })
}
