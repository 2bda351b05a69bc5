import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import type { RunningEndpoint } from '../../cluster/endpoint.ts'
import { EndpointServer } from '../../cluster/api/server.ts'
import { defaultLimits } from '../../cluster/limits.ts'
import type { ManagerLimits } from '../../cluster/limits.ts'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { ask, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { BedAnswer } from '../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { limitOptions, readLimitOptions, renderLimit } from './limit-options.ts'

/** The defaults as the table of requirements has them (reliability.md §2), but for `request.head`: decisions/0050. */
const wanted: Readonly<Record<string, string>> = {
  'request.head': '128k',
  'request.headers': '200',
  'request.headtime': '10s',
  'request.body': '4m',
  'request.bodytime': '1m',
  'request.bodyidle': '1m',
  'request.keepalive': '1m15s',
  'request.unread': '1m',
  'json.depth': '128',
  'json.values': '20000',
  connections: '8192',
  'connections.address': '256',
  streams: '4096',
  'engine.requests': '64',
  'engine.queue': '1024',
  'engine.answer': '256m',
  call: '30s',
  'call.create': '2m',
  'call.pullidle': '1m',
  'call.gather': '10s',
  pattern: '1024',
  events: '10000',
  'events.bytes': '16m',
}

describe('limits of a manager', () => {
  it('have the defaults of the requirements', () => {
    const shown = Object.entries(limitOptions).map(([name, option]) => [name, renderLimit(option, defaultLimits)])
    expect(Object.fromEntries(shown)).toEqual(wanted)
    expect(new Set(Object.values(limitOptions).map(({ key }) => key))).toEqual(new Set(Object.keys(defaultLimits)))
  })

  it.each(Object.entries(limitOptions))('%s takes its bounds and nothing beyond', (name, option) => {
    const read = (value: string): unknown => readLimitOptions([`swarm.limit.${name}=${value}`])
    const unit = option.kind === 'duration' ? 'ms' : ''
    const factor = option.key.endsWith('Seconds') ? 1000 : 1
    expect(read(`${option.least}${unit}`)).toEqual({ [option.key]: option.least / factor })
    expect(read(`${option.most}${unit}`)).toEqual({ [option.key]: option.most / factor })
    const wrong = [`${option.least - 1}${unit}`, `${option.most + 1}${unit}`, '', 'x', '-1', '1.5', '1e3']
    for (const value of wrong) {
      expect(() => read(value)).toThrow(`swarm.limit.${name} should be `)
      expect(() => read(value)).toThrow(`, ${JSON.stringify(value)} is invalid`)
    }
    expect(() => readLimitOptions([`swarm.limit.${name}`])).toThrow(', "" is invalid')
  })

  it('are read as sizes, durations and counts; the last one counts, and other options are left alone', () => {
    const values = [
      'swarm.limit.request.body=8m',
      'swarm.limit.request.body=64k',
      'swarm.limit.call=1m30s',
      'swarm.limit.events=5',
    ]
    expect(readLimitOptions([...values, 'swarm.wait=1s', 'mesos.limit=x'])).toEqual({
      bodyBytes: 65_536,
      callSeconds: 90,
      events: 5,
    })
  })

  it('that there are not are refused, with the nearest one', () => {
    expect(() => readLimitOptions(['swarm.limit.requst.body=1m'])).toThrow(
      expect.objectContaining({
        message: 'there is no limit swarm.limit.requst.body',
        hint: 'did you mean swarm.limit.request.body?',
      }),
    )
    for (const name of ['', '__proto__', 'constructor', 'colour']) {
      expect(() => readLimitOptions([`swarm.limit.${name}=1`])).toThrow(`there is no limit swarm.limit.${name}`)
    }
    expect(() => readLimitOptions(['swarm.limit.call=0.5s'])).toThrow(
      'swarm.limit.call should be whole seconds from 1s to 24h, "0.5s" is invalid',
    )
    expect(() => readLimitOptions(['swarm.limit.request.body=1g'])).toThrow(
      'swarm.limit.request.body should be a size from 1k to 511m, "1g" is invalid',
    )
  })
})

/** Does something when the test is over. */
type After = (clean: () => void | Promise<void>) => void

/** A manager over one fake engine, as `--cluster-opt` would set it up. */
interface Place {
  readonly after: After
  readonly limits: Partial<ManagerLimits>
  readonly engine: FakeEngine
  readonly manager: RunningEndpoint
  readonly port: number
  readonly call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<BedAnswer>
  readonly open: (text?: string) => Client
}

interface Client {
  readonly socket: Socket
  readonly heard: () => string
  readonly hasEnded: () => boolean
}

interface Wanted {
  readonly values: readonly string[]
  readonly prepare?: ((engine: FakeEngine) => void) | undefined
  readonly through?: (engine: Endpoint) => Promise<Endpoint>
}

async function start(after: After, { values, prepare, through }: Wanted): Promise<Place> {
  const engine = await startFakeEngine({ name: 'n1', images: ['box:1'] })
  engine.addContainer({ Image: 'box:1', Cmd: ['cat'], OpenStdin: true }, { name: 'c1', start: true })
  prepare?.(engine)
  const endpoint = through === undefined ? engine.endpoint : await through(engine.endpoint)
  const limits = readLimitOptions(values.map((value) => `swarm.limit.${value}`))
  const manager = await startManagerOver([{ endpoint }], { limits })
  after(async () => {
    manager.closeNow()
    await engine.stop()
  })
  const port = Number(new URL(manager.addresses[0] ?? '').port)
  function open(text = ''): Client {
    const socket = connect(port, '127.0.0.1')
    after(() => void socket.destroy())
    let [heard, hasEnded] = ['', false]
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')))
    socket.on('close', () => (hasEnded = true))
    socket.write(text)
    return { socket, heard: () => heard, hasEnded: () => hasEnded }
  }
  return { after, limits, engine, manager, port, call: (...args) => ask(port, ...args), open }
}

async function startHealthy(after: After, wanted: Wanted): Promise<Place> {
  const place = await start(after, wanted)
  await vi.waitFor(() => expect(place.manager.cluster.healthyMembers()).toHaveLength(1), 20_000)
  return place
}

function within(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 15_000, interval: 20 })
}

