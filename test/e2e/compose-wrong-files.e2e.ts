import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mapLimit } from '../../src/core/limit.ts'
import { execProgram } from '../../src/io/exec.ts'
import { systemClock } from '../../src/io/clock.ts'
import { placelessFiles, wrongFiles } from '../fixtures/wrong-files.ts'
import { findReferenceCompose } from './compose-host.ts'
import { ensurePrograms, programForms } from './programs.ts'

/**
 * The real docker-compose 2.40 refuses every file of the table that ours refuses (`load/wrong-files.test.ts`): none of them
 * is refused out of strictness. No engine is needed.
 */

const rows = Object.entries({ ...wrongFiles, ...placelessFiles })

describe('wrong files', () => {
  let folder = ''

  beforeAll(async () => {
    ensurePrograms()
    folder = await mkdtemp(join(tmpdir(), 'wrong-e2e-'))
    for (const [index, [, text]] of rows.entries()) {
      await mkdir(join(folder, String(index)))
      await writeFile(join(folder, String(index), 'c.yml'), text)
    }
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('are refused by docker-compose 2.40, all of them', { timeout: 300_000 }, async () => {
    const reference = await findReferenceCompose()
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder }
    const codes = await mapLimit([...rows.entries()], 3, async ([index, [name]]) => {
      const cwd = join(folder, String(index))
      const { code } = await execProgram([reference, '-f', 'c.yml', 'config', '-q'], { clock: systemClock, cwd, env })
      return `${name}: ${code === 0 ? 'accepted' : 'refused'}`
    })
    expect(codes).toEqual(rows.map(([name]) => `${name}: refused`))
  })

  it('are refused by the program as it is shipped with file, line and column', async () => {
    const index = rows.findIndex(([name]) => name === 'a field with a slip')
    const result = await programForms[0]!.run('docker-compose', ['-f', 'c.yml', 'config', '-q'], {
      cwd: join(folder, String(index)),
      env: { PATH: process.env['PATH'] ?? '' },
    })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(
      /services\.web additional properties 'volums' not allowed\n.*c\.yml:4:5: did you mean/,
    )
  })
})
