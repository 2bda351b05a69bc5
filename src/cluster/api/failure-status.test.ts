import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { ask, startManagerOver } from '../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { failureStatus } from './failure-status.ts'

describe('what a client is answered where a call failed', () => {
  it.each([
    [new FlotillaError('cluster/conflict', 'taken', { status: 409 }), 409],
    [new FlotillaError('engine/timeout', 'late'), 504],
    // As where a request is passed on.
    [new FlotillaError('engine/unreachable', 'refused'), 502],
    [new FlotillaError('engine/unreachable', 'gone', { status: 503 }), 503],
    [new FlotillaError('core/aborted', 'over'), undefined],
    [new TypeError('x is undefined'), undefined],
  ])('says whose fault it was: %s, %s', (error, status) => {
    expect(failureStatus(error)).toBe(status)
  })

  it('an engine that breaks off is no mistake of the manager, for its log', async () => {
    const engine = await startFakeEngine({ name: 'n1' })
    const errors: string[] = []
    const log: Log = { debug() {}, info() {}, warn() {}, error: (message) => void errors.push(message) }
    const endpoint = await startManagerOver([engine], { log })
    try {
      await eventually(() => endpoint.cluster.healthyMembers().length === 1, 'the engine')
      engine.fail({ path: /networks\/create/, fault: { kind: 'reset' } })
      const port = Number(new URL(endpoint.addresses[0] ?? '').port)
      expect((await ask(port, 'POST', '/networks/create', { Name: 'net' })).status).toBe(502)
      expect(errors).toEqual([])
    } finally {
      endpoint.closeNow()
      await engine.stop()
    }
  })
})
