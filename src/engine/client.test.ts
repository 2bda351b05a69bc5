import { getEventListeners } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../io/clock.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine, FakeEngineOptions, FakeFault } from '../testing/fake-engine/fake-engine.ts'
import { startFaultProxy } from '../testing/fault-proxy.ts'
import type { ProxyFault } from '../testing/fault-proxy.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { putArchive } from './api/archive.ts'
import { listContainers, startContainer } from './api/containers.ts'
import { watchEvents } from './api/events.ts'
import { loadImages, pullImage } from './api/images.ts'
import { ping } from './api/system.ts'
import { openEngine } from './client.ts'
import { isEngineDown } from './errors.ts'
import type { EngineOptions } from './client.ts'
import type { Engine } from './engine.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function startFake(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const fake = await startFakeEngine({ images: ['box:1'], ...options })
  stops.push(() => fake.stop())
  return fake
}

function open(endpoint: Engine['endpoint'], options: Partial<EngineOptions> = {}): Engine {
  const engine = openEngine(endpoint, { clock: systemClock, userAgent: 'test', ...options })
  stops.push(() => engine.close())
  return engine
}

async function openThrough(fault: ProxyFault): Promise<{ engine: Engine; address: string }> {
  const fake = await startFake()
  if (fake.endpoint.kind !== 'tcp') throw new Error('the fake listens elsewhere')
  const proxy = await startFaultProxy(fake.endpoint, { fault })
  stops.push(() => proxy.stop())
  const { host, port } = proxy
  return { engine: open({ kind: 'tcp', host, port }), address: `tcp://${host}:${port}` }
}

