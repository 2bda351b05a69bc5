import { isFlotillaError } from '../core/errors.ts'
import { codeOf } from '../io/files.ts'
import type { Endpoint, TlsMaterial } from './endpoint.ts'
import { toEngineError, unreachable } from './errors.ts'

/** How a peer looks that turns a certificate away without a word: one whose TLS sends no alert, as that of Node. */
const silentEnds = new Set(['the connection was closed before it answered', 'the connection was closed'])

/**
 * The failure of an exchange with an endpoint that has never answered.
 *
 * Where TLS is spoken, a peer that ends the connection instead of answering most likely does not accept who we are: in
 * TLS 1.3 the handshake is over for a client before the peer has looked at its certificate (RFC 8446, section 4.4.2).
 *
 * @param nowMs epoch
 */
export async function toFirstError(endpoint: Endpoint, error: unknown, nowMs: number): Promise<Error> {
  const isSilent = isFlotillaError(error)
    ? error.code === 'io/connect' && silentEnds.has(error.message)
    : ['ECONNRESET', 'EPIPE'].includes(codeOf(error))
  if (endpoint.kind !== 'tcp' || endpoint.tls === undefined || !isSilent) return toEngineError(endpoint, error)
  const why = await explainRefusal(endpoint.tls, nowMs)
  return unreachable(endpoint, `the connection was closed before it answered; ${why}`, error)
}

async function explainRefusal({ cert }: TlsMaterial, nowMs: number): Promise<string> {
  if (cert === undefined) return 'it probably wants a client certificate'
  // Loaded by those alone who need it: it takes milliseconds.
  const { X509Certificate } = await import('node:crypto')
  const { validFrom, validTo } = new X509Certificate(cert)
  if (Date.parse(validTo) < nowMs) return `our client certificate expired on ${renderDay(validTo)}`
  if (Date.parse(validFrom) > nowMs) return `our client certificate is not valid before ${renderDay(validFrom)}`
  return 'it probably does not trust our client certificate'
}

function renderDay(text: string): string {
  return new Date(text).toISOString().slice(0, 10)
}
