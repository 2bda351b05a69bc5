import { afterEach, beforeEach, expect, it } from 'vitest'
import { createContainer, inspectContainer, startContainer } from '../../engine/api/containers.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { LABEL } from '../plan/label.ts'
import { makeMonitor } from './monitor.ts'
import type { LogSink } from './sink.ts'

let fake: FakeEngine
let engine: Engine

beforeEach(async () => {
  fake = await startFakeEngine({
    images: ['box:1'],
    programs: {
      async burst(own) {
        for (let at = 1; at <= 3; at += 1) {
          own.write('stdout', `${at}\n`)
          await own.clock.sleep(20, own.signal)
        }
        return 0
      },
    },
  })
  engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
})
afterEach(async () => {
  await engine.close()
  await fake.stop()
})

it('the output of a container that has ended is shown to its end, however slow its reader is', async () => {
  const Labels = { [LABEL.project]: 'p', [LABEL.service]: 'web' }
  const { Id: id } = await createContainer(engine, { Image: 'box:1', Cmd: ['burst'], Labels }, { name: 'p-web-1' })
  const clock = manualClock()
  const seen: string[] = []
  const gates: (() => void)[] = []
  const sink: LogSink = {
    announce() {},
    write: (_name, _stream, text) => void seen.push(text),
    room: () => new Promise((resolve) => gates.push(resolve)),
    note: (text) => void seen.push(text),
    watchNote() {},
    end() {},
  }
  const services = new Set(['web'])
  const monitor = makeMonitor(engine, { project: 'p', sink, clock, services, shown: services, hasNotes: true }, {})
  await monitor.open()
  await monitor.attach({ id, name: 'p-web-1', service: 'web' })
  await startContainer(engine, id)
  monitor.complete()
  let hasEnded = false
  void monitor.ended.then(() => (hasEnded = true))
  // It has ended, and its reader takes a minute.
  for (let seconds = 0; seconds < 60; seconds += 10) {
    await expect.poll(() => clock.sleeping).toBe(1)
    await clock.advance(10_000)
  }
  expect(seen).toEqual(['1\n'])
  expect(hasEnded).toBe(false)
  sink.room = () => undefined
  for (const open of gates) open()
  await monitor.ended
  expect(seen.join('')).toBe('1\n2\n3\nweb-1 exited with code 0')
  monitor.close()
})

it('output that was read before its start is heard of, as on a fleet, is shown once, and that of a restart too', async () => {
  const Labels = { [LABEL.project]: 'p', [LABEL.service]: 'web' }
  const { Id: id } = await createContainer(engine, { Image: 'box:1', Cmd: ['burst'], Labels }, { name: 'p-web-1' })
  const seen: string[] = []
  const sink: LogSink = {
    announce() {},
    write: (_name, _stream, text) => void seen.push(text),
    room: () => undefined,
    note: (text) => void seen.push(text),
    watchNote() {},
    end() {},
  }
  let open: () => void = () => {}
  const isRead = new Promise<void>((resolve) => (open = resolve))
  const late: Engine = {
    endpoint: engine.endpoint,
    apiVersion: (o) => engine.apiVersion(o),
    hijack: (r, o) => engine.hijack(r, o),
    close: () => engine.close(),
    async request(r, o) {
      const reply = await engine.request(r, o)
      if (r.path !== '/events') return reply
      async function* documents<T>(): AsyncIterable<T> {
        for await (const event of reply.documents<T>()) {
          await isRead
          yield event
        }
      }
      return Object.assign(Object.create(reply) as typeof reply, { documents })
    },
  }
  const services = new Set(['web'])
  const options = { project: 'p', sink, clock: systemClock, services, shown: services, hasNotes: true }
  const monitor = makeMonitor(late, options, {})
  await monitor.open()
  await monitor.attach({ id, name: 'p-web-1', service: 'web' })
  await startContainer(engine, id)
  await expect.poll(() => seen.join('')).toBe('1\n2\n3\n')
  // The stream has ended, too.
  await expect.poll(async () => (await inspectContainer(engine, id)).State.Status).toBe('exited')
  await systemClock.sleep(50)
  open()
  await expect.poll(() => seen.join('')).toBe('1\n2\n3\nweb-1 exited with code 0')
  await startContainer(engine, id)
  await expect.poll(() => seen.join('')).toBe('1\n2\n3\nweb-1 exited with code 01\n2\n3\nweb-1 exited with code 0')
  monitor.close()
})
