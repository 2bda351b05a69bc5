import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { silentLog } from '../core/log.ts'
import { systemClock } from '../io/clock.ts'
import { systemRandom } from '../io/random.ts'
import { baseConfig, readText } from './driver.ts'
import type { DriverFactory } from './driver.ts'
import { noneFactory } from './drivers/none/driver.ts'
import { makeSecrets, withSecrets } from './secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ctx = {
  machineName: 'm',
  storePath: folder,
  machinePath: join(folder, 'machines', 'm'),
  log: silentLog,
  clock: systemClock,
  random: systemRandom,
  env: {},
}

/** Keeps a credential as it was given, as drivers of clouds do. */
const cloud: DriverFactory = {
  configure: async (surroundings, options) => ({ ...baseConfig(surroundings), Token: String(options['cloud-token']) }),
  create: (surroundings, config) => ({
    ...noneFactory.create(surroundings, config),
    address: async () => readText(config, 'Token'),
  }),
}
const flags = { 'cloud-token': { kind: 'string', brief: 'x' } } as const

describe('credentials in records', () => {
  it('a reference to a variable or file stays in the record; the driver sees what is behind it', async () => {
    const file = join(folder, 'token')
    writeFileSync(file, 'from-a-file\n')
    for (const [reference, value] of [
      ['secret:env:TOKEN', 'from-a-variable'],
      [`secret:file:${file}`, 'from-a-file'],
    ] as const) {
      const env = { TOKEN: 'from-a-variable' }
      const factory = withSecrets(cloud, makeSecrets(env), flags)
      const config = await factory.configure(ctx, { 'cloud-token': reference })
      expect(config['Token']).toBe(reference)
      const later = makeSecrets(env)
      await later.learn(config)
      const driver = withSecrets(cloud, later).create(ctx, config)
      expect(await driver.address({})).toBe(value)
      expect(driver.toConfig()['Token']).toBe(reference)
    }
  })

  it('an empty file is no credential: every empty field would be taken for it', async () => {
    const file = join(folder, 'empty')
    writeFileSync(file, '\n')
    const factory = withSecrets(cloud, makeSecrets({}), flags)
    await expect(factory.configure(ctx, { 'cloud-token': `secret:file:${file}` })).rejects.toThrow(
      `secret:file:${file}: the file is empty`,
    )
  })

  it('with a passphrase a credential is encrypted, and only the passphrase opens it', async () => {
    const env = { MACHINE_PASSPHRASE: 'correct horse' }
    const config = await withSecrets(cloud, makeSecrets(env), flags).configure(ctx, { 'cloud-token': 'very-secret' })
    expect(JSON.stringify(config)).not.toContain('very-secret')
    expect(config['Token']).toMatch(/^secret:sealed:/)
    const right = makeSecrets(env)
    await right.learn(config)
    expect(await withSecrets(cloud, right).create(ctx, config).address({})).toBe('very-secret')
    await expect(makeSecrets({ MACHINE_PASSPHRASE: 'wrong' }).learn(config)).rejects.toThrow(
      'secret:sealed: the passphrase is wrong, or it was changed',
    )
    await expect(makeSecrets({}).learn(config)).rejects.toThrow('is needed to decrypt it')
  })

  it("without a passphrase the record is docker-machine's", async () => {
    const config = await withSecrets(cloud, makeSecrets({}), flags).configure(ctx, { 'cloud-token': 'plain' })
    expect(config['Token']).toBe('plain')
  })

  it('references that lead nowhere are named', async () => {
    const secrets = makeSecrets({})
    await expect(secrets.learn({ a: ['secret:env:NOPE'] })).rejects.toThrow('secret:env:NOPE: the variable is not set')
    await expect(secrets.learn('secret:file:/no/such')).rejects.toThrow('secret:file:/no/such: no such file')
    await expect(secrets.learn('secret:vault:x')).rejects.toThrow('a reference is secret:env:NAME or secret:file:PATH')
  })
})
