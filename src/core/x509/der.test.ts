import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { derElement, derOid, derSequence, derTime, derUnsigned, readDerItems } from './der.ts'

it('what is written is read back, at every length form', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (contents) => {
      const bytes = Buffer.concat(contents.map((content) => derElement(0x04, content)))
      expect(readDerItems(bytes).map((item) => [...item.content])).toEqual(contents.map((content) => [...content]))
    }),
  )
  const long = derElement(0x04, new Uint8Array(70_000))
  expect(readDerItems(long)[0]?.content.length).toBe(70_000)
})

it('any bytes can be read without an error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => Array.isArray(readDerItems(bytes))))
})

it('identifiers, numbers, times and empty sequences are written as the standard has them', () => {
  expect(derOid('1.2.840.113549.1.1.11').toString('hex')).toBe('06092a864886f70d01010b')
  expect(derUnsigned(Uint8Array.from([0, 0, 0x80])).toString('hex')).toBe('02020080')
  expect(derSequence().toString('hex')).toBe('3000')
  expect(derTime(Date.UTC(2026, 0, 2, 3, 4, 5)).toString('latin1')).toBe('\x17\x0d260102030405Z')
  expect(derTime(Date.UTC(2050, 0, 1)).toString('latin1')).toBe('\x18\x0f20500101000000Z')
})