/** What happens in a fleet with these limits, to be compared with what happens without. */
interface Breach {
  readonly value: string
  /** Settings that the case needs whether or not the limit is lowered. */
  readonly besides?: readonly string[]
  readonly happens: (place: Place) => Promise<unknown>
  readonly lowered: unknown
  /** Absent where the default would have to be waited for. */
  readonly usual?: unknown
  readonly prepare?: (engine: FakeEngine) => void
}

async function statusOf(answer: Promise<BedAnswer>): Promise<number> {
  return (await answer).status
}

async function firstLine(client: Client): Promise<string | undefined> {
  await within(() => expect(client.heard()).toContain('\r\n'))
  return client.heard().split('\r\n', 1)[0]
}

/** The refusal of the third connection, or its answer. */
async function openThree({ open }: Place): Promise<unknown> {
  const ping = 'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n'
  const first = open(ping)
  await firstLine(first)
  await firstLine(open(ping))
  const third = open(ping)
  await firstLine(third)
  first.socket.write(ping)
  await within(() => expect(first.heard().match(/ 200 OK/g)).toHaveLength(2))
  return [third.heard().slice(9, 12), third.heard().includes('Retry-After: 1')]
}

function addContainers(engine: FakeEngine, count: number, labelLength: number): void {
  const note = 'x'.repeat(labelLength)
  for (let at = 0; at < count; at += 1) engine.addContainer({ Image: 'box:1', Labels: { note } }, { name: `n${at}` })
}

