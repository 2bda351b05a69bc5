import { expect, it } from 'vitest'
import { isHostName } from './names.ts'

it('the name of a host takes no path, dash in front, underscore or control character', () => {
  expect(['m1', 'a', '-rf', 'a_b', '..', 'a\n', 'a/b', 'a.b-c', ''].filter(isHostName)).toEqual(['m1', 'a', 'a.b-c'])
})
