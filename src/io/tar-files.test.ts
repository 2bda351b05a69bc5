import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  chmodSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { extract, pack } from 'tar-stream'
import { cleanArchive } from './tar-clean.ts'
import { packPath, unpackTo } from './tar-files.ts'
import { withLargeNumbers } from './tar-header.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tar-files-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const asIs = { rename: (entry: string): string => entry }

/** An archive a container could send. */
function archive(
  ...entries: readonly (Parameters<ReturnType<typeof pack>['entry']>[0] & { text?: string })[]
): Readable {
  const made = pack()
  for (const { text, ...header } of entries) made.entry(header, text ?? '')
  made.finalize()
  return made as unknown as Readable
}

describe('there and back', () => {
  it('keeps times before 1970 and after 2038, in copies that are cleaned too', async () => {
    const from = join(root, 'from')
    mkdirSync(from)
    for (const [name, seconds] of [
      ['early', -86_400],
      ['late', 5_000_000_000],
    ] as const) {
      writeFileSync(join(from, name), name)
      const time = new Date(seconds * 1000)
      utimesSync(join(from, name), time, time)
    }
    const archives = [
      packPath(from, { name: 'plain', isFollowing: false }),
      cleanArchive(packPath(from, { name: 'clean', isFollowing: false })),
    ]
    for (const made of archives) await unpackTo(made, root, asIs)
    for (const to of ['plain', 'clean']) {
      expect(statSync(join(root, to, 'early')).mtimeMs).toBe(-86_400_000)
      expect(statSync(join(root, to, 'late')).mtimeMs).toBe(5_000_000_000_000)
    }
  })

  it('names owners whose numbers are large', async () => {
    const header = withLargeNumbers({ name: 'a', uid: 1_456_200_001, gid: 300_000 })
    const reader = extract()
    archive({ ...header, text: 'x' }).pipe(reader)
    const seen: unknown[] = []
    for await (const entry of reader) {
      seen.push(entry.header.pax)
      entry.resume()
    }
    expect(seen).toEqual([{ path: 'a', uid: '1456200001', gid: '300000' }])
    expect(withLargeNumbers({ name: 'a', uid: 1000, gid: 0 })).toEqual({ name: 'a', uid: 1000, gid: 0 })
  })

  it('keeps contents, modes, times and links', async () => {
    const from = join(root, 'from')
    mkdirSync(join(from, 'sub'), { recursive: true })
    writeFileSync(join(from, 'a'), 'text')
    chmodSync(join(from, 'a'), 0o640)
    writeFileSync(join(from, 'sub', 'empty'), '')
    symlinkSync('../a', join(from, 'sub', 'link'))
    utimesSync(join(from, 'a'), 1000, 1_600_000_000)
    chmodSync(join(from, 'sub'), 0o555)
    await unpackTo(packPath(from, { name: 'to', isFollowing: false }), root, asIs)
    const to = join(root, 'to')
    expect(readdirSync(to).sort()).toEqual(['a', 'sub'])
    expect(readFileSync(join(to, 'a'), 'utf8')).toBe('text')
    expect(statSync(join(to, 'a')).mode & 0o777).toBe(0o640)
    expect(statSync(join(to, 'a')).mtimeMs).toBe(1_600_000_000_000)
    expect(statSync(join(to, 'sub')).mode & 0o777).toBe(0o555)
    expect(readlinkSync(join(to, 'sub', 'link'))).toBe('../a')
    chmodSync(join(from, 'sub'), 0o755)
    chmodSync(join(to, 'sub'), 0o755)
  })

  it('takes the contents alone, and follows a link at the top when asked to', async () => {
    mkdirSync(join(root, 'from'))
    writeFileSync(join(root, 'from', 'a'), 'x'.repeat(300_000))
    symlinkSync('from', join(root, 'link'))
    mkdirSync(join(root, 'to'))
    await unpackTo(packPath(join(root, 'link'), { isFollowing: true }), join(root, 'to'), asIs)
    expect(statSync(join(root, 'to', 'a')).size).toBe(300_000)
  })

  it('fails with the path that is not there', async () => {
    const path = join(root, 'nope')
    const reading = unpackTo(packPath(path, { name: 'x', isFollowing: false }), root, asIs)
    await expect(reading).rejects.toThrow(`cannot copy "${path}": no such file or directory`)
  })
})

