import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../io/clock.ts'
import { ask, startManagerOver } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import type { RunningEndpoint } from '../../endpoint.ts'

/** The seconds that the server counts pass in milliseconds. */
const fastTicks: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === 1000 ? 4 : ms, signal),
}

let engine: FakeEngine
let manager: RunningEndpoint
beforeAll(async () => {
  engine = await startFakeEngine({ name: 'n1' })
  for (const [name, StopTimeout] of [
    ['usual', undefined],
    ['patient', 600],
  ] as const) {
    engine.addContainer({ Image: 'box', ...(StopTimeout === undefined ? {} : { StopTimeout }) }, { name })
  }
  manager = await startManagerOver([engine], { clock: fastTicks })
  while (manager.cluster.healthyMembers().length === 0) await systemClock.sleep(5)
})
afterAll(async () => {
  manager.closeNow()
  await engine.stop()
})

describe('stopping a container', () => {
  async function stop(name: string, query = ''): Promise<number> {
    // Longer than the 130 seconds for one that says nothing, shorter than the 720 of one that has ten minutes.
    engine.fail({ path: /\/stop$/, times: 1, fault: { kind: 'delay', ms: 2500 } })
    const port = Number(new URL(manager.addresses[0] ?? '').port)
    return (await ask(port, 'POST', `/containers/${name}/stop${query}`)).status
  }

  it('takes as long as the client or the container gives it, and no longer', { timeout: 30_000 }, async () => {
    expect([await stop('usual'), await stop('usual', '?t=0')]).toEqual([504, 504])
    expect(await stop('usual', '?t=600')).toBeLessThan(400)
    expect(await stop('patient')).toBeLessThan(400)
    expect(await stop('usual', '?t=-1')).toBeLessThan(400)
  })
})

describe('an engine that is asked for many readings at once', () => {
  it('still answers others', { timeout: 30_000 }, async () => {
    const port = Number(new URL(manager.addresses[0] ?? '').port)
    engine.fail({ path: /\/stats$/, times: 100, fault: { kind: 'delay', ms: 3000 } })
    let read = 0
    const readings = Array.from({ length: 100 }, async () => {
      await ask(port, 'GET', '/containers/usual/stats?stream=0')
      read += 1
    })
    expect((await ask(port, 'GET', '/containers/usual/json')).status).toBe(200)
    expect(read).toBe(0)
    await Promise.all(readings)
  })
})
