import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import type { Progress } from '../core/progress.ts'
import { callForJson } from '../engine/api/call.ts'
import type { Engine } from '../engine/engine.ts'
import type { BuildHost } from './build/build-image.ts'
import { execute } from './execute.ts'
import type { ProjectLockOptions } from './lock/project-lock.ts'
import type { StartedContainer } from './execute.ts'
import { takeNameFromOthers } from './build/take-name.ts'
import { checkContainerNames } from './load/consistency.ts'
import { makeDictionary, mapDictionary } from './model/dictionary.ts'
import type { Project } from './model/project.ts'
import { observe, observeImageFacts, observeImages, observeImageVolumes } from './observe.ts'
import { observeNodes } from './observe-nodes.ts'
import { defaultImageOptions, planBuilds, planPulls } from './plan/image-plan.ts'
import type { ImageOptions, PullPolicy } from './plan/image-plan.ts'
import type { Observed, ObservedImage } from './plan/observed.ts'
import type { ReconcileOptions } from './plan/options.ts'
import { asksForNodes } from './plan/placement/assign.ts'
import { isQuestions, joinPlans } from './plan/plan.ts'
import type { Plan, Question } from './plan/plan.ts'
import { needsImageFacts } from './plan/pull-policy.ts'
import { reconcile } from './plan/reconcile.ts'
import { selectServices } from './plan/selection.ts'
import type { Selection } from './plan/selection.ts'
import { checkSupported } from './plan/unsupported.ts'
import { toImageReference } from './translate/name.ts'

/** How a project is brought to the engine. */
export interface ConvergeOptions extends CallOptions {
  readonly reconcile: Omit<ReconcileOptions, 'apiVersion' | 'isCluster' | 'answers'>
  readonly pull: PullPolicy
  readonly clock: Clock
  readonly progress: Progress
  readonly parallel: number
  readonly warn: (message: string) => void
  /** Told what has no effect here, as always with Compose: for those who ask for details. */
  readonly note?: (message: string) => void
  /** The user's decision about data that would be lost. */
  readonly ask: (question: Question) => Promise<boolean>
  /** Nothing is changed on the engine; the steps are only reported. */
  readonly isDryRun?: boolean
  /** Hold the project's lock while something is changed; absent: no lock. */
  readonly lock?: Pick<ProjectLockOptions, 'command' | 'timeoutMs'>
  /** Told the plan before its first step; the plan stands alone, IDs of made containers are not known yet. */
  readonly onPlan?: (plan: Plan, observed: Observed) => Promise<void>
  readonly beforeStart?: (container: StartedContainer) => Promise<void>
  readonly registryAuth?: (reference: string) => Promise<string | undefined>
  /** What builds take from this computer; absent: nothing can be built. */
  readonly buildHost?: BuildHost
  /** How images are built; absent: as the files say, when they are missing. */
  readonly images?: Partial<Pick<ImageOptions, 'mayBuild' | 'wishes'>>
}

/**
 * `up` and `create` without their output: looks, pulls what is missing, plans, asks, carries out. Where something is to be
 * done and a lock is asked for, it looks and plans once more when it has the lock.
 *
 * @throws {compose/locked}
 * @returns the plan that was carried out
 */
export async function converge(engine: Engine, project: Project, o: ConvergeOptions): Promise<Plan> {
  const first = await prepare(engine, project, o)
  if (o.lock === undefined || o.isDryRun === true || first.plan.steps.length === 0) {
    return carryOut(engine, first, o)
  }
  const { withProjectLock } = await import('./lock/project-lock.ts')
  const { clock, warn } = o
  return withProjectLock(engine, project.name, { ...toCall(o), ...o.lock, clock, warn }, async (signal) => {
    // Someone else may have changed things until now. What was pulled or built is there.
    const own = { ...o, pull: 'missing', ...(signal !== undefined && { signal }) } as const
    return carryOut(engine, await prepare(engine, project, own), own)
  })
}

async function carryOut(
  engine: Engine,
  { plan, observed }: { readonly plan: Plan; readonly observed: Observed },
  o: ConvergeOptions,
): Promise<Plan> {
  for (const warning of plan.warnings) o.warn(warning)
  await o.onPlan?.(plan, observed)
  for (const resource of plan.settled) o.progress({ id: resource, status: 'done', text: 'Running' })
  if (o.isDryRun === true) reportPlan(plan, o.progress)
  else await execute(plan, engine, o)
  return plan
}

/**
 * Everything up to the plan. Pulls and builds images, unless it is a dry run.
 *
 * @returns the steps of images as `pulls`
 */
