import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import type { Step } from '../plan/plan.ts'
import { describeWaived } from './failure.ts'

/** docker/compose pkg/compose/convergence.go waitDependencies, with the reason added. */
describe('an optional dependency that is not met', () => {
  const step: Step = {
    id: 1,
    op: {
      kind: 'wait-container',
      container: { kind: 'existing', id: 'c1', name: 'p-db-1' },
      service: 'db',
      condition: 'healthy',
    },
    resource: 'Container p-db-1',
    cause: { code: 'dependency', detail: '' },
    after: [],
    words: { working: 'Waiting', done: 'Healthy' },
    bestEffort: true,
  } as unknown as Step

  it.each([
    [
      'dependency failed to start: container p-db-1 is unhealthy',
      { text: 'Skipped: optional dependency "db" failed to start', detail: '(container p-db-1 is unhealthy)' },
    ],
    [
      'service "db" didn\'t complete successfully: exit 4',
      { text: 'Skipped: optional dependency "db" didn\'t complete successfully: exit 4' },
    ],
    [
      'the engine is gone',
      { text: 'Skipped: optional dependency "db" failed to start', detail: '(the engine is gone)' },
    ],
  ])('is skipped: %s', (message, words) => {
    expect(describeWaived(step, new FlotillaError('compose/execute', message))).toEqual(words)
  })

  it('is a warning for what is no wait', () => {
    const pull = { ...step, op: { kind: 'pull-image', reference: 'box:1' } } as unknown as Step
    expect(describeWaived(pull, new Error('not\nfound'))).toEqual({ text: 'Warning', detail: 'not\nfound' })
  })
})
