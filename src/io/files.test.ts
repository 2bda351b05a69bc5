import { mkdirSync, mkdtempSync, promises as fs, readFileSync, readdirSync, rmSync } from 'node:fs'
import { statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { makeFolder, readTextFile, writeFileAtomic } from './files.ts'

const root = mkdtempSync(join(tmpdir(), 'flotilla-files-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('writeFileAtomic', () => {
  afterEach(() => void vi.restoreAllMocks())

  /** What every open file has its functions from. */
  async function handles(): Promise<fs.FileHandle> {
    const file = await fs.open(root, 'r')
    await file.close()
    return Object.getPrototypeOf(file) as fs.FileHandle
  }

  function makePlace(name: string): { readonly folder: string; readonly path: string } {
    const folder = join(root, name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'record'), 'old')
    return { folder, path: join(folder, 'record') }
  }

  it.each(['writeFile', 'sync'] as const)(
    'on a disk that is full at %s keeps the old file and nothing else',
    async (at) => {
      const { folder, path } = makePlace(at)
      vi.spyOn(await handles(), at).mockImplementationOnce(async function fill(this: fs.FileHandle) {
        await this.write('ne')
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      })
      await expect(writeFileAtomic(path, 'new', 0o600)).rejects.toMatchObject({
        code: 'io/file',
        message: `cannot write ${JSON.stringify(path)}: no space left on device`,
      })
      expect([readdirSync(folder), readFileSync(path, 'utf8')]).toEqual([['record'], 'old'])
    },
  )

  it('puts the new file in place when it is on the disk, and then the folder', async () => {
    const { path } = makePlace('order')
    const order: string[] = []
    vi.spyOn(await handles(), 'sync').mockImplementation(async () => {
      order.push(readFileSync(path, 'utf8'))
    })
    await writeFileAtomic(path, 'new', 0o600)
    expect(order).toEqual(['old', 'new'])
  })
})

describe('makeFolder', () => {
  it('makes the parents too, all with the mode, also when several make them at once', async () => {
    const path = join(root, 'a/b/c')
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(path, 0o700)))
    for (const name of ['a', 'a/b', 'a/b/c']) expect(statSync(join(root, name)).mode & 0o777).toBe(0o700)
    await makeFolder(path, 0o755)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  it('takes a link to a folder for the folder', async () => {
    await makeFolder(join(root, 'real'), 0o700)
    symlinkSync(join(root, 'real'), join(root, 'link'))
    await makeFolder(join(root, 'link'), 0o700)
    await makeFolder(join(root, 'link/in'), 0o700)
    expect(statSync(join(root, 'real/in')).isDirectory()).toBe(true)
  })

  it('a file in the way is an error that names the folder', async () => {
    writeFileSync(join(root, 'file'), '')
    await expect(makeFolder(join(root, 'file'), 0o700)).rejects.toThrow(
      /cannot make folder ".*file": file already exists/,
    )
    await expect(makeFolder(join(root, 'file/in'), 0o700)).rejects.toThrow(
      /cannot make folder ".*file\/in": not a directory/,
    )
  })

  it.skipIf(process.platform !== 'linux')('ends where no folder can ever be made (needs /proc)', async () => {
    await expect(makeFolder('/proc/none/a/b', 0o700, 'name another')).rejects.toMatchObject({
      message: 'cannot make folder "/proc/none/a/b": no such file or directory',
      hint: 'name another',
    })
  })
})

it('says why a file cannot be read in the words of the system, and names it once', async () => {
  const path = join(tmpdir(), 'x'.repeat(300))
  await expect(readTextFile(path)).rejects.toThrow(`cannot read ${JSON.stringify(path)}: file name too long`)
  await expect(writeFileAtomic(path, '', 0o600)).rejects.toThrow(
    `cannot write ${JSON.stringify(path)}: file name too long`,
  )
})
