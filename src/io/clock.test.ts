import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.ts'

describe('the system clock', () => {
  it('sleeps, and rejects at once with the reason of a signal', async () => {
    await systemClock.sleep(0)
    const stop = new AbortController()
    const sleeping = systemClock.sleep(1_000_000, stop.signal)
    stop.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
    await expect(systemClock.sleep(1_000_000, stop.signal)).rejects.toThrow('enough')
  })

  it('does not take a delay beyond its timers for no delay', async () => {
    const stop = new AbortController()
    let hasWoken = false
    const sleeping = systemClock.sleep(2 ** 40, stop.signal).then(() => {
      hasWoken = true
    })
    await systemClock.sleep(5)
    expect(hasWoken).toBe(false)
    stop.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
  })

  it('calls later unless it is told not to', async () => {
    const called: string[] = []
    const cancel = systemClock.later?.(0, () => called.push('cancelled'))
    cancel?.()
    systemClock.later?.(0, () => called.push('kept'))
    await systemClock.sleep(5)
    expect(called).toEqual(['kept'])
  })
})
