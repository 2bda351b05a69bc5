import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { systemClock } from '../clock.ts'
import type { StoreEndpoint } from './address.ts'
import { openKv } from './open-kv.ts'
import type { StoreKind } from './open-kv.ts'
import type { StoreOptions } from './store-options.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

type Handler = (request: IncomingMessage, body: string, response: ServerResponse) => void

async function serve(handle: Handler): Promise<StoreEndpoint> {
  const server: Server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => handle(request, body, response))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  ends.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

async function open(kind: StoreKind, endpoints: readonly StoreEndpoint[], more: Partial<StoreOptions> = {}) {
  const kv = await openKv(kind, { endpoints, clock: systemClock, random: { next: () => 0.5 }, ...more })
  ends.push(() => kv.close())
  return kv
}

const rangeOfNothing = '{"header":{"revision":"1"}}'
const closed: StoreEndpoint = { host: '127.0.0.1', port: 1 }

describe('etcd', () => {
  it('is asked for version 3 first, then its beta, then version 2, and only once', async () => {
    const asked: string[] = []
    const endpoint = await serve((request, _body, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
      if (request.url?.startsWith('/v2/keys') !== true) response.statusCode = 404
      else if (request.url !== '/v2/keys/') response.statusCode = 404
      response.end(
        request.url === '/v2/keys/'
          ? '{"action":"get","node":{"dir":true}}'
          : '{"errorCode":100,"message":"Key not found"}',
      )
    })
    const kv = await open('etcd', [endpoint])
    expect(await Promise.all([kv.get('a'), kv.get('b')])).toEqual([undefined, undefined])
    expect(asked.toSorted()).toEqual(
      [
        'GET /v2/keys/',
        'GET /v2/keys/a?quorum=true',
        'GET /v2/keys/b?quorum=true',
        'POST /v3/kv/range',
        'POST /v3beta/kv/range',
      ].toSorted(),
    )
  })

  it('that offers no version is refused with what to do', async () => {
    const endpoint = await serve((_request, _body, response) => {
      response.statusCode = 404
      response.end('404 page not found')
    })
    const kv = await open('etcd', [endpoint])
    await expect(kv.get('a')).rejects.toMatchObject({
      message: expect.stringContaining('neither version 3'),
      hint: expect.stringContaining('--enable-grpc-gateway'),
    })
  })

  it('is logged in to with user and password, and again when the token is no good any more', async () => {
    const seen: string[] = []
    let token = 'one'
    const endpoint = await serve((request, body, response) => {
      if (request.url === '/v3/auth/authenticate') {
        seen.push(body)
        response.end(JSON.stringify({ token }))
      } else if (request.headers.authorization === token) response.end(rangeOfNothing)
      else {
        response.statusCode = 401
        response.end('{"error":"etcdserver: invalid auth token","message":"etcdserver: invalid auth token","code":16}')
      }
    })
    const kv = await open('etcd', [endpoint], { credentials: { user: 'root', password: 'geheim' } })
    expect(await kv.get('a')).toBeUndefined()
    token = 'two'
    expect(await kv.get('a')).toBeUndefined()
    expect(seen).toEqual(Array.from({ length: 2 }, () => '{"name":"root","password":"geheim"}'))
    expect(kv.name).not.toContain('geheim')
  })

  it('is believed in what it says after a new login', async () => {
    let token = 'one'
    const endpoint = await serve((request, _body, response) => {
      if (request.url === '/v3/auth/authenticate') response.end(JSON.stringify({ token }))
      else if (request.headers.authorization !== token) {
        response.statusCode = 401
        response.end('{"error":"etcdserver: invalid auth token","code":16}')
      } else if (request.url === '/v3/lease/keepalive') {
        response.statusCode = 404
        response.end('{"error":"etcdserver: requested lease not found","code":5}')
      } else if (request.url === '/v3/lease/grant') response.end('{"ID":"7","TTL":"9"}')
      else response.end('{"header":{"revision":"1"},"succeeded":true}')
    })
    const kv = await open('etcd', [endpoint], { credentials: { user: 'root', password: 'geheim' } })
    await kv.announce('a', '10.0.0.1:2375', 9000)
    // The servers have started anew: they know neither the login nor the lease.
    token = 'two'
    await kv.announce('a', '10.0.0.1:2375', 9000)
  })

  it('tells in its own words what it refuses', async () => {
    const endpoint = await serve((_request, _body, response) => {
      response.statusCode = 403
      response.end('{"error":"etcdserver: permission denied","message":"etcdserver: permission denied","code":7}')
    })
    const kv = await open('etcd', [endpoint])
    await expect(kv.get('a')).rejects.toMatchObject({
      code: 'io/protocol',
      message: `etcd 127.0.0.1:${String(endpoint.port)}: etcdserver: permission denied`,
    })
  })

  it('with a value of 10 MiB is read', { timeout: 60_000 }, async () => {
    const value = 'x'.repeat(10 * 1024 * 1024)
    const kvs = [{ key: Buffer.from('f/a').toString('base64'), value: Buffer.from(value).toString('base64') }]
    const endpoint = await serve((_request, _body, response) => {
      response.end(JSON.stringify({ header: { revision: '1' }, kvs }))
    })
    const kv = await open('etcd', [endpoint])
    const [entry] = await kv.list('f')
    expect([entry?.key, entry?.value.length]).toEqual(['f/a', value.length])
  })
})

