import { describe, expect, it } from 'vitest'
import { editDistance, findNearest } from './suggest.ts'

const commands = ['active', 'config', 'create', 'env', 'inspect', 'ls', 'restart', 'start', 'status', 'stop']

describe('findNearest', () => {
  it.each([
    ['craete', 'create'],
    ['inspct', 'inspect'],
    ['statr', 'start'],
    ['lss', 'ls'],
    ['insp', 'inspect'],
    ['zzz', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('%.20s', (typed, expected) => {
    expect(findNearest(typed, commands)).toBe(expected)
  })

  it('two letters that changed places are one slip', () => {
    expect([editDistance('ab', 'ba'), editDistance('kitten', 'sitting'), editDistance('', 'abc')]).toEqual([1, 3, 3])
  })
})
