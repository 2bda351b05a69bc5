import { toCall } from '../core/call.ts'
import type { Engine } from '../engine/engine.ts'
import { orderBuilds } from './build/builder-needs.ts'
import { takeNameFromOthers } from './build/take-name.ts'
import type { ConvergeOptions } from './converge.ts'
import { execute } from './execute.ts'
import { makeDictionary, mapDictionary } from './model/dictionary.ts'
import type { Project } from './model/project.ts'
import { observeImageFacts, observeImages } from './observe-images.ts'
import { defaultImageOptions, planBuilds, planPulls, policyOf } from './plan/image-plan.ts'
import type { ImageOptions } from './plan/image-plan.ts'
import type { Observed, ObservedImage } from './plan/observed.ts'
import { joinPlans } from './plan/plan.ts'
import type { Plan } from './plan/plan.ts'
import { needsImageFacts } from './plan/pull-policy.ts'
import type { Selection } from './plan/selection.ts'
import { reportPlan } from './report-plan.ts'
import { toImageReference } from './translate/name.ts'

/**
 * Pulls, then builds what the services need; in a dry run the steps are only reported.
 *
 * @param references of all images that matter
 * @returns what is there now, and the steps of both
 */
export async function bringImages(
  engine: Engine,
  project: Project,
  selection: Selection,
  references: readonly string[],
  first: Observed,
  o: ConvergeOptions,
): Promise<{ readonly observed: Observed; readonly pulls: Plan }> {
  let observed = { ...first, images: await addImageFacts(engine, project, selection, first.images, o) }
  const imageOptions = toImageOptions(o)
  let pretended = observed
  const before: Plan[] = []
  for (const planImages of [planPulls, planBuilds]) {
    const planned = planImages(project, o.isDryRun === true ? pretended : observed, selection, imageOptions)
    const images = planImages === planBuilds ? await orderBuilds(planned) : planned
    if (images.steps.length === 0) continue
    before.push(images)
    if (planImages === planBuilds) await o.buildHost?.begin?.()
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
  return { observed, pulls: joinPlans(before) }
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

export function toImageOptions(o: ConvergeOptions): ImageOptions {
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
    if (image === undefined || known.has(reference) || !needsImageFacts(service, policyOf(service, o))) continue
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
