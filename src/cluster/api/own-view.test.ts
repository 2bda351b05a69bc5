import { describe, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { OwnView } from './own-view.ts'

describe('what a replica knows itself', () => {
  it('is looked at once for all that read within two seconds, and waited for while that is under way', async () => {
    const clock = manualClock()
    const ends: (() => void)[] = []
    const limits: number[] = []
    const view = new OwnView({
      clock,
      countEngines: () => 3,
      catchUp(limitMs) {
        limits.push(limitMs)
        return new Promise((resolve) => ends.push(resolve))
      },
    })
    const first = view.refresh()
    expect([first instanceof Promise, view.refresh()]).toEqual([true, first])
    ends[0]?.()
    await first
    await clock.advance(1900)
    expect([view.refresh(), limits]).toEqual([undefined, [500]])
    await clock.advance(100)
    expect([view.refresh() instanceof Promise, limits]).toEqual([true, [500, 500]])
  })

  it('is looked at again for whoever came after the last look began', async () => {
    const clock = manualClock()
    let looks = 0
    const view = new OwnView({ clock, countEngines: () => 3, catchUp: async () => void (looks += 1) })
    await view.refresh()
    await clock.advance(100)
    const cameMs = clock.monotonicMs()
    await clock.advance(100)
    await view.refresh(cameMs)
    expect([looks, view.refresh(cameMs), view.refresh()]).toEqual([2, undefined, undefined])
  })

  it('is looked at more rarely the more engines there are', async () => {
    const clock = manualClock()
    let looks = 0
    const view = new OwnView({ clock, countEngines: () => 1000, catchUp: async () => void (looks += 1) })
    await view.refresh()
    await clock.advance(4900)
    expect([view.refresh(), looks]).toEqual([undefined, 1])
    await clock.advance(100)
    await view.refresh()
    expect(looks).toBe(2)
  })
})
