import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import type { Log } from '../core/log.ts'
import { isPairOf, makeCa, readCertificate } from '../io/certificates.ts'
import { systemClock } from '../io/clock.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { bootstrapCertificates, findUser, issueServerCertificate, readCa } from './certs.ts'
import type { CertificateContext } from './certs.ts'
import { readExpiry } from './expiry.ts'
import type { AuthOptions, Host } from './host.ts'
import { emptyAuthOptions } from './record.ts'

const folder = mkdtempSync(join(tmpdir(), 'certs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const dayMs = 86_400_000

interface Trial {
  readonly auth: AuthOptions
  readonly ctx: CertificateContext
  readonly lines: string[]
}

function trial(more: Partial<CertificateContext> = {}): Trial {
  const root = mkdtempSync(join(folder, 'root-'))
  const certs = join(root, 'certs')
  const auth = {
    ...emptyAuthOptions,
    CertDir: certs,
    CaCertPath: join(certs, 'ca.pem'),
    CaPrivateKeyPath: join(certs, 'ca-key.pem'),
    ClientCertPath: join(certs, 'cert.pem'),
    ClientKeyPath: join(certs, 'key.pem'),
    ServerCertPath: join(root, 'server.pem'),
    ServerKeyPath: join(root, 'server-key.pem'),
    StorePath: root,
  }
  const lines: string[] = []
  const log: Log = { debug() {}, warn() {}, error() {}, info: (line) => lines.push(line) }
  return { auth, lines, ctx: { clock: systemClock, log, user: 'ada', keyKind: 'ecdsa', ...more } }
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

describe('bootstrapping', () => {
  it('makes an authority and a client pair once, with the modes and lines of docker-machine', async () => {
    const { auth, ctx, lines } = trial()
    await bootstrapCertificates(auth, ctx, {})
    expect(lines).toEqual([`Creating CA: ${auth.CaCertPath}`, `Creating client certificate: ${auth.ClientCertPath}`])
    expect(modeOf(auth.CertDir)).toBe(0o700)
    expect([auth.CaPrivateKeyPath, auth.ClientKeyPath].map(modeOf)).toEqual([0o600, 0o600])
    expect([auth.CaCertPath, auth.ClientCertPath].map(modeOf)).toEqual([0o644, 0o644])
    const before = readFileSync(auth.CaCertPath, 'utf8')
    await bootstrapCertificates(auth, ctx, {})
    expect(lines).toHaveLength(2)
    expect(readFileSync(auth.CaCertPath, 'utf8')).toBe(before)
  })

  it('many at once make one authority and one client pair that fit together', async () => {
    const { auth, ctx, lines } = trial()
    await Promise.all(Array.from({ length: 8 }, () => bootstrapCertificates(auth, ctx, {})))
    expect(lines).toHaveLength(2)
    const client = { cert: readFileSync(auth.ClientCertPath, 'utf8'), key: readFileSync(auth.ClientKeyPath, 'utf8') }
    expect(isPairOf(client, readFileSync(auth.CaCertPath, 'utf8'))).toBe(true)
  })

  it('an authority that was brought along is used where it lies, and nothing is written there', async () => {
    const { auth, ctx } = trial()
    await bootstrapCertificates(auth, ctx, {})
    const away = { ...auth, CaPrivateKeyPath: join(folder, 'not-here', 'ca-key.pem') }
    await bootstrapCertificates(away, ctx, {})
    expect(existsSync(join(folder, 'not-here'))).toBe(false)
  })

  it('a key without its certificate is not overwritten', async () => {
    const { auth, ctx } = trial()
    await bootstrapCertificates(auth, ctx, {})
    rmSync(auth.ClientCertPath)
    await expect(bootstrapCertificates(auth, ctx, {})).rejects.toThrow('client key already exists')
    rmSync(auth.CaCertPath)
    await expect(bootstrapCertificates(auth, ctx, {})).rejects.toThrow('certificate authority key already exists')
  })

  it('an expired authority is made anew and the client pair with it; one that is near its end only the client', async () => {
    const { auth, ctx, lines } = trial()
    await bootstrapCertificates(auth, ctx, {})
    const later = manualClock(Date.now() + 380 * dayMs)
    const ca = readFileSync(auth.CaCertPath, 'utf8')
    await bootstrapCertificates(auth, { ...ctx, clock: later }, {})
    expect(readFileSync(auth.CaCertPath, 'utf8')).toBe(ca)
    expect(lines.slice(2)).toEqual([
      'Client certificate is outdated and needs to be regenerated',
      `Creating client certificate: ${auth.ClientCertPath}`,
    ])
    later.jump(Date.now() + 4000 * dayMs)
    await bootstrapCertificates(auth, { ...ctx, clock: later }, {})
    expect(lines.slice(4)).toEqual([
      'CA certificate is outdated and needs to be regenerated',
      `Creating CA: ${auth.CaCertPath}`,
      'Client certificate is outdated and needs to be regenerated',
      `Creating client certificate: ${auth.ClientCertPath}`,
    ])
  })

  it('takes the RSA authority of an older store as it is', async () => {
    const { auth, ctx, lines } = trial()
    await bootstrapCertificates(auth, { ...ctx, keyKind: 'rsa' }, {})
    rmSync(auth.ClientCertPath)
    rmSync(auth.ClientKeyPath)
    await bootstrapCertificates(auth, ctx, {})
    expect(lines).toHaveLength(3)
    expect(readFileSync(auth.CaPrivateKeyPath, 'utf8')).toContain('RSA PRIVATE KEY')
    expect(readFileSync(auth.ClientKeyPath, 'utf8')).toContain('EC PRIVATE KEY')
  })

  it("a client pair of the user's own is never deleted", async () => {
    const { auth, ctx } = trial()
    const own = await makeCa({ commonName: 'x', organization: 'x', keyKind: 'ecdsa', nowMs: 0, days: 1 })
    const paths = { ClientCertPath: join(folder, 'own.pem'), ClientKeyPath: join(folder, 'own-key.pem') }
    writeFileSync(paths.ClientCertPath, own.cert)
    writeFileSync(paths.ClientKeyPath, own.key)
    await bootstrapCertificates({ ...auth, ...paths }, ctx, {})
    expect(readFileSync(paths.ClientKeyPath, 'utf8')).toBe(own.key)
  })

  it('unreadable certificates are errors, not overwritten', async () => {
    const { auth, ctx } = trial()
    await bootstrapCertificates(auth, ctx, {})
    writeFileSync(auth.CaCertPath, 'half a certif')
    await expect(bootstrapCertificates(auth, ctx, {})).rejects.toThrow(`cannot read certificate "${auth.CaCertPath}": `)
    expect(readFileSync(auth.CaCertPath, 'utf8')).toBe('half a certif')
  })

  it('of several files the one that cannot be read is named', async () => {
    const { auth, ctx } = trial()
    await bootstrapCertificates(auth, ctx, {})
    writeFileSync(auth.CaPrivateKeyPath, '')
    await expect(readCa(auth)).rejects.toThrow(`cannot read private key "${auth.CaPrivateKeyPath}": `)
    writeFileSync(auth.ClientCertPath, 'half a certif')
    await expect(bootstrapCertificates(auth, ctx, {})).rejects.toThrow(
      `cannot read certificate "${auth.ClientCertPath}": `,
    )
  })
})

describe('the certificate of an engine', () => {
  async function issue(isMaster: boolean): Promise<{ readonly host: Host; readonly machinePath: string }> {
    const { auth, ctx } = trial()
    await bootstrapCertificates(auth, ctx, {})
    const base = makeHost('web')
    const options = {
      ...base.options,
      AuthOptions: { ...auth, ServerCertSANs: ['web.example', '192.0.2.9', '10.0.0.7'] },
      SwarmOptions: { ...base.options.SwarmOptions, Master: isMaster },
    }
    const host = { ...base, options }
    await issueServerCertificate(host, '10.0.0.7', auth.StorePath, ctx)
    return { host, machinePath: auth.StorePath }
  }

  it('names what the user asked for, the address and localhost, each once; copies lie beside it', async () => {
    const { host, machinePath } = await issue(false)
    const facts = readCertificate(readFileSync(host.options.AuthOptions.ServerCertPath, 'utf8'))
    expect(facts.names).toBe('DNS:web.example, IP Address:192.0.2.9, IP Address:10.0.0.7, DNS:localhost')
    expect(facts.notAfterMs - facts.notBeforeMs).toBeLessThanOrEqual(397 * dayMs)
    expect(modeOf(host.options.AuthOptions.ServerKeyPath)).toBe(0o600)
    for (const name of ['ca.pem', 'cert.pem', 'key.pem']) expect(existsSync(join(machinePath, name)), name).toBe(true)
    expect(modeOf(join(machinePath, 'key.pem'))).toBe(0o600)
    expect(existsSync(join(machinePath, 'ca-key.pem'))).toBe(false)
  })

  it('ls warns in its last thirty days', async () => {
    const { host } = await issue(true)
    expect(await readExpiry(host.options.AuthOptions.ServerCertPath, systemClock)).toBeUndefined()
    expect(await readExpiry(host.options.AuthOptions.ServerCertPath, manualClock(Date.now() + 380 * dayMs))).toBe(16)
    expect(
      await readExpiry(host.options.AuthOptions.ServerCertPath, manualClock(Date.now() + 400 * dayMs)),
    ).toBeLessThan(0)
  })
})

it('the owner is $USER, on Windows $USERNAME, else unknown', () => {
  expect(findUser({ USER: 'a', USERNAME: 'b' })).toBe('a')
  expect(findUser({ USER: '', USERNAME: 'b' })).toBe('b')
  expect(findUser({})).toBe('unknown')
})
