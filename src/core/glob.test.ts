import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesGlob } from './glob.ts'

describe('glob', () => {
  it.each([
    ['*', '', true],
    ['node-*', 'node-1', true],
    ['*-1', 'node-1', true],
    ['n*d*1', 'node-1', true],
    ['node', 'node-1', false],
    ['n?de', 'node', true],
    ['?', '', false],
    ['a.c', 'abc', false],
    ['a*b', 'aXbY', false],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected)
  })

  it('agrees with the regular expression of the same meaning', () => {
    const part = fc.stringMatching(/^[ab*?]{0,8}$/)
    fc.assert(
      fc.property(part, fc.stringMatching(/^[ab]{0,10}$/), (pattern, text) => {
        const same = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)
        expect(matchesGlob(pattern, text)).toBe(same.test(text))
      }),
    )
  })

  it('many stars over a long text take no exponential time', () => {
    expect(matchesGlob(`${'*a'.repeat(50)}b`, 'a'.repeat(4096))).toBe(false)
  })
})
