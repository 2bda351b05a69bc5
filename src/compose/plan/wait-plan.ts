import { makePlanBuilder } from './builder.ts'
import type { Roster } from './dependency.ts'
import type { Plan, WaitCondition } from './plan.ts'
import { toRef, toResource } from './workspace.ts'

/**
 * Plans what `--wait` of `up` and `start` waits for: every container of the services is to run, and to be healthy where
 * it has a health check; a service that others want to see completed is waited for to that end.
 *
 * @param services empty means all
 * @param done the plan that was carried out just before
 */
export function planWait({ dependencies, containers }: Roster, services: readonly string[], done?: Plan): Plan {
  const builder = makePlanBuilder()
  const completing = new Set(
    [...dependencies.values()].flatMap((needed) =>
      [...needed].filter(([, { condition }]) => condition === 'service_completed_successfully').map(([name]) => name),
    ),
  )
  const unpaused = new Set(
    done?.steps.flatMap(({ op }) =>
      op.kind === 'unpause-container' && op.container.kind === 'existing' ? [op.container.id] : [],
    ),
  )
  for (const service of services.length > 0 ? services : dependencies.keys()) {
    const condition: WaitCondition = completing.has(service) ? 'completed' : 'running'
    for (const container of containers.get(service) ?? []) {
      if (container.isOneOff) continue
      builder.add({
        op: {
          kind: 'wait-container',
          container: toRef(container),
          service,
          condition,
          ...(unpaused.has(container.id) && { isUnpaused: true }),
        },
        resource: toResource(container.name),
        cause: '--wait',
        group: service,
        words: { working: 'Waiting', done: condition === 'completed' ? 'Exited' : 'Healthy' },
      })
    }
  }
  return builder.build()
}
