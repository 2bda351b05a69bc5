import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareNatural, isHostName, isObjectName, isProjectName, toProjectName } from './names.ts'

describe('names', () => {
  it('objects need two characters, hosts one, and neither takes a path, a dash in front or a control character', () => {
    expect(['web', 'a', '-web', 'a/b', '..', 'a\n', 'web_1.x-y', 'é'].map(isObjectName)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
      true,
      false,
    ])
    expect(['m1', 'a', '-rf', 'a_b', '..', 'a.b-c', ''].map(isHostName)).toEqual([
      true,
      true,
      false,
      false,
      false,
      true,
      false,
    ])
  })

  it('a folder name becomes a project name as Compose makes it', () => {
    expect(['My App', '_x', '-1', 'Über-2', '...'].map(toProjectName)).toEqual(['myapp', 'x', '1', 'ber-2', ''])
    expect(isProjectName('My')).toBe(false)
  })

  it('numbers inside names are compared as numbers', () => {
    expect(['m10', 'M2', 'm1', 'a', 'm02', 'm'].sort(compareNatural)).toEqual(['a', 'm', 'm1', 'M2', 'm02', 'm10'])
  })

  it('the natural order is a total order', () => {
    const name = fc.stringMatching(/^[a-cA-C0-3]{0,6}$/)
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNatural(a, b))).toBe(-Math.sign(compareNatural(b, a)) + 0)
        expect(compareNatural(a, b) === 0).toBe(a === b)
        if (compareNatural(a, b) <= 0 && compareNatural(b, c) <= 0) expect(compareNatural(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })
})
