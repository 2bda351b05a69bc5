import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findExecutable } from './find-executable.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'find-executable-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A program in a folder of that mode. */
function put(folder: string, mode = 0o755): string {
  mkdirSync(join(root, folder), { recursive: true })
  chmodSync(join(root, folder), mode)
  writeFileSync(join(root, folder, 'tool'), '', { mode: 0o755 })
  return join(root, folder, 'tool')
}

const find = (...folders: readonly string[]): Promise<string | undefined> =>
  findExecutable('tool', { PATH: folders.join(delimiter) })

describe.skipIf(process.platform === 'win32')('programs on the PATH (needs POSIX modes)', () => {
  it('are those that can be run, the first of them', async () => {
    const [first, second] = [put('a'), put('b')]
    expect(await find(join(root, 'none'), join(root, 'a'), join(root, 'b'))).toBe(first)
    chmodSync(first, 0o644)
    expect(await find(join(root, 'a'), join(root, 'b'))).toBe(second)
    mkdirSync(join(root, 'c', 'tool'), { recursive: true })
    expect(await find(join(root, 'c'))).toBeUndefined()
  })

  it('are never those of the current folder or of one that is named from there', async () => {
    put('a')
    expect(await find('', '.', relative(process.cwd(), join(root, 'a')))).toBeUndefined()
  })

  it.runIf(process.getuid?.() === 0)(
    'are not what a stranger left where everybody may write (needs root)',
    async () => {
      const [planted, own] = [put('open', 0o777), put('b')]
      expect(await find(join(root, 'open'))).toBe(planted)
      chownSync(planted, 12_345, 12_345)
      expect(await find(join(root, 'open'), join(root, 'b'))).toBe(own)
      chmodSync(join(root, 'open'), 0o1777)
      expect(await find(join(root, 'open'), join(root, 'b'))).toBe(own)
      rmSync(planted)
      symlinkSync(own, planted)
      expect(await find(join(root, 'open'))).toBe(planted)
      chmodSync(join(root, 'open'), 0o755)
      rmSync(planted)
      chownSync(put('open'), 12_345, 12_345)
      expect(await find(join(root, 'open'))).toBe(planted)
    },
  )
})
