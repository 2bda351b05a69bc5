import type { CallOptions } from '../core/call.ts'
import { callForShape, escapeImage } from '../engine/api/call.ts'
import { imageDetails, imageRows } from '../engine/api/shapes.ts'
import { inspectImage } from '../engine/api/images.ts'
import type { Engine } from '../engine/engine.ts'
import { makeDictionary } from './model/dictionary.ts'
import type { BuiltImage } from './plan/down-images.ts'
import { LABEL } from './plan/label.ts'
import type { ObservedImage } from './plan/observed.ts'
import { toFamiliarReference } from './translate/image-name.ts'

interface ListedImage {
  readonly Id: string
  readonly RepoTags?: readonly string[] | null
  readonly RepoDigests?: readonly string[] | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

/** Finds each reference among the engine's images with one list call. */
export async function observeImages(
  engine: Engine,
  references: readonly string[],
  o: CallOptions = {},
): Promise<Readonly<Record<string, ObservedImage>>> {
  const request = { method: 'GET', path: '/images/json' } as const
  const listed = await callForShape<readonly ListedImage[]>(engine, request, imageRows, o)
  const byReference = new Map<string, ListedImage[]>()
  for (const image of listed) {
    for (const name of [image.Id, ...(image.RepoTags ?? []), ...(image.RepoDigests ?? [])]) {
      byReference.set(name, [...(byReference.get(name) ?? []), image])
    }
  }
  const found = makeDictionary<ObservedImage>()
  for (const reference of references) {
    const images = byReference.get(toFamiliarReference(reference)) ?? findById(listed, reference)
    const first = images[0]
    if (first === undefined) continue
    const digests = images.flatMap((image) => image.RepoDigests ?? [])
    found[reference] = { id: first.Id, ids: images.map((image) => image.Id), digests }
  }
  return found
}

/** What builds have made for a project, by the labels they leave; images without a name are left out. */
export async function observeBuiltImages(
  engine: Engine,
  project: string,
  o: CallOptions = {},
): Promise<readonly BuiltImage[]> {
  const filters = JSON.stringify({ label: [`${LABEL.project}=${project}`], dangling: ['false'] })
  const request = { method: 'GET', path: '/images/json', query: { filters } } as const
  const listed = await callForShape<readonly ListedImage[]>(engine, request, imageRows, o)
  return listed.map(({ Labels: labels, RepoTags: names }) => ({
    service: labels?.[LABEL.service] ?? '',
    names: (names ?? []).filter((name) => name !== '<none>:<none>'),
  }))
}

/** The paths an image declares as volumes. */
export async function observeImageVolumes(
  engine: Engine,
  imageId: string,
  o: CallOptions = {},
): Promise<readonly string[]> {
  const image = await callForShape<{ Config?: { Volumes?: Readonly<Record<string, unknown>> | null } | null }>(
    engine,
    { method: 'GET', path: `/images/${escapeImage(imageId)}/json` },
    imageDetails,
    o,
  )
  return Object.keys(image.Config?.Volumes ?? {})
}

/** Platform and age of an image, which a list does not show. */
export async function observeImageFacts(
  engine: Engine,
  image: ObservedImage,
  o: CallOptions = {},
): Promise<ObservedImage> {
  const { Os, Architecture, Variant = '', Metadata } = await inspectImage(engine, image.id, o)
  const taggedAtMs = Date.parse(Metadata?.LastTagTime ?? '')
  return {
    ...image,
    platform: [Os, Architecture, ...(Variant === '' ? [] : [Variant])].join('/'),
    // Engines write the year 1 for images that were loaded or imported.
    ...(taggedAtMs > 0 && { taggedAtMs }),
  }
}

function findById(listed: readonly ListedImage[], reference: string): readonly ListedImage[] {
  const id = reference.replace(/^sha256:/, '')
  return /^[0-9a-f]{12,64}$/.test(id) ? listed.filter((image) => image.Id.startsWith(`sha256:${id}`)) : []
}
