import { Buffer } from 'node:buffer'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import type { CertificatePair } from '../../io/certificates.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { startExec } from '../api/exec.ts'
import { ping } from '../api/system.ts'
import { openEngine } from '../client.ts'
import type { Endpoint, TlsMaterial } from '../endpoint.ts'
import { renderFrame } from '../stdcopy.ts'

const dayMs = 86_400_000
const names = ['127.0.0.1', 'localhost']
const subject = { organization: 'test', keyKind: 'ecdsa' } as const

let ca: CertificatePair
beforeAll(async () => {
  ca = await makeCa({ ...subject, commonName: 'authority', nowMs: Date.now() - 100 * dayMs, days: 200 })
})

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Pings an engine whose certificate was issued so many days ago for so many days. */
async function pingOver(
  o: { readonly agoDays?: number; readonly days?: number; readonly clientCa?: string },
  tls: TlsMaterial,
): Promise<string> {
  const nowMs = Date.now() - (o.agoDays ?? 0) * dayMs
  const leaf = { ...subject, commonName: 'engine', nowMs, days: o.days ?? 10, usages: ['server'], names } as const
  const pair = await issueCertificate(ca, leaf)
  const fake = await startFakeEngine({ tls: { ...pair, ...(o.clientCa === undefined ? {} : { ca: o.clientCa }) } })
  stops.push(() => fake.stop())
  if (fake.endpoint.kind !== 'tcp') throw new Error('the fake listens elsewhere')
  const endpoint: Endpoint = { ...fake.endpoint, tls }
  const engine = openEngine(endpoint, { clock: systemClock, userAgent: 'test' })
  stops.push(() => engine.close())
  return ping(engine).then(
    (pong) => `API ${pong.apiVersion}`,
    (error: Error) => error.message.replace(/^cannot reach engine "tcp:.*?": /, ''),
  )
}

function day(fromNow: number): string {
  return new Date(Date.now() + fromNow * dayMs).toISOString().slice(0, 10)
}

