import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { cacheFolder, resolveEngineRoot, treePackages } from './engine-tree.ts'

describe('engine roots', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'engine-tree-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })
  const options = (): Parameters<typeof resolveEngineRoot>[1] => ({
    clock: systemClock,
    log: silentLog,
    env: { FLOTILLA_CACHE: folder },
  })

  it('the machine itself is asked for by any of its names', async () => {
    expect(await Promise.all(['', 'host', '/'].map((wish) => resolveEngineRoot(wish, options())))).toEqual([
      '/',
      '/',
      '/',
    ])
  })

  it('a directory is taken when there is a dockerd in it', async () => {
    await mkdir(join(folder, 'usr/bin'), { recursive: true })
    await expect(resolveEngineRoot(folder, options())).rejects.toThrow(`there is no dockerd in it`)
    await writeFile(join(folder, 'usr/bin/dockerd'), '')
    expect(await resolveEngineRoot(folder, options())).toBe(folder)
  })

  it.each(['99.9', 'sid; rm', '../x', 'Sid'])('%j is refused with what there is', async (wish) => {
    await expect(resolveEngineRoot(wish, options())).rejects.toMatchObject({
      code: 'machine/driver',
      message: `there is no engine ${JSON.stringify(wish)}`,
      hint: expect.stringContaining('20.10, 26.1, 28.5'),
    })
  })

  it('a tree is remade when its list of packages changes, and the client is a package of its own from trixie on', () => {
    expect(treePackages('bookworm', false)).not.toContain('docker-cli')
    expect(treePackages('trixie', false)).toContain('docker-cli')
    expect(treePackages('sid', true)).toEqual(expect.arrayContaining(['systemd-sysv', 'dbus']))
  })

  it('the cache is where the user says', () => {
    expect(cacheFolder({ FLOTILLA_CACHE: '/c' })).toBe('/c')
    expect(cacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/flotilla')
    expect(cacheFolder({ HOME: '/h' })).toBe('/h/.cache/flotilla')
  })
})
