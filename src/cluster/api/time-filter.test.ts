import { describe, expect, it } from 'vitest'
import { parseTimeMs } from './time-filter.ts'

const nowMs = Date.parse('2026-05-01T12:00:00Z')

describe('times that clients send', () => {
  it.each([
    ['1700000000', 1_700_000_000_000],
    ['1700000000.250000000', 1_700_000_000_250],
    ['2026-05-01', nowMs - 12 * 3_600_000],
    ['2026-05-01T14:00:00+02:00', nowMs],
    ['90m', nowMs - 90 * 60_000],
    ['1.5h', nowMs - 90 * 60_000],
    ['1h0m10s', nowMs - 3_610_000],
  ])('%s', (text, expected) => {
    expect(parseTimeMs(text, 'until', nowMs)).toBe(expected)
  })

  it.each(['soon', '1d', '2026-13-01', '-'])('%s is refused', (text) => {
    expect(() => parseTimeMs(text, 'until', nowMs)).toThrow(
      expect.objectContaining({ message: `invalid value "${text}" for until`, status: 400 }),
    )
  })
})