/** One subscriber that reads nothing while many large events come. @returns the last one it is given */
async function fallBehind({ engine, open, manager }: Place): Promise<unknown> {
  const { socket, heard } = open('GET /events HTTP/1.1\r\nHost: d\r\n\r\n')
  await within(() => expect(heard()).toContain('200 OK'))
  socket.pause()
  const note = 'x'.repeat(150_000)
  for (let at = 0; at < 100; at += 1) {
    engine.state.emit('container', 'exec_start', `id${at}`, { note })
    if (at % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await within(() => expect(manager.cluster.events.size).toBe(0))
  socket.resume()
  await within(() => expect(heard()).toContain('subscriber_dropped'))
  return /"message":"([^"]*)"/.exec(heard())?.[1]
}

const createHead = 'POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n'

const breaches: Readonly<Record<string, Breach>> = {
  'request.head': {
    value: '4k',
    happens: ({ call }) => statusOf(call('GET', '/_ping', undefined, { 'x-long': 'x'.repeat(5000) })),
    lowered: 431,
    usual: 200,
  },
  'request.headers': {
    value: '16',
    happens: ({ call }) =>
      statusOf(
        call('GET', '/_ping', undefined, Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`x-${at}`, 'x']))),
      ),
    lowered: 431,
    usual: 200,
  },
  'request.headtime': {
    value: '1s',
    happens: ({ open }) => firstLine(open('GET /_ping HTTP/1.1\r\nHost:')),
    lowered: 'HTTP/1.1 408 Request Timeout',
  },
  'request.body': {
    value: '1k',
    happens: ({ call }) =>
      statusOf(call('POST', '/containers/create', { Image: 'box:1', Labels: { a: 'x'.repeat(2000) } })),
    lowered: 413,
    usual: 201,
  },
  'request.bodytime': {
    value: '1s',
    async happens({ open, after }) {
      const client = open(`${createHead}Content-Length: 1000\r\n\r\n{`)
      const drip = setInterval(() => client.socket.write(' '), 200)
      after(() => clearInterval(drip))
      return [await firstLine(client), client.heard().includes('request body not complete in time')]
    },
    lowered: ['HTTP/1.1 408 Request Timeout', true],
  },
  'request.bodyidle': {
    value: '1s',
    async happens({ open }) {
      const client = open(`${createHead}Content-Length: 1000\r\n\r\n{`)
      return [await firstLine(client), client.heard().includes('request body stalled')]
    },
    lowered: ['HTTP/1.1 408 Request Timeout', true],
  },
  'request.keepalive': {
    value: '3s',
    async happens({ open }) {
      const client = open('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n')
      await within(() => expect(client.hasEnded()).toBe(true))
      return client.heard().slice(0, 15)
    },
    lowered: 'HTTP/1.1 200 OK',
  },
  'request.unread': {
    value: '1s',
    async happens({ limits, after }) {
      const server = new EndpointServer({
        clock: systemClock,
        log: silentLog,
        limits,
        handle(exchange) {
          exchange.startStream(200, [])
          // More than the buffers of the system take in on its way.
          for (let at = 0; at < 120; at += 1) exchange.write(Buffer.alloc(100_000, 'x'))
          exchange.end()
        },
      })
      const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
      const socket = connect(address.kind === 'tcp' ? address.port : 0, '127.0.0.1').pause()
      after(() => {
        socket.destroy()
        server.closeNow()
      })
      socket.write('GET /a HTTP/1.0\r\nHost: d\r\n\r\n')
      await within(() => expect(server.connectionCount).toBe(1))
      for (let at = 0; at < 80 && server.connectionCount > 0; at += 1) await pause(100)
      return server.connectionCount
    },
    lowered: 0,
    usual: 1,
  },
  'json.depth': {
    value: '16',
    async happens({ call }) {
      const body = `{"Image":"box:1","Odd":${'['.repeat(20)}${']'.repeat(20)}}`
      const answer = await call('POST', '/containers/create', body, { 'content-type': 'application/json' })
      return [answer.status, answer.body.includes('nested deeper than 16 levels')]
    },
    lowered: [400, true],
    usual: [201, false],
  },
  'json.values': {
    value: '16',
    async happens({ call }) {
      const body = `{"Image":"box:1","Odd":[${'{},'.repeat(20)}{}]}`
      const answer = await call('POST', '/containers/create', body, { 'content-type': 'application/json' })
      return [answer.status, answer.body.includes('more than 16 values')]
    },
    lowered: [400, true],
    usual: [201, false],
  },
  connections: { value: '2', happens: openThree, lowered: ['503', true], usual: ['200', false] },
  'connections.address': { value: '2', happens: openThree, lowered: ['503', true], usual: ['200', false] },
  streams: {
    value: '1',
    async happens({ open }) {
      const attach =
        'POST /containers/c1/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n' +
        'Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n'
      await firstLine(open(attach))
      const second = open(attach)
      await firstLine(second)
      return [second.heard().slice(9, 12), second.heard().includes('Retry-After: 1')]
    },
    lowered: ['503', true],
    usual: ['101', false],
  },
  'engine.requests': {
    value: '1',
    async happens({ call, engine }) {
      engine.fail({ path: /\/top$/, fault: { kind: 'delay', ms: 6000 } })
      const both = [call('GET', '/containers/c1/top'), call('GET', '/containers/c1/top')]
      const asked = (): number => engine.requests.filter(({ path }) => path.endsWith('/top')).length
      await within(() => expect(asked()).toBeGreaterThan(0))
      const endMs = performance.now() + 2000
      while (asked() < 2 && performance.now() < endMs) await pause(50)
      const atOnce = asked()
      await Promise.all(both)
      return atOnce
    },
    lowered: 1,
    usual: 2,
  },
  'engine.queue': {
    value: '0',
    besides: ['engine.requests=1'],
    async happens({ call, engine }) {
      engine.fail({ path: /\/top$/, times: 1, fault: { kind: 'delay', ms: 1000 } })
      const first = call('GET', '/containers/c1/top')
      await within(() => expect(engine.requests.some(({ path }) => path.endsWith('/top'))).toBe(true))
      const second = await call('GET', '/containers/c1/json')
      await first
      return [second.status, second.body.includes('too many requests are waiting for node n1')]
    },
    lowered: [503, true],
    usual: [200, false],
  },
  'engine.answer': {
    value: '64k',
    prepare: (engine) => addContainers(engine, 20, 5000),
    async happens({ manager }) {
      const nodes = (): string => JSON.stringify(manager.cluster.snapshot().nodes)
      await within(() => expect(nodes()).toMatch(/"n19"|is larger than/))
      return /the answer is larger than \d+ bytes/.exec(nodes())?.[0]
    },
    lowered: 'the answer is larger than 65536 bytes',
    usual: undefined,
  },
  call: {
    value: '1s',
    async happens({ call, engine }) {
      engine.fail({ path: /\/top$/, times: 1, fault: { kind: 'delay', ms: 2500 } })
      const answer = await call('GET', '/containers/c1/top')
      return [answer.status, answer.body.includes('node n1 did not answer within 1 s')]
    },
    lowered: [504, true],
    usual: [200, false],
  },
  'call.create': {
    value: '1s',
    async happens({ call, engine }) {
      engine.fail({
        method: 'POST',
        path: /\/(?:start|containers\/create|volumes\/create)$/,
        fault: { kind: 'delay', ms: 2500 },
      })
      const answers = await Promise.all([
        call('POST', '/containers/c1/start'),
        call('POST', '/containers/create', { Image: 'box:1' }),
        call('POST', '/volumes/create', { Name: 'v' }),
      ])
      return answers.map(({ status }) => status)
    },
    lowered: [504, 504, 504],
    usual: [304, 201, 201],
  },
  'call.gather': {
    value: '1s',
    async happens({ call, engine }) {
      engine.fail({ path: /\/containers\/json$/, fault: { kind: 'delay', ms: 2500 } })
      const { status, headers } = await call('GET', '/containers/json?size=1')
      return [status, headers['warning']]
    },
    lowered: [200, '199 - "no sizes from n1"'],
    usual: [200, undefined],
  },
  pattern: {
    value: '16',
    async happens({ call }) {
      const filters = encodeURIComponent(JSON.stringify({ name: ['(a|b|c|d|e|f|g|h)*'] }))
      const list = await call('GET', `/containers/json?filters=${filters}`)
      const made = await call('POST', '/containers/create', {
        Image: 'box:1',
        Env: ['constraint:node!=abcdefghijklmnopq'],
      })
      return [list.status, made.status, made.body.includes('longer than 16 characters')]
    },
    lowered: [400, 400, true],
    usual: [200, 201, false],
  },
  events: {
    value: '5',
    happens: fallBehind,
    lowered: 'more than 5 events or 16777216 bytes were waiting',
  },
  'events.bytes': {
    value: '64k',
    happens: fallBehind,
    lowered: 'more than 10000 events or 65536 bytes were waiting',
  },
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

