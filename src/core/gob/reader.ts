import { FlotillaError } from '../errors.ts'

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)

/** Reads the parts of one gob message. Every read checks that the bytes are there. */
export class GobReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** An unsigned integer: one byte below 128, else the negated count of the big-endian bytes that follow. */
  readUint(): number | bigint {
    const first = this.#readByte()
    if (first < 0x80) return first
    const count = 256 - first
    if (count > 8) throw gobError('an integer has more than 64 bits')
    const bytes = this.readBytes(count)
    if (count <= 6) return Buffer.from(bytes).readUIntBE(0, count)
    let value = 0n
    for (const byte of bytes) value = (value << 8n) | BigInt(byte)
    return value <= maxSafe ? Number(value) : value
  }

  /** A signed integer: the sign is the lowest bit, a negative number is complemented. */
  readInt(): number | bigint {
    const folded = this.readUint()
    if (typeof folded === 'number' && folded <= 0x7fff_ffff) {
      return (folded & 1) === 0 ? folded >>> 1 : -(folded >>> 1) - 1
    }
    const wide = BigInt(folded)
    const value = (wide & 1n) === 0n ? wide >> 1n : -(wide >> 1n) - 1n
    return value <= maxSafe && value >= -maxSafe ? Number(value) : value
  }

  /** A floating-point number: the bytes of the IEEE 754 double, lowest first, as an unsigned integer. */
  readFloat(): number {
    const bits = Buffer.alloc(8)
    bits.writeBigUInt64LE(BigInt(this.readUint()))
    return bits.readDoubleBE(0)
  }

  /** A byte count, which the message or a later one must be able to hold. */
  readCount(what: string, max: number): number {
    const count = this.readUint()
    if (typeof count === 'bigint' || count > max) throw gobError(`${what} is longer than ${max}`)
    return count
  }

  /** A type number. */
  readId(): number {
    const id = this.readInt()
    if (typeof id === 'bigint' || id === 0 || Math.abs(id) > 0x7fff_ffff) throw gobError(`there is no type ${id}`)
    return id
  }

  /** The next bytes, not copied. */
  readBytes(count: number): Uint8Array {
    if (count > this.left) throw gobError('the message ends too early')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  #readByte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw gobError('the message ends too early')
    this.#at += 1
    return byte
  }
}

export function gobError(problem: string): FlotillaError {
  return new FlotillaError('io/protocol', `gob: ${problem}`)
}
