import { expect, it } from 'vitest'
import { mapOf, inlineOf, struct } from './kind.ts'
import { printedFields, setFields } from './select.ts'

const inner = struct([['driver', 'text']])
const whole = struct([
  ['image', 'text'],
  ['command', 'command'],
  ['labels', mapOf('text')],
  ['ipam', inlineOf(inner)],
  ['target', 'text', 'always'],
])

function names(fields: readonly (readonly [string, ...unknown[]])[]): readonly string[] {
  return fields.map(([name]) => name)
}

it('fields that are set come in the order of the struct, whatever the order of the value', () => {
  expect(names(setFields(whole, { target: '/', 'x-note': 1, labels: {}, image: 'a', other: 2 }))).toEqual([
    'image',
    'labels',
    'target',
  ])
})

it('fields that may be printed without a value come too, once each', () => {
  expect(names(printedFields(whole, {}))).toEqual(['command', 'ipam', 'target'])
  expect(names(printedFields(whole, { command: [], image: 'a' }))).toEqual(['image', 'command', 'ipam', 'target'])
})
