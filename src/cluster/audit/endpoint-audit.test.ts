import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { openEngine } from '../../engine/client.ts'
import { parseEndpoint, renderEndpoint } from '../../engine/endpoint-parse.ts'
import { systemClock } from '../../io/clock.ts'
import { armFailpoints } from '../../io/failpoint.ts'
import { requestWeb } from '../../io/http/web.ts'
import type { WebReply } from '../../io/http/web.ts'
import { systemRandom } from '../../io/random.ts'
import { RingFile } from '../../io/ring-file.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { memoryElection } from '../../testing/memory-election.ts'
import type { MemoryElection } from '../../testing/memory-election.ts'
import { nodes } from '../discovery/nodes.ts'
import { startEndpoint } from '../endpoint.ts'
import type { RunningEndpoint } from '../endpoint.ts'
import { defaultFilters } from '../filters/default-filters.ts'
import { spreadStrategy } from '../strategies/spread.ts'
import type { AuditFields } from './line.ts'
import { readLine } from './line.ts'
import { openAudit } from './open-audit.ts'

/** The log of a real endpoint over fake engines. */

const cleanups: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Bed {
  readonly endpoint: RunningEndpoint
  readonly url: string
  readonly path: string
  ask(
    method: 'DELETE' | 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<WebReply>
  /** Lines but those of the start, once there are so many. */
  lines(count: number, limitMs?: number): Promise<readonly AuditFields[]>
}

interface Wanted {
  readonly engines?: readonly FakeEngine[]
  readonly isRequired?: boolean
  readonly memory?: MemoryElection
  readonly waitMs?: number
}

async function startBed(wanted: Wanted = {}): Promise<Bed> {
  const engines = wanted.engines ?? [await startOne('n1')]
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-audit-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'log')
  const clock = systemClock
  const audit = await openAudit({
    path,
    maxBytes: 10_000_000,
    isRequired: wanted.isRequired ?? false,
    clock,
    log: silentLog,
  })
  cleanups.push(() => audit.close())
  const port = await freePort()
  const list = engines.map((engine) => renderEndpoint(engine.endpoint).replace('tcp://', '')).join(',')
  const endpoint = await startEndpoint({
    discovery: nodes(list, { clock, log: silentLog, heartbeatMs: 1000, options: new Map() }),
    listen: [{ kind: 'tcp', host: '127.0.0.1', port }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock,
    random: systemRandom,
    log: silentLog,
    audit,
    settings: { waitMs: wanted.waitMs ?? 0 },
    ...(wanted.memory === undefined
      ? {}
      : { replication: { leader: wanted.memory.leader(), address: `127.0.0.1:${port}` } }),
  })
  cleanups.push(() => endpoint.closeNow())
  await expect.poll(() => endpoint.cluster.healthyMembers().length, { timeout: 30_000 }).toBe(engines.length)
  const url = `http://127.0.0.1:${port}`
  return {
    endpoint,
    url,
    path,
    ask: (method, where, body, headers = {}) =>
      requestWeb(
        {
          method,
          url: `${url}${where}`,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          headers: { 'Content-Type': 'application/json', ...headers },
        },
        {},
        clock,
      ),
    async lines(count, limitMs = 5000) {
      const read = async (): Promise<readonly AuditFields[]> =>
        (await readFile(path, 'utf8'))
          .trimEnd()
          .split('\n')
          .map((text) => {
            const line = readLine(text)
            if (typeof line === 'string') throw new Error(`${line}: ${text}`)
            return line.fields
          })
          .filter(({ what }) => what !== 'start')
      await expect.poll(async () => (await read()).length, { timeout: limitMs }).toBeGreaterThanOrEqual(count)
      // One too many would come at once.
      await systemClock.sleep(30)
      const lines = await read()
      expect(lines).toHaveLength(count)
      return lines
    },
  }
}

async function startOne(name: string): Promise<FakeEngine> {
  const engine = await startFakeEngine({ name, images: ['busybox:latest'], registry: ['redis:latest'] })
  cleanups.push(() => engine.stop())
  return engine
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** What is the same in every line of these tests, and what differs in each run. */
function strip(fields: AuditFields): AuditFields {
  const { seq: _seq, time: _time, prev: _prev, hash: _hash, request: _request, ms: _ms, ...rest } = fields
  return rest
}

const local = { who: 'unknown', how: 'unknown', from: '127.0.0.1' }

describe('the audit log of an endpoint', () => {
  it('has a line for each request that may change something, and none for others', async () => {
    const bed = await startBed()
    const body = { Image: 'busybox:latest', Cmd: ['sleep', '9'], Env: ['API_TOKEN=hunter2'] }
    const created = await bed.ask('POST', '/v1.41/containers/create?name=web', body, { 'X-Registry-Auth': 'hunter2' })
    expect(created.status).toBe(201)
    const { Id } = JSON.parse(created.body) as { readonly Id: string }
    expect((await bed.ask('POST', '/containers/web/start')).status).toBe(204)
    expect((await bed.ask('GET', '/containers/json')).status).toBe(200)
    expect((await bed.ask('GET', '/containers/web/logs?stdout=1')).status).toBe(200)
    expect((await bed.ask('POST', '/containers/web/update', { Memory: 5_000_000 })).status).toBe(200)
    const exec = await bed.ask('POST', '/containers/web/exec', { Cmd: ['sh', '-c', 'PASSWORD=hunter2 id'] })
    const execId = (JSON.parse(exec.body) as { readonly Id: string }).Id
    expect((await bed.ask('POST', '/containers/web/rename?name=web')).status).toBeGreaterThanOrEqual(400)
    expect((await bed.ask('POST', '/containers/none/kill')).status).toBe(404)
    expect((await bed.ask('POST', '/nothing')).status).toBe(404)
    expect((await bed.ask('DELETE', '/containers/web?force=1')).status).toBe(204)
    const lines = await bed.lines(7)
    expect(JSON.stringify(lines)).not.toContain('hunter2')
    const more = { ...local, kind: 'done' }
    const one = { ...more, node: 'n1' }
    const shownBody = { Image: 'busybox:latest', Cmd: ['sleep', '9'], Env: ['API_TOKEN=***'] }
    expect(lines.map(strip)).toEqual([
      {
        ...one,
        method: 'POST',
        path: '/containers/create',
        query: { name: 'web' },
        body: shownBody,
        status: 201,
        id: Id,
      },
      { ...one, method: 'POST', path: '/containers/web/start', status: 204 },
      { ...one, method: 'POST', path: '/containers/web/update', body: { Memory: 5_000_000 }, status: 200 },
      {
        ...one,
        method: 'POST',
        path: '/containers/web/exec',
        body: { Cmd: ['sh', '-c', 'PASSWORD=*** id'] },
        status: 201,
        id: execId,
      },
      {
        ...one,
        method: 'POST',
        path: '/containers/web/rename',
        query: { name: 'web' },
        status: expect.any(Number) as number,
        error: expect.any(String) as string,
      },
      { ...more, method: 'POST', path: '/containers/none/kill', status: 404, error: 'No such container none' },
      { ...one, method: 'DELETE', path: '/containers/web', query: { force: '1' }, status: 204 },
    ])
    for (const line of lines) {
      expect(line).toMatchObject({ request: expect.stringMatching(/^[0-9a-f]{16}$/) as string })
      expect(line['ms']).toBeGreaterThanOrEqual(0)
    }
  })

  it('has two lines for a stream: when it comes and when it is over', async () => {
    const bed = await startBed()
    await bed.ask('POST', '/containers/create?name=web', { Image: 'busybox:latest', Cmd: ['cat'], OpenStdin: true })
    await bed.ask('POST', '/containers/web/start')
    const socket = await upgrade(bed.url, '/containers/web/attach?stream=1&stdin=1&stdout=1')
    const before = await bed.lines(3)
    expect(before.map(strip).at(-1)).toEqual({
      ...local,
      kind: 'asked',
      method: 'POST',
      path: '/containers/web/attach',
      query: { stream: '1', stdin: '1', stdout: '1' },
    })
    await systemClock.sleep(120)
    socket.destroy()
    const done = (await bed.lines(4)).at(-1) ?? {}
    expect(strip(done)).toEqual({
      ...local,
      kind: 'done',
      method: 'POST',
      path: '/containers/web/attach',
      node: 'n1',
      status: 101,
    })
    expect(done['request']).toBe(before.at(-1)?.['request'])
    expect(done['ms']).toBeGreaterThanOrEqual(100)
  })

  it('tells a pull that failed under the status 200', async () => {
    const bed = await startBed()
    await bed.ask('POST', '/images/create?fromImage=none&tag=1')
    await bed.ask('POST', '/images/create?fromImage=redis&tag=latest')
    const lines = await bed.lines(4)
    expect(lines[1]).toMatchObject({ status: 200, node: 'n1', error: expect.stringContaining('n1: ') as string })
    expect(lines[3]).toMatchObject({ status: 200, node: 'n1' })
    expect(lines[3]).not.toHaveProperty('error')
  })

  it('names all nodes that a request went to', async () => {
    const bed = await startBed({ engines: [await startOne('n1'), await startOne('n2')] })
    expect((await bed.ask('POST', '/volumes/create', { Name: 'data' })).status).toBe(201)
    expect((await bed.ask('POST', '/images/busybox:latest/tag?repo=x')).status).toBe(201)
    const nodesOf = (await bed.lines(2)).map(({ node }) => String(node).split(',').sort())
    expect(nodesOf).toEqual([
      ['n1', 'n2'],
      ['n1', 'n2'],
    ])
  })

  it('keeps a body that comes in pieces, and refuses one that is too large', async () => {
    const bed = await startBed()
    const reply = await chunked(bed.url, '/containers/create', ['{"Image":"busybox:', 'latest","Hostname":"a"}'])
    expect(reply).toBe(201)
    const large = await bed.ask('POST', '/containers/none/update', { Memory: 'x'.repeat(5_000_000) })
    expect(large.status).toBe(413)
    expect((await bed.lines(2)).map(strip)).toMatchObject([
      { status: 201, body: { Image: 'busybox:latest', Hostname: 'a' } },
      { status: 413, error: 'request body is larger than 4194304 bytes' },
    ])
  })

  it('knows a request that the manager failed by the ID that the client was told', async () => {
    const bed = await startBed()
    armFailpoints([{ name: 'request.beforeHandler', action: { kind: 'error', message: 'a mistake' }, fromHit: 1 }])
    cleanups.push(() => armFailpoints([]))
    const reply = await fetch(`${bed.url}/containers/none/kill`, { method: 'POST' })
    expect(reply.status).toBe(500)
    armFailpoints([])
    const [line = {}] = await bed.lines(1)
    expect(line).toMatchObject({ status: 500, error: 'a mistake', request: reply.headers.get('x-request-id') })
  })

  it('says which manager claims to have passed a request on', async () => {
    const bed = await startBed()
    await bed.ask('POST', '/containers/none/kill', undefined, { 'x-flotilla-replica': '10.0.0.9:4000' })
    expect(await bed.lines(1)).toMatchObject([{ via: '10.0.0.9:4000', path: '/containers/none/kill' }])
  })

  it('names the manager that a request was passed on to, and by, under one ID', async () => {
    const engines = [await startOne('n1')]
    const memory = memoryElection()
    const leader = await startBed({ engines, memory })
    const replica = await startBed({ engines, memory })
    const address = leader.url.replace('http://', '')
    await expect.poll(() => replica.endpoint.role.primary).toBe(address)
    const given = { 'x-flotilla-request-id': '0123456789abcdef' }
    expect((await replica.ask('POST', '/containers/create?name=aa', { Image: 'busybox:latest' }, given)).status).toBe(
      201,
    )
    const [atReplica = {}] = await replica.lines(1)
    const [atLeader = {}] = await leader.lines(1)
    expect(atReplica).toMatchObject({ manager: address, status: 201, body: { Image: 'busybox:latest' } })
    expect(atReplica).not.toHaveProperty('node')
    expect(atLeader).toMatchObject({ via: replica.url.replace('http://', ''), node: 'n1', status: 201 })
    expect(atLeader['request']).toBe(atReplica['request'])
    expect(atLeader['request']).not.toBe('0123456789abcdef')
    // Not only creates, whose body is kept anyway.
    expect((await replica.ask('POST', '/containers/aa/update', { Memory: 1 })).status).toBe(200)
    expect((await leader.lines(2))[1]).toMatchObject({ body: { Memory: 1 }, status: 200 })
  })

  it('has one line of a create that waits for room, however often it is tried', async () => {
    const engines = [await startOne('n1')]
    const memory = memoryElection()
    const leader = await startBed({ engines, memory, isRequired: true, waitMs: 2500 })
    const replica = await startBed({ engines, memory, waitMs: 2500 })
    await expect.poll(() => replica.endpoint.role.primary).toBe(leader.url.replace('http://', ''))
    const body = { Image: 'busybox:latest', HostConfig: { NanoCpus: 9_000_000_000_000 } }
    expect((await replica.ask('POST', '/containers/create', body)).status).toBeGreaterThanOrEqual(500)
    expect((await leader.lines(2)).map(({ kind }) => kind)).toEqual(['asked', 'done'])
    expect((await replica.lines(1)).map(({ kind }) => kind)).toEqual(['done'])
  })
})

describe('what the manager does of itself', () => {
  it('has a line too: a container that a drain moves', async () => {
    const bed = await startBed({ engines: [await startOne('n1'), await startOne('n2')] })
    const labels = { 'com.docker.swarm.reschedule-policies': '["on-node-failure"]' }
    const body = { Image: 'busybox:latest', Labels: labels, Env: ['constraint:node==~n1'] }
    const made = await bed.ask('POST', '/containers/create?name=web', body)
    const { Id } = JSON.parse(made.body) as { readonly Id: string }
    await expect.poll(() => bed.endpoint.cluster.directory.findContainer('web').kind).toBe('found')
    await systemClock.sleep(1500)
    expect((await bed.ask('POST', '/flotilla/nodes/n1/drain', { Force: false })).status).toBe(200)
    const [, drain, move] = await bed.lines(3, 15_000)
    expect(drain).toMatchObject({ kind: 'done', path: '/flotilla/nodes/n1/drain', body: { Force: false } })
    expect(move).toMatchObject({
      kind: 'manager',
      who: 'manager',
      what: 'drain',
      name: 'web',
      container: Id,
      from: 'n1',
      node: 'n2',
    })
    expect(move).toHaveProperty('id')
  })
})

describe('an audit log that is required', () => {
  it('has a line for each request that is passed on, whatever ID it claims, and one for the same again', async () => {
    const bed = await startBed({ isRequired: true, waitMs: 60_000 })
    const claims = {
      'x-flotilla-replica': '10.0.0.9:4000',
      'x-flotilla-request-id': '0123456789abcdef',
      'x-flotilla-wait-id': '0'.repeat(32),
    }
    const waiting = { Image: 'busybox:latest', HostConfig: { NanoCpus: 9_000_000_000_000 } }
    for (let times = 0; times < 3; times += 1)
      expect((await bed.ask('POST', '/containers/create', waiting, claims)).status).toBe(503)
    expect((await bed.ask('POST', '/containers/create', { Image: 'busybox:latest' }, claims)).status).toBe(201)
    expect((await bed.lines(3)).map(({ kind, body }) => [kind, body])).toEqual([
      ['asked', waiting],
      ['asked', { Image: 'busybox:latest' }],
      ['done', undefined],
    ])
  })

  it('has a line on disk before anything is done', async () => {
    const bed = await startBed({ isRequired: true })
    expect((await bed.ask('POST', '/containers/create?name=aa', { Image: 'busybox:latest' })).status).toBe(201)
    const [asked = {}, done = {}] = await bed.lines(2)
    expect(strip(asked)).toEqual({
      ...local,
      kind: 'asked',
      method: 'POST',
      path: '/containers/create',
      query: { name: 'aa' },
      body: { Image: 'busybox:latest' },
    })
    expect(done).toMatchObject({ kind: 'done', node: 'n1', status: 201, request: asked['request'] })
    expect(done).not.toHaveProperty('body')
  })

  it('lets nothing be done while it cannot be written, and reads go on', async () => {
    const engine = await startOne('n1')
    const bed = await startBed({ isRequired: true, engines: [engine] })
    const broken = vi
      .spyOn(RingFile.prototype, 'append')
      .mockRejectedValue(new Error('ENOSPC: no space left on device'))
    for (let times = 0; times < 2; times += 1) {
      const refused = await bed.ask('POST', '/containers/create', { Image: 'busybox:latest' })
      expect(refused.status).toBe(503)
      expect(JSON.parse(refused.body)).toEqual({
        message:
          'nothing was done: the audit log is required (swarm.audit.required) and cannot be written: ENOSPC: no space left on device',
      })
    }
    expect(engine.requests.filter(({ path }) => path === '/containers/create')).toEqual([])
    expect((await bed.ask('GET', '/containers/json')).status).toBe(200)
    const metrics = (await bed.ask('GET', '/flotilla/metrics')).body
    expect(metrics).toContain('\nflotilla_audit_up 0\n')
    expect(metrics).toContain('\nflotilla_audit_refused_requests_total 2\n')
    expect(metrics).toMatch(/\nflotilla_audit_last_write_timestamp_seconds 1\d{9}/)
    broken.mockRestore()
    await expect
      .poll(async () => (await bed.ask('GET', '/flotilla/metrics')).body, { timeout: 30_000 })
      .toContain('\nflotilla_audit_up 1\n')
    expect((await bed.ask('POST', '/containers/create', { Image: 'busybox:latest' })).status).toBe(201)
    expect((await bed.lines(3)).map(strip)).toMatchObject([
      { kind: 'gap', lost: 0, refused: 2 },
      { kind: 'asked' },
      { kind: 'done', status: 201 },
    ])
  })
})

describe('an audit log that is not required', () => {
  it('lets all go on while it cannot be written, and catches up', async () => {
    const bed = await startBed()
    const broken = vi.spyOn(RingFile.prototype, 'append').mockRejectedValue(new Error('EIO'))
    expect((await bed.ask('POST', '/containers/create', { Image: 'busybox:latest' })).status).toBe(201)
    await expect.poll(async () => (await bed.ask('GET', '/flotilla/metrics')).body).toContain('\nflotilla_audit_up 0\n')
    broken.mockRestore()
    expect(await bed.lines(1)).toMatchObject([{ kind: 'done', status: 201 }])
  })

  it('is no metric where there is none', async () => {
    const engine = await startOne('n1')
    const endpoint = await startEndpoint({
      discovery: nodes(renderEndpoint(engine.endpoint).replace('tcp://', ''), {
        clock: systemClock,
        log: silentLog,
        heartbeatMs: 1000,
        options: new Map(),
      }),
      listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
      policy: { filters: defaultFilters, strategy: spreadStrategy },
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    })
    cleanups.push(() => endpoint.closeNow())
    const client = openEngine(parseEndpoint(endpoint.addresses[0] ?? ''), { clock: systemClock, userAgent: 'test' })
    cleanups.push(() => client.close())
    const reply = await client.request({ method: 'GET', path: '/flotilla/metrics', unversioned: true }, {})
    expect((await reply.bytes()).toString()).not.toContain('flotilla_audit')
  })
})

/** Leaves HTTP, as the docker command does for `attach`. */
function upgrade(url: string, path: string): Promise<{ destroy(): void }> {
  return new Promise((resolve, reject) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'tcp' }
    const asked = request(`${url}${path}`, { method: 'POST', headers })
    asked.on('upgrade', (_, socket) => resolve(socket))
    asked.on('response', (reply) => reject(new Error(`status ${reply.statusCode}`)))
    asked.on('error', reject)
    asked.end()
  })
}

function chunked(url: string, path: string, pieces: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' } })
    asked.on('response', (reply) => {
      reply.resume()
      resolve(reply.statusCode ?? 0)
    })
    asked.on('error', reject)
    void (async () => {
      for (const piece of pieces) {
        asked.write(piece)
        await systemClock.sleep(20)
      }
      asked.end()
    })()
  })
}

describe('a body that is not looked into', () => {
  it.each([
    ['[{', '2 bytes that are no JSON'],
    [`[${'{},'.repeat(20_000)}{}]`, '60004 bytes of JSON: more than 20000 values'],
    [`${'['.repeat(200)}${']'.repeat(200)}`, '400 bytes of JSON: nested deeper than 128 levels'],
  ])('is told by its size: %.10s', async (text, body) => {
    const bed = await startBed()
    const request = { method: 'POST', url: `${bed.url}/containers/create`, body: text } as const
    const reply = await requestWeb(request, {}, systemClock)
    expect(reply.status).toBe(400)
    expect(await bed.lines(1)).toMatchObject([{ body, status: 400 }])
  })
})
