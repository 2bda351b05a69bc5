import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { ensurePrograms, programForms } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

/**
 * A manager that dies at any step of a create: what was acknowledged exists once, what was not exists at most once and
 * can be found and removed (reliability.md F-M1, F-M6). The built program, failing where its failpoints are.
 */

const SWARM_ID = 'com.docker.swarm.id'

interface Answer {
  /** 0 when the connection broke before an answer was complete. */
  readonly status: number
  readonly body: string
}

let folder = ''
let socket = ''
let engines: FakeEngine[] = []
let manager: ChildProcess | undefined
let log = ''

beforeAll(async () => {
  ensurePrograms()
  folder = await mkdtemp(join(tmpdir(), 'flotilla-crash-'))
  socket = join(folder, 'swarm.sock')
  engines = await Promise.all(
    ['a', 'b', 'c'].map((name) => startFakeEngine({ name, cpus: 64, memoryBytes: 2 ** 36, images: ['app:1'] })),
  )
})

afterEach(() => {
  manager?.kill('SIGKILL')
})

afterAll(async () => {
  manager?.kill('SIGKILL')
  await Promise.all(engines.map((engine) => engine.stop()))
  await rm(folder, { recursive: true, force: true })
})

function address(engine: FakeEngine): string {
  const { endpoint } = engine
  return endpoint.kind === 'tcp' ? `${endpoint.host}:${endpoint.port}` : ''
}

/** Starts a manager and waits until it has all engines. */
async function startManager(failpoints = '', flags: readonly string[] = [], expected = engines.length): Promise<void> {
  const form = programForms[0]
  if (form === undefined) throw new Error('no program form')
  const args = ['manage', '-H', `unix://${socket}`, ...flags, `nodes://${engines.map(address).join(',')}`]
  const child = form.start('swarm', args, { env: { FLOTILLA_FAILPOINTS: failpoints } })
  manager = child
  log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
  await eventually(() => log.match(/Registered Engine/g)?.length === expected, 30_000, 'registration')
}

function isDead(): boolean {
  return manager === undefined || manager.exitCode !== null || manager.signalCode !== null
}

function call(method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const sent = request({ socketPath: socket, method, path, headers, agent: false }, (reply) => {
      let all = ''
      reply.setEncoding('utf8')
      reply.on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: all }))
      reply.on('error', () => resolve({ status: 0, body: all }))
    })
    sent.on('error', () => resolve({ status: 0, body: '' }))
    sent.end(text)
  })
}

/** Containers with this name on all engines, read past the manager. */
function onEngines(name: string): readonly string[] {
  return engines.flatMap((engine) =>
    [...engine.state.containers.values()].filter((each) => each.name === name).map((each) => each.id),
  )
}

async function listed(name: string): Promise<readonly string[]> {
  const { body } = await call('GET', '/containers/json?all=1')
  const rows = JSON.parse(body) as { readonly Id: string; readonly Names: readonly string[] }[]
  return rows.filter((row) => row.Names.some((each) => each.endsWith(`/${name}`))).map((row) => row.Id)
}

/** Every step of a create, and whether the container can be there when the manager dies at it. */
const steps = [
  ['create.beforePlace', 0],
  ['create.afterPlace', 0],
  ['create.beforeEngineCall', 0],
  ['create.afterEngineReply', 1],
  ['create.beforeReply', 1],
] as const

describe('a manager killed in the middle of a create', () => {
  it.each(steps)(
    '%s: the container exists %i times, is listed, and its name can be used again',
    async (point, count) => {
      const name = point.replace('.', '-')
      await startManager(`${point}=2*kill`)
      expect((await call('POST', `/containers/create?name=${name}-first`, { Image: 'app:1' })).status).toBe(201)
      expect((await call('POST', `/containers/create?name=${name}`, { Image: 'app:1' })).status).toBe(0)
      await eventually(isDead, 10_000, 'the end of the manager')
      expect(onEngines(`${name}-first`)).toHaveLength(1)
      expect(onEngines(name)).toHaveLength(count)

      await startManager()
      expect(await listed(`${name}-first`)).toEqual(onEngines(`${name}-first`))
      expect(await listed(name)).toEqual(onEngines(name))
      // Nothing is reserved any more for what never came to be; what did is found and removed by its name.
      const again = await call('POST', `/containers/create?name=${name}`, { Image: 'app:1' })
      expect(again.status).toBe(count === 0 ? 201 : 409)
      expect((await call('DELETE', `/containers/${name}?force=1`)).status).toBe(204)
      expect(onEngines(name)).toEqual([])
    },
  )

  it('killed at random under load: nothing acknowledged is lost, nothing exists twice, all of it carries our label', async () => {
    const acknowledged = new Set<string>()
    const removed = new Set<string>()
    const asked = new Set<string>()
    const seed = Number(process.env['FLOTILLA_SEED'] ?? Date.now() % 1_000_000)
    let state = seed
    const random = (): number => (state = (state * 48_271 + 11) % 2_147_483_647) / 2_147_483_647
    for (let round = 0; round < 6; round += 1) {
      await startManager()
      const victim = manager
      const load = { isOver: false, made: 0 }
      const clients = Array.from({ length: 8 }, async (_, client) => {
        for (let turn = 0; !load.isOver; turn += 1) {
          const name = `load-${round}-${client}-${turn}`
          asked.add(name)
          const made = await call('POST', `/containers/create?name=${name}`, { Image: 'app:1' })
          if (made.status === 201) {
            acknowledged.add(name)
            load.made += 1
          }
          if (made.status === 201 && random() < 0.3) {
            const gone = await call('DELETE', `/containers/${name}`)
            // An unknown outcome may be either.
            if (gone.status === 204) removed.add(name)
            else acknowledged.delete(name)
          }
        }
      })
      // As many as a quick machine makes in some tenths of a second; a slow one gets the time it takes.
      const enough = 10 + random() * 50
      await eventually(() => load.made >= enough, 60_000, 'creates')
      load.isOver = true
      victim?.kill('SIGKILL')
      await Promise.all(clients)
      await eventually(isDead, 10_000, 'the end of the manager')
    }
    const counts = new Map<string, number>()
    const unlabelled: string[] = []
    const swarmIds = new Map<string, number>()
    for (const engine of engines) {
      for (const container of engine.state.containers.values()) {
        if (!container.name.startsWith('load-')) continue
        counts.set(container.name, (counts.get(container.name) ?? 0) + 1)
        const id = container.config.Labels?.[SWARM_ID]
        if (id === undefined) unlabelled.push(container.name)
        else swarmIds.set(id, (swarmIds.get(id) ?? 0) + 1)
      }
    }
    const message = `seed ${seed}`
    expect(
      [...acknowledged].filter((name) => !removed.has(name) && counts.get(name) !== 1),
      message,
    ).toEqual([])
    expect(
      [...removed].filter((name) => counts.has(name)),
      message,
    ).toEqual([])
    expect(
      [...counts].filter(([name, count]) => count > 1 || !asked.has(name)),
      message,
    ).toEqual([])
    expect(
      [...swarmIds].filter(([, count]) => count > 1),
      message,
    ).toEqual([])
    expect(unlabelled, message).toEqual([])
  })
})

