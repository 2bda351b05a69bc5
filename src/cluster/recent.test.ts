import { describe, expect, it } from 'vitest'
import { Recent } from './recent.ts'

describe('Recent', () => {
  it('keeps what was used last when there is too much', () => {
    const map = new Recent<number>(4)
    for (const [index, key] of ['a', 'b', 'c', 'd'].entries()) map.set(key, index)
    expect(map.get('a')).toBe(0)
    map.set('e', 4)
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => map.get(key))).toEqual([0, undefined, undefined, 3, 4])
    expect(map.size).toBe(3)
    map.clear()
    expect([map.size, map.get('a')]).toEqual([0, undefined])
  })
})
