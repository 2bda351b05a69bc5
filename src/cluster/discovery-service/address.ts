import { FlotillaError } from '../../core/errors.ts'

/** One cluster at one token service. */
export interface TokenAddress {
  /** Without a slash at the end: `https://example.org/v1`. */
  readonly base: string
  readonly token: string
}

const gone = 'the service of Docker Hub that kept tokens has been gone since 2017'

/** What to do without the hosted service; for errors of `swarm create` as well. */
const ownServiceHint: string =
  'run `flotilla discovery serve` and name it with SWARM_DISCOVERY_SERVICE=http://HOST:8085, or as token://http://HOST:8085/v1/TOKEN'

/** The error of everything that would have asked Docker Hub. */
export function hostedServiceGone(): FlotillaError {
  return new FlotillaError('cluster/discovery', gone, { hint: ownServiceHint })
}

/**
 * Reads what stands after `token://`: `TOKEN`, `host/path/TOKEN` (https), or `http://host/path/TOKEN` for a service of
 * one's own without certificates (classicswarm discovery/token: everything before the last slash is the service).
 *
 * @param service base URL for a bare token
 * @throws {cluster/discovery} when there is no token, or no service to ask
 */
export function parseTokenAddress(rest: string, service: string | undefined): TokenAddress {
  const cut = rest.lastIndexOf('/')
  const token = rest.slice(cut + 1)
  if (token === '') throw new FlotillaError('cluster/discovery', 'token is empty')
  const place = cut < 0 ? '' : rest.slice(0, cut)
  if (place !== '') return { base: checkBase(/^https?:\/\//.test(place) ? place : `https://${place}`), token }
  if (service === undefined || service === '') throw hostedServiceGone()
  return { base: toServiceBase(service), token }
}

/** `http://host:8085` → `http://host:8085/v1`; one with a path stays as it is. @throws {cluster/discovery} */
export function toServiceBase(service: string): string {
  const base = checkBase(/^https?:\/\//.test(service) ? service : `https://${service}`)
  return /^https?:\/\/[^/]+$/.test(base) ? `${base}/v1` : base
}

function checkBase(text: string): string {
  const trimmed = text.replace(/\/+$/, '')
  if (URL.canParse(trimmed) && new URL(trimmed).hostname !== '') return trimmed
  throw new FlotillaError('cluster/discovery', 'the address of the token service is not a URL')
}
