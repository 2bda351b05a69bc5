import { FlotillaError } from '../../core/errors.ts'
import { identityOf, plainWishes, servicesBehind, toImageBuild } from '../build/definition.ts'
import type { BuildWishes } from '../build/definition.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { imageMounts } from '../translate/mount.ts'
import { toImageReference } from '../translate/name.ts'
import { makePlanBuilder } from './builder.ts'
import type { PlanBuilder } from './builder.ts'
import type { Observed, ObservedImage } from './observed.ts'
import type { Plan } from './plan.ts'
import { isPlatform, refreshMs, wantedPlatform } from './pull-policy.ts'
import type { Selection } from './selection.ts'

/** `up --pull`: over what the services say. */
export type PullPolicy = 'always' | 'missing' | 'never' | 'build' | 'policy'

/** How images are brought about. */
export interface ImageOptions {
  readonly pull: PullPolicy
  /** False: `--no-build`. */
  readonly mayBuild: boolean
  /** An image that is there is not built again, whatever `pull_policy` says. */
  readonly isKeepingBuilt?: boolean
  readonly wishes: BuildWishes
  /** Now, in milliseconds since 1970, for images that age. */
  readonly nowMs: number
}

export const defaultImageOptions: ImageOptions = { pull: 'policy', mayBuild: true, wishes: plainWishes, nowMs: 0 }

/**
 * Plans the pulls before a project can be reconciled: images that are missing, of the wrong platform, too old, or
 * whose policy asks for a fresh look. One step an image, however many services use it. What is built as well, by
 * whichever service, may fail to be pulled: whether it is there after all is for the builds to say.
 *
 * @throws {compose/not-found} for a missing image that nobody pulls or builds
 */
export function planPulls(project: Project, observed: Observed, selection: Selection, o: ImageOptions): Plan {
  const builder = makePlanBuilder()
  const planned = new Set<string>()
  const builders = findBuilders(project, selection)
  const refused = new Map<string, Service>()
  for (const service of selection.services) {
    const reference = toImageReference(project, service)
    const maker = service.build === undefined ? builders.get(reference) : service
    if (service.provider !== undefined || planned.has(reference)) continue
    if (maker !== undefined && isOnlyBuilt(maker, o)) continue
    const policy = policyOf(service, o)
    const cause = pullCause(service, observed.images[reference], policy, o)
    if (cause === undefined) continue
    if (policy === 'never') {
      if (maker === undefined) refused.set(reference, service)
      continue
    }
    planned.add(reference)
    const platform = wantedPlatform(service, project.environment)
    builder.add({
      op: { kind: 'pull-image', reference, ...(platform !== undefined && { platform }) },
      resource: service.name,
      cause,
      group: service.name,
      ...(maker !== undefined && { bestEffort: true }),
    })
  }
  for (const [reference, service] of refused) {
    if (planned.has(reference)) continue
    // As an engine says it of a container whose image it lacks.
    throw new FlotillaError('compose/not-found', `Error response from daemon: No such image: ${withTag(reference)}`, {
      hint: `pull_policy of service "${service.name}" is "never"`,
    })
  }
  for (const service of selection.services) addFurtherImages(builder, service, observed, planned, builders, o)
  return builder.build()
}

/** Image → the service that builds it: others may run it too. */
function findBuilders(project: Project, { services }: Selection): ReadonlyMap<string, Service> {
  return new Map(
    services
      .filter(({ build, provider }) => build !== undefined && provider === undefined)
      .map((service) => [toImageReference(project, service), service]),
  )
}

/** Images a service needs besides the one its containers are made of. */
function addFurtherImages(
  builder: PlanBuilder,
  service: Service,
  observed: Observed,
  planned: Set<string>,
  builders: ReadonlyMap<string, Service>,
  o: ImageOptions,
): void {
  for (const reference of furtherImages(service)) {
    const isPresent = observed.images[reference] !== undefined
    const maker = builders.get(reference)
    if (planned.has(reference) || (isPresent && o.pull !== 'always') || o.pull === 'never') continue
    if (maker !== undefined && isOnlyBuilt(maker, o)) continue
    planned.add(reference)
    builder.add({
      op: { kind: 'pull-image', reference },
      resource: service.name,
      cause: isPresent ? 'policy is always' : 'missing',
      group: service.name,
      ...(maker !== undefined && { bestEffort: true }),
    })
  }
}

/** There is nothing to pull, or what is pulled would be replaced at once. */
function isOnlyBuilt(service: Service, o: ImageOptions): boolean {
  return service.image === undefined || policyOf(service, o) === 'build'
}

/** Images that the `pre_start` hooks of a service name, and those it mounts. */
export function furtherImages(service: Service): readonly string[] {
  const hooks = (service.pre_start ?? []).map((hook) => hook.image).filter((image) => image !== undefined)
  return [...hooks, ...imageMounts(service)]
}

/**
 * Plans the builds that follow the pulls: images that are still missing, and those that are always built. Images a
 * build starts from come first; equal builds are one step.
 *
 * @throws {compose/not-found} for a missing image that must not be built
 */
