import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { testDiscovery } from '../../../test/conformance/discovery.ts'
import { toMessage } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import type { Log } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { requestWeb } from '../../io/http/web.ts'
import type { WebReply, WebRequest } from '../../io/http/web.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import type { DiscoveryContext } from '../discovery/discovery.ts'
import { token as makeToken } from '../discovery/token.ts'
import { startDiscoveryService } from './service.ts'
import type { DiscoveryServiceOptions, RunningDiscoveryService } from './service.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-tokens-'))
})
const running: RunningDiscoveryService[] = []
async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((service) => service.close()))
}
afterAll(async () => {
  await stopAll()
  await rm(folder, { recursive: true, force: true })
})

interface Served {
  readonly service: RunningDiscoveryService
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Time by which entries lapse; requests have real deadlines. */
  readonly clock: ManualClock
  readonly ask: (method: WebRequest['method'], path: string, body?: string) => Promise<WebReply>
  readonly create: () => Promise<string>
}

async function serve(options: Partial<DiscoveryServiceOptions> = {}): Promise<Served> {
  const manual = manualClock()
  // Ending waits for connections in real time; lapsing goes by the manual clock.
  const clock = { ...systemClock, monotonicMs: () => manual.monotonicMs() }
  const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] as const
  const service = await startDiscoveryService({ listen, clock, log: silentLog, ...options })
  running.push(service)
  const url = (service.addresses[0] ?? '').replace('tcp:', 'http:')
  const ask = (method: WebRequest['method'], path: string, body = ''): Promise<WebReply> =>
    requestWeb({ method, url: `${url}${path}`, body }, {}, systemClock)
  return { service, url, clock: manual, ask, create: async () => (await ask('POST', '/v1/clusters')).body }
}

function contextOf(clock: ManualClock, options: readonly (readonly [string, string])[] = [], log: Log = silentLog) {
  const context: DiscoveryContext = {
    // Deadlines of requests are real; only the pauses between them are moved by the test.
    clock: {
      ...clock,
      later: (ms: number, run: () => void) => systemClock.later?.(ms, run) ?? (() => undefined),
    },
    log,
    heartbeatMs: 10_000,
    options: new Map(options),
  }
  return context
}

/** Moves time only while the watcher sleeps: its requests come in between. */
async function advance(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5000) {
    await untilSleeping(clock)
    await clock.advance(5000)
  }
  await untilSleeping(clock)
}

