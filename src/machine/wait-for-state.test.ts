import { describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import { silentLog } from '../core/log.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { ManualClock } from '../testing/manual-clock.ts'
import type { Driver, HostState } from './driver.ts'
import { stopHost } from './power.ts'
import type { PowerContext } from './power.ts'
import { waitForState } from './wait-for-state.ts'

/** A driver that gives these answers one after another, the last one for ever. */
function driverThatIs(...answers: readonly (HostState | Error)[]): Driver {
  let at = 0
  return {
    stop: async () => {},
    async state() {
      const answer = answers[Math.min(at, answers.length - 1)] ?? ''
      at += 1
      if (answer instanceof Error) throw answer
      return answer
    },
  } as unknown as Driver
}

async function play(clock: ManualClock, work: Promise<void>, seconds: number): Promise<string> {
  const seen = { outcome: 'waits' }
  work.then(
    () => (seen.outcome = 'done'),
    (error: unknown) => (seen.outcome = error instanceof Error ? error.message : String(error)),
  )
  for (let second = 0; second < seconds && seen.outcome === 'waits'; second += 1) await clock.advance(1000)
  return seen.outcome
}

describe('waiting for a state', () => {
  it('goes on when a cloud does not know the machine yet, or is asked too much', async () => {
    const clock = manualClock()
    const driver = driverThatIs(new Error('404 no such server'), new Error('429'), 'Starting', 'Running')
    expect(await play(clock, waitForState(driver, { clock }, {}), 30)).toBe('done')
  })

  it('ends with what the driver says when it cannot tell for half a minute', async () => {
    const clock = manualClock()
    const driver = driverThatIs('Starting', new Error('401 unauthorized'))
    expect(await play(clock, waitForState(driver, { clock }, {}), 60)).toBe('401 unauthorized')
  })

  it('ends after three minutes', async () => {
    const clock = manualClock()
    expect(await play(clock, waitForState(driverThatIs('Starting'), { clock }, {}), 200)).toBe(
      'Maximum number of retries (60) exceeded',
    )
  })

  it('is done by stop, so that a start right behind it finds a machine that is off', async () => {
    const clock = manualClock()
    const lines: string[] = []
    const log = { ...silentLog, info: (line: string): void => void lines.push(line) }
    const ctx = { clock, log } as unknown as PowerContext
    const stopping = stopHost(makeHost('a'), driverThatIs('Running', 'Stopping', 'Stopping', 'Stopped'), ctx, {})
    expect(await play(clock, stopping, 4)).toBe('waits')
    expect(lines).toEqual(['Stopping "a"...'])
    await clock.advance(3000)
    await stopping
    expect(lines).toEqual(['Stopping "a"...', 'Machine "a" was stopped.'])
  })
})
