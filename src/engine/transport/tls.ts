import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { checkServerIdentity, connect, createSecureContext } from 'node:tls'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { TlsMaterial } from '../endpoint.ts'
import { whenReady } from '../../io/when-ready.ts'
import type { ReadyLimit } from '../../io/when-ready.ts'

const keepAliveMs = 30_000

/** Parsing certificates costs more than a handshake on a kept session; material is immutable, so once is enough. */
const contexts = new WeakMap<TlsMaterial, SecureContext>()

/**
 * Opens TLS 1.2 or newer. The certificate is judged here rather than by `node:tls`, because only then can
 * the error say which date or name is wrong.
 *
 * @throws {io/connect} naming what is wrong with the engine's certificate
 */
export async function openTls(
  target: { readonly host: string; readonly port: number },
  material: TlsMaterial,
  signal: AbortSignal | undefined,
  limit?: ReadyLimit,
): Promise<Duplex> {
  const name = material.serverName ?? target.host
  const options: ConnectionOptions & { readonly allowHalfOpen: boolean } = {
    host: target.host,
    port: target.port,
    secureContext: toContext(material),
    rejectUnauthorized: false,
    // The protocol forbids addresses here.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ALPNProtocols: ['http/1.1'],
    allowHalfOpen: true,
  }
  const socket = await whenReady(connect(options), 'secureConnect', signal, limit)
  const problem = material.isVerified ? findCertificateProblem(socket, name) : undefined
  if (problem !== undefined) {
    socket.destroy()
    throw new FlotillaError('io/connect', problem)
  }
  socket.setNoDelay(true)
  socket.setKeepAlive(true, keepAliveMs)
  endBetweenReads(socket)
  return socket
}

/**
 * Lets the end of our side wait until everything that has arrived was handed out.
 *
 * To end a stream, Node (20.20, `TLSWrap::DoShutdown`) has OpenSSL look for the peer's end as well, which throws away
 * what else lies there. Where the head of an answer and the output of a quick command arrive together, and our side is ended
 * as soon as the head is read, output and end of it would be lost. Bun's is another stream.
 */
function endBetweenReads(socket: TLSSocket): void {
  const final = socket._final.bind(socket)
  socket._final = (done) => void setImmediate(() => final(done))
}

function findCertificateProblem(socket: TLSSocket, name: string): string | undefined {
  const certificate = socket.getPeerCertificate()
  // With verification off, `authorized` still says what the chain is worth; without a name in the request
  // it leaves the name out, so that is checked here in every case.
  const code = socket.authorized ? '' : String(socket.authorizationError)
  if (code === 'CERT_HAS_EXPIRED') return `its certificate expired on ${renderDay(certificate.valid_to)}`
  if (code === 'CERT_NOT_YET_VALID') return `its certificate is not valid before ${renderDay(certificate.valid_from)}`
  const identity = certificate.subject === undefined ? undefined : checkServerIdentity(name, certificate)
  if (code !== '' && !code.includes('ALTNAME')) return `its certificate is not trusted (${code})`
  if (certificate.subject === undefined) return 'it presented no certificate'
  if (identity !== undefined) {
    return `its certificate is for ${certificate.subjectaltname ?? String(certificate.subject.CN)}, not for ${name}`
  }
  return code === '' ? undefined : `its certificate is not trusted (${code})`
}

function renderDay(text: string): string {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? text : date.toISOString().slice(0, 10)
}

function toContext(material: TlsMaterial): SecureContext {
  const known = contexts.get(material)
  if (known !== undefined) return known
  try {
    const context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(material.ca === undefined ? {} : { ca: material.ca }),
      ...(material.cert === undefined ? {} : { cert: material.cert }),
      ...(material.key === undefined ? {} : { key: material.key }),
    })
    contexts.set(material, context)
    return context
  } catch (error) {
    const message = `the certificates or the key to show it cannot be used: ${toMessage(error)}`
    throw new FlotillaError('io/connect', message, { cause: error })
  }
}
