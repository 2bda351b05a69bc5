import { Buffer } from 'node:buffer'

/** The part of ASN.1 DER that certificates need: a writer, and a reader that walks siblings. */

const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** One element: tag, length, content. */
export function derElement(tag: number, content: Uint8Array): Buffer {
  const length = content.length
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const digits: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length, ...digits]), content])
}

export function derSequence(...items: readonly Uint8Array[]): Buffer {
  return derElement(tags.sequence, Buffer.concat(items))
}

export function derSet(...items: readonly Uint8Array[]): Buffer {
  return derElement(tags.set, Buffer.concat(items))
}

/** An unsigned integer from its bytes, most significant first. */
export function derUnsigned(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1
  const trimmed = bytes.subarray(start)
  const needsZero = ((trimmed[0] ?? 0) & 0x80) !== 0
  return derElement(tags.integer, needsZero ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed)
}

/** Dotted decimal, `2.5.29.17`. */
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const groups = [part & 0x7f]
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift((left % 128) | 0x80)
    }
    bytes.push(...groups)
  }
  return derElement(tags.oid, Buffer.from(bytes))
}

export function derText(text: string): Buffer {
  return derElement(tags.utf8, Buffer.from(text, 'utf8'))
}

export function derTrue(): Buffer {
  return Buffer.from([0x01, 0x01, 0xff])
}

export function derOctets(content: Uint8Array): Buffer {
  return derElement(tags.octetString, content)
}

/** @param unusedBits of the last byte, 0–7 */
export function derBits(content: Uint8Array, unusedBits = 0): Buffer {
  return derElement(tags.bitString, Buffer.concat([Buffer.from([unusedBits]), content]))
}

/** RFC 5280: two-digit years through 2049, four digits from then on. */
export function derTime(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replace(/[-:T]|\.\d+/g, '')
  const isShort = Number(digits.slice(0, 4)) < 2050
  return derElement(isShort ? tags.utcTime : tags.generalizedTime, Buffer.from(isShort ? digits.slice(2) : digits))
}

/** One element of a DER text: `whole` with its head, `content` without. */
export interface DerItem {
  readonly tag: number
  readonly whole: Buffer
  readonly content: Buffer
}

/** Splits bytes into the elements that stand side by side; stops at the first that is cut short. */
export function readDerItems(bytes: Uint8Array): readonly DerItem[] {
  const source = Buffer.from(bytes)
  const items: DerItem[] = []
  let at = 0
  while (at + 2 <= source.length) {
    const tag = source[at] ?? 0
    const first = source[at + 1] ?? 0
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    if (lengthBytes > 4 || at + 2 + lengthBytes > source.length) break
    const length = lengthBytes === 0 ? first & 0x7f : source.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    if (start + length > source.length) break
    items.push({ tag, whole: source.subarray(at, start + length), content: source.subarray(start, start + length) })
    at = start + length
  }
  return items
}
