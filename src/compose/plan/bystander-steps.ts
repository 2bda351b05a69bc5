import { addPostStart, serviceOf } from './hook-steps.ts'
import { toRef, toResource } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/**
 * Starts what ran beside the services of the command, and was stopped only because a network it is on is made anew. Nothing
 * else brings it back: it runs again whatever fails elsewhere.
 *
 * @returns service → the last steps, for those that depend on it
 */
export function addBystanderStarts(space: Workspace): ReadonlyMap<string, readonly number[]> {
  const { builder, project, observed, selection } = space
  const ends = new Map<string, readonly number[]>()
  for (const container of observed.containers) {
    const stop = space.stops.get(container.id)
    const reconnections = space.reconnections.get(container.id)
    if (selection.names.has(container.service) || stop === undefined || reconnections === undefined) continue
    if (space.removals.has(container.id)) continue
    const [ref, resource] = [toRef(container), toResource(container.name)]
    const start = builder.add({
      op: { kind: 'start-container', container: ref },
      resource,
      cause: 'stopped by this plan',
      group: container.service,
      after: [stop, ...reconnections],
      isOwed: true,
    })
    const service = serviceOf(project, container)
    const last =
      service === undefined
        ? []
        : addPostStart(builder, project, service, { ref, resource, ready: [start], isOwed: true })
    ends.set(container.service, [...(ends.get(container.service) ?? []), last[0] ?? start])
  }
  return ends
}
