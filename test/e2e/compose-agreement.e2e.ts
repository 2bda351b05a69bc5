import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { findReferenceCompose } from './compose-host.ts'
import { ensurePrograms, executableForm } from './programs.ts'

/**
 * Files of the kind that well-known projects have, printed by docker-compose 2.40 and by ours: byte for byte the same.
 * `dotenv` stands for `.env`.
 */
const corpus = resolve(import.meta.dirname, '../fixtures/compose-corpus')

const asked: readonly (readonly string[])[] = [
  ['config', '--format', 'json'],
  ['config'],
  ['config', '--no-normalize'],
  ['config', '--no-interpolate'],
  ['config', '--no-path-resolution'],
  ['--profile', '*', 'config', '--format', 'json'],
  ['config', '--profiles'],
]
/** The reference program lists these in the order of its maps, which is another one each time. */
const unordered: readonly (readonly string[])[] = [
  ['config', '--services'],
  ['config', '--images'],
  ['config', '--volumes'],
  ['config', '--networks'],
]

/** The reference program leaves env files out of its listing of hashes, and not of the label: docs/compose-config.md. */
const hashedWithoutEnvFiles = new Set(['django', 'mastodon', 'nextcloud', 'rails'])

describe('config agrees with docker-compose 2.40', () => {
  let folder = ''
  let reference = ''

  beforeAll(async () => {
    ensurePrograms()
    reference = await findReferenceCompose()
    folder = await mkdtemp(join(tmpdir(), 'agreement-'))
    await cp(corpus, folder, { recursive: true })
    for (const name of await readdir(folder)) {
      await rename(join(folder, name, 'dotenv'), join(folder, name, '.env')).catch(() => {})
    }
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  const sorted = (text: string): string => text.split('\n').sort().join('\n')

  it.each(readdirSync(corpus).sort())('on %s', async (name) => {
    const cwd = join(folder, name)
    const env = { PATH: process.env['PATH'] ?? '', HOME: '/home/u' }
    const compare = async (args: readonly string[], view: (text: string) => string): Promise<void> => {
      const [theirs, ours] = await Promise.all([
        execProgram([reference, ...args], { clock: systemClock, cwd, env }),
        executableForm.run('docker-compose', args, { cwd, env }),
      ])
      // Without what normalizing adds, a file may refer to a network it does not have: then both say so.
      expect(ours.code, ours.stderr).toBe(theirs.code)
      if (theirs.code !== 0) expect(ours.stderr).toContain(theirs.stderr.trim().split('\n').at(-1))
      expect(view(ours.stdout), args.join(' ')).toBe(view(theirs.stdout))
    }
    for (const args of asked) await compare(args, (text) => text)
    for (const args of unordered) await compare(args, sorted)
    if (!hashedWithoutEnvFiles.has(name)) await compare(['config', '--hash', '*'], (text) => text)
  })
})