export async function prepare(
  engine: Engine,
  project: Project,
  o: ConvergeOptions,
): Promise<{ readonly plan: Plan; readonly pulls: Plan; readonly observed: Observed }> {
  checkContainerNames(project)
  const call = toCall(o)
  const selection = selectServices(project, o.reconcile.services, o.reconcile.withoutDependencies)
  checkSupported(selection.services)
  const references = [...new Set(selection.services.map((service) => toImageReference(project, service)))]
  const [apiVersion, first] = await Promise.all([
    engine.apiVersion(call),
    observe(engine, toObserveRequest(project, references), call),
  ])
  let observed = first
  observed = { ...observed, images: await addImageFacts(engine, project, selection, observed.images, o) }
  const imageOptions = toImageOptions(o)
  let pretended = observed
  const before: Plan[] = []
  for (const planImages of [planPulls, planBuilds]) {
    const images = planImages(project, o.isDryRun === true ? pretended : observed, selection, imageOptions)
    if (images.steps.length === 0) continue
    before.push(images)
    if (o.isDryRun === true) {
      reportPlan(images, o.progress)
      pretended = { ...observed, images: pretendPulled(observed.images, images) }
    } else {
      const built = new Map<string, string>()
      await execute(images, engine, { ...o, onBuilt: (reference, id) => void built.set(reference, id) })
      const found = await settleBuilt(engine, references, built, o)
      observed = { ...observed, images: await addImageFacts(engine, project, selection, found, o) }
    }
  }
  const placed = selection.services.filter(asksForNodes)
  const isPlaced = placed.length > 0 && (await isClusterEndpoint(engine, call))
  if (isPlaced) observed = await withNodes(engine, observed, call)
  else
    for (const { name } of placed)
      o.note?.(`deploy.mode and deploy.placement of service "${name}" have no effect on one engine`)
  const options = { ...o.reconcile, apiVersion, isCluster: isPlaced }
  const answers: Record<string, boolean> = {}
  let plan = await decide(project, observed, { ...options, answers }, o)
  if (needsMoreFacts(plan)) {
    const isCluster = isPlaced || (await isClusterEndpoint(engine, call))
    observed = { ...observed, images: await observeReplacedVolumes(engine, project, observed, plan, call) }
    plan = await decide(project, observed, { ...options, answers, isCluster }, o)
  }
  return { plan, pulls: joinPlans(before), observed }
}

/** A fleet hears of an image a moment after it was built. */
const newsMs = 100
const newsRounds = 20

/**
 * What was built is the image of its name, whatever else had that name: the nodes of a cluster may hold older ones,
 * which must not be taken for it.
 */
async function settleBuilt(
  engine: Engine,
  references: readonly string[],
  built: ReadonlyMap<string, string>,
  o: ConvergeOptions,
): Promise<Observed['images']> {
  const call = toCall(o)
  const wanted = [...built].filter(([reference]) => references.includes(reference))
  let images = await observeImages(engine, references, call)
  for (let round = 0; round < newsRounds; round += 1) {
    const seen = images
    if (wanted.every(([reference, id]) => seen[reference]?.ids.includes(id) === true)) break
    await o.clock.sleep(newsMs, o.signal)
    images = await observeImages(engine, references, call)
  }
  const settled = new Map<string, ObservedImage>()
  for (const [reference, id] of wanted) {
    const ids = images[reference]?.ids ?? []
    // An engine that calls the image otherwise than its builder did has no other of that name.
    if (ids.length > 0 && (!ids.includes(id) || ids.every((each) => each === id))) continue
    if (ids.length > 0) await takeNameFromOthers(engine, reference, id, call)
    settled.set(reference, { id, ids: [id], digests: [] })
  }
  return settled.size === 0 ? images : makeDictionary([...Object.entries(images), ...settled])
}

function toImageOptions(o: ConvergeOptions): ImageOptions {
  return { ...defaultImageOptions, ...o.images, pull: o.pull, nowMs: o.clock.nowMs() }
}

/** Adds what matters for services that want a platform, or an image that is not too old: one call an image. */
async function addImageFacts(
  engine: Engine,
  project: Project,
  selection: Selection,
  images: Observed['images'],
  o: ConvergeOptions,
): Promise<Observed['images']> {
  const known = new Map<string, ObservedImage>()
  for (const service of selection.services) {
    const reference = toImageReference(project, service)
    const image = images[reference]
    const policy = o.pull === 'policy' ? (service.pull_policy ?? '') : o.pull
    if (image === undefined || known.has(reference) || !needsImageFacts(service, policy)) continue
    known.set(reference, await observeImageFacts(engine, image, toCall(o)))
  }
  return known.size === 0 ? images : mapDictionary(images, (image, reference) => known.get(reference) ?? image)
}

/** In a dry run images that would be pulled count as there, so that they are not built as well. */
function pretendPulled(images: Observed['images'], plan: Plan): Observed['images'] {
  const pulled = plan.steps.flatMap(({ op }) => (op.kind === 'pull-image' ? [op.reference] : []))
  return makeDictionary<ObservedImage>([
    ...Object.entries(images),
    ...pulled.map((reference): [string, ObservedImage] => [reference, { id: '', ids: [], digests: [] }]),
  ])
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
      options.answers[question.id] = o.isDryRun === true ? false : await o.ask(question)
    }
  }
}

/** What images declare and whether the endpoint is a cluster matter only where something is made. */
function needsMoreFacts(plan: Plan): boolean {
  return plan.steps.some(
    ({ op }) => op.kind === 'create-network' || (op.kind === 'create-container' && op.draft.replaces !== undefined),
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

/** Classic Swarm and ours answer with their own name as version. */
async function isClusterEndpoint(engine: Engine, call: CallOptions): Promise<boolean> {
  const version = await callForJson<{ readonly Version?: string }>(engine, { method: 'GET', path: '/version' }, call)
  return version.Version?.startsWith('swarm/') === true
}

/** Reports the steps of a plan as if they were carried out. */
export function reportPlan(plan: Plan, progress: Progress): void {
  for (const { resource, words } of plan.steps) {
    if (words.working !== '') progress({ id: resource, status: 'working', text: words.working })
    if (words.done !== '') progress({ id: resource, status: 'done', text: words.done })
  }
}

function toCall(o: CallOptions): CallOptions {
  return {
    ...(o.signal !== undefined && { signal: o.signal }),
    ...(o.deadlineMs !== undefined && { deadlineMs: o.deadlineMs }),
  }
}
