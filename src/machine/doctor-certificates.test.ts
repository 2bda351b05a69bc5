import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import {
  crossSign,
  findCertificateOf,
  isPairOf,
  issueCertificate,
  makeCa,
  splitCertificates,
} from '../io/certificates.ts'
import type { CertificatePair } from '../io/certificates.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { checkCertificates } from './doctor-certificates.ts'
import { emptyAuthOptions } from './record.ts'

const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const dayMs = 86_400_000
const nowMs = Date.parse('2026-06-01T00:00:00Z')
const base = { commonName: 'x', organization: 'x', keyKind: 'ecdsa', nowMs, days: 400 } as const
const path = (file: string): string => join(folder, file)
const auth = {
  ...emptyAuthOptions,
  CaCertPath: path('ca.pem'),
  CaPrivateKeyPath: path('ca-key.pem'),
  ClientCertPath: path('cert.pem'),
  ClientKeyPath: path('key.pem'),
  ServerCertPath: path('server.pem'),
  ServerKeyPath: path('server-key.pem'),
}
let ca: CertificatePair
let client: CertificatePair
let server: CertificatePair

function write(pair: CertificatePair, cert: string, key: string): void {
  writeFileSync(cert, pair.cert)
  writeFileSync(key, pair.key, { mode: 0o600 })
  chmodSync(key, 0o600)
}

async function find(atMs = nowMs, address = '10.0.0.1'): Promise<readonly string[]> {
  const findings = await checkCertificates(auth, address, manualClock(atMs))
  return findings.map(({ severity, detail }) => `${severity}: ${detail}`)
}

beforeEach(async () => {
  ca = await makeCa(base)
  client = await issueCertificate(ca, { ...base, usages: ['client'], names: [] })
  server = await issueCertificate(ca, { ...base, usages: ['server'], names: ['10.0.0.1'] })
  write(ca, auth.CaCertPath, auth.CaPrivateKeyPath)
  write(client, auth.ClientCertPath, auth.ClientKeyPath)
  write(server, auth.ServerCertPath, auth.ServerKeyPath)
})

// reliability.md F-S6: each kind of trouble has words of its own.
describe('certificates under examination', () => {
  it('that are valid are found valid', async () => {
    expect(await find()).toEqual(['ok: valid'])
  })

  it('expiring, expired, not yet valid', async () => {
    expect(await find(nowMs + 390 * dayMs)).toContain('warn: the engine certificate expires in 9 days')
    expect(await find(nowMs + 401 * dayMs)).toContain('fail: the client certificate has expired')
    expect(await find(nowMs - dayMs)).toContain(
      'fail: the authority certificate is not valid yet: the clock of this computer may be wrong',
    )
  })

  it('another authority, another key, another address, a missing file, a key for all', async () => {
    const other = await makeCa(base)
    write(
      await issueCertificate(other, { ...base, usages: ['client'], names: [] }),
      auth.ClientCertPath,
      auth.ClientKeyPath,
    )
    expect(await find()).toEqual(['fail: the client certificate is not of the present authority'])
    write({ ...client, key: server.key }, auth.ClientCertPath, auth.ClientKeyPath)
    expect(await find()).toEqual(['fail: the client certificate and its key do not belong together'])
    write(client, auth.ClientCertPath, auth.ClientKeyPath)
    expect(await find(nowMs, '10.0.0.2')).toEqual([
      'fail: the engine certificate does not name 10.0.0.2, where the machine is now',
    ])
    chmodSync(auth.ClientKeyPath, 0o644)
    expect(await find()).toEqual([`fail: others can read ${auth.ClientKeyPath} (mode 0644): chmod 600 it`])
    rmSync(auth.ServerKeyPath)
    expect(await find()).toContain(`fail: the engine key is missing: ${auth.ServerKeyPath}`)
    writeFileSync(auth.CaCertPath, 'nonsense')
    expect((await find()).some((text) => text.startsWith('fail: the authority certificate: cannot read'))).toBe(true)
  })
})

describe('two authorities at the same time', () => {
  it('either is trusted, and the key says which of them signs', async () => {
    const next = await makeCa({ ...base, commonName: 'next' })
    const both = `${next.cert}${ca.cert}`
    expect(splitCertificates(both)).toEqual([next.cert, ca.cert])
    expect(findCertificateOf(both, ca.key)).toBe(ca.cert)
    expect(isPairOf(server, both)).toBe(true)
    expect(isPairOf(server, next.cert)).toBe(false)
    const kept = await issueCertificate(next, { ...base, usages: ['client'], names: [], key: client.key })
    expect(kept.key).toBe(client.key)
    expect(isPairOf(kept, both)).toBe(true)
    const cross = crossSign(ca, next, base)
    expect(isPairOf({ cert: cross, key: next.key }, ca.cert)).toBe(true)
  })
})
