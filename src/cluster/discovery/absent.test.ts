import { describe, expect, it } from 'vitest'
import { dueInMs, nothingListed, settle, takeReading } from './absent.ts'
import type { Listed } from './absent.ts'

const heartbeatMs = 1000
const full: Listed = { told: ['a', 'b'], latest: ['a', 'b'], keepUntilMs: Number.NEGATIVE_INFINITY }

describe('what a store does not list any more', () => {
  it('is gone at once when the rest is still there', () => {
    const { listed, isSuspicious } = takeReading(full, ['b'], { nowMs: 0, heartbeatMs, isAfterOutage: false })
    expect([listed.told, isSuspicious, dueInMs(listed, 0)]).toEqual([['b'], false, undefined])
  })

  it('stays for three heartbeats when all is missing, counted from the first empty list', () => {
    const first = takeReading(full, [], { nowMs: 0, heartbeatMs, isAfterOutage: false })
    expect([first.listed.told, first.isSuspicious, dueInMs(first.listed, 0)]).toEqual([['a', 'b'], true, 3000])
    const again = takeReading(first.listed, [], { nowMs: 2000, heartbeatMs, isAfterOutage: false })
    expect([again.listed.told, again.isSuspicious, dueInMs(again.listed, 2000)]).toEqual([['a', 'b'], false, 1000])
    expect(settle(again.listed, 3000).told).toEqual([])
  })

  it('stays after an outage too, while what is new is told at once', () => {
    const { listed } = takeReading(full, ['b', 'c'], { nowMs: 0, heartbeatMs, isAfterOutage: true })
    expect(listed.told).toEqual(['a', 'b', 'c'])
    const later = takeReading(listed, ['b', 'c', 'd'], { nowMs: 500, heartbeatMs, isAfterOutage: false })
    expect([later.listed.told, dueInMs(later.listed, 500)]).toEqual([['a', 'b', 'c', 'd'], 2500])
    expect(settle(later.listed, 3000).told).toEqual(['b', 'c', 'd'])
  })

  it('is no question at the first reading, which is told even when it is empty', () => {
    const { listed, isSuspicious } = takeReading(nothingListed, [], { nowMs: 0, heartbeatMs, isAfterOutage: true })
    expect([listed.told, isSuspicious]).toEqual([[], false])
  })

  it('gives the same list when nothing is new for readers', () => {
    const { listed } = takeReading(full, ['a', 'b'], { nowMs: 0, heartbeatMs, isAfterOutage: true })
    expect(listed.told).toBe(full.told)
  })
})
