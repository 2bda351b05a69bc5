import { toCall } from '../core/call.ts'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import type { Progress } from '../core/progress.ts'
import { FlotillaError } from '../core/errors.ts'
import type { Engine } from '../engine/engine.ts'
import type { BuildHost } from './build/build-image.ts'
import { execute } from './execute.ts'
import type { HookOutput } from './execute/hook.ts'
import type { ProjectLockOptions } from './lock/project-lock.ts'
import type { StartedContainer } from './execute.ts'
import { checkContainerNames } from './load/consistency.ts'
import { keepClassicImages, toClassicImages } from './legacy/classic-image.ts'
import { mapDictionary } from './model/dictionary.ts'
import { materialKey, noMaterials } from './model/material.ts'
import type { Materials } from './model/material.ts'
import type { Project } from './model/project.ts'
import type { Service } from './model/service.ts'
import { observeImageVolumes } from './observe-images.ts'
import { observe } from './observe.ts'
import { observeNodes } from './observe-nodes.ts'
import { isClusterEndpoint, paceOf } from './pace.ts'
import { furtherImages, isBuiltAnyway } from './plan/image-plan.ts'
import type { ImageOptions, PullPolicy } from './plan/image-plan.ts'
import { findLeftOut } from './plan/left-out.ts'
import type { Observed, ObservedImage } from './plan/observed.ts'
import type { ReconcileOptions } from './plan/options.ts'
import { asksForNodes } from './plan/placement/assign.ts'
import { isQuestions } from './plan/plan.ts'
import type { Plan, Question } from './plan/plan.ts'
import { reconcile } from './plan/reconcile.ts'
import { isSameState } from './plan/same-state.ts'
import { readMaterials } from './read-materials.ts'
import { selectServices } from './plan/selection.ts'
import { reportPlan } from './report-plan.ts'
import { bringImages, toImageOptions } from './prepare-images.ts'
import { imageMounts } from './translate/mount.ts'
import { toImageReference } from './translate/name.ts'

/** How a project is brought to the engine. */
export interface ConvergeOptions extends CallOptions {
  readonly reconcile: Omit<ReconcileOptions, 'apiVersion' | 'isCluster' | 'answers' | 'materials'>
  readonly pull: PullPolicy
  readonly clock: Clock
  readonly progress: Progress
  readonly parallel: number
  /** Most containers changed at once on a single engine; a fleet has processors of its own for each. */
  readonly changing?: () => number
  /** Longest wait for what a service depends on, milliseconds; absent: as long as its own check takes. */
  readonly waitLimitMs?: number
  readonly warn: (message: string) => void
  /** Told what has no effect here, as always with Compose: for those who ask for details. */
  readonly note?: (message: string) => void
  /** The user's decision about data that would be lost. */
  readonly ask: (question: Question) => Promise<boolean>
  /** Files of this computer cannot be mounted by the engine. */
  readonly isRemote?: boolean
  /** What would be left out ends it, and is no warning. */
  readonly isStrict?: boolean
  /** Nothing is changed on the engine; the steps are only reported. */
  readonly isDryRun?: boolean
  /** Hold the project's lock while something is changed; absent: no lock. */
  readonly lock?: Pick<ProjectLockOptions, 'command' | 'timeoutMs'>
  /** Told the plan before its first step; the plan stands alone, IDs of made containers are not known yet. */
  readonly onPlan?: (plan: Plan, observed: Observed) => Promise<void>
  readonly beforeStart?: (container: StartedContainer) => Promise<void>
  /** As in `ExecuteOptions`. */
  readonly startSignal?: AbortSignal
  readonly hookOutput?: (output: HookOutput) => void
  readonly registryAuth?: (reference: string) => Promise<string | undefined>
  /** What builds take from this computer; absent: nothing can be built. */
  readonly buildHost?: BuildHost
  /** How images are built; absent: as the files say, when they are missing. */
  readonly images?: Partial<Pick<ImageOptions, 'mayBuild' | 'isKeepingBuilt' | 'wishes'>>
}

/**
 * `up` and `create` without their output: looks, pulls what is missing, plans, asks, carries out. Where something is to be
 * done and a lock is asked for, it looks once more when it has the lock, and plans anew if somebody else has changed
 * something until then.
 *
 * @throws {compose/locked}
 * @returns the plan that was carried out
 */
