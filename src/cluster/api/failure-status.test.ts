import { expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { failureStatus } from './failure-status.ts'

it.each([
  [new FlotillaError('cluster/conflict', 'taken', { status: 409 }), 409],
  [new FlotillaError('engine/timeout', 'late'), 504],
  // As where a request is passed on.
  [new FlotillaError('engine/unreachable', 'refused'), 502],
  [new FlotillaError('engine/unreachable', 'gone', { status: 503 }), 503],
  [new FlotillaError('core/aborted', 'over'), undefined],
  [new TypeError('x is undefined'), undefined],
])('%s is answered with %s', (error, status) => {
  expect(failureStatus(error)).toBe(status)
})
