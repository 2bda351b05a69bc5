import type { Buffer } from 'node:buffer'
import { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
import type { ErrorCode } from '../core/errors.ts'
import { codeOf } from '../io/files.ts'
import type { ResponseHead } from '../io/http/response-parser.ts'
import { SourceError } from '../io/http/send-body.ts'
import { renderEndpoint } from './endpoint-parse.ts'
import type { Endpoint } from './endpoint.ts'
import { describeText } from './json-documents.ts'

/** Error messages longer than this are cut. */
export const maxMessageBytes: number = 64 * 1024

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by the engine',
  EPIPE: 'connection closed by the engine',
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'name lookup failed',
  EPROTO: 'it does not speak TLS here',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS here',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS here',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust our client certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not accept our client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our client certificate has expired',
}

/** The failure of a connection or an answer as the caller sees it: an engine error that names the endpoint. */
export function toEngineError(endpoint: Endpoint, error: unknown): Error {
  if (isFlotillaError(error)) {
    switch (error.code) {
      case 'io/protocol':
        return invalidAnswer(endpoint, error)
      case 'io/connect':
      case 'io/exec':
        return unreachable(endpoint, error.message, error)
      default:
        return error
    }
  }
  // What the caller gave us to send failed: that is the caller's own error.
  if (error instanceof SourceError) return error.cause instanceof Error ? error.cause : error
  const code = codeOf(error)
  const reason = reasons[code]
  if (reason !== undefined) return unreachable(endpoint, reason, error)
  if (error instanceof AggregateError && error.errors.length > 0) {
    // Every address of a name was tried.
    return toEngineError(endpoint, error.errors[0])
  }
  // Failures of the system and of TLS carry a code; anything else is a mistake on our side.
  if (code === '' && error instanceof Error) return error
  return unreachable(endpoint, toMessage(error), error)
}

/** The failure of a stream of its own; one that is not the engine's or names it already stays as it is. */
export function toStreamError(endpoint: Endpoint, error: unknown): unknown {
  if (isFlotillaError(error)) {
    const isNameless = error.code === 'engine/protocol' && !error.message.startsWith(invalidAnswerWords)
    return isNameless ? invalidAnswer(endpoint, error) : toEngineError(endpoint, error)
  }
  const reason = reasons[codeOf(error)]
  return reason === undefined ? error : unreachable(endpoint, reason, error)
}

const invalidAnswerWords = 'invalid answer from engine '

/** An answer that cannot be read. */
export function invalidAnswer(endpoint: Endpoint, cause: unknown): FlotillaError {
  return new FlotillaError(
    'engine/protocol',
    `${invalidAnswerWords}"${renderEndpoint(endpoint)}": ${toMessage(cause)}`,
    { cause },
  )
}

/** An endpoint that cannot be reached, for the reason given. */
export function unreachable(endpoint: Endpoint, reason: string, cause: unknown): FlotillaError {
  const hint = chooseHint(endpoint, codeOf(cause))
  return new FlotillaError('engine/unreachable', `cannot reach engine "${renderEndpoint(endpoint)}": ${reason}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  })
}

function chooseHint(endpoint: Endpoint, code: string): string | undefined {
  if (endpoint.kind === 'unix' && (code === 'ENOENT' || code === 'ECONNREFUSED')) {
    return 'Is the Docker daemon running?'
  }
  if (endpoint.kind === 'unix' && code === 'EACCES') return 'Add the user to the group that owns the socket.'
  return undefined
}

/** The failure of a call that took longer than its deadline. */
export function makeTimeout(endpoint: Endpoint, action: string, ms: number | undefined): FlotillaError {
  return new FlotillaError(
    'engine/timeout',
    `engine "${renderEndpoint(endpoint)}" did not answer ${action} within ${ms} ms`,
  )
}

/** The error an answer of status 400 or above stands for; the message is the engine's own. */
export function toStatusError(endpoint: Endpoint, head: ResponseHead, body: Buffer): FlotillaError {
  const { status, reason } = head
  const contentType = head.headers['content-type'] ?? ''
  const { message, isDocker } = readMessage(contentType, body.subarray(0, maxMessageBytes))
  const text = message === '' ? `the engine answered ${status}${reason === '' ? '' : ` ${reason}`}` : message
  // Go's server to plain bytes on its TLS port (net/http).
  if (text === 'Client sent an HTTP request to an HTTPS server.') {
    return new FlotillaError('engine/unreachable', `cannot reach engine "${renderEndpoint(endpoint)}": it wants TLS`, {
      status,
      hint: 'Set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or give the certificates on the command line.',
    })
  }
  // Words that are not an engine's do not say whose they are.
  const hint = `engine "${renderEndpoint(endpoint)}" answered ${status}, and not as a Docker engine does`
  return new FlotillaError(chooseCode(status, text), text, isDocker ? { status } : { status, hint })
}

function chooseCode(status: number, message: string): ErrorCode {
  if (status === 404) return 'engine/not-found'
  if (status === 409) return 'engine/conflict'
  if (status === 401 || status === 403) return 'engine/unauthorized'
  if (status >= 500) return 'engine/server'
  // moby api/server/middleware/version.go
  if (/^client version .* is too (?:old|new)/.test(message)) return 'engine/version'
  return 'engine/bad-request'
}

function readMessage(contentType: string, body: Buffer): { readonly message: string; readonly isDocker: boolean } {
  const text = body.toString('utf8').trim()
  if (contentType.startsWith('application/json') || text.startsWith('{')) {
    try {
      const value: unknown = JSON.parse(text)
      const message: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'message') : undefined
      if (typeof message === 'string') return { message: message.trim(), isDocker: true }
    } catch {
      // Not JSON after all: the text itself is the best there is.
    }
  }
  // A proxy's error page is no message.
  const message = contentType.startsWith('text/html') ? describeText(text.replaceAll(/<[^>]*>/g, ' ')) : text
  return { message, isDocker: false }
}

/** True for failures after which the engine may be tried again: it could not be reached or took too long. */
export function isEngineDown(error: unknown): boolean {
  return isFlotillaError(error) && (error.code === 'engine/unreachable' || error.code === 'engine/timeout')
}
