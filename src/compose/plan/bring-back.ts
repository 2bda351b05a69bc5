import { makePlanBuilder, silent } from './builder.ts'
import type { ContainerRef, Plan, Step } from './plan.ts'

/** How far a plan had come when it failed. */
export interface Ended {
  readonly done: ReadonlySet<number>
  readonly begun: ReadonlySet<number>
}

/**
 * Plans what follows when a step fails on which the way back of stopped containers depends: those that are still there
 * are started as they were. What was to stay stopped, and what rollouts take back themselves, is left alone.
 *
 * @returns starts in the reverse order of the stops: dependencies first
 */
export function planBringBack({ steps, rollouts = [] }: Plan, { done, begun }: Ended): Plan {
  const rolling = new Set(rollouts.map(({ service }) => service))
  const builder = makePlanBuilder()
  let last: number | undefined
  for (const { op, id, resource, group } of steps.toReversed()) {
    if (op.kind !== 'stop-container' || !done.has(id) || (group !== undefined && rolling.has(group))) continue
    const { container } = op
    const later = steps.filter((step) => isOn(step, container))
    const isOwed = steps.some((step) => step.isOwed === true && (isOn(step, container) || step.resource === resource))
    const isGone = later.some((step) => step.op.kind === 'remove-container' && done.has(step.id))
    const isStarted = later.some((step) => step.op.kind === 'start-container' && begun.has(step.id))
    if (!isOwed || isGone || isStarted) continue
    last = builder.add({
      op: { kind: 'start-container', container },
      resource,
      cause: 'stopped by a plan that failed',
      ...(group !== undefined && { group }),
      after: [last],
      bestEffort: true,
      words: { ...silent, done: 'Started' },
    })
  }
  return builder.build()
}

function isOn({ op }: Step, container: ContainerRef): boolean {
  return (
    container.kind === 'existing' &&
    'container' in op &&
    op.container.kind === 'existing' &&
    op.container.id === container.id
  )
}
