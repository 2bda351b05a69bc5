import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { project, service } from '../../testing/compose-builders.ts'
import { plainWishes, toImageBuild } from './definition.ts'
import { findOddPattern } from './odd-patterns.ts'

describe('a pattern with control characters', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'patterns-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is found in the file it stands in', async () => {
    const web = service('web', { build: { context: folder, dockerfile: 'Own' } })
    const build = toImageBuild(project([web]), web, plainWishes)
    expect(await findOddPattern(build)).toBeUndefined()
    await writeFile(join(folder, '.dockerignore'), '# a comment \0\ncafé\r\nb\0\n')
    expect(await findOddPattern(build)).toEqual({ path: `${folder}/.dockerignore`, pattern: 'b\0' })
    await writeFile(join(folder, 'Own.dockerignore'), 'c\td\n')
    expect(await findOddPattern(build)).toEqual({ path: `${folder}/Own.dockerignore`, pattern: 'c\td' })
  })
})