export function planBuilds(project: Project, observed: Observed, selection: Selection, o: ImageOptions): Plan {
  const graph = new BuildGraph(project, o.wishes)
  for (const service of selection.services) {
    if (service.build === undefined || service.provider !== undefined) continue
    const reference = toImageReference(project, service)
    const isUsable = isUsableImage(service, observed.images[reference])
    const isForced = isBuiltAnyway(service, o)
    if (o.mayBuild) {
      if (!isUsable || isForced) graph.add(service, isUsable ? 'policy is build' : 'missing')
    } else if (!isUsable) {
      throw new FlotillaError(
        'compose/not-found',
        `Error response from daemon: No such image: ${withLatest(reference)}`,
        {
          hint: `service "${service.name}" may not be built: --no-build`,
        },
      )
    }
  }
  return graph.builder.build()
}

/** Plans the builds of the services as `build` does: all of them, whatever there is. */
export function planAllBuilds(project: Project, services: readonly Service[], wishes: BuildWishes): Plan {
  const graph = new BuildGraph(project, wishes)
  for (const service of services) if (service.build !== undefined) graph.add(service, 'asked for')
  return graph.builder.build()
}

class BuildGraph {
  readonly builder: PlanBuilder = makePlanBuilder()
  readonly #project: Project
  readonly #wishes: BuildWishes
  /** Step by service, and by what it makes. */
  readonly #byService = new Map<string, number>()
  readonly #byIdentity = new Map<string, number>()
  /** Last step that gives an image this name. */
  readonly #byTag = new Map<string, number>()
  readonly #path: string[] = []

  constructor(project: Project, wishes: BuildWishes) {
    this.#project = project
    this.#wishes = wishes
  }

  /** @throws {core/cycle} for images that are built from each other */
  add(service: Service, cause: string): number {
    const known = this.#byService.get(service.name)
    if (known !== undefined) return known
    if (this.#path.includes(service.name)) {
      throw new FlotillaError('core/cycle', `dependency cycle: ${[...this.#path, service.name].join(' -> ')}`)
    }
    this.#path.push(service.name)
    const after = servicesBehind(service).flatMap((name) => {
      const base = this.#project.services[name]
      return base?.build === undefined ? [] : [this.add(base, `${service.name} is built from it`)]
    })
    this.#path.pop()
    const build = toImageBuild(this.#project, service, this.#wishes)
    const identity = identityOf(build)
    const step =
      this.#byIdentity.get(identity) ??
      this.builder.add({
        op: { kind: 'build-image', build },
        resource: service.name,
        cause,
        group: service.name,
        // Of two different images of one name the later one is to stay.
        after: [...after, ...build.tags.map((tag) => this.#byTag.get(tag))],
      })
    for (const tag of build.tags) this.#byTag.set(tag, step)
    this.#byIdentity.set(identity, step)
    this.#byService.set(service.name, step)
    return step
  }
}

/** Its image is built though there may be one. */
export function isBuiltAnyway(service: Service, o: ImageOptions): boolean {
  return service.build !== undefined && policyOf(service, o) === 'build' && o.mayBuild && o.isKeepingBuilt !== true
}

/** When its image is brought: its own `pull_policy`, or what the command says over it. */
export function policyOf(service: Service, o: Pick<ImageOptions, 'pull'>): string {
  const own = service.pull_policy ?? 'missing'
  if (o.pull === 'policy') return own
  // `--build` says nothing about images that are not built.
  return o.pull === 'build' && service.build === undefined ? own : o.pull
}

function pullCause(
  service: Service,
  image: ObservedImage | undefined,
  policy: string,
  o: ImageOptions,
): string | undefined {
  if (image === undefined) return 'missing'
  if (!isUsableImage(service, image)) return `not for platform ${service.platform}`
  if (policy === 'always') return 'policy is always'
  const afterMs = refreshMs(service, policy)
  if (afterMs === undefined) return undefined
  const isOld = image.taggedAtMs === undefined || o.nowMs > image.taggedAtMs + afterMs
  return isOld ? `policy is ${policy}` : undefined
}

/** An image of another platform than the service wants is as good as none. */
function isUsableImage(service: Service, image: ObservedImage | undefined): boolean {
  if (image === undefined) return false
  const { platform = '' } = service
  return platform === '' || image.platform === undefined || isPlatform(image.platform, platform)
}

function withLatest(reference: string): string {
  return reference.lastIndexOf(':') > reference.lastIndexOf('/') ? reference : `${reference}:latest`
}

/** Plans the pushes of images that were built and have a name in the file, each name once. */
export function planPushes(services: readonly Service[], isIgnoringFailures: boolean): Plan {
  const builder = makePlanBuilder()
  const planned = new Set<string>()
  for (const service of services) {
    const { name, image = '', build, provider } = service
    if (provider !== undefined || build === undefined || image === '') continue
    for (const reference of [image, ...(build.tags ?? [])]) {
      if (planned.has(reference)) continue
      planned.add(reference)
      builder.add({
        op: { kind: 'push-image', reference },
        resource: reference,
        cause: 'asked for',
        group: name,
        ...(isIgnoringFailures && { bestEffort: true }),
      })
    }
  }
  return builder.build()
}

/** As engines name an image: without a tag or digest it is the latest. */
export function withTag(reference: string): string {
  return /:[^/]*$|@/.test(reference) ? reference : `${reference}:latest`
}