async function untilSleeping(clock: ManualClock): Promise<void> {
  for (let turn = 0; clock.sleeping === 0 && turn < 100_000; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

describe('token discovery on a running service', () => {
  let clock = manualClock()
  let served: Served
  let path = ''
  const register = (addresses: readonly string[]): Promise<unknown> =>
    Promise.all(addresses.map((addr) => served.ask('POST', `${path}?ttl=3600`, addr)))
  testDiscovery('token', {
    async make(addresses) {
      served = await serve()
      path = `/v1/clusters/${await served.create()}`
      await register(addresses)
      clock = manualClock()
      return makeToken(`${served.url}${path.replace('/clusters', '')}`, contextOf(clock))
    },
    advance: (ms) => advance(clock, ms),
    async change(addresses) {
      for (const addr of JSON.parse((await served.ask('GET', path)).body) as string[]) {
        await served.ask('DELETE', `${path}/${encodeURIComponent(addr)}`)
      }
      await register(addresses)
    },
  })
})

describe('the token service', () => {
  afterEach(stopAll)

  it('makes tokens of 32 hex digits with an empty list', async () => {
    const { ask, create } = await serve()
    const token = await create()
    expect(token).toMatch(/^[0-9a-f]{32}$/)
    expect(await ask('GET', `/v1/clusters/${token}`)).toEqual({ status: 200, body: '[]\n' })
    expect(await create()).not.toBe(token)
  })

  it('lists what is registered until its time is over, renewed by each registration', async () => {
    const { ask, create, clock } = await serve()
    const path = `/v1/clusters/${await create()}`
    const list = async (): Promise<unknown> => JSON.parse((await ask('GET', path)).body)
    expect((await ask('POST', `${path}?ttl=60`, '10.0.0.2:2375')).status).toBe(200)
    expect((await ask('POST', `${path}?ttl=180`, '10.0.0.1:2375')).status).toBe(200)
    await clock.advance(59_000)
    expect(await list()).toEqual(['10.0.0.1:2375', '10.0.0.2:2375'])
    await ask('POST', `${path}?ttl=60`, '10.0.0.2:2375')
    await clock.advance(59_000)
    expect(await list()).toEqual(['10.0.0.1:2375', '10.0.0.2:2375'])
    await clock.advance(1000)
    expect(await list()).toEqual(['10.0.0.1:2375'])
    await clock.advance(61_000)
    expect(await list()).toEqual([])
  })

  it('takes back entries and tokens', async () => {
    const { ask, create } = await serve()
    const path = `/v1/clusters/${await create()}`
    await ask('POST', path, '[::1]:2375')
    expect((await ask('DELETE', `${path}/${encodeURIComponent('[::1]:2375')}`)).status).toBe(204)
    expect((await ask('DELETE', `${path}/a:1`)).status).toBe(404)
    expect((await ask('DELETE', path)).status).toBe(204)
    expect((await ask('GET', path)).status).toBe(404)
    expect((await ask('POST', path, 'a:1')).status).toBe(404)
  })

  it.each([
    ['POST', '', 'nonsense', 400],
    ['POST', '', 'a:1,b:1', 400],
    ['POST', '', '10.0.0.[1:9]:2375', 400],
    ['POST', '', `${'a'.repeat(2000)}:1`, 413],
    ['POST', '?ttl=-5', 'a:1', 400],
    ['POST', '?ttl=soon', 'a:1', 400],
    ['PUT', '', 'a:1', 405],
    ['POST', '/a:1', '', 405],
    ['GET', '/a/b', '', 404],
    ['GET', '/%E0', '', 404],
  ] as const)('%s %s with %j is answered %i %i', async (method, rest, body, status) => {
    const { ask, create } = await serve()
    expect((await ask(method, `/v1/clusters/${await create()}${rest}`, body)).status).toBe(status)
  })

  it('has limits: tokens, entries of one, new tokens and requests of one client', async () => {
    const few = await serve({ limits: { tokens: 2, entriesPerToken: 2 } })
    const path = `/v1/clusters/${await few.create()}`
    await few.create()
    expect((await few.ask('POST', '/v1/clusters')).status).toBe(507)
    for (const [addr, status] of [
      ['a:1', 200],
      ['b:1', 200],
      ['c:1', 507],
      ['a:1', 200],
    ] as const) {
      expect((await few.ask('POST', path, addr)).status, addr).toBe(status)
    }
    const slow = await serve({ creations: { burst: 2, perSecond: 1 }, requests: { burst: 5, perSecond: 1 } })
    const answers: number[] = []
    for (let count = 0; count < 7; count += 1) answers.push((await slow.ask('POST', '/v1/clusters')).status)
    expect(answers).toEqual([201, 201, 429, 429, 429, 429, 429])
    await slow.clock.advance(1000)
    expect((await slow.ask('POST', '/v1/clusters')).status).toBe(201)
  })

  it('keeps tokens and entries over a restart, in a file that only its owner reads', async () => {
    const statePath = join(folder, 'state')
    const first = await serve({ statePath })
    const token = await first.create()
    // On disk before it was answered: no orderly end is needed.
    expect(await readFile(statePath, 'utf8')).toContain(token)
    expect((await stat(statePath)).mode & 0o777).toBe(0o600)
    await first.ask('POST', `/v1/clusters/${token}?ttl=100`, 'a:1')
    await first.clock.advance(40_000)
    await first.service.close()
    const second = await serve({ statePath })
    expect((await second.ask('GET', `/v1/clusters/${token}`)).body).toBe('["a:1"]\n')
    await second.clock.advance(60_000)
    expect((await second.ask('GET', `/v1/clusters/${token}`)).body).toBe('[]\n')
  })

  it('does not start over a file that is not its own, and leaves it alone', async () => {
    const statePath = join(folder, 'foreign')
    await writeFile(statePath, '{"version":1,"tokens":[{}]}')
    await expect(serve({ statePath })).rejects.toThrow('it is not a state file of the discovery service')
    expect(await readFile(statePath, 'utf8')).toBe('{"version":1,"tokens":[{}]}')
  })

  it('forgets tokens that nobody registered with for long', async () => {
    const { ask, create, clock } = await serve({ limits: { tokens: 1 } })
    const old = await create()
    await clock.advance(91 * 24 * 3_600_000)
    expect(await create()).toMatch(/^[0-9a-f]{32}$/)
    expect((await ask('GET', `/v1/clusters/${old}`)).status).toBe(404)
  })
})

describe('token://', () => {
  afterEach(stopAll)

  it('registers for the time to live, renews and withdraws', async () => {
    const { url, create, ask, clock } = await serve()
    const token = await create()
    const discovery = makeToken(token, contextOf(manualClock(), [['token.service', url]]))
    const list = async (): Promise<string> => (await ask('GET', `/v1/clusters/${token}`)).body
    await discovery.register('10.0.0.1:2375', 90_500)
    await clock.advance(90_000)
    expect(await list()).toBe('["10.0.0.1:2375"]\n')
    await discovery.close?.()
    expect(await list()).toBe('[]\n')
    await discovery.close?.()
  })

  it('says what the service answered, keeps what was known and never names the token', async () => {
    const { url, create, ask } = await serve()
    const token = await create()
    await ask('POST', `/v1/clusters/${token}`, 'a:1')
    const logged: string[] = []
    const clock = manualClock()
    const log: Log = { ...silentLog, error: (text) => logged.push(text) }
    const discovery = makeToken(`${url}/v1/${token}`, contextOf(clock, [], log))
    const stop = new AbortController()
    const sets: (readonly string[])[] = []
    const done = (async () => {
      for await (const set of discovery.watch({ signal: stop.signal })) sets.push(set)
    })()
    await advance(clock, 10_000)
    await ask('DELETE', `/v1/clusters/${token}`)
    await advance(clock, 20_000)
    await stopAll()
    await advance(clock, 10_000)
    stop.abort()
    await done
    expect(sets).toEqual([['a:1']])
    expect(logged).toEqual([
      'Discovery error: Failed to fetch entries, Discovery service returned 404 HTTP status code',
      expect.stringMatching(/^Discovery error: cannot reach http:\/\/127\.0\.0\.1:\d+: /),
    ])
    const refused = await discovery.register('a:1', 1000).catch(toMessage)
    expect(refused).not.toContain(token)
  })

  it.each([
    ['', 'token is empty'],
    ['example.org/v1/', 'token is empty'],
    ['abcdef', 'the service of Docker Hub that kept tokens has been gone since 2017'],
    ['http://:/abcdef', 'the address of the token service is not a URL'],
  ])('token://%s is refused', (rest, message) => {
    expect(() => makeToken(rest, contextOf(manualClock()))).toThrow(message)
  })
})
