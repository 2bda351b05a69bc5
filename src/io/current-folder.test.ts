import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { currentFolder } from './current-folder.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'flotilla-cwd-')))
mkdirSync(join(folder, 'real/sub'), { recursive: true })
symlinkSync('real', join(folder, 'link'))
mkdirSync(join(folder, 'other'))
symlinkSync('../real/sub', join(folder, 'other/away'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

it.each<[string, string | undefined, string, string]>([
  ['its name', 'link', 'real', 'link'],
  ['its name, written otherwise', 'link/./sub/', 'real/sub', 'link/sub'],
  ['that of another folder', 'link/sub', 'real', 'real'],
  ['a way back out of a link, which leads elsewhere without the link', 'other/away/..', 'real', 'real'],
  ['that of none', 'gone', 'real', 'real'],
  ['unset', undefined, 'real', 'real'],
])('PWD is %s', (_, named, real, wanted) => {
  const PWD = named === undefined ? undefined : `${folder}/${named}`
  expect(currentFolder({ PWD }, () => join(folder, real))).toBe(join(folder, wanted))
})

it('PWD that is no absolute path stands for nothing', () => {
  for (const PWD of ['', '.', 'link'])
    expect(currentFolder({ PWD }, () => join(folder, 'real'))).toBe(join(folder, 'real'))
})

it('has no name once it has been deleted, whatever PWD says', () => {
  const gone = (): never => {
    throw Object.assign(new Error('ENOENT: no such file or directory, uv_cwd'), { code: 'ENOENT' })
  }
  expect(currentFolder({ PWD: join(folder, 'real') }, gone)).toBeUndefined()
})

it('PWD of a shell with paths of its own stands for nothing where folders have drives', () => {
  expect(currentFolder({ PWD: '/' }, () => 'C:\\work')).toBe('C:\\work')
})
