import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import { splitCertificates } from '../io/certificates.ts'
import { systemClock } from '../io/clock.ts'
import { bootstrapCertificates } from './certs.ts'
import type { Driver } from './driver.ts'
import { emptyAuthOptions } from './record.ts'
import { rotateCa } from './rotate-ca.ts'
import type { RotationContext } from './rotate-ca.ts'
import { fileStore } from './store-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'rotate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Trial {
  readonly ctx: RotationContext
  readonly lines: string[]
  readonly countAuthorities: () => number
}

/** A store with one machine that is off. */
async function trial(more: Partial<Driver> = {}): Promise<Trial> {
  const root = mkdtempSync(join(folder, 'root-'))
  const store = fileStore(root, systemClock)
  const certs = join(root, 'certs')
  const machinePath = store.pathOf('web')
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
  const note = (line: string): void => void lines.push(line)
  const log = { debug() {}, info: note, warn: note, error: note }
  const base = makeHost('web')
  await store.create({ ...base, options: { ...base.options, AuthOptions: auth } })
  const driver = {
    state: async () => 'Stopped',
    ssh: () => ({ host: '192.0.2.1', port: 22, user: 'root' }),
    ...more,
  } as unknown as Driver
  const ctx: RotationContext = {
    clock: systemClock,
    log,
    user: 'ada',
    store,
    openDriver: async () => driver,
    loadProvisioners: async () => [],
    openSsh: () => {
      throw new Error('no SSH here')
    },
  }
  await bootstrapCertificates(auth, ctx, {})
  writeFileSync(join(machinePath, 'ca.pem'), '')
  return { ctx, lines, countAuthorities: () => splitCertificates(readFileSync(auth.CaCertPath, 'utf8')).length }
}

describe('replacing the authority', () => {
  it('keeps the old one as long as it is asked to, however often', async () => {
    const { ctx, lines, countAuthorities } = await trial()
    await rotateCa(ctx, { keepsOld: true })
    expect(countAuthorities()).toBe(2)
    await rotateCa(ctx, { keepsOld: true })
    expect(countAuthorities()).toBe(2)
    expect(lines.at(-2)).toMatch(/^Both authorities are trusted\. /)
    await rotateCa(ctx, { keepsOld: false })
    expect(countAuthorities()).toBe(1)
    expect(lines).toContain('"web" is off: its engine gets the new certificates when it is started')
  })

  it('does not end while a host that others switch on cannot be reached', async () => {
    const { ctx, countAuthorities } = await trial({ restartCommand: 'shutdown -r now' })
    await expect(rotateCa(ctx, { keepsOld: false })).rejects.toMatchObject({
      message: 'web: Host "web" is not running',
      hint: expect.stringContaining('both authorities stay trusted') as string,
    })
    expect(countAuthorities()).toBe(2)
  })
})
