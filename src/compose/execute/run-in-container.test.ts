import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../core/clock.ts'
import { createContainer, startContainer } from '../../engine/api/containers.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine, Hijacked } from '../../engine/engine.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { runInContainer } from './run-in-container.ts'

/** Commands whose output breaks off while the engine lives. */
describe('a command in a container whose connection is reset', () => {
  let fake: FakeEngine
  let engine: Engine
  let id = ''
  let finish: (code: number) => void = () => {}

  beforeEach(async () => {
    fake = await startFakeEngine({
      images: ['busybox:latest'],
      programs: {
        async hook(own) {
          own.write('stdout', 'begun\n')
          return new Promise<number>((resolve) => (finish = resolve))
        },
      },
    })
    engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    id = (await createContainer(engine, { Image: 'busybox:latest', Cmd: ['serve'] })).Id
    await startContainer(engine, id)
  })
  afterEach(async () => {
    await engine.close()
    await fake.stop()
  })

  /** The engine, whose hijacked connections are reset after the first piece of output. */
  function resetting(reset: () => void): Engine {
    return new Proxy(engine, {
      get(target, key) {
        if (key !== 'hijack') return Reflect.get(target, key).bind?.(target) ?? Reflect.get(target, key)
        return async (...args: Parameters<Engine['hijack']>) => {
          const hijacked = await target.hijack(...args)
          hijacked.socket.once('data', () => {
            setTimeout(() => {
              hijacked.socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
              reset()
            }, 20)
          })
          return hijacked
        }
      },
    })
  }

  async function read(output: AsyncIterable<OutputChunk>): Promise<string> {
    let text = ''
    for await (const { data } of output) text += data.toString()
    return text
  }

  const run = (through: Engine, signal?: AbortSignal): ReturnType<typeof runInContainer<string>> =>
    runInContainer(through, { id, command: { command: ['hook'] }, tty: false, clock: systemClock }, read, {
      ...(signal && { signal }),
    })

  it.each([0, 3])('is waited for and judged by the code it ends with: %i', async (code) => {
    const through = resetting(() => setTimeout(() => finish(code), 120))
    expect(await run(through)).toEqual({ code, result: 'begun\n' })
  })

  it('is not waited for once that is no longer wanted', async () => {
    const stop = new AbortController()
    const through = resetting(() => setTimeout(() => stop.abort(new Error('enough')), 60))
    await expect(run(through, stop.signal)).rejects.toThrow('enough')
    finish(0)
  })

  it('fails with what broke it where the engine never began, rather than count as done', async () => {
    let nowMs = 0
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => nowMs,
      sleep: (ms) => Promise.resolve(void (nowMs += ms)),
    }
    const hijack = (): Promise<Hijacked> => {
      const socket = new Duplex({ read: () => undefined, write: (_, __, taken) => taken() })
      setTimeout(() => socket.destroy(new Error('read ECONNRESET')), 100)
      return Promise.resolve({ socket, status: 101, headers: {}, multiplexed: true })
    }
    const through: Engine = Object.assign(Object.create(engine) as Engine, {
      hijack,
      request: engine.request.bind(engine),
    })
    const running = runInContainer(through, { id, command: { command: ['hook'] }, tty: false, clock }, read, {})
    await expect(running).rejects.toThrow('read ECONNRESET')
    expect(nowMs).toBeGreaterThanOrEqual(5000)
  })

  it('fails with what broke it when the engine is gone too', async () => {
    const through = resetting(() => void fake.stop())
    await expect(run(through)).rejects.toThrow('read ECONNRESET')
    finish(0)
  })
})
