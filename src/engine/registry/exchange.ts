import { Buffer } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { startDeadline, toAbortError } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'

/** One request to a registry and its whole answer, in bytes. */
export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** A longer answer is an error. */
  readonly maxBytes: number
}

export interface ExchangeReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const limitMs = 60_000

/**
 * @throws {io/connect} when there is no answer, {io/protocol} when it is too long; messages name the origin only, because
 *   a query may hold a signature
 */
export async function exchange(request: Exchange, o: CallOptions, clock: Clock): Promise<ExchangeReply> {
  const { url } = request
  const { request: open } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const limits = { deadlineMs: limitMs, ...o }
  const deadline = startDeadline(
    clock,
    limits,
    () => new FlotillaError('core/deadline', `${url.origin} did not answer within ${limits.deadlineMs} ms`),
  )
  const { signal } = deadline
  try {
    return await new Promise<ExchangeReply>((resolve, reject) => {
      const length = request.body === undefined ? {} : { 'Content-Length': String(request.body.length) }
      const options = { method: request.method, agent: false as const, headers: { ...request.headers, ...length } }
      const call = open(url, options, (reply) => {
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
        else
          reject(new FlotillaError('io/connect', `cannot reach ${url.origin}: ${toMessage(error)}`, { cause: error }))
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
