import { expect, it } from 'vitest'
import type { ContainerState, HealthState } from '../../engine/api/types.ts'
import { isDoubtful, lastCheckOf } from './health-doubt.ts'

function unhealthy(
  start: string,
  code: number,
  streak: number,
  status: HealthState['Status'] = 'unhealthy',
): ContainerState {
  const Log = [{ Start: start, End: start, ExitCode: code, Output: '' }]
  return {
    Status: 'running',
    Running: true,
    Health: { Status: status, FailingStreak: streak, Log },
  } as unknown as ContainerState
}

it('an unhealthy container whose last check passed was paused since', () => {
  expect(isDoubtful(unhealthy('1', 0, 0), undefined)).toBe(true)
  expect(isDoubtful(unhealthy('1', 1, 3), undefined)).toBe(false)
  expect(isDoubtful(unhealthy('1', 0, 0, 'healthy'), undefined)).toBe(false)
  expect(isDoubtful({ ...unhealthy('1', 0, 0), Running: false }, undefined)).toBe(false)
})

it('after a pause counts what later checks say, as often as they have to', () => {
  const before = lastCheckOf(unhealthy('1', 1, 3))
  expect(isDoubtful(unhealthy('1', 1, 3), undefined, before)).toBe(true)
  expect(isDoubtful(unhealthy('2', 1, 4), undefined, before)).toBe(false)
  expect(isDoubtful(unhealthy('2', 1, 2), undefined, before)).toBe(true)
  expect(isDoubtful(unhealthy('2', 1, 2), { Retries: 2 }, before)).toBe(false)
  expect(isDoubtful(unhealthy('2', 1, 2), { Retries: 0 }, before)).toBe(true)
})
