import { Buffer } from 'node:buffer'
import { FlotillaError } from './errors.ts'

/**
 * Just enough of the protobuf wire format: messages are built field by field and read into lists of values per field
 * number. Fields nobody asks for are skipped.
 */

/** What one field may hold; a text and bytes look the same on the wire. */
export type FieldValue = string | number | bigint | boolean | Uint8Array

const varintType = 0
const fixed64Type = 1
const bytesType = 2
const fixed32Type = 5

/** Writes one message. Zero values are left out, as the format wants. */
export class MessageWriter {
  readonly #parts: Buffer[] = []

  /** A number, flag, text, byte string or encoded message. */
  put(field: number, value: FieldValue | undefined): this {
    if (value === undefined || value === '' || value === 0 || value === 0n || value === false) return this
    if (typeof value === 'string' || value instanceof Uint8Array) return this.putBytes(field, value)
    this.#parts.push(renderVarint(BigInt(field * 8 + varintType)), renderVarint(BigInt(value)))
    return this
  }

  /** Also when it is empty: entries of lists, and messages whose presence says something. */
  putBytes(field: number, value: string | Uint8Array): this {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
    this.#parts.push(
      renderVarint(BigInt(field * 8 + bytesType)),
      renderVarint(BigInt(bytes.length)),
      Buffer.from(bytes),
    )
    return this
  }

  putAll(field: number, values: readonly string[]): this {
    for (const value of values) this.putBytes(field, value)
    return this
  }

  putMap(field: number, map: Readonly<Record<string, string | Uint8Array>>): this {
    for (const [key, value] of Object.entries(map)) {
      this.putBytes(field, new MessageWriter().putBytes(1, key).putBytes(2, value).finish())
    }
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

/** A message that was read. Fields it lacks have their zero value. */
export class Message {
  readonly #numbers = new Map<number, bigint[]>()
  readonly #bytes = new Map<number, Buffer[]>()

  /** @throws {io/protocol} for what is no message */
  constructor(data: Buffer) {
    const reader = { data, at: 0 }
    while (reader.at < data.length) {
      const key = Number(readVarint(reader))
      const field = Math.floor(key / 8)
      switch (key % 8) {
        case varintType:
          addTo(this.#numbers, field, readVarint(reader))
          break
        case fixed64Type:
          addTo(this.#numbers, field, readBytes(reader, 8).readBigUInt64LE())
          break
        case bytesType:
          addTo(this.#bytes, field, readBytes(reader, Number(readVarint(reader))))
          break
        case fixed32Type:
          addTo(this.#numbers, field, BigInt(readBytes(reader, 4).readUInt32LE()))
          break
        default:
          throw broken()
      }
    }
  }

  has(field: number): boolean {
    return this.#numbers.has(field) || this.#bytes.has(field)
  }

  /** A signed number; those beyond 2^53 lose their last digits. */
  number(field: number): number {
    return Number(BigInt.asIntN(64, this.#numbers.get(field)?.at(-1) ?? 0n))
  }

  text(field: number): string {
    return this.bytes(field).toString('utf8')
  }

  texts(field: number): readonly string[] {
    return this.all(field).map((bytes) => bytes.toString('utf8'))
  }

  bytes(field: number): Buffer {
    return this.#bytes.get(field)?.at(-1) ?? Buffer.alloc(0)
  }

  all(field: number): readonly Buffer[] {
    return this.#bytes.get(field) ?? []
  }

  messages(field: number): readonly Message[] {
    return this.all(field).map((bytes) => new Message(bytes))
  }

  map(field: number): ReadonlyMap<string, string> {
    return new Map(this.messages(field).map((entry) => [entry.text(1), entry.text(2)]))
  }
}

interface Reader {
  readonly data: Buffer
  at: number
}

function addTo<T>(map: Map<number, T[]>, field: number, value: T): void {
  const known = map.get(field)
  if (known === undefined) map.set(field, [value])
  else known.push(value)
}

function readVarint(reader: Reader): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.data[reader.at]
    if (byte === undefined) throw broken()
    reader.at += 1
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
  throw broken()
}

function readBytes(reader: Reader, count: number): Buffer {
  const end = reader.at + count
  if (!(end <= reader.data.length)) throw broken()
  const bytes = reader.data.subarray(reader.at, end)
  reader.at = end
  return bytes
}

function renderVarint(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, value)
  const bytes: number[] = []
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

function broken(): FlotillaError {
  return new FlotillaError('io/protocol', 'invalid protobuf message')
}