describe('a store over HTTP', () => {
  it.each([
    ['HTML', '<html>', 200],
    ['half of JSON', '{"kvs":[{"key"', 200],
    ['something else', '"text"', 200],
    ['nothing', '', 200],
  ])('that answers %s is an error that says so, shortened', async (_what, text, status) => {
    const endpoint = await serve((_request, _body, response) => {
      response.statusCode = status
      response.end(text + 'y'.repeat(100_000 * Number(text !== '')))
    })
    const etcd = await open('etcd', [endpoint])
    const failure = await etcd.get('a').catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'io/protocol' })
    expect((failure as Error).message.length).toBeLessThan(400)
    await expect((await open('consul', [endpoint])).get('a')).rejects.toMatchObject({ code: 'io/protocol' })
  })

  it('is reached through another server when the first is gone, and says which when all are', async () => {
    const endpoint = await serve((_request, _body, response) => response.end('[]'))
    const kv = await open('consul', [closed, endpoint])
    expect(await kv.get('a')).toBeUndefined()
    await expect((await open('consul', [closed])).get('a')).rejects.toMatchObject({
      code: 'io/connect',
      message: 'consul 127.0.0.1:1: cannot connect to 127.0.0.1:1: connection refused',
    })
  })

  it('answers all of many calls at once while one of its two servers is gone', async () => {
    const endpoint = await serve((_request, _body, response) => response.end('[]'))
    const kv = await open('consul', [closed, endpoint])
    const calls = await Promise.allSettled(Array.from({ length: 9 }, (_, at) => kv.get(String(at))))
    expect(calls.map((each) => each.status)).toEqual(Array.from({ length: 9 }, () => 'fulfilled'))
  })

  it('is not left for another server because a caller wants an answer no longer', async () => {
    const asked: string[] = []
    const make = (name: string) =>
      serve((request, _body, response) => {
        asked.push(name)
        if (request.url?.includes('slow') !== true) response.end('[]')
      })
    const kv = await open('consul', [await make('first'), await make('second')])
    await expect(kv.get('slow', { signal: AbortSignal.timeout(100) })).rejects.toThrow()
    await kv.get('a')
    expect(asked).toEqual(['first', 'first'])
  })

  it('is left for another server when it has no leader', async () => {
    const without = await serve((_request, _body, response) => {
      response.statusCode = 500
      response.end('No cluster leader')
    })
    const endpoint = await serve((_request, _body, response) => response.end('[]'))
    const kv = await open('consul', [without, endpoint])
    await expect(kv.get('a')).rejects.toMatchObject({ code: 'io/connect' })
    expect(await kv.get('a')).toBeUndefined()
  })

  it('that is silent is left at the deadline, and a reading goes on with another server', async () => {
    const endpoint = await serve((_request, _body, response) => response.end('[]'))
    const proxy = await startFaultProxy(endpoint, { fault: { kind: 'black-hole' } })
    ends.push(() => proxy.stop())
    const kv = await open('consul', [{ host: proxy.host, port: proxy.port }, endpoint])
    expect(await kv.get('a', { deadlineMs: 600 })).toBeUndefined()
    const alone = await open('consul', [{ host: proxy.host, port: proxy.port }])
    await expect(alone.get('a', { deadlineMs: 100 })).rejects.toMatchObject({ code: 'core/deadline' })
    await expect(alone.get('a', { signal: AbortSignal.timeout(50) })).rejects.toThrow()
  })

  it('gets what must not be done twice once, also when the connection breaks', async () => {
    let count = 0
    const endpoint = await serve((request, _body, response) => {
      if (request.method === 'PUT') {
        count += 1
        request.socket.destroy()
      } else response.end('[]')
    })
    const kv = await open('consul', [endpoint, endpoint])
    await kv.get('a')
    await expect(kv.compareAndSet('a', 'x', undefined)).rejects.toMatchObject({ code: 'io/connect' })
    expect(count).toBe(1)
  })

  it('gets the ACL token with each request', async () => {
    const tokens = new Set<unknown>()
    const endpoint = await serve((request, _body, response) => {
      tokens.add(request.headers['x-consul-token'])
      response.end('[]')
    })
    await (await open('consul', [endpoint], { token: 'secret' })).list('a')
    expect([...tokens]).toEqual(['secret'])
  })
})