/** A server that answers each connection with fixed bytes. */
async function startRaw(serve: (socket: Socket) => void): Promise<Engine['endpoint']> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  stops.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  )
  return { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

describe('negotiation', () => {
  it.each([
    ['1.41', '1.41'],
    ['1.24', '1.24'],
    ['1.99', '1.51'],
  ])('with an engine of API %s settles on %s and asks once', async (theirs, used) => {
    const fake = await startFake({ apiVersion: theirs })
    const engine = open(fake.endpoint)
    expect(await Promise.all([engine.apiVersion(), engine.apiVersion()])).toEqual([used, used])
    await listContainers(engine)
    expect(fake.requests.map((request) => [request.path, request.version])).toEqual([
      ['/_ping', ''],
      ['/containers/json', used],
    ])
  })

  it('is left out when the version is pinned', async () => {
    const fake = await startFake()
    await listContainers(open(fake.endpoint, { apiVersion: '1.30' }))
    expect(fake.requests.map((request) => request.version)).toEqual(['1.30'])
  })

  it('refuses an engine that is too old, by name', async () => {
    const fake = await startFake({ apiVersion: '1.10' })
    await expect(open(fake.endpoint).apiVersion()).rejects.toMatchObject({
      code: 'engine/version',
      message: expect.stringContaining('speaks API 1.10; the oldest version supported is 1.24'),
    })
  })

  it('passes on that an engine wants a newer client', async () => {
    const fake = await startFake({ apiVersion: '1.99', minApiVersion: '1.60' })
    await expect(listContainers(open(fake.endpoint))).rejects.toMatchObject({
      code: 'engine/version',
      message: expect.stringContaining('client version 1.51 is too old. Minimum supported API version is 1.60'),
    })
  })

  it('is repeated when it failed, and when the engine was exchanged for an older one', async () => {
    const fake = await startFake({ apiVersion: '1.45' })
    const engine = open(fake.endpoint)
    const heal = fake.fail({ path: /_ping/, fault: { kind: 'status', status: 500, message: 'starting' } })
    await expect(engine.apiVersion()).rejects.toMatchObject({ code: 'engine/server', message: 'starting' })
    heal()
    expect(await engine.apiVersion()).toBe('1.45')
    fake.fail({
      path: /containers/,
      times: 1,
      fault: {
        kind: 'status',
        status: 400,
        message: 'client version 1.45 is too new. Maximum supported API version is 1.41',
      },
    })
    await expect(listContainers(engine)).rejects.toMatchObject({ code: 'engine/version' })
    await listContainers(engine)
    expect(fake.requests.filter((request) => request.path === '/_ping')).toHaveLength(3)
  })
})

describe('a broken engine', () => {
  const outcomes: readonly (readonly [FakeFault, string, RegExp])[] = [
    [{ kind: 'garbage' }, 'engine/protocol', /^invalid answer from engine "tcp:.*": the peer does not speak HTTP$/],
    [{ kind: 'truncate' }, 'engine/unreachable', /closed in the middle of its answer$/],
    [{ kind: 'reset' }, 'engine/unreachable', /^cannot reach engine "tcp:.*": /],
    [{ kind: 'status', status: 500, message: 'disk full' }, 'engine/server', /^disk full$/],
    [
      { kind: 'reply', body: '[{"Id":' },
      'engine/protocol',
      /^invalid answer from engine "tcp:.*": the answer is not JSON/,
    ],
    [{ kind: 'reply', body: '['.repeat(5000) }, 'engine/protocol', /nests deeper than 128 levels$/],
    [
      { kind: 'reply', status: 502, contentType: 'text/html', body: '<h1>Bad\u001b[31m</h1>' },
      'engine/server',
      /^"Bad \[31m"$/,
    ],
    [{ kind: 'reply', status: 503, contentType: 'text/plain', body: '' }, 'engine/server', /^the engine answered 503/],
    [{ kind: 'reply', status: 500, body: 'x'.repeat(1_000_000) }, 'engine/server', /^x{65536}$/],
  ]
  it.each(outcomes)('that answers with %j is told from a working one', async (fault, code, message) => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    // A connection that breaks before any answer may just have been idle too long, so it is tried twice.
    fake.fail({ path: /containers/, times: fault.kind === 'reset' ? 2 : 1, fault })
    await expect(listContainers(engine)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(await listContainers(engine)).toEqual([])
  })

  it('that hangs costs no more than the deadline and names the call', async () => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    await engine.apiVersion()
    fake.fail({ path: /containers/, fault: { kind: 'hang' } })
    const error: unknown = await listContainers(engine, {}, { deadlineMs: 30 }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'engine/timeout',
      message: expect.stringMatching(/^engine "tcp:.*" did not answer GET \/containers\/json within 30 ms$/),
    })
    expect(isEngineDown(error)).toBe(true)
  })

  it('that is not there is named with the reason', async () => {
    const fake = await startFake()
    await fake.stop()
    await expect(ping(open(fake.endpoint))).rejects.toMatchObject({
      code: 'engine/unreachable',
      message: expect.stringMatching(/^cannot reach engine "tcp:.*": connection refused$/),
    })
    await expect(ping(open({ kind: 'unix', path: '/nonexistent/docker.sock' }))).rejects.toMatchObject({
      message: 'cannot reach engine "unix:///nonexistent/docker.sock": no such socket',
      hint: 'Is the Docker daemon running?',
    })
  })

  it('that sends a redirect is not followed', async () => {
    const endpoint = await startRaw((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n'),
      )
    })
    const reply = await open(endpoint).request({ method: 'GET', path: '/x', unversioned: true })
    expect(reply.status).toBe(302)
    await reply.bytes()
  })

  it('behind a spoiled connection fails in a bounded time', async () => {
    const hole = await openThrough({ kind: 'black-hole' })
    await expect(ping(hole.engine, { deadlineMs: 30 })).rejects.toMatchObject({ code: 'engine/timeout' })
    const cut = await openThrough({ kind: 'truncate', afterBytes: 20 })
    await expect(ping(cut.engine)).rejects.toMatchObject({
      code: 'engine/unreachable',
      message: `cannot reach engine "${cut.address}": the connection was closed before it answered`,
    })
    const reset = await openThrough({ kind: 'reset', afterBytes: 20 })
    await expect(ping(reset.engine)).rejects.toMatchObject({ code: 'engine/unreachable' })
    const drip = await openThrough({ kind: 'drip', bytes: 1, everyMs: 5 })
    await expect(ping(drip.engine, { deadlineMs: 60 })).rejects.toMatchObject({ code: 'engine/timeout' })
    const slow = await openThrough({ kind: 'latency', ms: 5 })
    expect(await ping(slow.engine)).toMatchObject({ apiVersion: '1.41' })
  })

  it('that accepts TLS connections and never shakes hands is given up', async () => {
    const endpoint = await startRaw((socket) => socket.resume())
    if (endpoint.kind !== 'tcp') throw new Error('unexpected')
    const engine = open({ ...endpoint, tls: { isVerified: true } }, { connectDeadlineMs: 30 })
    await expect(ping(engine)).rejects.toMatchObject({
      code: 'engine/unreachable',
      message: expect.stringContaining('no connection within 30 ms'),
    })
  })
})

