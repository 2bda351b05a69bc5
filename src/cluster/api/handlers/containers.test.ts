import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../io/clock.ts'
import { ask, startManagerOver } from '../../../testing/endpoint-bed.ts'
import type { BedAnswer } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import { manualClock } from '../../../testing/manual-clock.ts'
import { mixedClock } from '../../../testing/mixed-clock.ts'
import type { RunningEndpoint } from '../../endpoint.ts'

/** The seconds that the manager counts. */
const ticks = manualClock()
/** The engine's time: what it answers late waits for it. */
const engineTime = manualClock()

let engine: FakeEngine
let manager: RunningEndpoint
beforeAll(async () => {
  engine = await startFakeEngine({ name: 'n1', clock: engineTime })
  for (const [name, StopTimeout] of [
    ['usual', undefined],
    ['patient', 600],
  ] as const) {
    engine.addContainer({ Image: 'box', ...(StopTimeout === undefined ? {} : { StopTimeout }) }, { name })
  }
  manager = await startManagerOver([engine], { clock: mixedClock(1000, ticks) })
  while (manager.cluster.healthyMembers().length === 0) await systemClock.sleep(5)
})
afterAll(async () => {
  manager.closeNow()
  await engine.stop()
})

function call(method: string, path: string): Promise<BedAnswer> {
  return ask(Number(new URL(manager.addresses[0] ?? '').port), method, path)
}

/** Requests that the engine has got whose path ends so. */
function asked(end: string): number {
  return engine.requests.filter((each) => each.path.endsWith(end)).length
}

async function turnsUntil(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

describe('stopping a container', () => {
  /** The answer to a stop that the engine takes for ever over, after so many seconds of the manager; undefined: none. */
  async function stop(name: string, query: string, seconds: number): Promise<number | undefined> {
    engine.fail({ path: /\/stop$/, times: 1, fault: { kind: 'delay', ms: 1000 } })
    const before = asked('/stop')
    let status: number | undefined
    const answer = call('POST', `/containers/${name}/stop${query}`).then((reply) => {
      status = reply.status
    })
    await turnsUntil(() => asked('/stop') > before)
    await ticks.advance(seconds * 1000)
    // What is on its way to us over the loopback comes in the next turns of the event loop.
    await call('GET', '/_ping')
    const given = status
    await engineTime.advance(1000)
    await answer
    return given
  }

  it.each([
    ['says nothing', 'usual', '', 120, 135],
    ['wants it at once', 'usual', '?t=0', 110, 135],
    ['gives it ten minutes', 'usual', '?t=600', 710, 735],
  ])('of a client that %s is waited for that long and two minutes more', async (_, name, query, still, over) => {
    expect(await stop(name, query, still)).toBeUndefined()
    expect(await stop(name, query, over)).toBe(504)
  })

  it('that has ten minutes of its own is waited for that long', async () => {
    expect(await stop('patient', '', 710)).toBeUndefined()
    expect(await stop('patient', '', 735)).toBe(504)
  })

  it('is waited for without end where the client says so', async () => {
    expect(await stop('usual', '?t=-1', 5000)).toBeUndefined()
  })
})

describe('an engine that is asked for many readings at once', () => {
  it('still answers others', async () => {
    engine.fail({ path: /\/stats$/, times: 100, fault: { kind: 'delay', ms: 3000 } })
    const readings = Array.from({ length: 100 }, () => call('GET', '/containers/usual/stats?stream=0'))
    // None of the readings is answered before the engine's time goes on.
    expect((await call('GET', '/containers/usual/json')).status).toBe(200)
    await turnsUntil(() => asked('/stats') === 100)
    await engineTime.advance(3000)
    expect(new Set((await Promise.all(readings)).map((each) => each.status))).toEqual(new Set([200]))
  })
})
