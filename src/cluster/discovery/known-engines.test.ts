import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { keepInFile } from './known-engines.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'flotilla-known-'))
})
afterAll(async () => {
  await rm(root, { recursive: true, force: true })
})

function keep(path: string) {
  const logged: string[] = []
  return { logged, known: keepInFile(path, { ...silentLog, warn: (text) => void logged.push(text) }) }
}

describe('the engines of the last run', () => {
  it('are kept one a line, for the owner, in a folder that need not be there', async () => {
    const path = join(root, 'new', 'engines')
    const { known, logged } = keep(path)
    expect(await known.read()).toEqual([])
    await known.write(['10.0.0.1:2375', '10.0.0.2:2375'])
    expect(await readFile(path, 'utf8')).toBe('10.0.0.1:2375\n10.0.0.2:2375\n')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await keep(path).known.read()).toEqual(['10.0.0.1:2375', '10.0.0.2:2375'])
    expect(logged).toEqual([])
  })

  it('lose what is no address, and nothing else', async () => {
    const path = join(root, 'damaged')
    await writeFile(path, 'b:1\n\0\0\nhttp://a b\na:1\nb:1\n10.0.0')
    expect(await keep(path).known.read()).toEqual(['a:1', 'b:1'])
  })

  it('that cannot be read or kept are told of, once, and stop nobody', async () => {
    const path = join(root, 'folder')
    await mkdir(path)
    const { known, logged } = keep(path)
    expect(await known.read()).toEqual([])
    await known.write(['a:1'])
    await known.write(['a:1', 'b:1'])
    expect(logged).toEqual([
      expect.stringMatching(/^cannot read the engines of the last run: .*folder/),
      expect.stringMatching(/^cannot keep the list of engines for the next start: .*folder/),
    ])
  })
})
