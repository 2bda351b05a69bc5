/** Collects the parts of one gob message. */
export class GobWriter {
  readonly #parts: Uint8Array[] = []
  #length = 0

  writeUint(value: number | bigint): void {
    if (value < 128) {
      this.#push(Uint8Array.of(Number(value)))
      return
    }
    const hex = value.toString(16)
    const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
    this.#push(Uint8Array.of(256 - bytes.length))
    this.#push(bytes)
  }

  writeInt(value: number | bigint): void {
    const wide = BigInt(value)
    this.writeUint(wide < 0n ? (-wide - 1n) * 2n + 1n : wide * 2n)
  }

  writeFloat(value: number): void {
    const bits = Buffer.alloc(8)
    bits.writeDoubleBE(value)
    this.writeUint(bits.readBigUInt64LE(0))
  }

  writeText(text: string): void {
    this.writeCounted(Buffer.from(text, 'utf8'))
  }

  /** A byte count and the bytes. */
  writeCounted(bytes: Uint8Array): void {
    this.writeUint(bytes.length)
    this.#push(bytes)
  }

  toBytes(): Uint8Array {
    return Buffer.concat(this.#parts, this.#length)
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
  }
}
