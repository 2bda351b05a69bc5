import { TLSSocket } from 'node:tls'
import type { Exchange } from '../api/http1/exchange.ts'
import type { AuditFields } from './line.ts'

/**
 * Who makes a request and from where: as access control has found out; without it the common name of the client's
 * certificate, where one was demanded and checked.
 */
export function describeCaller({ caller, connection }: Exchange): AuditFields {
  const { isLocalSocket, remoteAddress = 'gone' } = connection
  const from = isLocalSocket ? 'unix socket' : remoteAddress
  if (caller !== undefined) {
    const { name, how, role, tenant } = caller
    return { who: name === '' ? 'unknown' : name, how, role, ...(tenant === undefined ? {} : { tenant }), from }
  }
  const name = readCommonName(connection.socket)
  if (name !== '') return { who: name, how: 'certificate', from }
  return { who: 'unknown', how: isLocalSocket ? 'socket' : 'unknown', from }
}

/** Of a certificate that our authority has signed; empty: there is none. */
function readCommonName(socket: unknown): string {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return ''
  // Without a certificate the object is empty, whatever its type says.
  const subject: unknown = Reflect.get(socket.getPeerCertificate(), 'subject')
  const name: unknown = typeof subject === 'object' && subject !== null ? Reflect.get(subject, 'CN') : undefined
  return typeof name === 'string' ? name : ''
}
