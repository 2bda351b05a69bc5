import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeName, encodeName, isOddName, quoteName, toFilePath } from './odd-name.ts'

describe('names that are no text', () => {
  it('keep every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const name = Buffer.from(bytes)
        expect(encodeName(decodeName(name))).toEqual(name)
      }),
    )
  })

  it('are told from those that are', () => {
    const latin = decodeName(Buffer.from([0x61, 0xe9, 0x62]))
    expect(quoteName(latin)).toBe(String.raw`"a\xe9b"`)
    expect([latin.length, isOddName(latin), toFilePath(latin)]).toEqual([3, true, Buffer.from([0x61, 0xe9, 0x62])])
    for (const text of ['a', 'é', '\u{1f600}', '\ufffd']) {
      expect([decodeName(Buffer.from(text)), isOddName(text), toFilePath(text)]).toEqual([text, false, text])
    }
  })
})
