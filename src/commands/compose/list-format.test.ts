import { expect, it } from 'vitest'
import { readListFormat } from './list-format.ts'

it.each([
  ['', 'table'],
  ['table', 'table'],
  ['TABLE', 'table'],
  ['Pretty', 'table'],
  ['json', 'json'],
  ['JSON', 'json'],
])('%j is a %s', (text, format) => {
  expect(readListFormat(text)).toBe(format)
})

it.each(['xx', '{{.ID}}', 'raw', ' json'])('%j is none', (text) => {
  const message = `format value ${JSON.stringify(text)} could not be parsed: parsing failed`
  expect(() => readListFormat(text)).toThrow(message)
})
