import { assertNever, FlotillaError } from '../core/errors.ts'
import type { Endpoint, TlsMaterial } from './endpoint.ts'

/** Where an engine listens when nobody says otherwise. */
export const defaultSocketPath = '/var/run/docker.sock'
const defaultPipePath = '//./pipe/docker_engine'
const plainPort = 2375
const tlsPort = 2376

/**
 * Reads an engine address as `docker -H` takes it: `unix://`, `tcp://`, `http://`, `https://`, `ssh://`,
 * `npipe://`, or a bare `host[:port]`.
 *
 * @param tls makes a TCP endpoint a TLS one; `https://` without it verifies against the system's authorities
 * @throws {engine/invalid-endpoint} naming the text and what is wrong with it
 */
export function parseEndpoint(text: string, tls?: TlsMaterial): Endpoint {
  const address = text.trim()
  if (address === '') throw invalid(text, 'it is empty')
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/(.*)$/s.exec(address)
  if (match === null) return parseBare(address, tls)
  const rest = match[2] ?? ''
  switch ((match[1] ?? '').toLowerCase()) {
    case 'unix':
      return { kind: 'unix', path: checkPath(text, rest === '' ? defaultSocketPath : rest) }
    case 'npipe':
      return { kind: 'npipe', path: checkPath(text, rest === '' ? defaultPipePath : rest) }
    case 'tcp':
      return parseTcp(text, rest === '' ? 'localhost' : rest, tls === undefined ? plainPort : tlsPort, tls)
    case 'http':
      return parseTcp(text, rest, tls === undefined ? 80 : 443, tls)
    case 'https':
      return parseTcp(text, rest, 443, tls ?? { isVerified: true })
    case 'ssh':
      return parseSsh(text, address)
    case 'fd':
      throw invalid(text, 'fd:// is an address to listen on, not one to connect to')
    default:
      throw invalid(text, `unknown scheme "${match[1]}"`)
  }
}

/** The address in the form `docker -H` takes; the inverse of `parseEndpoint` up to defaults. */
export function renderEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'unix':
      return `unix://${endpoint.path}`
    case 'npipe':
      return `npipe://${endpoint.path}`
    case 'tcp':
      return `tcp://${bracket(endpoint.host)}:${endpoint.port}`
    case 'ssh': {
      const user = endpoint.user === undefined ? '' : `${encodeURIComponent(endpoint.user)}@`
      const port = endpoint.port === undefined ? '' : `:${endpoint.port}`
      return `ssh://${user}${bracket(endpoint.host)}${port}${endpoint.socketPath ?? ''}`
    }
    default:
      return assertNever(endpoint)
  }
}

function bracket(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function parseBare(text: string, tls: TlsMaterial | undefined): Endpoint {
  if (text.startsWith('/')) throw invalid(text, `it has no scheme; did you mean "unix://${text}"?`)
  return parseTcp(text, text, tls === undefined ? plainPort : tlsPort, tls)
}

function parseTcp(text: string, rest: string, defaultPort: number, tls: TlsMaterial | undefined): Endpoint {
  const address = rest.endsWith('/') ? rest.slice(0, -1) : rest
  if (address.includes('/')) throw invalid(text, 'a path after the port is not supported')
  if (address.includes('@')) throw invalid(text, 'a user name is only possible with ssh://')
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[^\]\s]+)?)\]|([^:\s[\]?#]*))(?::([^:]*))?$/.exec(address)
  if (match === null) throw invalid(text, 'it is not of the form host:port')
  const host = match[1] ?? match[2] ?? ''
  const port = match[3] === undefined ? defaultPort : parsePort(text, match[3])
  // `tcp://:2375` means this machine for the docker CLI.
  const endpoint = { kind: 'tcp', host: host === '' ? 'localhost' : host, port } as const
  return tls === undefined ? endpoint : { ...endpoint, tls }
}

function parsePort(text: string, port: string): number {
  const value = /^\d{1,5}$/.test(port) ? Number(port) : 0
  if (value < 1 || value > 65_535) throw invalid(text, `"${port}" is not a port between 1 and 65535`)
  return value
}

function parseSsh(text: string, address: string): Endpoint {
  let url: URL
  try {
    url = new URL(address)
  } catch (error) {
    throw invalid(text, 'it is not of the form ssh://[user@]host[:port][/path/of/socket]', error)
  }
  if (url.password !== '')
    throw invalid(text.replace(/:[^:@/]*@/, ':***@'), 'a password in the address is refused; use a key')
  if (url.search !== '' || url.hash !== '') throw invalid(text, 'a query or fragment has no meaning here')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const user = decode(text, url.username)
  if (host === '') throw invalid(text, 'it names no host')
  // Both end up in the arguments of ssh.
  if (host.startsWith('-') || user.startsWith('-')) throw invalid(text, 'a host or user must not start with a dash')
  const path = decode(text, url.pathname)
  return {
    kind: 'ssh',
    host,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(user === '' ? {} : { user }),
    ...(path === '' || path === '/' ? {} : { socketPath: checkPath(text, path) }),
  }
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    throw invalid(text, 'a % in it is not followed by two digits that stand for a character', error)
  }
}

function checkPath(text: string, path: string): string {
  if (path.includes('\0')) throw invalid(text.replaceAll('\0', '\\0'), 'it contains a NUL byte')
  return path
}

function invalid(text: string, reason: string, cause?: unknown): FlotillaError {
  return new FlotillaError('engine/invalid-endpoint', `invalid engine address ${JSON.stringify(text)}: ${reason}`, {
    cause,
  })
}
