import { describe, expect, it } from 'vitest'
import { manualClock } from '../testing/manual-clock.ts'
import { isAlive, parseStat, pollUntil, readIdentity, signalProcess } from './process-identity.ts'

describe('process identity', () => {
  it('reads the start time behind a name with blanks and parentheses', () => {
    const text = `42 (a) (b c)) S 7 ${Array.from({ length: 17 }, (_, index) => index).join(' ')} 991 5 6`
    expect(parseStat(text)).toEqual({ state: 'S', parent: 7, startTicks: '991' })
    expect(parseStat('')).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')(
    'this process is alive, and not with another start time or boot (Linux)',
    async () => {
      const own = await readIdentity(process.pid)
      expect(own).toBeDefined()
      expect(await isAlive(own!)).toBe(true)
      expect(await isAlive({ ...own!, startTicks: '1' })).toBe(false)
      expect(await isAlive({ ...own!, bootId: 'another' })).toBe(false)
      // Would end this test if it took the number for the process.
      await signalProcess({ ...own!, startTicks: '1' }, 'SIGKILL')
    },
  )

  it('polling ends when it is true, or when the time is up', async () => {
    const clock = manualClock()
    let count = 0
    const done = pollUntil(async () => (count += 1) === 3, 100, clock)
    await clock.advance(60)
    expect(await done).toBe(true)
    const never = pollUntil(async () => false, 100, clock)
    await clock.advance(200)
    expect(await never).toBe(false)
  })
})
