import { describe, expect, it } from 'vitest'
import {
  eventsDelayMs,
  failHealth,
  fleetProbeMs,
  fleetSilenceMs,
  freshHealth,
  goodHealth,
  probeDelayMs,
  refreshDelayMs,
  scaleWatch,
  validateDelayMs,
} from './health.ts'
import { defaultWatchOptions } from './messages.ts'

describe('delays', () => {
  const at = (random: number) => ({ nowMs: 0, random })
  let lost = goodHealth
  for (let failure = 0; failure < 8; failure += 1) lost = failHealth(lost, defaultWatchOptions.failureRetry)

  it.each([
    [
      'between probes of a healthy engine',
      (random: number) => probeDelayMs(goodHealth, defaultWatchOptions, at(random)),
    ],
    ['between probes of a lost engine', (random: number) => probeDelayMs(lost, defaultWatchOptions, at(random))],
    ['before a pending engine is tried again', (random: number) => validateDelayMs(3, at(random))],
  ])('%s are spread, so that many engines are not asked in one moment', (_, delay) => {
    const [least, middle, most] = [delay(0), delay(0.5), delay(0.999)] as const
    expect(least).toBeLessThanOrEqual(middle * 0.9)
    expect(most).toBeGreaterThanOrEqual(middle * 1.09)
    expect(least).toBeGreaterThan(middle / 2)
    expect(most).toBeLessThan(middle * 1.5)
  })
})

describe('delays of the ancestor (classicswarm cluster/engine.go)', () => {
  function lost(failures: number): typeof goodHealth {
    return { state: failures < 3 ? 'healthy' : 'unhealthy', failures, indicator: 0 }
  }

  it('a full refresh comes after min × (1 + failures beyond the limit, at most 1,000) and a part of max - min', () => {
    const at = (random: number) => ({ nowMs: 0, random })
    expect(refreshDelayMs(goodHealth, defaultWatchOptions, at(0))).toBe(30_000)
    expect(refreshDelayMs(goodHealth, defaultWatchOptions, at(0.5))).toBe(45_000)
    expect(refreshDelayMs(lost(3), defaultWatchOptions, at(0))).toBe(30_000)
    expect(refreshDelayMs(lost(5), defaultWatchOptions, at(0))).toBe(90_000)
    expect(refreshDelayMs(lost(9999), defaultWatchOptions, at(0))).toBe(30_000 * 1001)
  })

  it('a broken event stream is opened again a second later for each failure, ten at most', () => {
    expect([0, 1, 4, 9, 50].map((failures) => eventsDelayMs(lost(failures)))).toEqual([
      1000, 2000, 5000, 10_000, 10_000,
    ])
  })
})

describe('without any flag', () => {
  it('an engine is out of service after three failures', () => {
    const states: string[] = []
    let health = goodHealth
    for (let failure = 0; failure < 3; failure += 1) {
      health = failHealth(health, defaultWatchOptions.failureRetry)
      states.push(health.state)
    }
    expect(states).toEqual(['healthy', 'healthy', 'unhealthy'])
    expect(failHealth(freshHealth, defaultWatchOptions.failureRetry).state).toBe('unhealthy')
  })

  it('an event stream may be silent for less than half a minute, and engines are probed oftener, also a thousand of them', () => {
    for (const engines of [1, 100, 1000]) {
      const silenceMs = Math.max(defaultWatchOptions.silenceMs, fleetSilenceMs(engines))
      const probeMs = Math.max(defaultWatchOptions.probeMs, fleetProbeMs(engines))
      expect(silenceMs).toBeLessThan(30_000)
      expect(probeMs).toBeLessThan(10_000)
    }
  })

  it('a large fleet costs as much per second as one of a thousand engines, whatever the flags say of the times of one', () => {
    const options = { ...defaultWatchOptions, refreshMinMs: 20_000, refreshMaxMs: 40_000 }
    const [one, thousand, tenThousand] = [1, 1000, 10_000].map((engines) => scaleWatch(options, engines))
    expect(one).toEqual(options)
    expect(thousand).toMatchObject({ refreshMinMs: 20_000, refreshMaxMs: 40_000, probeMs: 5000, silenceMs: 25_000 })
    expect(tenThousand).toMatchObject({
      refreshMinMs: 200_000,
      refreshMaxMs: 400_000,
      probeMs: 50_000,
      silenceMs: 250_000,
    })
  })
})
