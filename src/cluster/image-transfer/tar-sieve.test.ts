import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { extract, pack } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { makeTarSieve, maxReadBytes } from './tar-sieve.ts'
import type { SieveRules, TarEntry } from './tar-sieve.ts'

interface File {
  readonly name: string
  readonly content: Buffer
}

async function packFiles(files: readonly File[]): Promise<Buffer> {
  const tar = pack()
  for (const { name, content } of files) tar.entry({ name, mtime: new Date(0) }, content)
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function unpack(bytes: Buffer): Promise<readonly [string, string][]> {
  const reader = extract()
  reader.end(bytes)
  const files: [string, string][] = []
  for await (const entry of reader) {
    const chunks: Buffer[] = []
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
    files.push([entry.header.name, createHash('sha256').update(Buffer.concat(chunks)).digest('hex')])
  }
  return files
}

function run(archive: Buffer, cuts: readonly number[], rules: Partial<SieveRules> = {}): Buffer {
  const sieve = makeTarSieve({ judge: () => 'pass', onRead: () => undefined, ...rules })
  const out: Buffer[] = []
  let from = 0
  for (const cut of [...cuts.map((each) => each % (archive.length + 1)).sort((a, b) => a - b), archive.length]) {
    out.push(...sieve.push(archive.subarray(from, cut)).map((piece) => Buffer.from(piece)))
    from = cut
  }
  sieve.end()
  return Buffer.concat(out)
}

const fileArbitrary = fc.record({
  name: fc
    .oneof(fc.stringMatching(/^[a-z]{1,20}$/), fc.stringMatching(/^[a-zé/]{120,300}$/))
    .filter((name) => !/^\/|\/$|\/\//.test(name)),
  content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
})
const filesArbitrary = fc.uniqueArray(fileArbitrary, { selector: (file) => file.name, maxLength: 8 })
const cutsArbitrary = fc.array(fc.nat(), { maxLength: 30 })

describe('makeTarSieve', () => {
  it('passes everything byte for byte, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(filesArbitrary, cutsArbitrary, async (files, cuts) => {
        const archive = await packFiles(files)
        expect(run(archive, cuts).equals(archive)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('drops what it is told to and nothing else, and reads what it is told to', async () => {
    await fc.assert(
      fc.asyncProperty(filesArbitrary, cutsArbitrary, fc.nat(7), async (files, cuts, pick) => {
        const archive = await packFiles(files)
        const dropped = files[pick % Math.max(1, files.length)]?.name
        const read = new Map<string, string>()
        const rest = run(archive, cuts, {
          judge: (entry) => (entry.name === dropped ? 'drop' : 'read'),
          onRead: (entry, content) => read.set(entry.name, createHash('sha256').update(content).digest('hex')),
        })
        const expected = (await unpack(archive)).filter(([name]) => name !== dropped)
        expect(await unpack(rest)).toEqual(expected)
        expect([...read]).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })

  it('hands content through without keeping it', async () => {
    const content = Buffer.alloc(8 * maxReadBytes, 1)
    const archive = await packFiles([{ name: 'big', content }])
    const reads: TarEntry[] = []
    const sieve = makeTarSieve({ judge: () => 'read', onRead: (entry) => reads.push(entry) })
    for (let at = 0; at < archive.length; at += 65_536) {
      const chunk = archive.subarray(at, at + 65_536)
      const passed = sieve.push(chunk)
      expect(passed.reduce((sum, piece) => sum + piece.length, 0)).toBe(chunk.length)
    }
    sieve.end()
    expect(reads).toEqual([])
  })

  it('reads sizes above eight gigabytes', async () => {
    const archive = await packFiles([{ name: 'a', content: Buffer.from('x') }])
    const header = Buffer.from(archive.subarray(0, 512))
    header.fill(0, 124, 136)
    header[124] = 0x80
    header.writeUIntBE(2 ** 40, 130, 6)
    const entries: TarEntry[] = []
    const sieve = makeTarSieve({
      judge: (entry) => {
        entries.push(entry)
        return 'drop'
      },
      onRead: () => undefined,
    })
    expect(sieve.push(sign(header))).toEqual([])
    expect(entries).toEqual([{ name: 'a', size: 2 ** 40, isFile: true }])
    expect(() => sieve.end()).toThrow('ends in the middle')
  })

  it.each<[string, (header: Buffer) => Buffer, string]>([
    ['a wrong checksum', (header) => Buffer.from(header.fill(0x37, 148, 154)), 'wrong checksum'],
    ['a negative size', (header) => sign(header.fill(0xff, 124, 136)), 'a size that cannot be'],
    ['a size of letters', (header) => sign(header.fill(0x41, 124, 135)), 'number is none'],
    ['a size beyond numbers', (header) => sign(header.fill(0x80, 124, 125).fill(0x7f, 125, 136)), 'cannot be'],
    ['an endless extended header', (header) => sign(longHeader(header, 'x', '77777777')), 'a header of 16777215 bytes'],
  ])('refuses %s', async (_, spoil, message) => {
    const archive = await packFiles([{ name: 'a', content: Buffer.from('x') }])
    const spoiled = Buffer.concat([spoil(Buffer.from(archive.subarray(0, 512))), archive.subarray(512)])
    expect(() => run(spoiled, [])).toThrow(message)
  })

  it('refuses headers that never come to an entry, and records it cannot read', async () => {
    const archive = await packFiles([{ name: 'a', content: Buffer.from('x') }])
    const extended = (text: string): Buffer => {
      const header = sign(longHeader(Buffer.from(archive.subarray(0, 512)), 'x', text.length.toString(8)))
      return Buffer.concat([header, Buffer.from(text.padEnd(512, '\0'))])
    }
    const sieve = makeTarSieve({ judge: () => 'pass', onRead: () => undefined })
    expect(() => {
      for (let count = 0; count < 5000; count += 1) sieve.push(extended('12 path=abc\n'))
    }).toThrow('headers without end')
    for (const text of ['99 path=a\n', 'x path=a\n', '-5 path=a\n', '10 size=-1\n', '0 a=b\n']) {
      expect(() => run(Buffer.concat([extended(text), archive]), [])).toThrow('not an image archive')
    }
    expect(() => run(Buffer.concat([extended('12 path=abc\n'), Buffer.alloc(1024)]), [])).toThrow('without its entry')
  })

  it('takes the name that engines take of several, and no sparse files', async () => {
    const archive = await packFiles([{ name: 'plain', content: Buffer.from('x') }])
    const header = (type: string, text: string): Buffer => {
      const block = sign(longHeader(Buffer.from(archive.subarray(0, 512)), type, text.length.toString(8)))
      return Buffer.concat([block, Buffer.from(text.padEnd(512, '\0'))])
    }
    const nameOf = (...headers: readonly Buffer[]): readonly string[] => {
      const names: string[] = []
      run(Buffer.concat([...headers, archive]), [], {
        judge: (entry) => {
          names.push(entry.name)
          return 'pass'
        },
      })
      return names
    }
    const long = header('L', 'long\0')
    const pax = header('x', '12 path=abc\n')
    expect(nameOf(long, pax)).toEqual(['long'])
    expect(nameOf(pax, long)).toEqual(['long'])
    expect(nameOf(pax, header('x', '7 a=bc\n'))).toEqual(['plain'])
    expect(nameOf(header('x', '8 path=\n'))).toEqual(['plain'])
    expect(() => nameOf(header('x', '21 GNU.sparse.name=a\n'))).toThrow('a sparse file')
  })

  it('never throws anything else on noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), cutsArbitrary, (bytes, cuts) => {
        try {
          run(Buffer.from(bytes), cuts)
        } catch (error) {
          expect(error).toMatchObject({ code: 'engine/protocol' })
        }
      }),
    )
  })

  it('an archive that breaks off is told from a whole one', async () => {
    const archive = await packFiles([{ name: 'a', content: Buffer.alloc(2000, 1) }])
    for (const length of [1, 511, 513, 1500, 2559]) {
      expect(() => run(archive.subarray(0, length), [])).toThrow('ends in the middle')
    }
  })
})

function longHeader(header: Buffer, type: string, octal: string): Buffer {
  header.fill(0, 124, 136)
  header.write(octal, 124, 'latin1')
  header.write(type, 156, 'latin1')
  return header
}

function sign(header: Buffer): Buffer {
  header.fill(0x20, 148, 156)
  let sum = 0
  for (const byte of header) sum += byte
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