describe('calls', () => {
  it('reuse the connection of an answer without body, as starts and stops get it', async () => {
    let opened = 0
    const endpoint = await startRaw((socket) => {
      opened += 1
      socket.on('data', () => socket.write('HTTP/1.1 204 No Content\r\nApi-Version: 1.41\r\n\r\n'))
    })
    const engine = open(endpoint, { apiVersion: '1.41' })
    for (const id of ['a', 'b', 'c']) await startContainer(engine, id)
    expect(opened).toBe(1)
  })

  it('reuse one connection, and survive that the engine has closed it meanwhile', async () => {
    const fake = await startFake()
    if (fake.endpoint.kind !== 'tcp') throw new Error('the fake listens elsewhere')
    const proxy = await startFaultProxy(fake.endpoint)
    stops.push(() => proxy.stop())
    const engine = open({ kind: 'tcp', host: proxy.host, port: proxy.port })
    for (let turn = 0; turn < 5; turn += 1) await listContainers(engine)
    expect(proxy.accepted).toBe(1)
    fake.dropConnections()
    expect(await listContainers(engine)).toEqual([])
    expect(proxy.accepted).toBe(2)
  })

  it('over ssh knock a few at a time, however many they are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'client-ssh-'))
    stops.push(() => rm(folder, { recursive: true }))
    const log = join(folder, 'log')
    const answer = String.raw`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]`
    const script = `#!/bin/sh\necho + >>${log}\nsleep 0.2\necho - >>${log}\nread -r line\nprintf '${answer}'\n`
    await writeFile(join(folder, 'ssh'), script, { mode: 0o755 })
    const env = { PATH: [folder, process.env['PATH']].join(delimiter) }
    const engine = open({ kind: 'ssh', host: 'far' }, { apiVersion: '1.41', env })
    await Promise.all(Array.from({ length: 12 }, () => listContainers(engine)))
    let most = 0
    let knocking = 0
    for (const mark of (await readFile(log, 'utf8')).trim().split('\n')) {
      knocking += mark === '+' ? 1 : -1
      most = Math.max(most, knocking)
    }
    expect([most <= 4, knocking]).toEqual([true, 0])
  })

  it('that change something are never sent twice', async () => {
    let count = 0
    const endpoint = await startRaw((socket) => {
      socket.on('data', (chunk: Buffer) => {
        count += chunk.toString().startsWith('POST') ? 1 : 0
        if (chunk.toString().startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK')
        else socket.destroy()
      })
    })
    const engine = open(endpoint, { apiVersion: '1.41' })
    await ping(engine)
    await expect(engine.request({ method: 'POST', path: '/containers/x/start' })).rejects.toMatchObject({
      code: 'engine/unreachable',
    })
    expect(count).toBe(1)
  })

  it('end at once when they are cancelled, with the reason of who did it', async () => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    await engine.apiVersion()
    fake.fail({ fault: { kind: 'hang' } })
    const stop = new AbortController()
    const reason = new Error('the user has seen enough')
    const call = listContainers(engine, {}, { signal: stop.signal })
    stop.abort(reason)
    await expect(call).rejects.toBe(reason)
    await expect(listContainers(engine, {}, { signal: stop.signal })).rejects.toBe(reason)
  })

  it('under way are rejected by close, which can be called twice', async () => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    await engine.apiVersion()
    fake.fail({ fault: { kind: 'hang' } })
    const call = listContainers(engine)
    const outcome = expect(call).rejects.toMatchObject({ code: 'engine/unreachable' })
    await new Promise<void>((resolve) => setImmediate(resolve))
    await engine.close()
    await engine.close()
    await outcome
  })

  it('refuse a path or header that would break out of its line', async () => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    await expect(engine.request({ method: 'GET', path: '/x\r\nEvil: 1' })).rejects.toMatchObject({
      code: 'engine/protocol',
    })
    await expect(
      engine.request({ method: 'GET', path: '/x', headers: { 'X-A': 'b\r\nEvil: 1' } }),
    ).rejects.toMatchObject({ code: 'engine/protocol' })
    expect(fake.requests.map((request) => request.path)).toEqual(['/_ping'])
  })

  it('leave no listeners on a signal that lives long', async () => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    const { signal } = new AbortController()
    for (let turn = 0; turn < 10; turn += 1) await listContainers(engine, {}, { signal, deadlineMs: 1000 })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('streams', () => {
  it('of an engine that says nothing for too long fail, while a slow reader harms nobody', async () => {
    const clock = manualClock()
    const endpoint = await startRaw((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"status":"Pull"}\r\n')
      })
      socket.on('end', () => socket.end())
    })
    const progress = await pullImage(open(endpoint, { apiVersion: '1.41', clock }), { fromImage: 'box' })
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const document of progress) seen.push(document)
    })()
    const outcome = expect(reading).rejects.toMatchObject({
      code: 'engine/timeout',
      message: expect.stringContaining('sent nothing for 60000 ms after POST /images/create'),
    })
    await clock.advance(60_000)
    await clock.advance(60_000)
    await outcome
    expect(seen).toEqual([{ status: 'Pull' }])
  })

  it('of a pull are waited for while the engine answers others: it may be unpacking', async () => {
    const clock = manualClock()
    let finish = (): void => {}
    let pings = 0
    const endpoint = await startRaw((socket) => {
      socket.on('data', (data) => {
        if (data.toString().startsWith('GET /_ping')) {
          pings += 1
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK')
          return
        }
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"status":"Pull"}\r\n')
        finish = () => socket.write('11\r\n{"status":"Done"}\r\n0\r\n\r\n')
      })
    })
    const engine = open(endpoint, { apiVersion: '1.41', clock })
    const seen: unknown[] = []
    const read = async (): Promise<void> => {
      for await (const document of await pullImage(engine, { fromImage: 'box' })) seen.push(document)
    }
    const reading = read()
    await expect.poll(() => seen.length).toBe(1)
    for (let minute = 1; minute <= 5; minute += 1) {
      await clock.advance(60_000)
      await expect.poll(() => pings).toBe(minute)
    }
    finish()
    await reading
    expect(seen).toEqual([{ status: 'Pull' }, { status: 'Done' }])
    const stuck = expect(read()).rejects.toThrow('sent nothing for 900000 ms after POST /images/create')
    await expect.poll(() => seen.length).toBe(3)
    for (let minute = 1; minute <= 15; minute += 1) {
      await clock.advance(60_000)
      if (minute < 15) await expect.poll(() => pings).toBe(5 + minute)
    }
    await stuck
  })

  it('of events are not bound by the deadline of their beginning, and end with the engine', async () => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    const events = await watchEvents(engine, {}, { deadlineMs: 400 })
    const seen: string[] = []
    const reading = (async () => {
      for await (const event of events) seen.push(event.Action)
    })()
    await systemClock.sleep(500)
    fake.addContainer({ Image: 'box:1' }, { name: 'late' })
    await expect.poll(() => seen).toContain('create')
    fake.dropStreams()
    await reading
  })

  it('that fail while they are sent reject with the failure of their source', async () => {
    const fake = await startFake()
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('some bytes')
        throw new Error('the file has gone')
      })(),
    )
    await expect(loadImages(open(fake.endpoint), broken)).rejects.toThrow('the file has gone')
  })

  it('that cannot be sent at all are given up too', async () => {
    const source = Readable.from([Buffer.from('a'), Buffer.from('b')])
    const loading = loadImages(open({ kind: 'unix', path: '/nonexistent/docker.sock' }), source)
    await expect(loading).rejects.toMatchObject({ code: 'engine/unreachable' })
    expect(source.destroyed).toBe(true)
  })

  it('may take as long as they move, and fail at the deadline when they do not', async () => {
    const clock = manualClock()
    let heard = ''
    const endpoint = await startRaw((socket) => {
      socket.on('data', (data) => {
        heard += data.toString()
        if (data.toString().endsWith('0\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      })
    })
    const engine = open(endpoint, { apiVersion: '1.41', clock })
    const slow = new PassThrough()
    const putting = putArchive(engine, 'c', { path: '/' }, slow)
    for (let count = 0; count < 6; count += 1) {
      slow.write('piece')
      await expect.poll(() => heard.split('piece').length).toBe(count + 2)
      await clock.advance(10 * 60_000)
    }
    slow.end()
    await putting
    const stuck = new PassThrough()
    const outcome = expect(putArchive(engine, 'c', { path: '/' }, stuck)).rejects.toMatchObject({
      code: 'engine/timeout',
      message: expect.stringContaining('did not answer PUT /containers/c/archive within 900000 ms'),
    })
    stuck.write('piece')
    await systemClock.sleep(20)
    await clock.advance(15 * 60_000)
    await clock.advance(15 * 60_000)
    await outcome
    expect(stuck.destroyed).toBe(true)
  })

  it('that an engine refuses half-way are given up and the refusal is told', async () => {
    const endpoint = await startRaw((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 13\r\nConnection: close\r\n\r\nfar too large')
      })
      socket.resume()
    })
    const endless = Readable.from(
      (async function* () {
        for (;;) {
          yield Buffer.alloc(64 * 1024)
          await new Promise<void>((resolve) => setImmediate(resolve))
        }
      })(),
    )
    const loading = loadImages(open(endpoint, { apiVersion: '1.41' }), endless)
    await expect(loading).rejects.toMatchObject({ status: 413, message: 'far too large' })
    await expect.poll(() => endless.destroyed).toBe(true)
  })

  it('are not read ahead of their consumer', async () => {
    let sent = 0
    const endpoint = await startRaw((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        const piece = Buffer.alloc(64 * 1024)
        function more(): void {
          while (!socket.destroyed && sent < 1e9) {
            sent += piece.length
            if (!socket.write(piece)) {
              socket.once('drain', more)
              return
            }
          }
        }
        more()
      })
    })
    const reply = await open(endpoint).request({ method: 'GET', path: '/x', unversioned: true, stream: true })
    // Kernels take some of it late: over when nothing moved for a while.
    for (let before = 0; sent !== before;) {
      before = sent
      await systemClock.sleep(100)
    }
    expect(sent).toBeLessThan(1e9)
    reply.body.destroy()
  })
})

