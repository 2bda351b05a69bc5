import type { CallOptions } from '../core/call.ts'
import { mapLimit } from '../core/limit.ts'
import { inspectContainer } from '../engine/api/containers.ts'
import { callForShape, escapeImage } from '../engine/api/call.ts'
import { imageDetails } from '../engine/api/shapes.ts'
import type { ContainerConfig } from '../engine/api/types.ts'
import type { Engine } from '../engine/engine.ts'
import { makeDictionary } from './model/dictionary.ts'
import { describePlan } from './plan/document/document.ts'
import type { PlanDocument } from './plan/document/document.ts'
import { findFieldChanges } from './plan/document/field-changes.ts'
import type { FieldChange } from './plan/document/field-changes.ts'
import { LABEL } from './plan/label.ts'
import type { Observed, ObservedContainer } from './plan/observed.ts'
import type { Plan, StepOp } from './plan/plan.ts'
import { toCreateBody } from './translate.ts'
import { resolveReferences } from './translate/reference.ts'

/** Most containers looked at at once. */
const parallel = 16

/** What is to be explained. */
export interface ExplainSource {
  readonly project: string
  readonly plan: Plan
  readonly pulls: Plan
  readonly observed: Observed
}

/** Describes a plan setting by setting. Reads of the engine what the replaced containers are made of; changes nothing. */
export async function explainPlan(engine: Engine, source: ExplainSource, o: CallOptions): Promise<PlanDocument> {
  const images = new Map<string, Promise<ContainerConfig>>()
  const creations = source.plan.steps.flatMap(({ op, resource }) => {
    if (op.kind !== 'create-container' || op.draft.replaces === undefined) return []
    const name = resource.slice('Container '.length)
    const old = source.observed.containers.find((entry) => entry.name === name)
    return old === undefined ? [] : [{ op, name, old }]
  })
  const fields = new Map<string, readonly FieldChange[]>()
  await mapLimit(creations, parallel, async ({ op, name, old }) => {
    const found = await explainContainer(engine, op, old, images, o)
    fields.set(name, found.some(({ field }) => field === 'image') ? found : [...explainImage(op, old), ...found])
  })
  return describePlan({ ...source, fields })
}

type CreateOp = Extract<StepOp, { readonly kind: 'create-container' }>

/** The same reference may mean another image than when the container was made. */
function explainImage({ draft }: CreateOp, old: ObservedContainer): readonly FieldChange[] {
  const from = old.labels[LABEL.image] ?? ''
  const to = draft.imageId
  const isDigest = !from.startsWith('sha256:')
  if (to === undefined || from === to || isDigest) return []
  return [{ field: 'image', from: JSON.stringify(from), to: JSON.stringify(to), isFromKnown: true }]
}

async function explainContainer(
  engine: Engine,
  op: CreateOp,
  old: ObservedContainer,
  images: Map<string, Promise<ContainerConfig>>,
  o: CallOptions,
): Promise<readonly FieldChange[]> {
  const ids = makeDictionary(
    Object.entries(op.needs).map(([name, ref]) => [name, ref.kind === 'existing' ? ref.id : `new ${ref.name}`]),
  )
  const inspected = await inspectContainer(engine, old.id, {}, o).catch(() => undefined)
  if (inspected === undefined) return []
  const image = images.get(inspected.Image) ?? readImageConfig(engine, inspected.Image, o)
  images.set(inspected.Image, image)
  const container = {
    labels: inspected.Config.Labels ?? {},
    config: inspected.Config,
    host: inspected.HostConfig,
    imageConfig: await image,
  }
  const hash = old.labels[LABEL.configHash] ?? ''
  return findFieldChanges(container, hash, resolveReferences(op.draft.service, ids), toCreateBody(op.draft, ids))
}

/** An image that is gone says nothing: then what it brought counts as the service's. */
async function readImageConfig(engine: Engine, id: string, o: CallOptions): Promise<ContainerConfig> {
  try {
    const path = `/images/${escapeImage(id)}/json`
    const request = { method: 'GET', path } as const
    const image = await callForShape<{ readonly Config?: ContainerConfig | null }>(engine, request, imageDetails, o)
    return image.Config ?? {}
  } catch {
    return {}
  }
}
