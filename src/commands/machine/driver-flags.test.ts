import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Context } from '../../cli/command.ts'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import type { DriverDescriptor, DriverFactory } from '../../machine/driver.ts'
import { baseConfig } from '../../machine/driver.ts'
import { noneFactory } from '../../machine/drivers/none/driver.ts'
import { makeRegistry } from '../../plugin/make-registry.ts'
import { readCreateWords } from './create-words.ts'
import { toWanted } from './create.ts'
import { findDriverFlags } from './driver-flags.ts'
import { run as createPool } from './pool/create.ts'
import { run as inspectPool } from './pool/inspect.ts'

const folder = mkdtempSync(join(tmpdir(), 'driver-flags-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const factory: DriverFactory = {
  configure: async (ctx, options) => ({ ...baseConfig(ctx), Token: String(options['cloud-token']) }),
  create: (ctx, config) => noneFactory.create(ctx, config),
}

/** A driver that is a program of its own: it has to be asked for its flags. */
const cloud: DriverDescriptor = {
  name: 'cloud',
  apiVersion: 1,
  flags: {},
  findFlags: async () => ({
    'cloud-token': { kind: 'string', brief: 'Credential', default: '' },
    'cloud-size': { kind: 'string', brief: 'Size', default: 's' },
  }),
  load: async () => factory,
}

function makeContext(env: Readonly<Record<string, string>> = {}): Context & { readonly out: string[] } {
  const out: string[] = []
  const context = {
    env,
    cwd: folder,
    clock: systemClock,
    random: { next: () => 0 },
    log: silentLog,
    globals: { 'storage-path': folder },
    personality: { id: 'docker-machine', program: 'docker-machine' },
    plugins: makeRegistry({ driver: { cloud: { source: 'test', load: async () => cloud } } }),
    stdout: { write: (text: string) => out.push(text) },
    signal: new AbortController().signal,
    out,
  }
  return context as unknown as Context & { readonly out: string[] }
}

describe('a line that names no driver behind the flag for it', () => {
  it('has no flags of one, and is left to the parser', async () => {
    for (const flag of ['-d', '--driver']) expect(await findDriverFlags(['create', flag], makeContext())).toEqual({})
    await expect(findDriverFlags(['create', '-d', '', 'web'], makeContext())).rejects.toThrow('Driver "" not found')
  })
})

describe('a driver that is a program of its own', () => {
  it('takes its flags from fleet files too', async () => {
    const flags = await readCreateWords(makeContext(), 'cloud', ['--cloud-size=xl'])
    expect(flags).toMatchObject({ driver: 'cloud', 'cloud-size': 'xl', 'cloud-token': '' })
    await expect(readCreateWords(makeContext(), 'cloud', ['--cloud-colour=red'])).rejects.toThrow(
      'flag provided but not defined: -cloud-colour',
    )
  })

  it('has its credentials encrypted where there is a passphrase', async () => {
    const ctx = makeContext({ MACHINE_PASSPHRASE: 'correct horse' })
    const wanted = await toWanted(ctx, await readCreateWords(ctx, 'cloud', ['--cloud-token=t1t2t3']), 'web')
    const surroundings = { machineName: 'web', storePath: folder, machinePath: join(folder, 'machines', 'web') }
    const { log, clock, random, env } = ctx
    const config = await wanted.factory.configure({ ...surroundings, log, clock, random, env }, wanted.driverOptions)
    expect(config['Token']).toMatch(/^secret:sealed:/)
  })

  it('keeps its flags in pools, and its credentials out of what is shown of them', async () => {
    const ctx = makeContext()
    const own = await readCreateWords(ctx, 'cloud', ['--cloud-token=t1t2t3', '--cloud-size=xl'])
    const flags = { ...own, min: 0, max: 2, idle: '10m', 'ignore-exited': false }
    await createPool(ctx, flags as unknown as Parameters<typeof createPool>[1], ['ci'])
    const stored = JSON.parse(readFileSync(join(folder, 'pools', 'ci.json'), 'utf8')) as { readonly flags: object }
    expect(stored.flags).toMatchObject({ 'cloud-size': 'xl', 'cloud-token': 't1t2t3' })
    await inspectPool(ctx, {} as Parameters<typeof inspectPool>[1], ['ci'])
    const shown = JSON.parse(ctx.out.join('')) as { readonly Flags: object }
    expect(shown.Flags).toMatchObject({ 'cloud-size': 'xl', 'cloud-token': '***' })
  })
})
