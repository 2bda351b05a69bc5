import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { forChanged } from './changed-items.ts'

function changes(before: readonly string[], after: readonly string[]): readonly string[] {
  const said: string[] = []
  forChanged(
    { before, after },
    (item) => said.push(`-${item}`),
    (item) => said.push(`+${item}`),
  )
  return said
}

it.each([
  ['nothing of equal lists', 'abc', 'abc', []],
  ['what came in the middle', 'abd', 'abcd', ['+c']],
  ['what went at the end', 'abc', 'ab', ['-c']],
  ['one exchanged for another, the old one first', 'abc', 'axc', ['-b', '+x']],
  ['nothing of what only moved', 'abcd', 'adcb', []],
])('tells %s', (_, before, after, said) => {
  expect(changes(before.split(''), after.split(''))).toEqual(said)
})

it('tells of each thing that is in one list only, once, all that went before what came', () => {
  const list = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'))
  fc.assert(
    fc.property(list, list, (before, after) => {
      const gone = before.filter((each) => !after.includes(each)).map((each) => `-${each}`)
      const come = after.filter((each) => !before.includes(each)).map((each) => `+${each}`)
      expect(changes(before, after)).toEqual([...gone, ...come])
    }),
  )
})
