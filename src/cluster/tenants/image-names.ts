import { splitTag, toFullReference } from '../image-name.ts'
import type { ImageView } from '../model.ts'
import type { Lens } from './lens.ts'
import { ownerOf } from './owner.ts'

/**
 * The first folder of a repository, registries left out: `blue` for `blue/app` and `registry.example:5000/blue/app`; empty
 * for images without one.
 */
function folderOf(reference: string): string {
  const full = toFullReference(reference)
  const at = full.indexOf('@')
  const parts = (at < 0 ? splitTag(full).repository : full.slice(0, at)).split('/')
  const [first = '', ...rest] = parts
  // As Docker tells a registry from a folder (distribution/reference normalize.go).
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost' || /[A-Z]/.test(first))
  const path = isRegistry ? rest : parts
  return path.length < 2 ? '' : (path[0] ?? '')
}

/** Whether a name belongs to the tenant: its first folder is called like the tenant. */
export function isOwnImageName(lens: Lens, reference: string): boolean {
  return folderOf(reference) === lens.tenant
}

/** Whether a name belongs to another tenant. Names that are nobody's are everybody's. */
export function isForeignImageName(lens: Lens, reference: string): boolean {
  const folder = folderOf(reference)
  return folder !== lens.tenant && lens.tenants.has(folder)
}

/** IDs and their beginnings, with and without algorithm. */
export function looksLikeImageId(reference: string): boolean {
  return /^(?:sha256:)?[0-9a-f]+$/.test(reference)
}

/**
 * An image as the tenant sees it: without names that belong to others; undefined when that leaves nothing. One without any
 * name is seen by whose label it carries; one that was pulled by its digest, by all.
 */
export function narrowImage(lens: Lens, image: ImageView): ImageView | undefined {
  const repoTags = image.repoTags.filter((tag) => !isForeignImageName(lens, tag))
  const repoDigests = image.repoDigests.filter((digest) => !isForeignImageName(lens, digest))
  const isOwn = ownerOf(image.labels) === lens.tenant
  const isNamed = image.repoTags.length > 0 ? repoTags.length > 0 : repoDigests.length > 0 && !isOthers(lens, image)
  if (!isOwn && !isNamed) return undefined
  if (repoTags.length === image.repoTags.length && repoDigests.length === image.repoDigests.length) return image
  return { ...image, repoTags, repoDigests, row: { ...image.row, RepoTags: repoTags, RepoDigests: repoDigests } }
}

function isOthers(lens: Lens, image: ImageView): boolean {
  const owner = ownerOf(image.labels)
  return owner !== lens.tenant && lens.tenants.has(owner)
}
