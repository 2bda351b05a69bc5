import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../io/clock.ts'
import { ask, startEndpointBed, startManagerOver } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import { manualClock } from '../../../testing/manual-clock.ts'
import { mixedClock } from '../../../testing/mixed-clock.ts'

describe('a create whose node lacks the image', () => {
  it('brings it there, whatever words its name is made of', async () => {
    const bed = await startEndpointBed([{}, { registry: ['acme/container-network:1', 'acme/volume:1'] }])
    try {
      const made = async (image: string): Promise<unknown> => {
        const body = { Image: image, Env: ['constraint:node==n2'] }
        const answer = await bed.call('POST', '/containers/create', body)
        return [answer.status, answer.status === 201 ? '' : answer.body]
      }
      expect(await made('acme/container-network:1')).toEqual([201, ''])
      expect(await made('acme/volume:1')).toEqual([201, ''])
    } finally {
      await bed.close()
    }
  })
})

describe('a create whose image takes long to come', () => {
  it('keeps its name and its place until then', async () => {
    let aheadMs = 0
    // The manager looks for what has lapsed once a second, and the engine takes its own time.
    const [ticks, engineTime] = [manualClock(), manualClock()]
    const clock = { ...mixedClock(1000, ticks), monotonicMs: () => systemClock.monotonicMs() + aheadMs }
    const engine = await startFakeEngine({ name: 'n1', images: ['box:1'], registry: ['big:1'], clock: engineTime })
    const manager = await startManagerOver([engine], { clock })
    try {
      await expect.poll(() => manager.cluster.healthyMembers().length).toBe(1)
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      engine.fail({ path: /^\/images\/create$/, times: 1, fault: { kind: 'delay', ms: 1000 } })
      const slow = ask(port, 'POST', '/containers/create?name=web', { Image: 'big:1' })
      await expect.poll(() => engine.requests.some((each) => each.path === '/images/create')).toBe(true)
      aheadMs = 30 * 60_000
      await ticks.advance(1000)
      expect((await ask(port, 'POST', '/containers/create?name=web', { Image: 'box:1' })).status).toBe(409)
      await engineTime.advance(1000)
      expect((await slow).status).toBe(201)
    } finally {
      manager.closeNow()
      await engine.stop()
    }
  })
})

describe('a create whose node stops answering', () => {
  it('is given up long before its time is up, and is not said to have come to nothing', async () => {
    const engine = await startFakeEngine({ name: 'n1', images: ['box:1'] })
    // Looks at the health of nodes, two seconds apart, come at once, and so does the end of the search for what was made.
    const isShort = (ms: number): boolean => ms === 2000 || ms === 10_000
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(isShort(ms) ? 40 : ms, signal),
    }
    const manager = await startManagerOver([engine], { clock, watch: { probeMs: 100, failureRetry: 2 } })
    try {
      await expect.poll(() => manager.cluster.healthyMembers().length).toBe(1)
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      engine.fail({ path: /create$|_ping$/, fault: { kind: 'hang' } })
      const answer = await ask(port, 'POST', '/containers/create?name=web', { Image: 'box:1' })
      expect([answer.status, JSON.parse(answer.body)]).toEqual([
        502,
        { message: 'node n1 did not say whether it made the container: node n1 stopped answering' },
      ])
    } finally {
      manager.closeNow()
      await engine.stop()
    }
  })
})
