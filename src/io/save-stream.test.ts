import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FlotillaError } from '../core/errors.ts'
import { systemClock } from './clock.ts'
import { pollUntil } from './process-identity.ts'
import { saveStream } from './save-stream.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-save-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** Says something, and breaks off as a request that is cancelled: destroyed from outside while nothing comes. */
async function breakOff(source: Readable, error: Error): Promise<void> {
  const isHalfWritten = async (): Promise<boolean> => {
    const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size)
    return (await Promise.all(sizes)).includes(4)
  }
  await pollUntil(isHalfWritten, 10_000, systemClock, { everyMs: 5 })
  source.destroy(error)
}

describe('saveStream', () => {
  it('leaves what was there when the stream breaks off, and fails with what broke it', async () => {
    const path = join(folder, 'x.tar')
    await writeFile(path, 'before')
    const cancelled = new FlotillaError('core/aborted', 'the operation was cancelled')
    const source = new Readable({ read() {} })
    source.push('half')
    const saving = expect(saveStream(source, path)).rejects.toBe(cancelled)
    await breakOff(source, cancelled)
    await saving
    expect(await readFile(path, 'utf8')).toBe('before')
    expect(await readdir(folder)).toEqual(['x.tar'])
  })

  it('names the file that cannot be written', async () => {
    const path = join(folder, 'x'.repeat(300))
    await expect(saveStream(Readable.from([Buffer.from('all')]), path)).rejects.toMatchObject({
      code: 'io/file',
      message: `cannot write "${path}": file name too long`,
    })
  })
})
