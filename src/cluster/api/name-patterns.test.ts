import { describe, expect, it } from 'vitest'
import { matchBeforehand } from './name-patterns.ts'
import { countTurns } from '../../testing/count-turns.ts'

describe('matchBeforehand', () => {
  it('lets others have their turn, and matches no name twice', async () => {
    let nowMs = 0
    let matched = 0
    const endTurns = countTurns()
    // Each match takes four milliseconds.
    const slow = (name: string): boolean => {
      nowMs += 4
      matched += 1
      return name.startsWith('b')
    }
    const names = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? `a${index}` : `b${index}`))
    const matches = await matchBeforehand(slow, names, () => nowMs)
    expect(endTurns()).toBeGreaterThanOrEqual(30)
    expect(names.filter((name) => matches(name))).toEqual(names.filter((name) => name.startsWith('b')))
    expect(matched).toBe(100)
    expect([matches('b-new'), matches('a-new')]).toEqual([true, false])
  })
})
