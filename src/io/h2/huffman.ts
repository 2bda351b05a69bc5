import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'

/**
 * Length in bits of the code of each byte, and of the end mark (RFC 7541, appendix B). The code is canonical: within
 * one length codes ascend with the symbol, so lengths are all there is to know.
 */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
]

const endMark = 256
const longest = 30

interface Codes {
  /** Symbols in the order of their codes. */
  readonly symbols: readonly number[]
  /** By length: the first code of it, and where its symbols begin. */
  readonly first: readonly number[]
  readonly offset: readonly number[]
  readonly count: readonly number[]
}

let codes: Codes | undefined

function makeCodes(): Codes {
  const symbols: number[] = []
  const first: number[] = []
  const offset: number[] = []
  const count: number[] = []
  let code = 0
  for (let length = 0; length <= longest; length += 1) {
    first[length] = code
    offset[length] = symbols.length
    for (let symbol = 0; symbol < lengths.length; symbol += 1) if (lengths[symbol] === length) symbols.push(symbol)
    count[length] = symbols.length - (offset[length] ?? 0)
    code = (code + (count[length] ?? 0)) * 2
  }
  return { symbols, first, offset, count }
}

/**
 * Text that a peer sent in the code of RFC 7541.
 *
 * @throws {io/protocol} for what is no code, and for padding that is none
 */
export function decodeHuffman(bytes: Uint8Array): Buffer {
  codes ??= makeCodes()
  const { symbols, first, offset, count } = codes
  // The shortest code has five bits.
  const out = Buffer.allocUnsafe(Math.floor((bytes.length * 8) / 5))
  let written = 0
  let code = 0
  let length = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = code * 2 + ((byte >> bit) & 1)
      length += 1
      if (length > longest) throw new FlotillaError('io/protocol', 'invalid Huffman code in an HTTP/2 header')
      const index = code - (first[length] ?? 0)
      if (index < 0 || index >= (count[length] ?? 0)) continue
      const symbol = symbols[(offset[length] ?? 0) + index] ?? endMark
      if (symbol === endMark) throw new FlotillaError('io/protocol', 'end mark inside an HTTP/2 header')
      out[written] = symbol
      written += 1
      code = 0
      length = 0
    }
  }
  // What is left is the beginning of the end mark: ones, and fewer than eight.
  if (length > 7 || code !== 2 ** length - 1) {
    throw new FlotillaError('io/protocol', 'invalid padding of an HTTP/2 header')
  }
  return out.subarray(0, written)
}
