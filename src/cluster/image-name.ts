import type { ImageView } from './model.ts'

const defaultRegistry = 'docker.io/'
const officialFolder = 'library/'

/**
 * The reference as engines list it: registry `docker.io` and folder `library` left out, tag `latest` filled in. Beside a
 * digest a tag says nothing (`app:1@sha256:…`), and engines list none.
 */
export function toFullReference(reference: string): string {
  const at = reference.indexOf('@')
  let name = at < 0 ? reference : `${splitTag(reference).repository}${reference.slice(at)}`
  if (name.startsWith(`index.${defaultRegistry}`)) name = name.slice('index.'.length)
  if (name.startsWith(defaultRegistry)) name = name.slice(defaultRegistry.length)
  if (name.startsWith(officialFolder)) name = name.slice(officialFolder.length)
  const isTagged = name.includes('@') || name.lastIndexOf(':') > name.lastIndexOf('/')
  return isTagged ? name : `${name}:latest`
}

/** Repository and tag of a reference; no tag: empty. */
export function splitTag(reference: string): { readonly repository: string; readonly tag: string } {
  const at = reference.indexOf('@')
  const name = at < 0 ? reference : reference.slice(0, at)
  const colon = name.lastIndexOf(':')
  if (colon <= name.lastIndexOf('/')) return { repository: name, tag: '' }
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) }
}

/** All an image can be found by: ID with and without algorithm, tags, digests. */
export function imageKeys(image: ImageView): readonly string[] {
  const bare = image.id.startsWith('sha256:') ? [image.id.slice('sha256:'.length)] : []
  return [...new Set([image.id, ...bare, ...image.repoTags, ...image.repoDigests])]
}
