import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import type { CertificatePair } from '../../io/certificates.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { ping } from '../api/system.ts'
import { openEngine } from '../client.ts'
import type { Endpoint, TlsMaterial } from '../endpoint.ts'

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

  it('says when the certificates of the endpoint are none, or do not belong together', async () => {
    const reason = /^the certificates or the key to show it cannot be used: /
    expect(await pingOver({}, { ca: ca.cert, cert: 'x', key: 'y', isVerified: true })).toMatch(reason)
    const other = await makeCa({ ...subject, commonName: 'other', nowMs: Date.now(), days: 2 })
    expect(await pingOver({}, { ca: ca.cert, cert: ca.cert, key: other.key, isVerified: true })).toMatch(reason)
  })
})
