import { expect, it } from 'vitest'
import { yamlOrder } from './out.ts'

it('keys of YAML stand in the order of go-yaml: digits by value, letters after other characters but before them behind a digit', () => {
  const sorted = ['s2', 's10', 's02', 's1a', 's1-', 'a-b', 'ab', 'a_b', 'a', 'é', 'B', '1', '😀', '😁', 's00', 's0']
  const long = ['n99999999999999999998', 'n99999999999999999999', 'n100000000000000000000']
  expect(sorted.toSorted(yamlOrder).join(' ')).toMatchInlineSnapshot(
    `"😀 😁 1 B a a-b a_b ab s0 s00 s1a s1- s2 s02 s10 é"`,
  )
  expect([...long].reverse().sort(yamlOrder)).toEqual(long)
})

it('characters of two units are compared whole', () => {
  expect(Math.sign(yamlOrder('a😀', 'a😁'))).toBe(-1)
  expect(Math.sign(yamlOrder('😀b', '😀a'))).toBe(1)
  expect(yamlOrder('😀', '😀')).toBe(0)
})
