import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  parseDurationMs,
  parseDurationNs,
  renderDurationMs,
  renderDurationNs,
  renderHumanDuration,
} from './duration.ts'
import { toMessage } from './errors.ts'

function problem(text: string): string {
  try {
    return `no problem: ${parseDurationNs(text)}`
  } catch (error) {
    return toMessage(error)
  }
}

describe('Go durations', () => {
  it.each([
    ['0', 0],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['-2s', -2000],
    ['+5s', 5000],
    ['.5s', 500],
    ['1.s', 1000],
    ['100us', 0.1],
    ['1h1m1s1ms', 3_661_001],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected)
  })

  // Go time/format.go ParseDuration
  it.each([
    ['', 'time: invalid duration ""'],
    ['10', 'time: missing unit in duration "10"'],
    ['1.5', 'time: missing unit in duration "1.5"'],
    ['10x', 'time: unknown unit "x" in duration "10x"'],
    ['1 s', 'time: unknown unit " s" in duration "1 s"'],
    ['abc', 'time: invalid duration "abc"'],
    ['.s', 'time: invalid duration ".s"'],
    ['-', 'time: invalid duration "-"'],
    ['9999999999h', 'time: invalid duration "9999999999h"'],
    [`${'9'.repeat(100_000)}s`, `time: invalid duration "${'9'.repeat(100_000)}s"`],
  ])('%.20s is refused in the words of Go', (text, expected) => {
    expect(problem(text)).toBe(expected)
  })

  it.each([
    [0, '0s'],
    [90_000, '1m30s'],
    [1500, '1.5s'],
    [100, '100ms'],
    [0.25, '250µs'],
    [3_600_000, '1h0m0s'],
    [-61_000, '-1m1s'],
  ])('%d ms is written %s', (milliseconds, expected) => {
    expect(renderDurationMs(milliseconds)).toBe(expected)
  })

  it('what is written is read back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }), (value) => {
        expect(parseDurationNs(renderDurationNs(value))).toBe(value)
      }),
    )
  })

  // docker/go-units duration.go HumanDuration
  it.each([
    [999, 'Less than a second'],
    [1000, '1 second'],
    [59_999, '59 seconds'],
    [60_000, 'About a minute'],
    [180_000, '3 minutes'],
    [3_600_000, 'About an hour'],
    [47 * 3_600_000, '47 hours'],
    [48 * 3_600_000, '2 days'],
    [14 * 24 * 3_600_000, '2 weeks'],
    [61 * 24 * 3_600_000, '2 months'],
    [731 * 24 * 3_600_000, '2 years'],
  ])('%d ms is %s for people', (milliseconds, expected) => {
    expect(renderHumanDuration(milliseconds)).toBe(expected)
  })
})
