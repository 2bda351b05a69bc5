import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'
import { decodeHuffman } from './huffman.ts'

/** Header names, lower-case, and values in the order sent; a name may stand several times. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** RFC 7541, appendix A. */
const staticTable: HeaderList = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control',
    'content-disposition content-encoding content-language content-length content-location content-range content-type',
    'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since',
    'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after',
    'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, ''] as const),
]

const defaultTableBytes = 4096
/** RFC 7541, 4.1: what an entry takes besides its text. */
const entryOverhead = 32
/**
 * A peer that sends more than this in one block is not one we talk to. Programs of Go take as much: a builder's refusal carries the
 * whole Dockerfile.
 */
export const maxBlockBytes: number = 16 * 1024 * 1024

/** Reads the header blocks of one connection, which build on each other. */
export class HpackDecoder {
  readonly #entries: (readonly [string, string])[] = []
  #bytes = 0
  #limit = defaultTableBytes

  /** @throws {io/protocol} */
  decode(block: Buffer): HeaderList {
    const reader = { block, at: 0 }
    const headers: (readonly [string, string])[] = []
    while (reader.at < block.length) {
      const byte = block[reader.at] ?? 0
      if (byte >= 0x80) {
        headers.push(this.#entry(readInteger(reader, 7)))
      } else if (byte >= 0x40) {
        const header = this.#readLiteral(reader, 6)
        this.#add(header)
        headers.push(header)
      } else if (byte >= 0x20) {
        const limit = readInteger(reader, 5)
        if (limit > defaultTableBytes) throw broken('a table larger than was offered')
        this.#limit = limit
        this.#shrink()
      } else {
        headers.push(this.#readLiteral(reader, 4))
      }
    }
    return headers
  }

  #readLiteral(reader: Reader, prefix: number): readonly [string, string] {
    const index = readInteger(reader, prefix)
    const name = index === 0 ? readText(reader) : this.#entry(index)[0]
    return [name, readText(reader)]
  }

  #entry(index: number): readonly [string, string] {
    const entry = index <= staticTable.length ? staticTable[index - 1] : this.#entries[index - staticTable.length - 1]
    if (entry === undefined) throw broken(`no entry ${index}`)
    return entry
  }

  #add(entry: readonly [string, string]): void {
    this.#entries.unshift(entry)
    this.#bytes += sizeOf(entry)
    this.#shrink()
  }

  #shrink(): void {
    while (this.#bytes > this.#limit) {
      const oldest = this.#entries.pop()
      if (oldest === undefined) return
      this.#bytes -= sizeOf(oldest)
    }
  }
}

/** A header block that needs no table on either side: every field is written out. */
export function encodeHeaders(headers: HeaderList): Buffer {
  const parts: Buffer[] = []
  for (const [name, value] of headers) parts.push(Buffer.of(0), renderText(name), renderText(value))
  return Buffer.concat(parts)
}

interface Reader {
  readonly block: Buffer
  at: number
}

function readInteger(reader: Reader, prefix: number): number {
  const mask = 2 ** prefix - 1
  let value = (take(reader) & mask) >>> 0
  if (value < mask) return value
  for (let shift = 0; shift <= 28; shift += 7) {
    const byte = take(reader)
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return value
  }
  throw broken('a number without end')
}

function readText(reader: Reader): string {
  const isHuffman = (reader.block[reader.at] ?? 0) >= 0x80
  const length = readInteger(reader, 7)
  const end = reader.at + length
  if (end > reader.block.length) throw broken('a text longer than its block')
  const bytes = reader.block.subarray(reader.at, end)
  reader.at = end
  return (isHuffman ? decodeHuffman(bytes) : bytes).toString('latin1')
}

function take(reader: Reader): number {
  const byte = reader.block[reader.at]
  if (byte === undefined) throw broken('a block that ends too early')
  reader.at += 1
  return byte
}

function renderText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([renderLength(bytes.length), bytes])
}

/** A length with a prefix of seven bits. */
function renderLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length)
  const bytes = [127]
  let rest = length - 127
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

function sizeOf([name, value]: readonly [string, string]): number {
  return name.length + value.length + entryOverhead
}

function broken(what: string): FlotillaError {
  return new FlotillaError('io/protocol', `invalid HTTP/2 header: ${what}`)
}
