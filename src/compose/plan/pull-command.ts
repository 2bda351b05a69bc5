import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { makePlanBuilder } from './builder.ts'
import { withTag } from './image-plan.ts'
import type { Observed } from './observed.ts'
import type { Plan } from './plan.ts'
import { wantedPlatform } from './pull-policy.ts'

export interface PullCommandOptions {
  /** `--policy`, over what the services say. */
  readonly policy?: string
  readonly isIgnoringBuildable: boolean
  readonly isIgnoringFailures: boolean
}

/** A service `pull` leaves alone, and why, in the reference program's words. */
export interface SkippedPull {
  readonly service: string
  readonly why: string
}

/** What `pull` does (docker/compose pkg/compose/pull.go): each image once; what can be built may fail. */
export function planPullCommand(
  services: readonly Service[],
  environment: Project['environment'],
  images: Observed['images'],
  o: PullCommandOptions,
): { readonly plan: Plan; readonly skipped: readonly SkippedPull[] } {
  const builder = makePlanBuilder()
  const skipped: SkippedPull[] = []
  const pulledBy = new Map<string, string>()
  for (const service of services) {
    if (service.provider !== undefined) continue
    const { name, image = '' } = service
    const why = skipReason(service, images, o)
    const first = pulledBy.get(image)
    if (why !== undefined) skipped.push({ service: name, why })
    else if (first !== undefined) skipped.push({ service: name, why: `Image is already being pulled by ${first}` })
    else {
      pulledBy.set(image, name)
      const platform = wantedPlatform(service, environment)
      builder.add({
        op: { kind: 'pull-image', reference: image, ...(platform !== undefined && { platform }) },
        resource: name,
        cause: 'asked for',
        group: name,
        ...((o.isIgnoringFailures || service.build !== undefined) && { bestEffort: true }),
        ...(o.isIgnoringFailures && service.build === undefined && { isErrorShown: true }),
      })
    }
  }
  return { plan: builder.build(), skipped }
}

function skipReason(service: Service, images: Observed['images'], o: PullCommandOptions): string | undefined {
  const { image = '' } = service
  if (image === '') return 'No image to be pulled'
  const policy = o.policy ?? service.pull_policy ?? ''
  if (policy === 'never' || policy === 'build') return `pull_policy is "${policy}"`
  if (policy === 'missing' && images[image] !== undefined && !isLatest(image)) return 'Image is already present locally'
  return o.isIgnoringBuildable && service.build !== undefined ? 'Image can be built' : undefined
}

/** The latest image of a name may have come since: docker-compose 2.40 asks for it each time (`imageAlreadyPresent`). */
function isLatest(reference: string): boolean {
  return !reference.includes('@') && withTag(reference).endsWith(':latest')
}