describe('TLS', () => {
  it('accepts a certificate of the given authority, for an address and for a name', async () => {
    expect(await pingOver({}, { ca: ca.cert, isVerified: true })).toBe('API 1.41')
    expect(await pingOver({}, { ca: ca.cert, isVerified: true, serverName: 'localhost' })).toBe('API 1.41')
  })

  it('says on which day a certificate expired, or from which it is valid', async () => {
    expect(await pingOver({ agoDays: 20, days: 10 }, { ca: ca.cert, isVerified: true })).toBe(
      `its certificate expired on ${day(-10)}`,
    )
    expect(await pingOver({ agoDays: -5 }, { ca: ca.cert, isVerified: true })).toMatch(
      new RegExp(`^its certificate is not valid before (${day(5)}|${day(4)})$`),
    )
  })

  it('refuses another name and an unknown authority, unless it is told not to verify', async () => {
    expect(await pingOver({}, { ca: ca.cert, isVerified: true, serverName: 'other' })).toBe(
      'its certificate is for IP Address:127.0.0.1, DNS:localhost, not for other',
    )
    const other = await makeCa({ ...subject, commonName: 'other', nowMs: Date.now(), days: 2 })
    expect(await pingOver({}, { ca: other.cert, isVerified: true })).toMatch(/^its certificate is not trusted \(/)
    expect(await pingOver({}, { isVerified: true })).toMatch(/^its certificate is not trusted \(/)
    expect(await pingOver({ agoDays: 20 }, { isVerified: false, serverName: 'other' })).toBe('API 1.41')
  })

  it('shows its own certificate to an engine that asks, and says when it has none', async () => {
    const wanted = {
      ...subject,
      commonName: 'client',
      nowMs: Date.now(),
      days: 2,
      usages: ['client'],
      names: [],
    } as const
    const client = await issueCertificate(ca, wanted)
    const asking = { clientCa: ca.cert }
    expect(await pingOver(asking, { ca: ca.cert, isVerified: true, ...client })).toBe('API 1.41')
    expect(await pingOver(asking, { ca: ca.cert, isVerified: true })).toBe('it wants a client certificate')
  })

  it('names its own certificate where the peer ends the connection without a word', async () => {
    const wanted = {
      ...subject,
      commonName: 'client',
      nowMs: Date.now(),
      days: 2,
      usages: ['client'],
      names: [],
    } as const
    const closed = 'the connection was closed before it answered; '
    const asking = { clientCa: ca.cert }
    const other = await makeCa({ ...subject, commonName: 'other', nowMs: Date.now(), days: 2 })
    const strange = await issueCertificate(other, wanted)
    expect(await pingOver(asking, { ca: ca.cert, isVerified: true, ...strange })).toBe(
      `${closed}it probably does not trust our client certificate`,
    )
    const old = await issueCertificate(ca, { ...wanted, nowMs: Date.now() - 20 * dayMs, days: 10 })
    expect(await pingOver(asking, { ca: ca.cert, isVerified: true, ...old })).toBe(
      `${closed}our client certificate expired on ${day(-10)}`,
    )
    const early = await issueCertificate(ca, { ...wanted, nowMs: Date.now() + 5 * dayMs, days: 10 })
    expect(await pingOver(asking, { ca: ca.cert, isVerified: true, ...early })).toMatch(
      new RegExp(`^${closed}our client certificate is not valid before (${day(5)}|${day(4)})$`),
    )
    const port = await listen(createTlsServer(await serverPair(), (socket) => socket.on('error', () => {}).destroy()))
    const endpoint: Endpoint = { kind: 'tcp', host: '127.0.0.1', port, tls: { ca: ca.cert, isVerified: true } }
    const engine = openEngine(endpoint, { clock: systemClock, userAgent: 'test' })
    stops.push(() => engine.close())
    await expect(ping(engine)).rejects.toMatchObject({
      code: 'engine/unreachable',
      message: `cannot reach engine "tcp://127.0.0.1:${port}": ${closed}it probably wants a client certificate`,
    })
  })

  it('says when the certificates of the endpoint are none, or do not belong together', async () => {
    const reason = /^the certificates or the key to show it cannot be used: /
    expect(await pingOver({}, { ca: ca.cert, cert: 'x', key: 'y', isVerified: true })).toMatch(reason)
    const other = await makeCa({ ...subject, commonName: 'other', nowMs: Date.now(), days: 2 })
    expect(await pingOver({}, { ca: ca.cert, cert: ca.cert, key: other.key, isVerified: true })).toMatch(reason)
  })
})

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  stops.push(() => new Promise((resolve) => server.close(() => resolve())))
  return (server.address() as AddressInfo).port
}

function serverPair(): Promise<CertificatePair> {
  return issueCertificate(ca, {
    ...subject,
    commonName: 'engine',
    nowMs: Date.now(),
    days: 10,
    usages: ['server'],
    names,
  })
}

/** An engine whose command is over at once: head, output and end are records of their own. */
async function startQuickEngine(): Promise<number> {
  const pair = await serverPair()
  const server = createTlsServer({ ...pair, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
      socket.write(renderFrame('stdout', Buffer.from('reloaded\n')))
      socket.end(renderFrame('stderr', Buffer.from('done\n')))
    })
  })
  return listen(server)
}

/** Hands over in one piece, with the end behind it, what a server says after its handshake. */
async function startHoldingProxy(port: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    let requests = 0
    const held: Buffer[] = []
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.on('data', (chunk) => {
      // The hello, the end of the handshake, the request.
      requests += 1
      upstream.write(chunk)
    })
    client.on('end', () => upstream.end())
    upstream.on('data', (chunk) => (requests < 3 ? client.write(chunk) : held.push(chunk)))
    upstream.on('end', () => client.end(Buffer.concat(held)))
  })
  return listen(server)
}

describe('a stream over TLS', () => {
  it('is read to its end, also where all of it came with the head and our side is ended at once', async () => {
    const port = await startHoldingProxy(await startQuickEngine())
    const endpoint: Endpoint = { kind: 'tcp', host: '127.0.0.1', port, tls: { ca: ca.cert, isVerified: true } }
    const engine = openEngine(endpoint, { clock: systemClock, userAgent: 'test', apiVersion: '1.41' })
    stops.push(() => engine.close())
    const { socket, output } = await startExec(engine, 'x')
    socket.end()
    const seen: string[] = []
    for await (const { stream, data } of output) seen.push(`${stream} ${data.toString()}`)
    expect(seen).toEqual(['stdout reloaded\n', 'stderr done\n'])
  })
})