describe('a manager that is killed and started anew over a thousand containers', () => {
  it('has them all in its first list, and takes none of their names', async () => {
    const made = engines.flatMap((engine, at) =>
      Array.from({ length: 334 }, (_, index) => {
        const name = `old-${at}-${index}`
        engine.addContainer({ Image: 'app:1' }, { name, state: 'exited' })
        return { engine, name }
      }),
    )
    try {
      await startManager()
      manager?.kill('SIGKILL')
      await eventually(isDead, 10_000, 'the end of the manager')
      const startMs = performance.now()
      await startManager()
      const rows = JSON.parse((await call('GET', '/containers/json?all=1')).body) as { readonly Names: string[] }[]
      console.log(`a thousand containers served after ${Math.round(performance.now() - startMs)} ms`)
      const names = new Set(rows.map((row) => row.Names[0]?.replace(/^\/[abc]\//, '')))
      expect(made.filter(({ name }) => !names.has(name))).toEqual([])
      expect((await call('POST', '/containers/create?name=old-1-7', { Image: 'app:1' })).status).toBe(409)
    } finally {
      for (const { engine, name } of made) {
        engine.state.containers.delete(engine.state.names.get(name) ?? '')
        engine.state.names.delete(name)
      }
    }
  })
})

describe('an exception in a handler', () => {
  it.each(['error(made up)', 'panic'])(
    '%s hurts its own request only: it is answered 500 and logged, the rest goes on',
    async (action) => {
      await startManager(`create.beforePlace=2*${action}`)
      expect((await call('POST', '/containers/create?name=well', { Image: 'app:1' })).status).toBe(201)
      const events = request({ socketPath: socket, path: '/events', agent: false })
      const stream = new Promise<number>((resolve) => events.on('response', (reply) => resolve(reply.statusCode ?? 0)))
      events.end()
      expect(await stream).toBe(200)
      const broken = await call('POST', '/containers/create?name=broken', { Image: 'app:1' })
      expect(broken).toEqual({ status: 500, body: expect.stringMatching(/made up|panic/) as string })
      await eventually(() => /level=error/.test(log), 5000, 'the log line')
      expect((await call('GET', '/_ping')).body).toBe('OK')
      expect(events.destroyed).toBe(false)
      events.destroy()
      expect(isDead()).toBe(false)
      expect((await call('DELETE', '/containers/well?force=1')).status).toBe(204)
    },
  )
})

/** Every step of making a container anew that a manager can die at. */
const moves = [
  'move.beforeClaim',
  'move.afterClaim',
  'move.afterCreate',
  'move.beforeRecord',
  'move.afterRecord',
] as const

describe('a manager killed while it makes a container of a dead node anew', () => {
  it.each(moves)('%s: its successor ends with one container, running, and takes the old one away', async (point) => {
    const name = point.replace('.', '-')
    const flags = ['--state-dir', join(folder, name), '--engine-failure-retry', '1']
    await startManager(`${point}=kill`, flags)
    const body = { Image: 'app:1', Env: ['reschedule:on-node-failure', 'constraint:node==~a'] }
    expect((await call('POST', `/containers/create?name=${name}`, body)).status).toBe(201)
    expect((await call('POST', `/containers/${name}/start`)).status).toBe(204)
    const home = engines.find((engine) => engine.state.names.has(name))
    if (home === undefined) throw new Error('the container is on no engine')
    const others = engines.filter((engine) => engine !== home)
    try {
      await home.stop()
      await eventually(isDead, 60_000, 'the end of the manager')
      await startManager('', flags, others.length)
      const running = (): number =>
        others.reduce(
          (sum, engine) =>
            sum +
            [...engine.state.containers.values()].filter((each) => each.name === name && each.status === 'running')
              .length,
          0,
        )
      await eventually(() => running() === 1, 60_000, 'the container on another node')
      await home.start()
      await eventually(() => onEngines(name).length === 1, 60_000, 'the end of the old container')
      expect(running()).toBe(1)
      expect(await listed(name)).toEqual(onEngines(name))
    } finally {
      await home.start().catch(() => undefined)
    }
    expect((await call('DELETE', `/containers/${name}?force=1`)).status).toBe(204)
  })
})
