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
