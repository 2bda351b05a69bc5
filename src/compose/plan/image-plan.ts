import { FlotillaError } from '../../core/errors.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { imageMounts } from '../translate/mount.ts'
import { toImageReference } from '../translate/name.ts'
import { makePlanBuilder } from './builder.ts'
import type { PlanBuilder } from './builder.ts'
import type { Observed } from './observed.ts'
import type { Plan } from './plan.ts'
import type { Selection } from './selection.ts'

/** `up --pull`: over what the services say. */
export type PullPolicy = 'always' | 'missing' | 'never' | 'build' | 'policy'

/**
 * Plans the pulls before a project can be reconciled: images that are missing, and those whose policy
 * asks for a fresh look. One step an image, however many services use it.
 *
 * @throws {compose/unsupported} for an image that would have to be built
 * @throws {compose/not-found} for a missing image that must not be pulled
 */
export function planImages(project: Project, observed: Observed, selection: Selection, override: PullPolicy): Plan {
  const builder = makePlanBuilder()
  const planned = new Set<string>()
  for (const service of selection.services) {
    if (service.provider !== undefined) continue
    const reference = toImageReference(project, service)
    const isPresent = observed.images[reference] !== undefined
    const policy = override === 'policy' ? (service.pull_policy ?? 'missing') : override
    if (planned.has(reference)) continue
    if (service.build !== undefined && (!isPresent || policy === 'build')) {
      throw new FlotillaError(
        'compose/unsupported',
        `image "${reference}" of service "${service.name}" has to be built`,
        {
          hint: 'this version does not build: build the image with docker and give it this name',
        },
      )
    }
    if (isPresent && policy !== 'always') continue
    if (policy === 'never') {
      // As an engine says it of a container whose image it lacks.
      throw new FlotillaError('compose/not-found', `Error response from daemon: No such image: ${reference}`, {
        hint: `pull_policy of service "${service.name}" is "never"`,
      })
    }
    planned.add(reference)
    builder.add({
      op: {
        kind: 'pull-image',
        reference,
        ...(service.platform !== undefined && { platform: service.platform }),
      },
      resource: service.name,
      cause: isPresent ? 'policy is always' : 'missing',
      group: service.name,
    })
  }
  for (const service of selection.services) addFurtherImages(builder, service, observed, planned, override)
  return builder.build()
}

/** Images a service needs besides the one its containers are made of. */
function addFurtherImages(
  builder: PlanBuilder,
  service: Service,
  observed: Observed,
  planned: Set<string>,
  override: PullPolicy,
): void {
  for (const reference of furtherImages(service)) {
    const isPresent = observed.images[reference] !== undefined
    if (planned.has(reference) || (isPresent && override !== 'always') || override === 'never') continue
    planned.add(reference)
    builder.add({
      op: { kind: 'pull-image', reference },
      resource: service.name,
      cause: isPresent ? 'policy is always' : 'missing',
      group: service.name,
    })
  }
}

/** Images that the `pre_start` hooks of a service name, and those it mounts. */
export function furtherImages(service: Service): readonly string[] {
  const hooks = (service.pre_start ?? []).map((hook) => hook.image).filter((image) => image !== undefined)
  return [...hooks, ...imageMounts(service)]
}
