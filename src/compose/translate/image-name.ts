import { FlotillaError } from '../../core/errors.ts'

/** The parts of an image reference as the engine wants them apart. */
export interface ImageName {
  readonly repo: string
  readonly tag?: string
}

const repository =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/
const tagName = /^\w[\w.-]{0,127}$/

/**
 * `REPOSITORY[:TAG]`.
 *
 * @throws {cli/invalid-value} in docker's words
 */
export function splitReference(reference: string): ImageName {
  if (reference.includes('@')) {
    throw new FlotillaError('cli/invalid-value', 'refusing to create a tag with a digest reference')
  }
  const colon = reference.lastIndexOf(':')
  const hasTag = colon > reference.lastIndexOf('/')
  const repo = hasTag ? reference.slice(0, colon) : reference
  const tag = hasTag ? reference.slice(colon + 1) : undefined
  if (!repository.test(repo) || (tag !== undefined && !tagName.test(tag))) {
    const isUpper = repo !== repo.toLowerCase() && repository.test(repo.toLowerCase())
    const reason = isUpper ? `: repository name (${repo}) must be lowercase` : ''
    throw new FlotillaError('cli/invalid-value', `invalid reference format${reason}`)
  }
  return { repo, ...(tag !== undefined && { tag }) }
}

/**
 * The form in which the engine lists a reference: Docker Hub's name and `library/` left out, `:latest`
 * added, the tag dropped beside a digest.
 */
export function toFamiliarReference(reference: string): string {
  const bare = reference.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '')
  const at = bare.indexOf('@')
  const name = at === -1 ? bare : bare.slice(0, at)
  const colon = name.lastIndexOf(':')
  const hasTag = colon > name.lastIndexOf('/')
  if (at !== -1) return `${hasTag ? name.slice(0, colon) : name}${bare.slice(at)}`
  return hasTag || reference.startsWith('sha256:') ? bare : `${bare}:latest`
}
