import { describe, expect, it } from 'vitest'
import { manualClock } from '../testing/manual-clock.ts'
import {
  pauseUntilWoken,
  startDeadline,
  toAbortError,
  waitAtMost,
  withDeadline,
  withDefaultDeadline,
} from './deadline.ts'
import { FlotillaError } from './errors.ts'

const never = (): Promise<never> => new Promise(() => {})

describe('a deadline', () => {
  it('rejects work that takes too long, also when the work does not listen', async () => {
    const clock = manualClock()
    const work = withDeadline(clock, { deadlineMs: 100 }, never)
    const outcome = expect(work).rejects.toMatchObject({ code: 'core/deadline', message: 'timed out after 100 ms' })
    await clock.advance(100)
    await outcome
  })

  it('lets quick work through and leaves no timer behind', async () => {
    const clock = manualClock()
    expect(await withDeadline(clock, { deadlineMs: 100 }, async () => 'done')).toBe('done')
    await Promise.resolve()
    expect(clock.sleeping).toBe(0)
  })

  it('follows the signal of the caller and forgets it afterwards', async () => {
    const clock = manualClock()
    const caller = new AbortController()
    const deadline = startDeadline(clock, { signal: caller.signal, deadlineMs: 1000 })
    const reason = new FlotillaError('cli/cancelled', 'stopped by the user')
    caller.abort(reason)
    expect(deadline.signal?.aborted).toBe(true)
    expect(toAbortError(deadline.signal)).toBe(reason)
    await Promise.resolve()
    expect(clock.sleeping).toBe(0)
  })

  it('does nothing at all without a limit and without a signal', () => {
    expect(startDeadline(manualClock(), {}).signal).toBeUndefined()
  })

  it('does not start work for a caller that has already given up', async () => {
    const work = withDeadline(manualClock(), { signal: AbortSignal.abort(), deadlineMs: 5 }, never)
    await expect(work).rejects.toMatchObject({ code: 'core/aborted' })
  })

  it('is only added where the caller named none', () => {
    expect(withDefaultDeadline(undefined, 5)).toEqual({ deadlineMs: 5 })
    expect(withDefaultDeadline({ deadlineMs: 7 }, 5)).toEqual({ deadlineMs: 7 })
  })
})

describe('a wait of limited length', () => {
  it('ends with the work or with its time, fails with the work, and leaves no timer behind', async () => {
    const clock = manualClock()
    await waitAtMost(clock, Promise.resolve('done'), 100)
    await expect(waitAtMost(clock, Promise.reject(new Error('broken')), 100)).rejects.toThrow('broken')
    await Promise.resolve()
    expect(clock.sleeping).toBe(0)
    const waiting = waitAtMost(clock, never(), 100)
    await clock.advance(100)
    await waiting
  })

  it('a pause ends when it is woken, once and for all, or by itself', async () => {
    const clock = manualClock()
    let wake: () => void = () => {}
    const woken = pauseUntilWoken(clock, 100, (given) => {
      wake = given
    })
    wake()
    wake()
    await woken
    await Promise.resolve()
    expect(clock.sleeping).toBe(0)
    const alone = pauseUntilWoken(clock, 100, () => {})
    await clock.advance(100)
    await alone
  })
})