describe('hijack', () => {
  it.each([
    ['HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nUpgrade: tcp\r\n\r\n', false],
    ['HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\r\n', true],
    // Old engines and docker-py style servers.
    ['HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n', false],
  ])('after %j keeps the first bytes and both half-closes', async (head, multiplexed) => {
    const endpoint = await startRaw((socket) => {
      let got = ''
      socket.once('data', () => {
        // First bytes in the same packet as the head.
        socket.write(`${head}early `)
        socket.on('data', (chunk: Buffer) => {
          got += chunk.toString()
        })
        // Our output comes after the client has ended its side.
        socket.on('end', () => setImmediate(() => socket.end(`late, after <${got}>`)))
      })
    })
    const hijacked = await open(endpoint, { apiVersion: '1.41' }).hijack({ method: 'POST', path: '/exec/x/start' })
    expect(hijacked.multiplexed).toBe(multiplexed)
    // Nobody reads yet: nothing may be lost.
    await systemClock.sleep(20)
    hijacked.socket.end('input')
    let text = ''
    for await (const chunk of hijacked.socket) text += String(chunk)
    expect(text).toBe('early late, after <input>')
  })

  it('that is refused tells the engine’s words, and that never comes ends at the deadline', async () => {
    const fake = await startFake()
    const engine = open(fake.endpoint)
    await expect(engine.hijack({ method: 'POST', path: '/exec/none/start', body: {} })).rejects.toMatchObject({
      code: 'engine/not-found',
      message: 'No such exec instance: none',
    })
    const silent = open(await startRaw((socket) => socket.resume()), { apiVersion: '1.41' })
    const hijack = silent.hijack({ method: 'POST', path: '/exec/x/start' }, { deadlineMs: 30 })
    await expect(hijack).rejects.toMatchObject({ code: 'engine/timeout' })
  })

  it('that answers in plain HTTP is an error', async () => {
    const endpoint = await startRaw((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'))
    })
    const hijack = open(endpoint, { apiVersion: '1.41' }).hijack({ method: 'POST', path: '/x' })
    await expect(hijack).rejects.toMatchObject({
      code: 'engine/protocol',
      message: expect.stringContaining('it answered 200 instead of switching protocols'),
    })
  })

  it('is cut when its signal fires', async () => {
    const endpoint = await startRaw((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 101 UPGRADED\r\n\r\n'))
    })
    const stop = new AbortController()
    const hijacked = await open(endpoint, { apiVersion: '1.41' }).hijack(
      { method: 'POST', path: '/x' },
      { signal: stop.signal },
    )
    stop.abort(new Error('enough'))
    await expect(hijacked.socket.toArray()).rejects.toThrow('enough')
  })
})

describe('idle connections', () => {
  it('are kept as long as they are to be kept when they come free', async () => {
    let opened = 0
    let kept = 1
    const endpoint = await startRaw((socket) => {
      opened += 1
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]'))
    })
    const engine = open(endpoint, { apiVersion: '1.41', maxIdleConnections: () => kept })
    for (let call = 0; call < 3; call += 1) await listContainers(engine)
    expect(opened).toBe(1)
    kept = 0
    for (let call = 0; call < 3; call += 1) await listContainers(engine)
    expect(opened).toBe(3)
  })
})
