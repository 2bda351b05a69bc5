import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeName } from '../core/odd-name.ts'
import { followLinks, toTarMode, walkFolder } from './folder-walk.ts'
import type { WalkOptions } from './folder-walk.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walk-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), path)
  }
}

function walked(options: WalkOptions = {}): readonly string[] {
  return [...walkFolder(root, options)].map((file) => file.path)
}

describe('walking a folder', () => {
  it('goes in the order the builder checks: by bytes, what is in a folder before its longer namesakes', () => {
    write('a/z', 'a.b', 'a-b', 'b', 'Z', 'é', '\u{10000}', '\uFFFD')
    expect(walked()).toEqual(['Z', 'a', 'a/z', 'a-b', 'a.b', 'b', 'é', '\uFFFD', '\u{10000}'])
  })

  it.runIf(process.platform === 'linux')('finds names that are no text, and what is below them (Linux)', () => {
    const folder = Buffer.concat([Buffer.from(`${root}/caf`), Buffer.of(0xe9)])
    mkdirSync(folder)
    writeFileSync(Buffer.concat([folder, Buffer.from('/\u{10000}')]), 'x')
    symlinkSync(Buffer.of(0xff), Buffer.concat([folder, Buffer.from('/link')]))
    write('plain')
    const found = [...walkFolder(root, { exclude: ['pl*'] })]
    expect(found.map(({ path }) => encodeName(path).toString('latin1'))).toEqual([
      'caf\xe9',
      'caf\xe9/link',
      `caf\xe9/${Buffer.from('\u{10000}').toString('latin1')}`,
    ])
    expect(encodeName(found[1]?.link ?? '')).toEqual(Buffer.of(0xff))
  })

  it('leaves out what is excluded, and reports a folder for the sake of an exception in it', () => {
    write('keep', 'docs/lose/x', 'docs/keep/y', 'other/deep/z')
    expect(walked({ exclude: ['docs', 'other', '!docs/keep'] })).toEqual(['docs', 'docs/keep', 'docs/keep/y', 'keep'])
  })

  it('takes only what is included', () => {
    write('.dockerignore', 'src/a', 'src/b', 'src/sub/c', 'x')
    expect(walked({ include: ['.dockerignore'] })).toEqual(['.dockerignore'])
    expect(walked({ include: ['src/sub', 'src/a'] })).toEqual(['src', 'src/a', 'src/sub', 'src/sub/c'])
    expect(walked({ include: ['src'], exclude: ['src/sub'] })).toEqual(['src', 'src/a', 'src/b'])
    expect(walked({ include: ['s*/b'] })).toEqual(['src', 'src/b'])
  })

  it('tells kind, rights, size, time and target as Go numbers them', async () => {
    write('plain')
    utimesSync(join(root, 'plain'), 1, 1.5)
    execFileSync('chmod', ['4751', join(root, 'plain')])
    symlinkSync('../out', join(root, 'link'))
    mkdirSync(join(root, 'sub'), { mode: 0o700 })
    execFileSync('mkfifo', ['-m', '600', join(root, 'pipe')])
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(root, 'sock'), resolve))
    const files = new Map([...walkFolder(root)].map((file) => [file.path, file]))
    server.close()
    expect([...files.keys()]).toEqual(['link', 'pipe', 'plain', 'sock', 'sub'])
    expect(files.get('plain')).toMatchObject({ mode: 2 ** 23 + 0o751, sizeBytes: 5, modifiedNs: 1_500_000_000n })
    expect(files.get('link')).toMatchObject({ kind: 'link', link: '../out', sizeBytes: 0 })
    expect(files.get('sub')?.mode).toBe(2 ** 31 + 0o700)
    expect(files.get('pipe')).toMatchObject({ kind: 'pipe', mode: 2 ** 25 + 0o600 })
    expect(files.get('sock')).toMatchObject({ kind: 'socket', sizeBytes: 0 })
    expect(files.get('sock')?.mode).toBeLessThan(0o1000)
    expect(toTarMode(files.get('plain')?.mode ?? 0)).toBe(0o4751)
    expect(toTarMode(2 ** 31 + 2 ** 22 + 2 ** 20 + 0o777)).toBe(0o3777)
  })

  it('says which files are the same under a name reported before', () => {
    write('a', 'sub/alone', 'z')
    linkSync(join(root, 'a'), join(root, 'b'))
    linkSync(join(root, 'a'), join(root, 'sub/c'))
    const same = (options: WalkOptions) =>
      [...walkFolder(root, options)].flatMap(({ path, sameAs }) => (sameAs === undefined ? [] : [[path, sameAs]]))
    expect(same({})).toEqual([
      ['b', 'a'],
      ['sub/c', 'a'],
    ])
    // The one that is left out is the name of nothing.
    expect(same({ exclude: ['a'] })).toEqual([['sub/c', 'b']])
  })

  it('names a folder that is not there', () => {
    expect(() => [...walkFolder(join(root, 'gone'))]).toThrow(`cannot read folder "${root}/gone"`)
  })
})

describe('following links', () => {
  it('adds each link on the way and what it points to', () => {
    write('real/data/x', 'real/other')
    symlinkSync('real', join(root, 'alias'))
    symlinkSync('../real/data', join(root, 'real/loop'))
    symlinkSync('/real/other', join(root, 'absolute'))
    expect(followLinks(root, ['alias/data'])).toEqual(['alias', 'real/data'])
    expect(followLinks(root, ['alias/loop/x', 'absolute'])).toEqual([
      'absolute',
      'alias',
      'real/data/x',
      'real/loop',
      'real/other',
    ])
    expect(followLinks(root, ['al*/other'])).toEqual(['alias', 'real/other'])
    expect(followLinks(root, ['missing/file'])).toEqual(['missing/file'])
  })

  it('takes everything for the top, and survives links to themselves', () => {
    symlinkSync('self', join(root, 'self'))
    symlinkSync('.', join(root, 'top'))
    expect(followLinks(root, ['self/x'])).toBeDefined()
    expect(followLinks(root, ['.'])).toBeUndefined()
    expect(followLinks(root, ['top'])).toBeUndefined()
  })
})
