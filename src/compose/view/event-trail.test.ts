import { describe, expect, it } from 'vitest'
import { EventTrail, toNanoseconds } from './event-trail.ts'

const second = 1_000_000_000n
const startNs = 1000n * second

describe('the trail of a stream of events', () => {
  it('takes an event once, told apart by time, container and action', () => {
    const trail = new EventTrail(startNs)
    const event = { id: 'a', action: 'start', timeNs: startNs + 1n }
    expect(trail.take(event)).toBe(true)
    expect(trail.take(event)).toBe(false)
    for (const other of [{ id: 'b' }, { action: 'die' }, { timeNs: startNs + 2n }]) {
      expect(trail.take({ ...event, ...other })).toBe(true)
    }
  })

  it('is taken up a minute before the newest event, and never before the beginning', () => {
    const trail = new EventTrail(startNs + 5n)
    expect(trail.since()).toBe('1000.000000005')
    trail.take({ id: 'a', action: 'die', timeNs: startNs + 30n * second })
    expect(trail.since()).toBe('1000.000000005')
    trail.take({ id: 'a', action: 'start', timeNs: startNs + 100n * second + 7n })
    // A node whose clock is behind.
    trail.take({ id: 'b', action: 'start', timeNs: startNs + 90n * second })
    expect(trail.since()).toBe('1040.000000007')
  })

  it('forgets what it will not be told again, and nothing else', () => {
    const trail = new EventTrail(startNs)
    const events = Array.from({ length: 5000 }, (_, at) => ({
      id: 'a',
      action: 'start',
      timeNs: startNs + BigInt(at) * (second / 10n),
    }))
    expect(events.every((event) => trail.take(event))).toBe(true)
    const again = toNanoseconds(trail.since())
    expect(events.some((event) => event.timeNs >= again && trail.take(event))).toBe(false)
    expect(trail.take(events[0]!)).toBe(true)
  })

  it('reads seconds with a fraction to the nanosecond', () => {
    expect(toNanoseconds('12')).toBe(12n * second)
    expect(toNanoseconds('12.5')).toBe(12_500_000_000n)
    expect(toNanoseconds('12.000000001')).toBe(12_000_000_001n)
  })
})
