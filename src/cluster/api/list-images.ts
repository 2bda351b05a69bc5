import { FlotillaError } from '../../core/errors.ts'
import { splitTag, toFullReference } from '../image-name.ts'
import { isValidated } from '../model.ts'
import type { ClusterSnapshot, ImageView, NodeView } from '../model.ts'
import { readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { hasLabels, isAny, readFlag } from './list-filter.ts'
import type { ListFilters } from './list-filter.ts'
import { parseTimeMs } from './time-filter.ts'

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
      if ((filters.get('label!') ?? []).length > 0 && hasLabels(filters, image.first.labels, 'label!')) return false
      return (
        hasLabels(filters, image.first.labels) && isAny(filters, 'reference', (value) => hasReference(image, value))
      )
    })
    .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.first.id < b.first.id ? -1 : 1))
    .map((image) => toRow(image, filters))
}

function mergeImages(snapshot: ClusterSnapshot, filters: ListFilters): readonly Merged[] {
  const merged: Merged[] = []
  const byKey = new Map<string, Merged>()
  for (const node of snapshot.nodes) {
    if (!isValidated(node)) continue
    if (!isAny(filters, 'node', (value) => value === node.name || value === node.id || value === node.engineId))
      continue
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
function toRow(image: Merged, filters: ListFilters): Fields {
  const isShown = (name: string): boolean => isAny(filters, 'reference', (pattern) => fitsReference(name, pattern))
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

/** A pattern with `*`, `?` and `[...]` in the manner of Go's path.Match, against the name with and without tag. */
function hasReference(image: Merged, pattern: string): boolean {
  return [...image.tags, ...image.digests].some((name) => fitsReference(name, pattern))
}

function fitsReference(name: string, pattern: string): boolean {
  return matchPath(pattern, name) || matchPath(pattern, splitTag(name).repository)
}

/** `*` and `?` do not match a slash. */
function matchPath(pattern: string, text: string): boolean {
  // Positions of the pattern that are reachable after each character: linear in the text for any pattern.
  const tokens = tokenize(pattern)
  let reachable = spread(new Set([0]), tokens)
  for (const character of text) {
    const next = new Set<number>()
    for (const at of reachable) {
      const token = tokens[at]
      if (token === undefined) continue
      if (token === '*') {
        if (character !== '/') next.add(at)
      } else if (token(character)) next.add(at + 1)
    }
    reachable = spread(next, tokens)
    if (reachable.size === 0) return false
  }
  return reachable.has(tokens.length)
}

type Token = '*' | ((character: string) => boolean)

function spread(positions: ReadonlySet<number>, tokens: readonly Token[]): Set<number> {
  const all = new Set(positions)
  for (const at of all) if (tokens[at] === '*') all.add(at + 1)
  return all
}

function tokenize(pattern: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? ''
    if (character === '*') tokens.push('*')
    else if (character === '?') tokens.push((each) => each !== '/')
    else if (character === '[' && pattern.indexOf(']', at + 2) > 0) {
      const end = pattern.indexOf(']', at + 2)
      tokens.push(toClass(pattern.slice(at + 1, end)))
      at = end
    } else if (character === '\\' && at + 1 < pattern.length) {
      at += 1
      const literal = pattern[at]
      tokens.push((each) => each === literal)
    } else tokens.push((each) => each === character)
  }
  return tokens
}

function toClass(text: string): (character: string) => boolean {
  const isNegated = text.startsWith('^')
  const members = isNegated ? text.slice(1) : text
  return (character) => {
    let isMember = false
    for (let at = 0; at < members.length; at += 1) {
      const from = members[at] ?? ''
      const isRange = members[at + 1] === '-' && at + 2 < members.length
      const to = isRange ? (members[at + 2] ?? '') : from
      if (character >= from && character <= to) isMember = true
      if (isRange) at += 2
    }
    return isMember !== isNegated
  }
}
