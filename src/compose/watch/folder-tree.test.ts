import { EventEmitter } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../io/clock.ts'
import { pollUntil } from '../../io/process-identity.ts'
import { FolderTree } from './folder-tree.ts'

/** Real files and the notices of the kernel. */

const trees: FolderTree[] = []
const folders: string[] = []
afterEach(() => {
  for (const tree of trees.splice(0)) tree.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

interface Followed {
  readonly at: (path: string) => string
  /** Paths told of since the last call, once all of these are among them. */
  readonly tells: (...paths: readonly string[]) => Promise<readonly string[]>
}

function follow(prepare: (at: (path: string) => string) => void): Followed {
  const folder = mkdtempSync(join(tmpdir(), 'tree-'))
  folders.push(folder)
  const at = (path: string): string => join(folder, path)
  prepare(at)
  const told = new Set<string>()
  const tree = new FolderTree({
    clock: systemClock,
    isSkipped: (path) => path.endsWith('.skip'),
    onChange: (path) => told.add(relative(folder, path)),
    onError: (error) => told.add(String(error)),
  })
  trees.push(tree)
  tree.follow(folder)
  return {
    at,
    async tells(...paths) {
      await pollUntil(async () => paths.every((path) => told.has(path)), 5000, systemClock, { everyMs: 5 })
      // What else there is comes with it.
      await systemClock.sleep(50)
      const all = [...told].sort()
      told.clear()
      return all
    },
  }
}

describe.runIf(process.platform === 'linux')('a tree of folders (Linux)', () => {
  it('tells of files that are made, changed, replaced by renaming, given another mode, linked and deleted', async () => {
    const { at, tells } = follow((path) => mkdirSync(path('a')))
    writeFileSync(at('a/f'), '1')
    writeFileSync(at('a/f.skip'), '1')
    expect(await tells('a/f')).toEqual(['a/f'])
    writeFileSync(at('a/f'), '2')
    expect(await tells('a/f')).toEqual(['a/f'])
    writeFileSync(at('a/f.new.skip'), '3')
    renameSync(at('a/f.new.skip'), at('a/f'))
    expect(await tells('a/f')).toEqual(['a/f'])
    chmodSync(at('a/f'), 0o600)
    expect(await tells('a/f')).toEqual(['a/f'])
    symlinkSync('f', at('a/link'))
    symlinkSync('a', at('linked-folder'))
    expect(await tells('a/link', 'linked-folder')).toEqual(['a/link', 'linked-folder'])
    rmSync(at('a/f'))
    expect(await tells('a/f')).toEqual(['a/f'])
  })

  it('tells of all that a folder held which is moved, where it was and where it is, and follows it there', async () => {
    const { at, tells } = follow((path) => {
      mkdirSync(path('a/b'), { recursive: true })
      writeFileSync(path('a/b/f'), '')
    })
    renameSync(at('a'), at('c'))
    expect(await tells('a', 'c/b/f')).toEqual(['a', 'a/b', 'a/b/f', 'c', 'c/b', 'c/b/f'])
    writeFileSync(at('c/b/g'), '')
    expect(await tells('c/b/g')).toEqual(['c/b/g'])
    mkdirSync(at('a/b'), { recursive: true })
    writeFileSync(at('a/b/f'), '')
    expect(await tells('a/b/f')).toEqual(['a', 'a/b', 'a/b/f'])
  })

  it('follows a folder that is deleted and made anew before anybody could look, again and again', async () => {
    const { at, tells } = follow((path) => mkdirSync(path('a/b'), { recursive: true }))
    for (let round = 0; round < 20; round += 1) {
      rmSync(at('a'), { recursive: true })
      mkdirSync(at('a/b'), { recursive: true })
      writeFileSync(at('a/b/f'), String(round))
      if (round % 2 === 0) await systemClock.sleep(round)
    }
    expect(await tells('a/b/f')).toEqual(['a', 'a/b', 'a/b/f'])
    writeFileSync(at('a/b/f'), 'last')
    expect(await tells('a/b/f')).toEqual(['a/b/f'])
    writeFileSync(at('a/b/g'), '')
    expect(await tells('a/b/g')).toEqual(['a/b/g'])
  })

  it('two folders that change places are both followed', async () => {
    const { at, tells } = follow((path) => {
      for (const name of ['a', 'b']) mkdirSync(path(name))
      for (const name of ['a/x', 'b/y']) writeFileSync(path(name), '')
    })
    renameSync(at('a'), at('t.skip'))
    renameSync(at('b'), at('a'))
    renameSync(at('t.skip'), at('b'))
    expect(await tells('a/y', 'b/x')).toEqual(['a', 'a/x', 'a/y', 'b', 'b/x', 'b/y'])
    for (const name of ['a/y', 'b/x']) writeFileSync(at(name), '2')
    expect(await tells('a/y', 'b/x')).toEqual(['a/y', 'b/x'])
  })

  it('a file that becomes a folder, and the other way round', async () => {
    const { at, tells } = follow((path) => writeFileSync(path('a'), ''))
    rmSync(at('a'))
    mkdirSync(at('a'))
    writeFileSync(at('a/f'), '')
    expect(await tells('a', 'a/f')).toEqual(['a', 'a/f'])
    rmSync(at('a'), { recursive: true })
    writeFileSync(at('a'), '')
    expect(await tells('a', 'a/f')).toEqual(['a', 'a/f'])
  })

  it('tells of each of many files in many folders', async () => {
    const { at, tells } = follow(() => {})
    const names = Array.from({ length: 1000 }, (_, index) => `d${index % 40}/e${index % 7}/f${index}`)
    for (const name of names) {
      mkdirSync(join(at(name), '..'), { recursive: true })
      writeFileSync(at(name), name)
    }
    expect((await tells(...names)).filter((path) => path.includes('/f'))).toEqual([...names].sort())
  })

  it('looks again at a name that came back without a second notice, as with Bun', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tree-'))
    folders.push(folder)
    const name = join(folder, 'b')
    writeFileSync(name, '')
    const told: string[] = []
    const listeners = new Map<string, (event: string, name: string | null) => void>()
    const tree = new FolderTree({
      clock: systemClock,
      isSkipped: () => false,
      onChange: (path) => told.push(relative(folder, path)),
      onError: (error) => told.push(String(error)),
      watch: (path, listener) => {
        listeners.set(path, listener)
        return Object.assign(new EventEmitter(), { close() {}, ref: () => tree as never, unref: () => tree as never })
      },
    })
    trees.push(tree)
    tree.follow(folder)
    rmSync(name)
    listeners.get(folder)?.('rename', 'b')
    mkdirSync(name)
    writeFileSync(join(name, 'in'), '')
    await pollUntil(async () => told.includes('b/in'), 5000, systemClock, { everyMs: 5 })
    expect(told).toEqual(['b', 'b', 'b/in'])
    expect(listeners.has(name)).toBe(true)
  })
})
