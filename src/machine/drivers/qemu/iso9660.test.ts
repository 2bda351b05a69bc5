import { describe, expect, it } from 'vitest'
import { makeIso } from './iso9660.ts'

/** Reads the root folder as a computer would: name → content. */
function readIso(image: Buffer): Record<string, string> {
  const primary = image.subarray(16 * 2048)
  expect(primary.toString('latin1', 0, 7)).toBe('\x01CD001\x01')
  const root = primary.subarray(156)
  const at = root.readUInt32LE(2) * 2048
  const found: Record<string, string> = {}
  for (let offset = at; image[offset] !== 0; offset += image[offset] ?? 0) {
    const length = image[offset + 32] ?? 0
    const name = image.toString('latin1', offset + 33, offset + 33 + length)
    expect(image.readUInt32LE(offset + 2)).toBe(image.readUInt32BE(offset + 6))
    if (length === 1) continue
    const start = image.readUInt32LE(offset + 2) * 2048
    found[name] = image.toString('utf8', start, start + image.readUInt32LE(offset + 10))
  }
  return found
}

describe('file system images', () => {
  it('hold every file under its name, empty and large ones too', () => {
    const large = 'x'.repeat(5000)
    const image = makeIso('cidata', { 'user-data': large, 'meta-data': '{}\n', empty: '' })
    expect(readIso(image)).toEqual({ 'EMPTY.;1': '', 'META-DATA.;1': '{}\n', 'USER-DATA.;1': large })
    expect(image.toString('latin1', 16 * 2048 + 40, 16 * 2048 + 72)).toBe('cidata'.padEnd(32))
    expect(image.length % 2048).toBe(0)
    expect(image.readUInt32LE(16 * 2048 + 80) * 2048).toBe(image.length)
  })

  it('are equal for equal files', () => {
    expect(makeIso('a', { b: 'c' }).equals(makeIso('a', { b: 'c' }))).toBe(true)
  })
})
