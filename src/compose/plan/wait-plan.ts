import type { Project } from '../model/project.ts'
import { makePlanBuilder } from './builder.ts'
import type { Observed } from './observed.ts'
import type { Plan, WaitCondition } from './plan.ts'
import { selectServices } from './selection.ts'
import { groupByService } from './slot.ts'
import { toRef, toResource } from './workspace.ts'

/**
 * Plans `up --wait`: every container of the selected services is to run, and to be healthy where it has a
 * health check; a service that others want to see completed is waited for to that end.
 */
export function planWait(project: Project, observed: Observed, services: readonly string[]): Plan {
  const builder = makePlanBuilder()
  const completing = new Set(
    Object.values(project.services).flatMap((service) =>
      Object.entries(service.depends_on ?? {})
        .filter(([, dependency]) => dependency.condition === 'service_completed_successfully')
        .map(([name]) => name),
    ),
  )
  const groups = groupByService(observed)
  for (const service of selectServices(project, services).services) {
    const condition: WaitCondition = completing.has(service.name) ? 'completed' : 'running'
    for (const container of groups.get(service.name) ?? []) {
      builder.add({
        op: { kind: 'wait-container', container: toRef(container), service: service.name, condition },
        resource: toResource(container.name),
        cause: '--wait',
        group: service.name,
        words: { working: 'Waiting', done: condition === 'completed' ? 'Exited' : 'Healthy' },
      })
    }
  }
  return builder.build()
}
