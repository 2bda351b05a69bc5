import { expect, it } from 'vitest'
import { toAscii } from './ascii.ts'

it('escapes what is beyond ASCII, and the value stays the same', () => {
  const value = { näme: 'Grüße 🚢 \u2028', plain: 'x' }
  const text = toAscii(JSON.stringify(value))
  expect(text).toBe('{"n\\u00e4me":"Gr\\u00fc\\u00dfe \\ud83d\\udea2 \\u2028","plain":"x"}')
  expect(JSON.parse(text)).toEqual(value)
  expect(toAscii('{"a":1}')).toBe('{"a":1}')
})

it('escapes long texts in the same way', () => {
  const short = JSON.stringify({ a: 'Grüße 🚢 \u2028\uffff\u0080 plain' })
  const long = short.repeat(1000)
  expect(toAscii(long)).toBe(toAscii(short).repeat(1000))
})
