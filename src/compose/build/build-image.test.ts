import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { project, service } from '../../testing/compose-builders.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { buildImage } from './build-image.ts'
import { plainWishes, toImageBuild } from './definition.ts'

describe('a build whose Dockerfile cannot be read', () => {
  let folder: string
  let fake: FakeEngine
  let engine: Engine
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'build-'))
    await mkdir(join(folder, 'folder'))
    fake = await startFakeEngine({})
    engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  })
  afterAll(async () => {
    await engine.close()
    await fake.stop()
    await rm(folder, { recursive: true })
  })

  it.each([
    ['none', 'no such file or directory'],
    ['folder', 'is a directory'],
    ['/dev/null', 'is no file'],
  ])('says why: %s', async (dockerfile, reason) => {
    const web = service('web', { build: { context: folder, dockerfile } })
    const host = {
      env: {},
      isClassic: false,
      credentials: () => Promise.resolve(undefined),
      registryConfig: () => Promise.resolve(undefined),
      defaultArgs: () => Promise.resolve({}),
    }
    const report = { parentId: 'web', progress: () => {} }
    const built = buildImage(engine, toImageBuild(project([web]), web, plainWishes), host, report, {})
    const path = dockerfile.startsWith('/') ? dockerfile : join(folder, dockerfile)
    await expect(built).rejects.toThrow(`failed to read dockerfile of service "web": open ${path}: ${reason}`)
  })
})
