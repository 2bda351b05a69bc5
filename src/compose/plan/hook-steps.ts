import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import type { PlanBuilder } from './builder.ts'
import type { ObservedContainer } from './observed.ts'
import type { ContainerRef } from './plan.ts'
import type { Trial } from './rollout/rollout.ts'

/** What hooks are run on. */
export interface HookTarget {
  readonly ref: ContainerRef
  /** As progress lines call it: `Container p-web-1`. */
  readonly resource: string
  /** Steps that must be done before anything is run on it. */
  readonly ready: readonly (number | undefined)[]
  /** What the hooks have to pass as well. */
  readonly trial?: Trial
  /** Those after the start are run after a failure elsewhere, too, see `Step.owedFrom`. */
  readonly owedFrom?: number | undefined
}

/** The service of an ordinary container; a container of `run` has no hooks. */
export function serviceOf(project: Project | undefined, container: ObservedContainer): Service | undefined {
  if (project === undefined || container.isOneOff) return undefined
  return project.services[container.service] ?? project.disabledServices[container.service]
}

/**
 * Adds what a service wants done inside a container before compose stops it, one after the other. A container
 * that is paused or between two lives takes no command, and is stopped without.
 *
 * @returns the steps the stop has to come after
 */
export function addPreStop(
  builder: PlanBuilder,
  project: Project | undefined,
  container: ObservedContainer,
  target: HookTarget,
): readonly (number | undefined)[] {
  const service = serviceOf(project, container)
  if (project === undefined || service === undefined || container.state !== 'running') return target.ready
  return addHooks(builder, project, service, 'pre_stop', target)
}

/** Adds what a service wants done inside a container that compose has started. @returns the last steps */
export function addPostStart(
  builder: PlanBuilder,
  project: Project,
  service: Service,
  target: HookTarget,
): readonly (number | undefined)[] {
  return addHooks(builder, project, service, 'post_start', target)
}

function addHooks(
  builder: PlanBuilder,
  project: Project,
  service: Service,
  phase: 'post_start' | 'pre_stop',
  target: HookTarget,
): readonly (number | undefined)[] {
  let after = target.ready
  for (const hook of service[phase] ?? []) {
    const step = builder.add({
      op: { kind: 'run-hook', phase, container: target.ref, project: project.name, service, hook },
      resource: target.resource,
      cause: phase,
      group: service.name,
      ...(target.trial !== undefined && { trial: target.trial }),
      owedFrom: target.owedFrom,
      after,
    })
    after = [step]
  }
  return after
}

/**
 * Adds the `pre_start` containers of a service: in the order written, each when the one before has ended well;
 * all of them before the first container of the service starts.
 *
 * @param targets the containers about to start, lowest number first
 * @param isLater others of the service were started before: only what is for each of them is added
 * @returns the steps every start has to come after
 */
export function addPreStart(
  builder: PlanBuilder,
  project: Project,
  service: Service,
  targets: readonly HookTarget[],
  before: readonly (number | undefined)[],
  isLater = false,
): readonly (number | undefined)[] {
  let after = before
  for (const [index, hook] of (service.pre_start ?? []).entries()) {
    if (isLater && hook.per_replica !== true) continue
    const chosen = hook.per_replica === true ? targets : targets.slice(0, 1)
    after = chosen.map((target) =>
      builder.add({
        op: { kind: 'run-init', container: target.ref, project: project.name, service, index, hook },
        resource: target.resource,
        cause: `pre_start[${index}]`,
        group: service.name,
        ...(target.trial !== undefined && { trial: target.trial }),
        after: [...after, ...target.ready],
      }),
    )
  }
  return after
}
