import { describe, expect, it } from 'vitest'
import { isSteady, pauseBeforeAgain } from './follow-again.ts'

const interruption = { isFleet: true, sinceMs: 1000, nowMs: 1000, tries: 0 }

describe('a stream that has ended', () => {
  it('is followed again on a fleet for a minute, with longer and longer pauses', () => {
    const pauses = [0, 1, 2, 3, 4, 5000].map((tries) => pauseBeforeAgain({ ...interruption, tries }))
    expect(pauses).toEqual([250, 500, 1000, 2000, 2000, 2000])
    expect(pauseBeforeAgain({ ...interruption, nowMs: 60_999, tries: 30 })).toBe(2000)
    expect(pauseBeforeAgain({ ...interruption, nowMs: 61_000, tries: 30 })).toBeUndefined()
  })

  it('is over on one engine', () => {
    expect(pauseBeforeAgain({ ...interruption, isFleet: false })).toBeUndefined()
  })

  it('has gone well for a while, or does not begin the minute anew', () => {
    expect([isSteady(4999), isSteady(5000)]).toEqual([false, true])
  })
})