export async function converge(engine: Engine, project: Project, o: ConvergeOptions): Promise<Plan> {
  const known: Known = { isCluster: remember(() => isClusterEndpoint(engine, toCall(o))) }
  const first = await prepare(engine, project, o, known)
  const isOnlyWaiting = first.plan.steps.every(({ op }) => op.kind === 'wait-container')
  if (o.lock === undefined || o.isDryRun === true || isOnlyWaiting) {
    return carryOut(engine, first, o, known)
  }
  const { withProjectLock } = await import('./lock/project-lock.ts')
  const { clock, warn } = o
  const how = { ...toCall(o), ...o.lock, clock, warn, isFleet: known.isCluster }
  return withProjectLock(engine, project.name, how, async (signal) => {
    // What was pulled or built is there.
    const own = { ...o, pull: 'missing', ...(signal !== undefined && { signal }) } as const
    return carryOut(engine, await lookAgain(engine, project, first, own, known), own, known)
  })
}

/** Most often nothing has changed since the first look: then its plan stands. */
async function lookAgain(
  engine: Engine,
  project: Project,
  first: Prepared,
  o: ConvergeOptions,
  known: Known,
): Promise<Prepared> {
  if (first.observed.nodes === undefined) {
    const { services } = selectServices(project, o.reconcile.services, o.reconcile.withoutDependencies)
    const references = toReferences(project, services)
    const now = await observe(engine, toObserveRequest(project, references), toCall(o))
    if (isSameState(now, first.observed)) return first
  }
  return prepare(engine, project, o, { ...known, files: first.files })
}

/** What is known already when something is prepared. */
interface Known {
  /** Whether the endpoint is a cluster; asked once, when it matters. */
  readonly isCluster: () => Promise<boolean>
  /** What configs and secrets hold: reading them is quick, telling them apart by fingerprints is slow on purpose. */
  readonly files?: Materials
}

function remember<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return () => (answer ??= ask())
}

async function carryOut(
  engine: Engine,
  { plan, observed, materials }: Prepared,
  { changing, ...o }: ConvergeOptions,
  known: Known,
): Promise<Plan> {
  for (const warning of plan.warnings) o.warn(warning)
  await o.onPlan?.(plan, observed)
  for (const resource of plan.settled) o.progress({ id: resource, status: 'done', text: 'Running' })
  if (o.isDryRun === true) reportPlan(plan, o.progress)
  else await execute(plan, engine, { ...o, materials, ...(await paceOf(plan, changing, known.isCluster)) })
  return plan
}

/** A plan, and what it was made from. */
export interface Prepared {
  readonly plan: Plan
  /** The steps of images. */
  readonly pulls: Plan
  readonly observed: Observed
  /** With the fingerprints of mounted images. */
  readonly materials: Materials
  /** Without. */
  readonly files: Materials
}

/** Everything up to the plan. Pulls and builds images, unless it is a dry run. */
export async function prepare(
  engine: Engine,
  given: Project,
  o: ConvergeOptions,
  known: Known = { isCluster: remember(() => isClusterEndpoint(engine, toCall(o))) },
): Promise<Prepared> {
  checkContainerNames(given)
  const call = toCall(o)
  const selection = selectServices(given, o.reconcile.services, o.reconcile.withoutDependencies)
  const left = findLeftOut(selection.services)
  if (o.isStrict === true && left[0] !== undefined) throw new FlotillaError('compose/unsupported', left[0])
  const references = toReferences(given, selection.services)
  const [apiVersion, first] = await Promise.all([
    engine.apiVersion(call),
    observe(engine, toObserveRequest(given, references), call),
  ])
  const project = keepClassicImages(given, first, (service) => isBuiltAnyway(service, toImageOptions(o)))
  const brought = await bringImages(engine, project, selection, references, first, o)
  const { pulls } = brought
  let { observed } = brought
  const placed = selection.services.filter(asksForNodes)
  const isPlaced = placed.length > 0 && (await known.isCluster())
  if (isPlaced) observed = await withNodes(engine, observed, call)
  else
    for (const { name } of placed)
      o.note?.(`deploy.mode and deploy.placement of service "${name}" have no effect on one engine`)
  const files = known.files ?? (await prepareMaterials(engine, project, selection.services, o, known))
  const materials = withMountedImages(files, selection.services, observed)
  const options = { ...o.reconcile, apiVersion, isCluster: isPlaced, materials }
  const answers: Record<string, boolean> = {}
  let plan = await decide(project, observed, { ...options, answers }, o)
  if (needsMoreFacts(plan)) {
    const isCluster = isPlaced || (await known.isCluster())
    observed = { ...observed, images: await observeReplacedVolumes(engine, project, observed, plan, call) }
    plan = await decide(project, observed, { ...options, answers, isCluster }, o)
  }
  return { plan: { ...plan, warnings: [...left, ...plan.warnings] }, pulls, observed, materials, files }
}