describe.concurrent('a lowered limit takes effect', { timeout: 60_000 }, () => {
  it.for(Object.entries(breaches))('%s', async ([name, breach], { onTestFinished }) => {
    const { value, besides = [], prepare, happens, lowered } = breach
    // An engine whose answers are too large does not become healthy.
    const begin = name === 'engine.answer' ? start : startHealthy
    expect(await happens(await begin(onTestFinished, { values: [...besides, `${name}=${value}`], prepare }))).toEqual(
      lowered,
    )
    if (!('usual' in breach)) return
    expect(await happens(await begin(onTestFinished, { values: besides, prepare }))).toEqual(breach.usual)
  })

  it('call.pullidle', async ({ onTestFinished }) => {
    const { port } = await startStalling(onTestFinished, ['call.pullidle=1s'])
    const answer = await ask(port, 'POST', '/images/create?fromImage=box&tag=2')
    expect(answer.body).toContain('sent nothing for 1000 ms')
  })

  it.for([
    ['16', /the answer nests deeper than 16 levels/],
    ['128', /"kind":"healthy"|"state":"healthy"/],
  ] as const)('json.depth=%s, in an answer of an engine', async ([value, says], { onTestFinished }) => {
    const body = `${'['.repeat(20)}${']'.repeat(20)}`
    const prepare = (engine: FakeEngine): void => {
      engine.fail({ path: /^\/containers\/json$/, fault: { kind: 'reply', body } })
    }
    const { manager } = await start(onTestFinished, { values: [`json.depth=${value}`], prepare })
    await within(() => expect(JSON.stringify(manager.cluster.snapshot().nodes)).toMatch(says))
  })

  it('json.depth at its highest is no harm', async ({ onTestFinished }) => {
    const { call } = await startHealthy(onTestFinished, { values: ['json.depth=1000'] })
    for (const [depth, status] of [
      [990, 201],
      [1010, 400],
    ] as const) {
      const body = `{"Image":"box:1","Odd":${'['.repeat(depth)}${']'.repeat(depth)}}`
      expect((await call('POST', '/containers/create', body, { 'content-type': 'application/json' })).status).toBe(
        status,
      )
    }
  })

  it('for all limits that there are', () => {
    expect([...Object.keys(breaches), 'call.pullidle'].sort()).toEqual(Object.keys(limitOptions).sort())
  })
})

/** An engine whose pulls begin and never go on. */
function startStalling(after: After, values: readonly string[]): Promise<Place> {
  async function through(engine: Endpoint): Promise<Endpoint> {
    if (engine.kind !== 'tcp') throw new Error('an engine on a port')
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      const upstream = connect(engine.port, engine.host)
      for (const each of [socket, upstream]) sockets.add(each.on('error', () => undefined))
      upstream.pipe(socket)
      socket.on('data', (chunk) => {
        if (!chunk.toString('latin1').includes('/images/create')) upstream.write(chunk)
        else socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
      })
      socket.on('close', () => upstream.destroy())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    after(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return { ...engine, port: (server.address() as AddressInfo).port }
  }
  return startHealthy(after, { values, through })
}
