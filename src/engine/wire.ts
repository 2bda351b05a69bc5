import { Buffer } from 'node:buffer'
import type { ByteSource, HttpRequest } from '../io/http/request.ts'
import type { Endpoint } from './endpoint.ts'
import type { EngineRequest, QueryValue } from './engine.ts'

/** What all requests of a client have in common. */
export interface Sender {
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
}

/** @param headers sent with each request; the client's own name is not among them */
export function makeSender(
  endpoint: Endpoint,
  userAgent: string,
  headers: Readonly<Record<string, string>> = {},
): Sender {
  return { host: renderHost(endpoint), headers: { ...headers, 'User-Agent': userAgent } }
}

/** The request as it goes over the wire. `version` undefined: without prefix. */
export function toHttpRequest(sender: Sender, request: EngineRequest, version: string | undefined): HttpRequest {
  const prefix = version === undefined || request.unversioned === true ? '' : `/v${version}`
  const target = prefix + request.path + renderQuery(request.query)
  const { method } = request
  if (request.body === undefined && request.headers === undefined) return { method, target, ...sender }
  const { body, contentType } = renderBody(request.body)
  const hasType = request.headers !== undefined && Object.keys(request.headers).some(isContentType)
  return {
    method,
    target,
    host: sender.host,
    headers: {
      ...sender.headers,
      ...(contentType === undefined || hasType ? {} : { 'Content-Type': contentType }),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body }),
  }
}

function isContentType(name: string): boolean {
  return name.toLowerCase() === 'content-type'
}

function renderBody(body: unknown): { body?: Buffer | ByteSource; contentType?: string } {
  if (body === undefined) return {}
  if (isSource(body)) return { body, contentType: 'application/x-tar' }
  if (body instanceof Uint8Array) {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    return { body: bytes, contentType: 'application/x-tar' }
  }
  return { body: Buffer.from(JSON.stringify(body)), contentType: 'application/json' }
}

/** True for a body that is sent as a stream. */
export function isSource(body: unknown): body is ByteSource {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/** The same stream; `onPiece` hears of each piece that is taken from it. */
export function followSource(source: ByteSource, onPiece: () => void): ByteSource {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const piece of source) {
        onPiece()
        yield piece
      }
    },
    destroy: () => source.destroy?.(),
  }
}

function renderQuery(query: Readonly<Record<string, QueryValue>> | undefined): string {
  if (query === undefined) return ''
  const parts: string[] = []
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    const values = typeof value === 'object' ? value : [String(value)]
    for (const each of values) parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(each)}`)
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

/** Engines look at the form of this header only. */
function renderHost(endpoint: Endpoint): string {
  if (endpoint.kind !== 'tcp') return 'localhost'
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`
}