/** A cluster is on other computers whatever its address: its engines are. */
async function prepareMaterials(
  engine: Engine,
  project: Project,
  services: readonly Service[],
  o: ConvergeOptions,
  known: Known,
): Promise<Materials> {
  const hasFiles = services.some(({ secrets = [], configs = [] }) => secrets.length + configs.length > 0)
  const hasOthers = services.some((entry) => entry.security_opt !== undefined || entry.credential_spec !== undefined)
  if (!hasFiles && !hasOthers) return noMaterials
  const isRemote = o.isRemote === true || (hasFiles && (await known.isCluster()))
  return readMaterials(engine, project, services, isRemote, toCall(o))
}

/** What mounted images are right now, so that a container with an older one is seen. */
function withMountedImages(materials: Materials, services: readonly Service[], observed: Observed): Materials {
  const mounted = services.flatMap(imageMounts)
  if (mounted.length === 0) return materials
  const entries = new Map(materials.entries)
  for (const reference of mounted) {
    const image = observed.images[reference]
    const fingerprint = image?.id.replace('sha256:', '').slice(0, 12)
    if (fingerprint !== undefined) entries.set(materialKey('image', reference), { fingerprint })
  }
  return { ...materials, entries }
}

/** The images the containers of services are made of, or may be. */
function toReferences(project: Project, services: readonly Service[]): readonly string[] {
  const all = services.flatMap((service) => [toImageReference(project, service), ...furtherImages(service)])
  return [...new Set([...all, ...toClassicImages(project, services)])]
}

/** What to look for on the engine for a project. */
export function toObserveRequest(project: Project, references: readonly string[]): Parameters<typeof observe>[1] {
  return {
    project: project.name,
    networkNames: Object.values(project.networks).map((network) => network.name),
    volumeNames: Object.values(project.volumes).map((volume) => volume.name),
    imageReferences: references,
  }
}

async function decide(
  project: Project,
  observed: Observed,
  options: Omit<ReconcileOptions, 'answers'> & { readonly answers: Record<string, boolean> },
  o: ConvergeOptions,
): Promise<Plan> {
  for (;;) {
    const outcome = reconcile(project, observed, options)
    if (!isQuestions(outcome)) return outcome
    for (const question of outcome.questions) {
      options.answers[question.id] = await o.ask(question)
    }
  }
}

/** What images declare and whether the endpoint is a cluster matter only where something is made. */
function needsMoreFacts(plan: Plan): boolean {
  return plan.steps.some(
    ({ op }) =>
      op.kind === 'create-network' ||
      op.kind === 'create-volume' ||
      (op.kind === 'create-container' && op.draft.replaces !== undefined),
  )
}

/** Which volumes images declare matters only for containers that are replaced: one call an image. */
async function observeReplacedVolumes(
  engine: Engine,
  project: Project,
  observed: Observed,
  plan: Plan,
  call: CallOptions,
): Promise<Observed['images']> {
  const wanted = new Set(
    plan.steps.flatMap((step) =>
      step.op.kind === 'create-container' && step.op.draft.replaces !== undefined
        ? [toImageReference(project, step.op.draft.service)]
        : [],
    ),
  )
  const known = new Map<string, ObservedImage>()
  for (const reference of wanted) {
    const image = observed.images[reference]
    if (image === undefined) continue
    known.set(reference, { ...image, volumes: await observeImageVolumes(engine, image.id, call) })
  }
  return mapDictionary(observed.images, (image, reference) => known.get(reference) ?? image)
}

/** Classic Swarm does not list its nodes in a form for programs: there only its scheduler places. */
async function withNodes(engine: Engine, observed: Observed, call: CallOptions): Promise<Observed> {
  const nodes = await observeNodes(engine, call)
  return nodes === undefined ? observed : { ...observed, nodes }
}