describe('hostile archives', () => {
  it.each([
    ['a name that goes up', [{ name: '../out', text: 'x' }]],
    [
      'a link and a file through it',
      [
        { name: 'l', type: 'symlink', linkname: '..' },
        { name: 'l/out', text: 'x' },
      ],
    ],
    [
      'a link to the root',
      [
        { name: 'l', type: 'symlink', linkname: '/tmp' },
        { name: 'l/tar-files-out', text: 'x' },
      ],
    ],
    ['a hard link to outside', [{ name: 'h', type: 'link', linkname: '../../etc/passwd' }]],
  ] as const)('%s writes nothing outside', async (_, entries) => {
    const inside = join(root, 'inside')
    mkdirSync(inside)
    await expect(unpackTo(archive(...entries), inside, asIs)).rejects.toThrow('outside')
    expect(readdirSync(root)).toEqual(['inside'])
  })

  it('nothing gets the right to be somebody else, and no device comes out of a container', async () => {
    const entries = [
      { name: 'su', text: 'x', mode: 0o6755 },
      { name: 'd', type: 'directory', mode: 0o7777 },
      { name: 'disk', type: 'block-device', devmajor: 8, devminor: 0 },
      { name: 'tty', type: 'character-device', devmajor: 4, devminor: 0 },
      { name: 'pipe', type: 'fifo' },
    ] as const
    await unpackTo(archive(...entries), root, asIs)
    expect(readdirSync(root).sort()).toEqual(['d', 'su'])
    expect(statSync(join(root, 'su')).mode & 0o7777).toBe(0o755)
    expect(statSync(join(root, 'd')).mode & 0o7777).toBe(0o1777)
  })

  it('a name without end is an error, and of two entries with one name the last stays', async () => {
    await expect(unpackTo(archive({ name: 'x'.repeat(65_536), text: 'x' }), root, asIs)).rejects.toThrow(
      /: file name too long$/,
    )
    await unpackTo(archive({ name: 'f', text: 'first, and longer' }, { name: 'f', text: 'last' }), root, asIs)
    expect(readFileSync(join(root, 'f'), 'utf8')).toBe('last')
  })

  it('a header that says it is gigabytes long is refused before they are kept', async () => {
    const whole: Buffer[] = []
    for await (const piece of archive({ name: 'y'.repeat(300), text: 'x' })) whole.push(piece as Buffer)
    const header = Buffer.concat(whole).subarray(0, 512)
    expect(String.fromCharCode(header[156] ?? 0)).toBe('x')
    header.write('77777777777', 124, 'latin1')
    header.fill(' ', 148, 156)
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    )
    let sent = 0
    const bomb = (function* bomb(): Generator<Buffer> {
      yield header
      for (; sent < 2000; sent += 1) yield Buffer.alloc(65_536, 'a')
    })()
    await expect(unpackTo(Readable.from(bomb), root, asIs)).rejects.toThrow(/max size/)
    expect(sent).toBeLessThan(100)
  })

  it('what is gone when it is to be read is named, and so is what became shorter', async () => {
    mkdirSync(join(root, 'from'))
    for (const name of ['a', 'b']) writeFileSync(join(root, 'from', name), 'x'.repeat(8_000_000))
    const read = async (change: () => void): Promise<void> => {
      const pieces = packPath(join(root, 'from'), { isFollowing: false })
      let isChanged = false
      for await (const piece of pieces) {
        if (!isChanged && piece !== undefined) change()
        isChanged = true
      }
    }
    await expect(read(() => rmSync(join(root, 'from', 'b')))).rejects.toThrow(
      `cannot copy "${join(root, 'from', 'b')}": no such file or directory`,
    )
    await expect(read(() => writeFileSync(join(root, 'from', 'a'), ''))).rejects.toThrow(
      /^cannot read ".*a": it became shorter while it was read$/,
    )
  })

  it('a file does not go through a link that is there', async () => {
    writeFileSync(join(root, 'target'), 'mine')
    mkdirSync(join(root, 'inside'))
    symlinkSync(join(root, 'target'), join(root, 'inside', 'f'))
    await unpackTo(archive({ name: 'f', text: 'theirs' }), join(root, 'inside'), asIs)
    expect(readFileSync(join(root, 'target'), 'utf8')).toBe('mine')
    expect(readFileSync(join(root, 'inside', 'f'), 'utf8')).toBe('theirs')
  })

  it('a large file is written without a warning of node', async () => {
    const warnings: string[] = []
    const note = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', note)
    try {
      writeFileSync(join(root, 'large'), Buffer.alloc(4 * 1024 * 1024, 'x'))
      mkdirSync(join(root, 'target'))
      await unpackTo(packPath(join(root, 'large'), { name: 'f', isFollowing: false }), join(root, 'target'), asIs)
      // Node tells of them a turn later.
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      process.off('warning', note)
    }
    expect(warnings).toEqual([])
    expect(statSync(join(root, 'target', 'f')).size).toBe(4 * 1024 * 1024)
  })

  it('takes the names that are asked for, folders with all that is in them', async () => {
    mkdirSync(join(root, 'source', 'a', 'b'), { recursive: true })
    mkdirSync(join(root, 'source', 'c'))
    for (const path of ['a/b/f', 'a/g', 'c/h', 'c/i']) writeFileSync(join(root, 'source', path), path)
    mkdirSync(join(root, 'target', 'c'), { recursive: true })
    const only = new Set(['a', 'c/h'])
    await unpackTo(packPath(join(root, 'source'), { isFollowing: false, only }), join(root, 'target'), asIs)
    const names = readdirSync(join(root, 'target'), { recursive: true }).map(String)
    expect(names.toSorted()).toEqual(['a', 'a/b', 'a/b/f', 'a/g', 'c', 'c/h'])
  })

  it('an archive that breaks off is a failure', async () => {
    const whole: Buffer[] = []
    for await (const piece of archive({ name: 'f', text: 'x'.repeat(5000) })) whole.push(piece as Buffer)
    const cut = Readable.from([Buffer.concat(whole).subarray(0, 2000)])
    await expect(unpackTo(cut, root, asIs)).rejects.toThrow()
  })
})

describe('an archive that is cleaned', () => {
  const read = async (made: Readable): Promise<string[]> => {
    const reader = extract()
    cleanArchive(made)
      .on('error', (error) => reader.destroy(error))
      .pipe(reader)
    const names: string[] = []
    for await (const entry of reader) {
      names.push(entry.header.name)
      entry.resume()
    }
    return names
  }
  const link = { name: 'out', type: 'symlink', linkname: '/etc' } as const

  it('keeps links that stay inside', async () => {
    const made = archive({ name: 'a', text: 'x' }, { name: 'b', type: 'link', linkname: 'a' }, link)
    expect(await read(made)).toEqual(['a', 'b', 'out'])
  })

  it('is refused where a hard link leads out through another link, or is one', async () => {
    const through = { name: 'b', type: 'link', linkname: 'out/passwd' } as const
    await expect(read(archive(link, through))).rejects.toThrow(
      'the archive would write outside the target: "out/passwd"',
    )
    const second = { name: 'b', type: 'link', linkname: 'out' } as const
    await expect(read(archive(link, second, { name: 'b/passwd', text: 'x' }))).rejects.toThrow(
      'the archive would write outside the target: "b/passwd"',
    )
  })
})
