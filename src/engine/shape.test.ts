import { expect, it } from 'vitest'
import { findMisfit } from './shape.ts'
import type { Shape } from './shape.ts'

const rows: Shape = {
  listOf: {
    must: { Id: 'text' },
    may: { Labels: { mapOf: 'text' }, Created: 'number', Running: 'truth', Names: { listOf: 'text' } },
  },
}

it.each([
  [[]],
  [[{ Id: 'a' }]],
  [[{ Id: 'a', Labels: null, Names: null, More: 5 }]],
  [[{ Id: 'a', Labels: { x: 'y', constructor: 'z' }, Created: 1, Running: false, Names: ['/a'] }]],
])('%j is as it is to be', (value) => {
  expect(findMisfit(value, rows)).toBeUndefined()
})

it.each([
  [null, 'it is null, not a list'],
  [{}, 'it is an object, not a list'],
  ['x', 'it is a text, not a list'],
  [5, 'it is a number, not a list'],
  [[null], '[0] is null, not an object'],
  [[[1]], '[0] is a list, not an object'],
  [[{ Id: 'a' }, {}], '[1].Id is missing, not a text'],
  [[{ Id: 1 }], '[0].Id is a number, not a text'],
  [[{ Id: 'a', Labels: ['x'] }], '[0].Labels is a list, not an object'],
  [[{ Id: 'a', Labels: { 'a.b': 1 } }], '[0].Labels["a.b"] is a number, not a text'],
  [[{ Id: 'a', Names: [null] }], '[0].Names[0] is null, not a text'],
  [[{ Id: 'a', Created: 'x' }], '[0].Created is a text, not a number'],
  [[{ Id: 'a', Running: 1 }], '[0].Running is a number, not true or false'],
])('%j is not, and it is said where', (value, said) => {
  expect(findMisfit(value, rows)).toBe(said)
})

it('what all objects have is no member of an answer', () => {
  expect(findMisfit({}, { must: Object.fromEntries([['constructor', 'text']]) })).toBe(
    'constructor is missing, not a text',
  )
})
