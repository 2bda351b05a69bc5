import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeFolder } from './files.ts'

const root = mkdtempSync(join(tmpdir(), 'flotilla-files-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

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
    await expect(makeFolder(join(root, 'file'), 0o700)).rejects.toThrow(/cannot make folder ".*file": EEXIST/)
    await expect(makeFolder(join(root, 'file/in'), 0o700)).rejects.toThrow(/cannot make folder ".*file\/in": ENOTDIR/)
  })

  it.skipIf(process.platform !== 'linux')('ends where no folder can ever be made (needs /proc)', async () => {
    await expect(makeFolder('/proc/none/a/b', 0o700)).rejects.toThrow(/cannot make folder "\/proc\/none\/a\/b": ENOENT/)
  })
})
