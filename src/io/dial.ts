import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { startDeadline, toAbortError } from '../core/deadline.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { codeOf } from './files.ts'

/** A TCP address; IPv6 without brackets. */
export interface TcpAddress {
  readonly host: string
  readonly port: number
}

/** Certificates of a mutual TLS connection, as PEM text. */
export interface MutualTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** `host:port`, brackets around IPv6, as Go prints it. */
export function joinHostPort(address: TcpAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/**
 * Connects and hangs up.
 *
 * @throws {io/connect} with Go's wording (`dial tcp H:P: connect: connection refused`), which scripts look for
 */
export async function dialTcp(address: TcpAddress, o: CallOptions, clock: Clock): Promise<void> {
  await dial(address, o, clock, (settle) => {
    const socket = connectTcp({ host: address.host, port: address.port })
    socket.once('connect', () => settle())
    return socket
  })
}

/**
 * Connects, proves both sides' certificates including the server's name, and hangs up. With TLS 1.3 a server
 * refuses a client's certificate only after the handshake, so one small request is sent and its answer awaited.
 *
 * @throws {io/connect} with Go's wording (`x509: certificate signed by unknown authority`)
 */
export async function dialTls(address: TcpAddress, tls: MutualTls, o: CallOptions, clock: Clock): Promise<void> {
  const { connect } = await import('node:tls')
  await dial(address, o, clock, (settle) => {
    const socket = connect({ host: address.host, port: address.port, ...tls, minVersion: 'TLSv1.2' })
    socket.once('secureConnect', () => {
      if (socket.getProtocol() !== 'TLSv1.3') {
        settle()
        return
      }
      socket.once('data', () => settle())
      socket.write(`GET /_ping HTTP/1.1\r\nHost: ${joinHostPort(address)}\r\nConnection: close\r\n\r\n`)
    })
    return socket
  })
}

type Open = (settle: () => void) => Socket

async function dial(address: TcpAddress, o: CallOptions, clock: Clock, open: Open): Promise<void> {
  const deadline = startDeadline(clock, o, () => timeoutError(address))
  let socket: Socket | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (error: unknown): void => reject(toConnectError(address, error))
      deadline.signal?.addEventListener('abort', () => reject(toAbortError(deadline.signal)), { once: true })
      if (deadline.signal?.aborted === true) {
        reject(toAbortError(deadline.signal))
        return
      }
      try {
        socket = open(resolve)
      } catch (error) {
        fail(error)
        return
      }
      socket.on('error', fail)
      socket.once('close', () => fail(new Error('EOF')))
    })
  } finally {
    deadline.release()
    socket?.on('error', () => {})
    socket?.destroy()
  }
}

function timeoutError(address: TcpAddress): FlotillaError {
  return new FlotillaError('io/connect', `dial tcp ${joinHostPort(address)}: i/o timeout`)
}

const dialReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
  EADDRNOTAVAIL: 'connect: cannot assign requested address',
  ECONNRESET: 'connection reset by peer',
}

const unknownAuthority = 'x509: certificate signed by unknown authority'
const outOfDate = 'x509: certificate has expired or is not yet valid'
const notTls = 'tls: first record does not look like a TLS handshake'
const tlsReasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: outOfDate,
  CERT_NOT_YET_VALID: outOfDate,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  INVALID_PURPOSE: 'x509: certificate specifies an incompatible key usage',
}

function toConnectError(address: TcpAddress, error: unknown): Error {
  if (error instanceof FlotillaError) return error
  const code = codeOf(error)
  return new FlotillaError('io/connect', describe(address, code, error), { cause: error })
}

/** A failed connection in Go's words: `dial tcp H:P: connect: connection refused`. */
export function describeDialError(address: TcpAddress, error: unknown): string {
  return describe(address, codeOf(error), error)
}

function describe(address: TcpAddress, code: string, error: unknown): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${address.host}: no such host`
  const dialed = dialReasons[code]
  if (dialed !== undefined) return `dial tcp ${joinHostPort(address)}: ${dialed}`
  const reason = tlsReasons[code]
  if (reason !== undefined) return reason
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return describeWrongName(address, error)
  const text = toMessage(error)
  // Node and Bun word OpenSSL's reasons differently: `alert bad certificate`, `ALERT_BAD_CERTIFICATE`.
  const reasons = `${code} ${text}`.replaceAll('_', ' ').toLowerCase()
  if (/alert (?:unknown ca|bad certificate|certificate)/.test(reasons)) return 'remote error: tls: bad certificate'
  if (/wrong version number|packet length too long|http request/.test(reasons)) return notTls
  if (/disconnected before secure|socket hang up/.test(text)) return 'EOF'
  return text
}

function describeWrongName(address: TcpAddress, error: unknown): string {
  const certificate: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'cert') : undefined
  const names: unknown =
    typeof certificate === 'object' && certificate !== null ? Reflect.get(certificate, 'subjectaltname') : undefined
  const list = typeof names === 'string' ? names.replaceAll(/(?:IP Address|DNS):/g, '') : ''
  if (list === '') return `x509: cannot validate certificate for ${address.host} because it doesn't contain any IP SANs`
  return `x509: certificate is valid for ${list}, not ${address.host}`
}
