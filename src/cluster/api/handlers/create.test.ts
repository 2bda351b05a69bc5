import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../io/clock.ts'
import { ask, startManagerOver } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'

describe('a create whose image takes long to come', () => {
  it('keeps its name and its place until then', async () => {
    let aheadMs = 0
    const engine = await startFakeEngine({ name: 'n1', images: ['box:1'], registry: ['big:1'] })
    const manager = await startManagerOver([engine], { clock: { ...systemClock, nowMs: () => Date.now() + aheadMs } })
    try {
      await expect.poll(() => manager.cluster.healthyMembers().length).toBe(1)
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      engine.fail({ path: /^\/images\/create$/, times: 1, fault: { kind: 'delay', ms: 2500 } })
      const slow = ask(port, 'POST', '/containers/create?name=web', { Image: 'big:1' })
      await expect.poll(() => engine.requests.some((each) => each.path === '/images/create')).toBe(true)
      aheadMs = 30 * 60_000
      // The manager looks for what has lapsed about once a second.
      await systemClock.sleep(1200)
      expect((await ask(port, 'POST', '/containers/create?name=web', { Image: 'box:1' })).status).toBe(409)
      expect((await slow).status).toBe(201)
    } finally {
      manager.closeNow()
      await engine.stop()
    }
  })
})
