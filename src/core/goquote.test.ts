import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { goQuote } from './goquote.ts'

describe('goQuote', () => {
  it.each([
    ['plain', '"plain"'],
    ['a"b\\c', String.raw`"a\"b\\c"`],
    ['tab\tline\n', String.raw`"tab\tline\n"`],
    ['\u0000\u001b[31m', String.raw`"\x00\x1b[31m"`],
    ['é日\u{1f600}', '"é日\u{1f600}"'],
    ['\u00a0\u202e', String.raw`"\u00a0\u202e"`],
    ['\u{e0001}', String.raw`"\U000e0001"`],
  ])('%j', (text, expected) => {
    expect(goQuote(text)).toBe(expected)
  })

  it('never lets a control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(goQuote(text)).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }),
    )
  })
})
