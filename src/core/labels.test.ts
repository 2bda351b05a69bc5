import { describe, expect, it } from 'vitest'
import { matchesLabel, parseKeyValue, parseLabels, renderLabels } from './labels.ts'

describe('labels', () => {
  it('only the first equals sign separates', () => {
    expect([parseKeyValue('a=b=c'), parseKeyValue('a'), parseKeyValue('a=')]).toEqual([
      { key: 'a', value: 'b=c' },
      { key: 'a', value: undefined },
      { key: 'a', value: '' },
    ])
  })

  it('a label may be called __proto__ and the last of a key wins', () => {
    const labels = parseLabels(['b=1', '__proto__=x', 'b=2', 'flag', '=nothing'])
    expect(renderLabels(labels)).toBe('__proto__=x,b=2,flag=')
    expect(['b', 'b=2', 'b=1', 'flag', 'constructor'].map((filter) => matchesLabel(labels, filter))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
  })
})
