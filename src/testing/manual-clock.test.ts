import { describe, expect, it } from 'vitest'
import { manualClock } from './manual-clock.ts'

describe('the manual clock', () => {
  it('wakes sleepers in the order of their times, each at its own time', async () => {
    const clock = manualClock(1000)
    const woken: [string, number][] = []
    async function sleeper(name: string, ms: number): Promise<void> {
      await clock.sleep(ms)
      woken.push([name, clock.nowMs()])
    }
    const all = Promise.all([sleeper('late', 30), sleeper('early', 10), sleeper('later', 31)])
    await clock.advance(30)
    expect(woken).toEqual([
      ['early', 1010],
      ['late', 1030],
    ])
    expect(clock.sleeping).toBe(1)
    await clock.advance(1)
    await all
  })

  it('wakes those who go to sleep again within the same stretch', async () => {
    const clock = manualClock(0)
    const seen: number[] = []
    async function ticker(): Promise<void> {
      for (let turn = 0; turn < 3; turn += 1) {
        await clock.sleep(10)
        seen.push(clock.nowMs())
      }
    }
    const ticking = ticker()
    await clock.advance(100)
    await ticking
    expect(seen).toEqual([10, 20, 30])
    expect(clock.nowMs()).toBe(100)
  })

  it('rejects a sleeper whose signal fires and forgets it', async () => {
    const clock = manualClock()
    const stop = new AbortController()
    const sleeping = clock.sleep(10, stop.signal)
    stop.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
    await expect(clock.sleep(10, stop.signal)).rejects.toThrow('enough')
    expect(clock.sleeping).toBe(0)
  })

  it('can be set back without waking anybody', async () => {
    const clock = manualClock(5000)
    clock.jump(0)
    expect(clock.nowMs()).toBe(0)
  })
})
