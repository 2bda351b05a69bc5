import { Buffer } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { startDeadline, toAbortError } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { WebProxy } from './find-proxy.ts'
import type { ProxyAgent } from './proxy-agent.ts'
import { webReason } from './web-reason.ts'

/** Certificates for `https:`, as PEM text; without a CA those that the run-time brings along count. */
export interface WebTls {
  readonly ca?: string | readonly string[]
  readonly cert?: string
  readonly key?: string
}

export interface WebRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `http:` or `https:`. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly tls?: WebTls
  /** A longer answer is an error. Default 16 MiB. */
  readonly maxBytes?: number
}

export interface WebReply {
  readonly status: number
  readonly body: string
}

const defaultDeadlineMs = 10_000
const defaultMaxBytes = 16 * 1024 * 1024

/** A request and its answer in bytes. */
export interface ByteRequest {
  readonly method: string
  /** `http:` or `https:`. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly tls?: WebTls
  /** Absent: straight to the service. */
  readonly proxy?: WebProxy
  /** A longer answer is an error. */
  readonly maxBytes: number
}

export interface ByteReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/**
 * One request to a web service, on a connection of its own; redirections are not followed. Any status is an answer.
 *
 * @throws {io/connect} when there is none, {io/protocol} when it is too long, {core/deadline}; messages name the
 * service's origin only, because paths and queries may be secret
 */
export async function requestWeb(request: WebRequest, o: CallOptions, clock: Clock): Promise<WebReply> {
  const { method, url, headers = {}, body = '', tls, maxBytes = defaultMaxBytes } = request
  const bytes = {
    method,
    url: new URL(url),
    headers,
    body: Buffer.from(body),
    maxBytes,
    ...(tls !== undefined && { tls }),
  }
  const reply = await requestBytes(bytes, { deadlineMs: defaultDeadlineMs, ...o }, clock)
  return { status: reply.status, body: reply.body.toString('utf8') }
}

/** As `requestWeb`, for answers that are no text. Without a deadline it waits as long as the connection stands. */
export async function requestBytes(request: ByteRequest, o: CallOptions, clock: Clock): Promise<ByteReply> {
  const { url } = request
  const { request: open } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const way = request.proxy === undefined ? undefined : await openWay(url, request.proxy)
  const deadline = startDeadline(
    clock,
    o,
    () => new FlotillaError('core/deadline', `${url.origin} did not answer within ${o.deadlineMs} ms`),
  )
  const { signal } = deadline
  try {
    return await new Promise<ByteReply>((resolve, reject) => {
      const length = request.body === undefined ? {} : { 'Content-Length': String(request.body.length) }
      const headers = { ...request.headers, ...length }
      const { ca, ...pair } = request.tls ?? {}
      const trust = ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }
      const options = { method: request.method, agent: way?.agent ?? false, headers, ...pair, ...trust }
      const call = open(url, options, (reply) => {
        const refusal = way?.refusal(reply.statusCode ?? 0)
        if (refusal !== undefined) {
          call.destroy(refusal)
          return
        }
        const parts: Buffer[] = []
        let size = 0
        reply.on('data', (chunk: Buffer) => {
          parts.push(chunk)
          size += chunk.length
          if (size > request.maxBytes) {
            call.destroy(
              new FlotillaError('io/protocol', `the answer of ${url.origin} is longer than ${request.maxBytes} bytes`),
            )
          }
        })
        reply.on('error', fail)
        reply.on('end', () =>
          resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(parts) }),
        )
      })
      function fail(error: unknown): void {
        if (error instanceof FlotillaError) reject(error)
        else {
          const through =
            request.proxy === undefined
              ? ''
              : ` through the proxy ${request.proxy.url.origin} (${request.proxy.variable})`
          reject(
            new FlotillaError('io/connect', `cannot reach ${url.origin}${through}: ${webReason(error)}`, {
              cause: error,
            }),
          )
        }
      }
      function stop(): void {
        const reason = toAbortError(signal)
        reject(reason)
        call.destroy(reason)
      }
      call.on('error', fail)
      if (signal?.aborted === true) stop()
      else signal?.addEventListener('abort', stop, { once: true })
      call.end(request.body)
    })
  } finally {
    deadline.release()
  }
}

async function openWay(url: URL, proxy: WebProxy): Promise<ProxyAgent> {
  const { makeProxyAgent } = await import('./proxy-agent.ts')
  return makeProxyAgent(url, proxy)
}
