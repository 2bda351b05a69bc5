import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ShownCertificate } from '../access/identify.ts'

/** The public key of a certificate, for comparison; undefined for what is none. */
export function readPublicKey(pem: string): string | undefined {
  try {
    return keyOf(new X509Certificate(pem))
  } catch {
    return undefined
  }
}

function keyOf(certificate: X509Certificate): string {
  return certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
}

/**
 * The certificate that the client of a connection has shown; undefined when it has shown none, or there is no TLS.
 *
 * @param ownKey as `readPublicKey` gives it
 */
export function readShownCertificate(socket: Socket, ownKey: string | undefined): ShownCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const isAccepted = socket.authorized
  return {
    names: namesOf(certificate),
    isOwnKey: isAccepted && ownKey !== undefined && keyOf(certificate) === ownKey,
    ...(isAccepted ? {} : { problem: explain(String(socket.authorizationError)) }),
  }
}

function namesOf(certificate: X509Certificate): readonly string[] {
  const names: unknown = Reflect.get(Object(certificate.toLegacyObject().subject), 'CN')
  if (Array.isArray(names)) return names.map(String)
  return typeof names === 'string' ? [names] : []
}

function explain(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'it has expired'
  if (code === 'CERT_NOT_YET_VALID') return 'it is not valid yet'
  if (code === 'INVALID_PURPOSE') return 'it is not one of a client'
  return `it is not signed by the authority of this endpoint (${code})`
}
