import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { mapLimit } from '../../core/limit.ts'
import { createContainer, inspectContainer, listContainers, startContainer } from '../../engine/api/containers.ts'
import { watchEvents } from '../../engine/api/events.ts'
import { pullImage } from '../../engine/api/images.ts'
import { containerLogs } from '../../engine/api/streams.ts'
import { engineInfo } from '../../engine/api/system.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from './fake-engine.ts'
import type { FakeEngine, FakeEngineOptions } from './fake-engine.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function start(options: FakeEngineOptions = {}): Promise<{ fake: FakeEngine; engine: Engine }> {
  const fake = await startFakeEngine({ images: ['box:1'], ...options })
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  stops.push(
    () => fake.stop(),
    () => engine.close(),
  )
  return { fake, engine }
}

describe('the fake engine', () => {
  it('says of itself what it was told', async () => {
    const { fake, engine } = await start({
      id: 'ABCD',
      name: 'node1',
      cpus: 4,
      memoryBytes: 1024,
      labels: ['zone=a'],
      serverVersion: '28.5.2',
      driver: 'overlayfs',
    })
    const { ID, Name, NCPU, MemTotal, Labels, ServerVersion, Driver } = await engineInfo(engine)
    expect({ ID, Name, NCPU, MemTotal, Labels, ServerVersion, Driver }).toEqual({
      ID: 'ABCD',
      Name: 'node1',
      NCPU: 4,
      MemTotal: 1024,
      Labels: ['zone=a'],
      ServerVersion: '28.5.2',
      Driver: 'overlayfs',
    })
    expect(fake.requests.map((request) => `${request.method} ${request.path}`)).toEqual(['GET /_ping', 'GET /info'])
  })

  it('listens on a Unix socket, and comes back there with its state', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fake-engine-'))
    stops.push(() => rm(folder, { recursive: true }))
    const { fake, engine } = await start({ listen: { kind: 'unix', path: join(folder, 'docker.sock') } })
    const id = fake.addContainer({ Image: 'box:1' }, { name: 'web' })
    await fake.stop()
    await expect(listContainers(engine)).rejects.toMatchObject({ code: 'engine/unreachable' })
    await fake.start()
    expect((await listContainers(engine)).map((row) => row.Id)).toEqual([id])
  })

  it('runs programs that a test gives it', async () => {
    const { engine } = await start({
      programs: {
        greet: (process) => {
          process.write('stdout', `hello ${process.args[1]} from ${process.env.join()}`)
          return Promise.resolve(0)
        },
      },
    })
    const { Id } = await createContainer(engine, { Image: 'box:1', Cmd: ['greet', 'world'], Env: ['A=1'] })
    await startContainer(engine, Id)
    let text = ''
    for await (const chunk of await containerLogs(engine, Id, { follow: true })) text += chunk.data.toString()
    expect(text).toBe('hello world from A=1')
  })

  it('publishes ports once, and says who holds one that is taken', async () => {
    const { engine } = await start()
    const body = { Image: 'box:1', HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } } }
    const first = await createContainer(engine, body, { name: 'first' })
    const second = await createContainer(engine, body, { name: 'second' })
    await startContainer(engine, first.Id)
    expect((await listContainers(engine))[0]?.Ports).toEqual([
      { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    ])
    await expect(startContainer(engine, second.Id)).rejects.toMatchObject({
      status: 500,
      message: expect.stringContaining('Bind for 0.0.0.0:8080 failed: port is already allocated'),
    })
  })

  it('pulls what its registry has and refuses the rest', async () => {
    const { engine } = await start({ registry: ['nginx:1.27'] })
    const seen: unknown[] = []
    for await (const document of await pullImage(engine, { fromImage: 'nginx', tag: '1.27' }))
      seen.push(document.status)
    expect(seen.at(-1)).toBe('Status: Downloaded newer image for nginx:1.27')
    await expect(pullImage(engine, { fromImage: 'redis', tag: '7' })).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining('pull access denied for redis'),
    })
  })

  it('changes health and tells of it', async () => {
    const { fake, engine } = await start()
    const id = fake.addContainer({ Image: 'box:1', Healthcheck: { Test: ['CMD', 'true'] } }, { name: 'web' })
    expect((await inspectContainer(engine, id)).State.Health?.Status).toBe('starting')
    const events = await watchEvents(engine)
    fake.setHealth(id, 'healthy')
    for await (const event of events) {
      expect(event.Action).toBe('health_status: healthy')
      break
    }
    expect((await inspectContainer(engine, id)).State.Health?.Status).toBe('healthy')
  })

  it('can do what was asked and lose the answer', async () => {
    const { fake, engine } = await start()
    fake.fail({ path: /create$/, times: 1, fault: { kind: 'lose-answer' } })
    const create = createContainer(engine, { Image: 'box:1' }, { name: 'late' }, { deadlineMs: 50 })
    await expect(create).rejects.toMatchObject({ code: 'engine/timeout' })
    expect((await inspectContainer(engine, 'late')).Name).toBe('/late')
  })

  it('fits a thousand times into one process', async () => {
    const all = await mapLimit(
      Array.from({ length: 1000 }, (_, index) => index),
      50,
      async (index) => {
        const made = await start({ id: `engine-${index}`, name: `node${index}` })
        for (let each = 0; each < 3; each += 1) made.fake.addContainer({ Image: 'box:1' })
        return made
      },
    )
    const counts = await mapLimit(all, 50, async ({ engine }) => {
      const rows = await listContainers(engine)
      return rows.length
    })
    expect(counts).toEqual(all.map(() => 3))
  })
})
