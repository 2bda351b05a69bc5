import { execute } from '../execute.ts'
import type { ExecuteOptions } from '../execute.ts'
import { reportPlan } from '../report-plan.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { planAllBuilds } from '../plan/image-plan.ts'
import { selectServices } from '../plan/selection.ts'
import { orderBuilds } from './builder-needs.ts'
import { plainWishes } from './definition.ts'
import type { BuildWishes } from './definition.ts'

/** How services are built. */
export interface BuildServicesOptions extends ExecuteOptions {
  readonly wishes?: BuildWishes
  /** Build the dependencies of the named services too. */
  readonly withDependencies?: boolean
  readonly isDryRun?: boolean
}

/**
 * Builds the images of the named services, of all when none is named, and those they are built from. What `build` and
 * `run --build` do.
 *
 * @returns how many images there were to build
 * @throws {compose/not-found} for a service that is not there, {compose/execute} for a build that fails
 */
export async function buildServices(
  engine: Engine,
  project: Project,
  names: readonly string[],
  o: BuildServicesOptions,
): Promise<number> {
  const services = chooseBuilds(project, names, o.withDependencies === true)
  const plan = await orderBuilds(planAllBuilds(project, services, o.wishes ?? { ...plainWishes, isToRun: true }))
  await o.buildHost?.begin?.()
  if (o.isDryRun === true) reportPlan(plan, o.progress)
  else await execute(plan, engine, o)
  return plan.steps.length
}

/** The services with a `build` among those named, or among all. */
export function chooseBuilds(
  project: Project,
  names: readonly string[],
  withDependencies: boolean,
): readonly Service[] {
  const { services } = selectServices(project, names, names.length > 0 && !withDependencies)
  return services.filter((service) => service.build !== undefined && service.provider === undefined)
}
