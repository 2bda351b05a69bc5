import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'

/**
 * A stream of bytes or text to send: a Node stream, or anything that can be iterated. Destroyed when nobody
 * wants the rest.
 */
export type ByteSource = AsyncIterable<unknown> & { destroy?(): void }

/** One request as it goes over the wire; framing headers are added here and nowhere else. */
export interface HttpRequest {
  readonly method: string
  /** Path and query, escaped. */
  readonly target: string
  readonly host: string
  /** A list is sent as one line for each value. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Buffer | ByteSource
  /** Asks to leave HTTP after the head of the answer. */
  readonly isUpgrade?: boolean
  /** What to speak then; default `tcp`, the bare connection. */
  readonly upgradeTo?: string
}

/** The one line that every request of a client carries, looked at once. Others may hold credentials: they are not kept. */
let agent: { readonly value: string; readonly line: string } | undefined

const framing = new Set(['host', 'connection', 'upgrade', 'content-length', 'transfer-encoding', 'keep-alive', 'te'])
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const targetPattern = /^\/[\x21-\x7e]*$/

/**
 * The head of a request.
 *
 * @throws {io/protocol} for a target or header that would break out of its line
 */
export function renderRequestHead(request: HttpRequest): string {
  if (!targetPattern.test(request.target)) {
    throw new FlotillaError('io/protocol', `invalid request path ${JSON.stringify(request.target)}`)
  }
  let head = `${request.method} ${request.target} HTTP/1.1\r\nHost: ${request.host}\r\n`
  for (const name of Object.keys(request.headers)) {
    const value = request.headers[name]
    if (typeof value === 'string') head += name === 'User-Agent' ? renderAgent(value) : renderHeader(name, value)
    else for (const each of value ?? []) head += renderHeader(name, each)
  }
  if (request.isUpgrade === true) head += `Connection: Upgrade\r\nUpgrade: ${request.upgradeTo ?? 'tcp'}\r\n`
  return `${head}${renderLength(request)}\r\n`
}

function renderAgent(value: string): string {
  if (agent?.value !== value) agent = { value, line: renderHeader('User-Agent', value) }
  return agent.line
}

function renderHeader(name: string, value: string): string {
  if (framing.has(name.toLowerCase())) return ''
  if (!tokenPattern.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new FlotillaError('io/protocol', `invalid request header ${JSON.stringify(name)}`)
  }
  return `${name}: ${value}\r\n`
}

function renderLength(request: HttpRequest): string {
  if (Buffer.isBuffer(request.body)) return `Content-Length: ${request.body.length}\r\n`
  if (request.body !== undefined) return 'Transfer-Encoding: chunked\r\n'
  return request.method === 'GET' || request.method === 'HEAD' ? '' : 'Content-Length: 0\r\n'
}
