import { expect, it } from 'vitest'
import { parseGoFloat } from './go-float.ts'

/** Go 1.24 strconv: what ParseFloat says of each. */
it.each<[string, number | string]>([
  ['1', 1],
  ['+1', 1],
  ['-0.5', -0.5],
  ['.5', 0.5],
  ['1.', 1],
  ['1e3', 1000],
  ['1E-2', 0.01],
  ['1_0', 10],
  ['1_000.5', 1000.5],
  ['0x1p-2', 0.25],
  ['0x_1p2', 4],
  ['-0X1.8p1', -3],
  ['0x.8p1', 1],
  ['1e-400', 0],
  ['1e400', 'value out of range'],
  ['0x1p5000', 'value out of range'],
  ['', 'invalid syntax'],
  [' 1', 'invalid syntax'],
  ['1__0', 'invalid syntax'],
  ['_1', 'invalid syntax'],
  ['1_', 'invalid syntax'],
  ['1_.5', 'invalid syntax'],
  ['0x10', 'invalid syntax'],
  ['0xp1', 'invalid syntax'],
  ['0b1', 'invalid syntax'],
  ['1e', 'invalid syntax'],
  ['.', 'invalid syntax'],
])('%j is %j', (text, expected) => {
  expect(parseGoFloat(text)).toBe(expected)
})

it.each(['nan', 'NaN', 'inf', '+Inf', 'infinity'])('%s, which Go knows, is refused', (text) => {
  expect(parseGoFloat(text)).toBe('invalid syntax')
})
