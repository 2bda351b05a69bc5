import { toMessage } from '../../core/errors.ts'
import { codeOf } from '../files.ts'

const reasons: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'no such host',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ENOTFOUND: 'no such host',
  ETIMEDOUT: 'connection timed out',
}

/** Why a web service did not answer, in words that both run-times share; those about certificates are left as they are. */
export function webReason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return webReason(error.errors[0])
  const code = codeOf(error)
  const reason = reasons[code]
  if (reason !== undefined) return reason
  const text = toMessage(error)
  // Node and Bun word OpenSSL's reasons differently: `wrong version number`, `WRONG_VERSION_NUMBER`.
  const words = `${code} ${text}`.replaceAll('_', ' ').toLowerCase()
  return /wrong version number|packet length too long|ssl routines:.*http request/.test(words)
    ? 'http: server gave HTTP response to HTTPS client'
    : text
}
