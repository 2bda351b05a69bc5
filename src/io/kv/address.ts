import { FlotillaError } from '../../core/errors.ts'

/** Where a store is, read from the part of a discovery URL after `://`. */
export interface StoreAddress {
  readonly endpoints: readonly StoreEndpoint[]
  /** Path before the layout's own, without slashes at its ends; may be empty. */
  readonly prefix: string
  readonly credentials: Credentials | undefined
}

/** One server. IPv6 without brackets. */
export interface StoreEndpoint {
  readonly host: string
  readonly port: number
}

export interface Credentials {
  readonly user: string
  readonly password: string
}

/**
 * Reads `[user:password@]host[:port][,host[:port]…][/prefix]`. User and password are percent-decoded.
 *
 * @throws {cluster/discovery} naming the endpoint, never the password
 */
export function parseStoreAddress(rest: string, defaultPort: number): StoreAddress {
  const cut = rest.indexOf('/')
  const authority = cut < 0 ? rest : rest.slice(0, cut)
  const prefix = cut < 0 ? '' : rest.slice(cut + 1).replace(/^\/+|\/+$/g, '')
  const at = authority.lastIndexOf('@')
  const endpoints = authority
    .slice(at + 1)
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => parseEndpoint(text, defaultPort))
  if (endpoints.length === 0) throw new FlotillaError('cluster/discovery', 'the discovery address names no server')
  return { endpoints, prefix, credentials: at < 0 ? undefined : parseCredentials(authority.slice(0, at)) }
}

function parseEndpoint(text: string, defaultPort: number): StoreEndpoint {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (match === null || port < 1 || port > 65_535) {
    throw new FlotillaError('cluster/discovery', `invalid address of a store: ${JSON.stringify(text)}`)
  }
  return { host: match[1] ?? match[2] ?? '', port }
}

function parseCredentials(text: string): Credentials {
  const colon = text.indexOf(':')
  try {
    const user = decodeURIComponent(colon < 0 ? text : text.slice(0, colon))
    return { user, password: colon < 0 ? '' : decodeURIComponent(text.slice(colon + 1)) }
  } catch (error) {
    const message = 'the user and password before @ in the discovery address are not percent-encoded well'
    throw new FlotillaError('cluster/discovery', message, { cause: error })
  }
}
