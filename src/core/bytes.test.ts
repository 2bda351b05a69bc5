import { describe, expect, it } from 'vitest'
import { parseBinarySize, renderBinarySize, renderDecimalSize } from './bytes.ts'
import { toMessage } from './errors.ts'

describe('sizes', () => {
  it.each([
    [0, '0B'],
    [999, '999B'],
    [7_660_000, '7.66MB'],
    [1_000, '1kB'],
    [142_000_000, '142MB'],
    [999_900, '1e+03kB'],
  ])('%d bytes are %s in an image list', (bytes, expected) => {
    expect(renderDecimalSize(bytes)).toBe(expected)
  })

  it.each([
    [0, '0B'],
    [1024, '1KiB'],
    [2_095_948_000, '1.952GiB'],
    [1_536, '1.5KiB'],
  ])('%d bytes are %s of memory', (bytes, expected) => {
    expect(renderBinarySize(bytes)).toBe(expected)
  })

  it.each([
    ['512', 512],
    ['64k', 65_536],
    ['1.5g', 1_610_612_736],
    ['2GiB', 2_147_483_648],
    ['1 MB', 1_048_576],
    ['4b', 4],
    ['1e3', 1000],
    ['1.5e2k', 153_600],
    ['1_0k', 10_240],
    ['+1', 1],
    ['1 ', 1],
  ])('%s is %d bytes of memory', (text, expected) => {
    expect(parseBinarySize(text)).toBe(expected)
  })

  it.each(['', '-1', 'abc', '1x', '1kx', 'NaN', '1e30', '9223372036854775808', '1kb1', ' 1', '1_k', '1  k'])(
    '%j is refused',
    (text) => {
      let message = 'no problem'
      try {
        parseBinarySize(text)
      } catch (error) {
        message = toMessage(error)
      }
      expect(message).toMatch(/^(?:invalid (?:size|suffix): '|strconv\.ParseFloat: parsing ")/)
    },
  )

  // docker-compose 2.40.3 on `mem_limit`.
  it.each([
    ['a: b', 'strconv.ParseFloat: parsing "a:": invalid syntax'],
    ['1,5g', 'strconv.ParseFloat: parsing "1,5": invalid syntax'],
    [' 1m', 'strconv.ParseFloat: parsing " 1": invalid syntax'],
    ['-1', "invalid size: '-1'"],
    ['1kk', "invalid suffix: 'kk'"],
  ])('%j is refused in the words of the reference program', (text, message) => {
    expect(() => parseBinarySize(text)).toThrow(message)
  })
})
