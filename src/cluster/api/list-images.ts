import { FlotillaError } from '../../core/errors.ts'
import { toFullReference } from '../image-name.ts'
import { isValidated } from '../model.ts'
import type { ClusterSnapshot, ImageView, NodeView } from '../model.ts'
import { readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { compileLabels, readFlag } from './list-filter.ts'
import type { ListFilters } from './list-filter.ts'
import { compileReferences } from './reference-filter.ts'
import { parseTimeMs } from './time-filter.ts'
import { compileNodes } from './value-tests.ts'
import type { TextTest } from './value-tests.ts'

/** Filter keys of `GET /images/json`. */
export const imageFilterKeys: readonly string[] = [
  'before',
  'dangling',
  'label',
  'label!',
  'node',
  'reference',
  'since',
  'until',
]

export interface ImageQuery {
  /** Also those that only serve as a layer of others. */
  readonly isAll: boolean
  readonly filters: ListFilters
  /** What the filter `reference` says of a name; absent: it is read from `filters`. */
  readonly fits?: TextTest | undefined
  /** What the filter `until` is counted back from. */
  readonly nowMs: number
}

/** One image, on one node or many. */
interface Merged {
  readonly first: ImageView
  readonly ids: Set<string>
  /** What keeps the images of the first node. */
  readonly store: string
  readonly tags: Set<string>
  readonly digests: Set<string>
  createdAtMs: number
  /** How many containers of any state are made from it. */
  containers: number
}

/**
 * The image list, every image once, newest first, then by ID: the same ID or a digest in common make two rows one
 *
 * (image stores differ in how they make IDs), or a tag and the second of their making between engines that keep images
 * differently: what was never in a registry has no digest. Rows are the first node's, with the tags and digests of all.
 *
 * @throws {cluster/not-found} status 400 when `before` or `since` name no image
 * @throws {cluster/invalid-option} status 400 when `until` is no time
 */
export function listImages(snapshot: ClusterSnapshot, query: ImageQuery): readonly Fields[] {
  const { filters } = query
  const merged = mergeImages(snapshot, filters)
  const before = findBound(merged, filters.get('before')?.[0])
  const since = findBound(merged, filters.get('since')?.[0])
  const untilMs = Math.min(...(filters.get('until') ?? []).map((text) => parseTimeMs(text, 'until', query.nowMs)))
  const dangling = readFlag(filters, 'dangling')
  const fits = query.fits ?? compileReferences(filters)
  const isLabelled = compileLabels(filters)
  const isUnwanted = (filters.get('label!') ?? []).length > 0 ? compileLabels(filters, 'label!') : undefined
  const parents = new Set(merged.map(({ first }) => readText(first.row, 'ParentId')))
  return merged
    .filter((image) => {
      const isDangling = image.tags.size === 0
      // Untagged images with children are layers, not dangling.
      const isLayer = isDangling && parents.has(image.first.id)
      if (isLayer && (!query.isAll || dangling === true)) return false
      if (dangling !== undefined && dangling !== isDangling) return false
      if (before !== undefined && image.createdAtMs >= before.createdAtMs) return false
      if (since !== undefined && image.createdAtMs <= since.createdAtMs) return false
      if (image.createdAtMs >= untilMs) return false
      if (isUnwanted?.(image.first.labels) === true || !isLabelled(image.first.labels)) return false
      return fits === undefined || [...image.tags, ...image.digests].some(fits)
    })
    .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.first.id < b.first.id ? -1 : 1))
    .map((image) => toRow(image, fits))
}

function mergeImages(snapshot: ClusterSnapshot, filters: ListFilters): readonly Merged[] {
  const merged: Merged[] = []
  const byKey = new Map<string, Merged>()
  const isOnNode = compileNodes(filters)
  for (const node of snapshot.nodes) {
    if (!isValidated(node) || isOnNode?.(node) === false) continue
    const uses = countUses(node)
    for (const image of node.images) {
      const keys = [image.id, ...image.repoDigests]
      const store = node.labels.get('storagedriver') ?? ''
      const madeKeys = image.repoTags.map((tag) => `${tag} made ${Math.trunc(image.createdAtMs / 1000)}`)
      let entry =
        keys.map((key) => byKey.get(key)).find((each) => each !== undefined) ??
        madeKeys.map((key) => byKey.get(key)).find((each) => each !== undefined && each.store !== store)
      if (entry === undefined) {
        const { createdAtMs } = image
        entry = { first: image, ids: new Set(), store, tags: new Set(), digests: new Set(), createdAtMs, containers: 0 }
        merged.push(entry)
      }
      entry.ids.add(image.id)
      entry.containers += uses.get(image.id) ?? 0
      for (const key of keys) byKey.set(key, entry)
      for (const key of madeKeys) if (!byKey.has(key)) byKey.set(key, entry)
      for (const tag of image.repoTags) entry.tags.add(tag)
      for (const digest of image.repoDigests) entry.digests.add(digest)
      entry.createdAtMs = Math.max(entry.createdAtMs, image.createdAtMs)
    }
  }
  return merged
}

/** Rows were read when images changed last; containers come and go without that. */
function countUses(node: NodeView): ReadonlyMap<string, number> {
  const uses = new Map<string, number>()
  for (const { imageId } of node.containers) uses.set(imageId, (uses.get(imageId) ?? 0) + 1)
  return uses
}

function findBound(merged: readonly Merged[], reference: string | undefined): Merged | undefined {
  if (reference === undefined || reference === '') return undefined
  const full = toFullReference(reference)
  const bare = reference.replace(/^sha256:/, '')
  const found =
    merged.find((each) => each.tags.has(full) || each.digests.has(reference)) ??
    merged.find((each) => [...each.ids].some((id) => id.replace(/^sha256:/, '').startsWith(bare)))
  if (found !== undefined) return found
  throw new FlotillaError('cluster/not-found', `No such image: ${reference}`, { status: 400 })
}

/** With a `reference` filter an image shows only the names that fit, as on one engine. */
function toRow(image: Merged, isShown: TextTest = () => true): Fields {
  const tags = [...image.tags].filter(isShown).sort()
  const digests = [...image.digests].filter(isShown).sort()
  return {
    ...image.first.row,
    RepoTags: tags.length === 0 && digests.length === 0 ? ['<none>:<none>'] : tags,
    RepoDigests: tags.length === 0 && digests.length === 0 ? ['<none>@<none>'] : digests,
    Created: Math.trunc(image.createdAtMs / 1000),
    Containers: image.containers,
  }
}
