import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { ask, startManagerOver } from '../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { failureStatus } from './failure-status.ts'

describe('what a client is answered where a call failed', () => {
  it('says whose fault it was', () => {
    expect(failureStatus(new FlotillaError('engine/unreachable', 'x'))).toBe(502)
    expect(failureStatus(new FlotillaError('engine/timeout', 'x'))).toBe(504)
    expect(failureStatus(new FlotillaError('engine/unreachable', 'x', { status: 500 }))).toBe(500)
    expect(failureStatus(new Error('x'))).toBeUndefined()
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
