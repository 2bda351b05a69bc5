import { once } from 'node:events'
import { createServer, connect } from 'node:tls'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import type { CertificatePair } from '../../io/certificates.ts'
import type { Caller } from '../access/caller.ts'
import type { Exchange } from '../api/http1/exchange.ts'
import { describeCaller } from './caller-fields.ts'
import type { AuditFields } from './line.ts'

function of(socket: unknown, remoteAddress: string | undefined, caller?: Caller): AuditFields {
  return describeCaller({
    caller,
    connection: { socket, remoteAddress, isLocalSocket: remoteAddress === undefined },
  } as unknown as Exchange)
}

describe('who makes a request', () => {
  it('is whom access control has found', () => {
    const caller = { name: 'ann', how: 'token', role: 'tenant', tenant: 'shop' } as const
    expect(of({}, '10.0.0.1', caller)).toEqual({
      who: 'ann',
      how: 'token',
      role: 'tenant',
      tenant: 'shop',
      from: '10.0.0.1',
    })
    expect(of({}, undefined, { name: '', how: 'socket', role: 'admin' })).toEqual({
      who: 'unknown',
      how: 'socket',
      role: 'admin',
      from: 'unix socket',
    })
  })

  it('is unknown where nobody asks', () => {
    expect(of({}, '10.0.0.1')).toEqual({ who: 'unknown', how: 'unknown', from: '10.0.0.1' })
    expect(of({}, undefined)).toEqual({ who: 'unknown', how: 'socket', from: 'unix socket' })
  })

  it('is the name in a certificate that was checked, and in no other', async () => {
    const wanted = { keyKind: 'ecdsa', nowMs: Date.now(), days: 1 } as const
    const [ours, theirs] = await Promise.all([
      makeCa({ ...wanted, organization: 'x', commonName: 'ours' }),
      makeCa({ ...wanted, organization: 'x', commonName: 'theirs' }),
    ])
    const leaf = { ...wanted, organization: 'x', usages: ['server', 'client'] } as const
    const server = await issueCertificate(ours, { ...leaf, commonName: 'server', names: ['localhost'] })
    const client = await issueCertificate(ours, { ...leaf, commonName: 'ann', names: [] })
    const stranger = await issueCertificate(theirs, { ...leaf, commonName: 'bob', names: [] })
    const seen = (pair: CertificatePair | undefined): Promise<AuditFields> => ask(server, ours.cert, pair)
    expect(await seen(client)).toEqual({ who: 'ann', how: 'certificate', from: '127.0.0.1' })
    expect(await seen(stranger)).toEqual({ who: 'unknown', how: 'unknown', from: '127.0.0.1' })
    expect(await seen(undefined)).toEqual({ who: 'unknown', how: 'unknown', from: '127.0.0.1' })
  })
})

/** What a server that asks for certificates, and takes others too, sees of a client. */
async function ask(pair: CertificatePair, ca: string, client: CertificatePair | undefined): Promise<AuditFields> {
  const server = createServer({ ...pair, ca, requestCert: true, rejectUnauthorized: false })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const socket = connect({ port, host: '127.0.0.1', ca, servername: 'localhost', ...client })
  try {
    const [end] = await accepted
    return of(end, end.remoteAddress)
  } finally {
    socket.destroy()
    server.close()
  }
}
