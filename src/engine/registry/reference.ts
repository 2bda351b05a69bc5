import { FlotillaError } from '../../core/errors.ts'

/** A name in a registry, as the docker command reads it. */
export interface RegistryReference {
  /** Host and port; `registry-1.docker.io` for Docker Hub. */
  readonly host: string
  /** `library/busybox` */
  readonly repository: string
  readonly tag?: string
  /** `sha256:…` */
  readonly digest?: string
}

const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
export const digestPattern: RegExp = /^sha256:[0-9a-f]{64}$/

/** @throws {cli/invalid-value} `invalid reference format` */
export function parseReference(text: string): RegistryReference {
  const wrong = (): FlotillaError => new FlotillaError('cli/invalid-value', `invalid reference format: "${text}"`)
  const at = text.indexOf('@')
  const digest = at === -1 ? undefined : text.slice(at + 1)
  const named = at === -1 ? text : text.slice(0, at)
  const slash = named.indexOf('/')
  const first = slash === -1 ? '' : named.slice(0, slash)
  const isHost = first === 'localhost' || /[.:]/.test(first)
  const rest = isHost ? named.slice(slash + 1) : named
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1)
  const tag = colon === -1 ? undefined : rest.slice(colon + 1)
  const name = colon === -1 ? rest : rest.slice(0, colon)
  const isHub = !isHost || first === 'docker.io' || first === 'index.docker.io'
  const repository = isHub && !name.includes('/') ? `library/${name}` : name
  if (!namePattern.test(repository) || (tag !== undefined && !tagPattern.test(tag))) throw wrong()
  if (digest !== undefined && !digestPattern.test(digest)) throw wrong()
  if (isHost && !/^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9a-fA-F:]+\](?::\d{1,5})?$/.test(first)) throw wrong()
  return {
    host: isHub ? 'registry-1.docker.io' : first,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  }
}
