import type { Dependency, Service } from '../model/service.ts'
import type { Placed } from './creation-steps.ts'
import { isOutOfReach } from './observed.ts'
import type { WaitCondition } from './plan.ts'
import { toResource } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** What is waited for → the one step that does it. */
export type Waits = Map<string, number>

/**
 * Waits of a service for containers on nodes that do not answer. They will fail: what runs of the service is not to be
 * replaced by something that cannot be started then.
 */
export function addHopelessWaits(
  space: Workspace,
  service: Service,
  placed: ReadonlyMap<string, readonly Placed[]>,
  waits: Waits,
): readonly number[] {
  return Object.entries(service.depends_on ?? {}).flatMap(([name, dependency]) => {
    if (!space.options.start || dependency.condition === 'service_started') return []
    return awaited(dependency, placed.get(name) ?? [])
      .filter(({ slot: { container } }) => container !== undefined && isOutOfReach(container))
      .map((entry) => addWait(space, name, entry, dependency, undefined, waits))
  })
}

/** All containers must be healthy; of those that should end, the first counts. */
export function awaited(dependency: Dependency, entries: readonly Placed[]): readonly Placed[] {
  return dependency.condition === 'service_completed_successfully' ? entries.slice(0, 1) : entries
}

export function addWait(
  space: Workspace,
  service: string,
  entry: Placed,
  dependency: Dependency,
  start: number | undefined,
  waits: Waits,
): number {
  const condition: WaitCondition = dependency.condition === 'service_healthy' ? 'healthy' : 'completed'
  const bestEffort = !dependency.required
  const key = `${entry.slot.name} ${condition} ${String(bestEffort)}`
  const known = waits.get(key)
  if (known !== undefined) return known
  const step = space.builder.add({
    op: {
      kind: 'wait-container',
      container: entry.ref,
      service,
      condition,
      ...(entry.slot.action === 'keep' && entry.slot.container?.state === 'paused' && { isUnpaused: true }),
    },
    resource: toResource(entry.slot.name),
    cause: 'depended on',
    group: service,
    after: [start],
    ...(bestEffort && { bestEffort }),
    words: { working: 'Waiting', done: condition === 'healthy' ? 'Healthy' : 'Exited' },
  })
  waits.set(key, step)
  return step
}
