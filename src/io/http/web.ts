import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { startDeadline, toAbortError } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'

/** Certificates for `https:`, as PEM text; without a CA those of the system count. */
export interface WebTls {
  readonly ca?: string
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

/**
 * One request to a web service, on a connection of its own; redirections are not followed. Any status is an answer.
 *
 * @throws {io/connect} when there is none, {io/protocol} when it is too long, {core/deadline}; messages name the
 * service's origin only, because paths may be secret
 */
export async function requestWeb(request: WebRequest, o: CallOptions, clock: Clock): Promise<WebReply> {
  const url = new URL(request.url)
  const { request: open } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const limits = { deadlineMs: defaultDeadlineMs, ...o }
  const deadline = startDeadline(
    clock,
    limits,
    () => new FlotillaError('core/deadline', `${url.origin} did not answer within ${limits.deadlineMs} ms`),
  )
  const { signal } = deadline
  try {
    return await new Promise<WebReply>((resolve, reject) => {
      const options = {
        method: request.method,
        agent: false as const,
        headers: { ...request.headers, 'Content-Length': String(Buffer.byteLength(request.body ?? '')) },
        ...request.tls,
      }
      const call = open(url, options, (reply) => {
        const parts: Buffer[] = []
        let size = 0
        reply.on('data', (chunk: Buffer) => {
          parts.push(chunk)
          size += chunk.length
          if (size > (request.maxBytes ?? defaultMaxBytes)) {
            call.destroy(new FlotillaError('io/protocol', `the answer of ${url.origin} is too long`))
          }
        })
        reply.on('error', fail)
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }))
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
