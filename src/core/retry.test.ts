import { describe, expect, it } from 'vitest'
import { manualClock } from '../testing/manual-clock.ts'
import { backoffDelays, retry } from './retry.ts'

const still = { next: () => 0 }
const full = { next: () => 1 }

describe('back-off', () => {
  it('doubles up to its limit and ends after its retries', () => {
    const delays = [...backoffDelays({ firstMs: 100, maxMs: 500, retries: 5 }, still)]
    expect(delays).toEqual([100, 200, 400, 500, 500])
  })

  it('takes the random part off, never on', () => {
    const backoff = { firstMs: 100, maxMs: 100, retries: 1, jitterRatio: 0.5 }
    expect([...backoffDelays(backoff, still)]).toEqual([50])
    expect([...backoffDelays(backoff, full)]).toEqual([100])
  })

  it('tries again until it works', async () => {
    const clock = manualClock()
    const attempts: number[] = []
    const work = retry(
      async (attempt) => {
        attempts.push(attempt)
        if (attempt < 2) throw new Error('not yet')
        return 'there'
      },
      { clock, random: still, backoff: { firstMs: 100, maxMs: 1000 } },
    )
    await clock.advance(300)
    expect(await work).toBe('there')
    expect(attempts).toEqual([0, 1, 2])
  })

  it('gives up with the last failure, and at once when another attempt cannot help', async () => {
    const clock = manualClock()
    const o = { clock, random: still, backoff: { firstMs: 1, maxMs: 1, retries: 1 } }
    const failing = retry((attempt) => Promise.reject(new Error(`failure ${attempt}`)), o)
    const outcome = expect(failing).rejects.toThrow('failure 1')
    await clock.advance(5)
    await outcome
    const hopeless = retry((attempt) => Promise.reject(new Error(`failure ${attempt}`)), {
      ...o,
      isRetryable: () => false,
    })
    await expect(hopeless).rejects.toThrow('failure 0')
  })
})
