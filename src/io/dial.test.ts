import { createServer as createTcp } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { issueCertificate, makeCa } from './certificates.ts'
import type { CertificatePair } from './certificates.ts'
import { systemClock } from './clock.ts'
import { dialTcp, dialTls, joinHostPort } from './dial.ts'
import type { MutualTls } from './dial.ts'

const nowMs = Date.now()
const wanted = { commonName: 'x', organization: 'x', keyKind: 'ecdsa', nowMs, days: 30 } as const
const leaf = { ...wanted, usages: ['server', 'client'], names: ['127.0.0.1', 'localhost'] } as const
const open: Server[] = []
const sockets = new Set<Socket>()
let ca: CertificatePair
let otherCa: CertificatePair
let server: CertificatePair
let client: MutualTls

beforeAll(async () => {
  ca = await makeCa(wanted)
  otherCa = await makeCa(wanted)
  server = await issueCertificate(ca, leaf)
  client = { ca: ca.cert, ...(await issueCertificate(ca, { ...leaf, usages: ['client'], names: [] })) }
})

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  for (const listener of open.splice(0)) listener.close()
})

async function listen(listener: Server): Promise<number> {
  open.push(listener)
  listener.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return (listener.address() as AddressInfo).port
}

function tlsServer(pair: CertificatePair, version: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<number> {
  const options = {
    ca: ca.cert,
    ...pair,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    maxVersion: version,
  } as const
  return listen(
    createTls(options, (socket) => {
      socket.on('error', () => {})
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nOK'))
    }),
  )
}

async function failure(port: number, tls: MutualTls, host = '127.0.0.1', deadlineMs = 5000): Promise<string> {
  try {
    await dialTls({ host, port }, tls, { deadlineMs }, systemClock)
    return 'connected'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

describe('dialling with TLS', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: connects with the right certificates, and learns when the server refuses ours`, async () => {
      const port = await tlsServer(server, version)
      expect(await failure(port, client)).toBe('connected')
      const stranger = await issueCertificate(otherCa, { ...leaf, usages: ['client'], names: [] })
      expect(await failure(port, { ca: ca.cert, ...stranger })).toMatch(
        // Node's server hangs up without the alert that engines send.
        /^remote error: tls: bad certificate$|^EOF$|connection reset by peer$/,
      )
    })
  }

  it("failures have Go's words: authority, name, validity, plain text", async () => {
    const port = await tlsServer(server)
    expect(await failure(port, { ...client, ca: otherCa.cert })).toMatch(
      /^x509: certificate signed by unknown authority|certificate signature failure$/,
    )
    const wrong = await tlsServer(await issueCertificate(ca, { ...leaf, names: ['10.9.9.9', 'other'] }))
    expect(await failure(wrong, client)).toBe('x509: certificate is valid for 10.9.9.9, other, not 127.0.0.1')
    const old = await tlsServer(await issueCertificate(ca, { ...leaf, nowMs: nowMs - 90 * 86_400_000 }))
    expect(await failure(old, client)).toBe('x509: certificate has expired or is not yet valid')
    const plain = await listen(createTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
    expect(await failure(plain, client)).toBe('tls: first record does not look like a TLS handshake')
    const rude = await listen(createTcp((socket) => socket.destroy()))
    expect(await failure(rude, client)).toMatch(/^EOF$|connection reset by peer$/)
  })

  it('a server that says nothing costs the deadline', async () => {
    const mute = await listen(createTcp(() => {}))
    expect(await failure(mute, client, '127.0.0.1', 200)).toBe(`dial tcp 127.0.0.1:${mute}: i/o timeout`)
  })

  it('unusable client material is an error, not a crash', async () => {
    const port = await tlsServer(server)
    expect(await failure(port, { ...client, key: 'nonsense' })).not.toBe('connected')
  })
})

describe('dialling', () => {
  it('connects, is refused, is cancelled', async () => {
    const port = await listen(createTcp(() => {}))
    await dialTcp({ host: '127.0.0.1', port }, { deadlineMs: 5000 }, systemClock)
    await Promise.all(
      open.splice(0).map(
        (listener) =>
          new Promise((resolve) => {
            for (const socket of sockets) socket.destroy()
            listener.close(resolve)
          }),
      ),
    )
    await expect(dialTcp({ host: '127.0.0.1', port }, {}, systemClock)).rejects.toThrow(
      `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    )
    await expect(dialTcp({ host: '127.0.0.1', port }, { signal: AbortSignal.abort() }, systemClock)).rejects.toThrow()
  })

  it('addresses are shown as Go shows them', () => {
    expect(joinHostPort({ host: 'fe80::1', port: 1 })).toBe('[fe80::1]:1')
    expect(joinHostPort({ host: 'h', port: 2 })).toBe('h:2')
  })
})
