import { Buffer } from 'node:buffer'

/**
 * Pure: a file system image of a few small files in its root folder, after ECMA-119 (ISO 9660). Names are written in
 * capitals with a version, as the standard wants; Linux and cloud-init read them in small letters without it.
 */

const sector = 2048
const firstFree = 20
/** The standard's blocks: 16 primary descriptor, 17 terminator, 18 and 19 path tables, then the root folder. */
const [littlePathTable, bigPathTable] = [18, 19]

/**
 * @param label at most 32 letters; a computer finds the image by it
 * @param files name → content, names of at most 28 letters
 */
export function makeIso(label: string, files: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(files).toSorted()
  const contents = names.map((name) => Buffer.from(files[name] ?? ''))
  const rootAt = firstFree
  let next = rootAt + 1
  const places = contents.map((content) => {
    const at = next
    next += Math.max(1, Math.ceil(content.length / sector))
    return at
  })
  const image = Buffer.alloc(next * sector)
  const root = record(Buffer.from([0]), rootAt, sector, true)
  writePrimary(image.subarray(16 * sector), label, next, root)
  image.write('\xffCD001\x01', 17 * sector, 'latin1')
  writePathTable(image.subarray(littlePathTable * sector), rootAt, false)
  writePathTable(image.subarray(bigPathTable * sector), rootAt, true)
  const entries = [
    root,
    record(Buffer.from([1]), rootAt, sector, true),
    ...names.map((name, index) =>
      record(Buffer.from(`${name.toUpperCase()}.;1`), places[index] ?? 0, contents[index]?.length ?? 0, false),
    ),
  ]
  Buffer.concat(entries).copy(image, rootAt * sector)
  for (const [index, content] of contents.entries()) content.copy(image, (places[index] ?? 0) * sector)
  return image
}

/** Numbers stand twice, in either order of bytes. */
function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(value, 0)
  bytes.writeUInt32BE(value, 4)
  return bytes
}

function both16(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16LE(value, 0)
  bytes.writeUInt16BE(value, 2)
  return bytes
}

/** One entry of a folder. */
function record(name: Buffer, at: number, size: number, isFolder: boolean): Buffer {
  const padding = name.length % 2 === 0 ? 1 : 0
  const length = 33 + name.length + padding
  return Buffer.concat([
    Buffer.from([length, 0]),
    both32(at),
    both32(size),
    // 1 January 2000; equal files are to make an equal image.
    Buffer.from([100, 1, 1, 0, 0, 0, 0]),
    Buffer.from([isFolder ? 2 : 0, 0, 0]),
    both16(1),
    Buffer.from([name.length]),
    name,
    Buffer.alloc(padding),
  ])
}

function writePrimary(block: Buffer, label: string, sectors: number, root: Buffer): void {
  const noDate = Buffer.concat([Buffer.from('0'.repeat(16)), Buffer.from([0])])
  const text = (value: string, length: number): Buffer => Buffer.from(value.padEnd(length).slice(0, length), 'latin1')
  const pathTables = Buffer.alloc(16)
  pathTables.writeUInt32LE(littlePathTable, 0)
  pathTables.writeUInt32BE(bigPathTable, 8)
  Buffer.concat([
    Buffer.from('\x01CD001\x01\x00', 'latin1'),
    text('', 32),
    text(label, 32),
    Buffer.alloc(8),
    both32(sectors),
    Buffer.alloc(32),
    both16(1),
    both16(1),
    both16(sector),
    both32(10),
    pathTables,
    root,
    text('', 128 * 4 + 37 * 3),
    noDate,
    noDate,
    noDate,
    noDate,
    Buffer.from([1, 0]),
  ]).copy(block)
}

function writePathTable(block: Buffer, rootAt: number, isBig: boolean): void {
  block.writeUInt8(1, 0)
  if (isBig) block.writeUInt32BE(rootAt, 2)
  else block.writeUInt32LE(rootAt, 2)
  if (isBig) block.writeUInt16BE(1, 6)
  else block.writeUInt16LE(1, 6)
}
