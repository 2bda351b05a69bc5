import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toMessage } from '../../core/errors.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { monitorContainer } from './monitor.ts'
import { makeWaker } from './wait.ts'
import type { Waker } from './wait.ts'

const monitorMs = 5000

describe('a container on trial', () => {
  let fake: FakeEngine
  let engine: Engine
  let clock: ManualClock
  let waker: Waker
  let id: string
  const trial = { outcome: 'on trial' }

  beforeEach(async () => {
    fake = await startFakeEngine({ images: ['busybox:latest'] })
    engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    clock = manualClock()
    waker = makeWaker(engine, clock, {})
    trial.outcome = 'on trial'
  })
  afterEach(async () => {
    waker.stop()
    await engine.close()
    await fake.stop()
  })

  /** Puts it on trial, and waits until it has been looked at. */
  async function begin(
    check: { readonly Healthcheck?: { readonly Test: string[] } } = {},
    state: 'created' | 'running' = 'running',
  ): Promise<void> {
    id = fake.addContainer({ Image: 'busybox', ...check }, { name: 'web', state })
    void monitorContainer(engine, { id, name: 'web', monitorMs }, { waker, clock }, {}).then(
      () => (trial.outcome = 'good'),
      (error: unknown) => (trial.outcome = toMessage(error)),
    )
    await look()
  }

  /** Until the trial is over or waits again. */
  async function look(): Promise<void> {
    while (trial.outcome === 'on trial' && clock.sleeping === 0) await systemClock.sleep(1)
  }

  async function pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 500) {
      await clock.advance(500)
      await look()
    }
  }

  async function untilOver(): Promise<string> {
    while (trial.outcome === 'on trial') await pass(500)
    return trial.outcome
  }

  const check = { Healthcheck: { Test: ['CMD', 'true'] } }

  it('without a health check is good when it has run for its time, not before', async () => {
    await begin()
    await pass(monitorMs - 500)
    expect(trial.outcome).toBe('on trial')
    await pass(500)
    expect(trial.outcome).toBe('good')
  })

  it('with a health check has no say before the check, however long that takes', async () => {
    await begin(check)
    await pass(4 * monitorMs)
    expect(trial.outcome).toBe('on trial')
    fake.setHealth(id, 'healthy')
    expect(await untilOver()).toBe('good')
  })

  it('fails when its check fails, also after its time', async () => {
    await begin(check)
    await pass(2 * monitorMs)
    fake.setHealth(id, 'unhealthy', 'no moon')
    expect(await untilOver()).toBe('container web is unhealthy')
  })

  it('fails when it starts over, however often it comes up again', async () => {
    await begin()
    fake.state.containers.get(id)!.restartCount += 1
    expect(await untilOver()).toMatch(/^container web restarts: it exited with code \d+$/)
  })

  it('fails while its engine waits before it starts it again', async () => {
    const State = { Status: 'restarting', Running: true, Restarting: true, ExitCode: 7 }
    const body = JSON.stringify({ Id: id, State, Config: {} })
    fake.fail({ method: 'GET', path: /^\/containers\/.*\/json$/, fault: { kind: 'reply', body } })
    await begin()
    expect(await untilOver()).toBe('container web restarts: it exited with code 7')
  })

  it('fails at the end of its time when it has no process then, as the engine was started anew', async () => {
    await begin({}, 'created')
    await pass(monitorMs)
    expect(trial.outcome).toBe('container web does not run: it is created')
  })
})
