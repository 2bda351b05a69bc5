import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import type { Log } from '../core/log.ts'
import { isPairOf, namesHost, readCertificate } from '../io/certificates.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { bootstrapCertificates, issueServerCertificate, refreshCopies, renewClient } from './certs.ts'
import { baseConfig } from './driver.ts'
import type { Driver } from './driver.ts'
import type { AuthOptions, Host } from './host.ts'
import type { ProvisionContext } from './provision/provision-host.ts'
import { emptyAuthOptions } from './record.ts'
import { renewEngine } from './renew.ts'

const folder = mkdtempSync(join(tmpdir(), 'renew-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const dayMs = 86_400_000
const startMs = Date.UTC(2026, 0, 1)

/** A store whose certificates are `ageDays` old, with one machine. */
interface Trial {
  readonly auth: AuthOptions
  readonly host: Host
  readonly machinePath: string
  readonly ctx: ProvisionContext
  readonly lines: string[]
  readonly read: (path: string) => string
}

async function trial(ageDays: number, keyKind: 'ecdsa' | 'rsa' = 'ecdsa'): Promise<Trial> {
  const root = mkdtempSync(join(folder, 'root-'))
  const certs = join(root, 'certs')
  const machinePath = join(root, 'machines', 'web')
  mkdirSync(machinePath, { recursive: true })
  const auth = {
    ...emptyAuthOptions,
    CertDir: certs,
    CaCertPath: join(certs, 'ca.pem'),
    CaPrivateKeyPath: join(certs, 'ca-key.pem'),
    ClientCertPath: join(certs, 'cert.pem'),
    ClientKeyPath: join(certs, 'key.pem'),
    ServerCertPath: join(machinePath, 'server.pem'),
    ServerKeyPath: join(machinePath, 'server-key.pem'),
    StorePath: machinePath,
  }
  const lines: string[] = []
  const log: Log = {
    debug() {},
    error() {},
    info: (line) => lines.push(line),
    warn: (line) => lines.push(`warning: ${line}`),
  }
  const base = makeHost('web')
  const host = { ...base, options: { ...base.options, AuthOptions: auth } }
  const clock = manualClock(startMs)
  const ctx: ProvisionContext = {
    clock,
    log,
    user: 'ada',
    loadProvisioners: async () => [],
    openSsh: () => {
      throw new Error('no shell here')
    },
  }
  await bootstrapCertificates(auth, { ...ctx, keyKind }, {})
  await issueServerCertificate(host, '10.0.0.7', machinePath, { ...ctx, keyKind })
  lines.length = 0
  return {
    auth,
    host,
    machinePath,
    lines,
    ctx: { ...ctx, clock: manualClock(startMs + ageDays * dayMs) },
    read: (path) => readFileSync(path, 'utf8'),
  }
}

/** A driver that runs the engine itself and counts how often it was set up. */
function engineDriver(address: string, configured: string[]): Driver {
  const refuse = async (): Promise<never> => {
    throw new Error('not called')
  }
  return {
    precheck: refuse,
    create: refuse,
    start: refuse,
    stop: refuse,
    kill: refuse,
    restart: refuse,
    remove: refuse,
    state: async () => 'Running',
    address: async () => address,
    ssh: () => undefined,
    engineUrl: async () => `tcp://${address}:2376`,
    toConfig: () => baseConfig({ machineName: 'web', storePath: folder }),
    async configureEngine(setup) {
      configured.push(setup.files.find((file) => file.path.endsWith('/server.pem'))?.content ?? '')
    },
  }
}

describe('the certificate of an engine that is started', () => {
  it('stays while it has thirty days and names the address', async () => {
    const { host, machinePath, ctx, lines } = await trial(360)
    const configured: string[] = []
    await renewEngine(host, engineDriver('10.0.0.7', configured), machinePath, ctx, {})
    expect({ configured, lines }).toEqual({ configured: [], lines: [] })
  })

  it.each([
    [380, 'it expires in 16 days'],
    [400, 'it has expired'],
  ])('is renewed after %i days, with the client pair', async (age, reason) => {
    const { auth, host, machinePath, ctx, lines, read } = await trial(age)
    const configured: string[] = []
    await renewEngine(host, engineDriver('10.0.0.7', configured), machinePath, ctx, {})
    expect(lines).toContain(`Renewing the certificate of "web": ${reason}`)
    expect(configured).toEqual([read(auth.ServerCertPath)])
    for (const path of [auth.ServerCertPath, auth.ClientCertPath, join(machinePath, 'cert.pem')]) {
      expect(readCertificate(read(path)).notAfterMs, path).toBeGreaterThan(ctx.clock.nowMs() + 390 * dayMs)
    }
  })

  it('keeps its kind of key: RSA was asked for by those who need it', async () => {
    const { auth, host, machinePath, ctx, read } = await trial(380, 'rsa')
    const before = read(auth.ServerKeyPath)
    await renewEngine(host, engineDriver('10.0.0.7', []), machinePath, ctx, {})
    expect(read(auth.ServerKeyPath)).not.toBe(before)
    for (const path of [auth.ServerKeyPath, auth.ClientKeyPath])
      expect(read(path)).toMatch(/^-----BEGIN RSA PRIVATE KEY/)
  })

  it.each(['10.0.0.8', 'web.example', '2001:db8::8'])('follows the machine to %s', async (address) => {
    const { auth, host, machinePath, ctx, lines, read } = await trial(1)
    const configured: string[] = []
    const driver = engineDriver(address.includes(':') ? `[${address}]` : address, configured)
    await renewEngine(host, driver, machinePath, ctx, {})
    expect(lines).toContain(`Renewing the certificate of "web": the machine is now at ${address}`)
    expect(namesHost(read(auth.ServerCertPath), address)).toBe(true)
    await renewEngine(host, driver, machinePath, ctx, {})
    expect(configured).toHaveLength(1)
  })

  it('that cannot be renewed is warned of, and the start goes on', async () => {
    const { auth, host, machinePath, ctx, lines } = await trial(380)
    rmSync(auth.CaPrivateKeyPath)
    await renewEngine(host, engineDriver('10.0.0.7', []), machinePath, ctx, {})
    expect(lines.at(-1)).toBe(
      `warning: cannot renew the certificate of "web": open ${auth.CaPrivateKeyPath}: no such file or directory`,
    )
  })
})

describe('the client pair', () => {
  it('is renewed in its last thirty days, by the authority that engines know; copies follow', async () => {
    const { auth, machinePath, ctx, lines, read } = await trial(380)
    const ca = read(auth.CaCertPath)
    await renewClient(auth, ctx, {})
    await refreshCopies(auth, machinePath)
    expect(lines).toContain(`Creating client certificate: ${auth.ClientCertPath}`)
    expect(read(auth.CaCertPath)).toBe(ca)
    const pair = { cert: read(join(machinePath, 'cert.pem')), key: read(join(machinePath, 'key.pem')) }
    expect(isPairOf(pair, ca)).toBe(true)
    expect(pair.cert).toBe(read(auth.ClientCertPath))
    lines.length = 0
    await renewClient(auth, ctx, {})
    expect(lines).toEqual([])
  })

  it('stays before that, and a machine without copies gets none', async () => {
    const { auth, ctx, read } = await trial(360)
    const before = read(auth.ClientCertPath)
    await renewClient(auth, ctx, {})
    expect(read(auth.ClientCertPath)).toBe(before)
    const bare = mkdtempSync(join(folder, 'bare-'))
    await refreshCopies(auth, bare)
    expect(() => readFileSync(join(bare, 'cert.pem'))).toThrow('ENOENT')
  })

  it("the user's own pair, and one whose authority has expired or lost its key, are only warned of", async () => {
    const old = await trial(380)
    const elsewhere = join(folder, 'own-cert.pem')
    writeFileSync(elsewhere, old.read(old.auth.ClientCertPath))
    await renewClient({ ...old.auth, ClientCertPath: elsewhere }, old.ctx, {})
    const key = old.read(old.auth.ClientKeyPath)
    rmSync(old.auth.CaPrivateKeyPath)
    await renewClient(old.auth, old.ctx, {})
    expect(old.read(old.auth.ClientKeyPath)).toBe(key)
    const ancient = await trial(3700)
    const before = ancient.read(ancient.auth.CaCertPath)
    await renewClient(ancient.auth, ancient.ctx, {})
    expect(ancient.read(ancient.auth.CaCertPath)).toBe(before)
    expect([...old.lines, ...ancient.lines].filter((line) => line.startsWith('warning: '))).toEqual([
      `warning: client certificate ${elsewhere} expires in 16 days and cannot be renewed: it is not one of ours`,
      `warning: client certificate ${old.auth.ClientCertPath} expires in 16 days and cannot be renewed: open ${old.auth.CaPrivateKeyPath}: no such file or directory`,
      `warning: client certificate ${ancient.auth.ClientCertPath} has expired and cannot be renewed: so has its authority`,
    ])
  })
})
