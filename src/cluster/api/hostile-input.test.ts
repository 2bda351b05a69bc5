import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Endpoint } from '../../engine/endpoint.ts'
import { startEndpointBed, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'
import type { ServerLimits } from '../limits.ts'
import { parseTarget } from './target.ts'

/** Requests as nobody should send them: bodies and paths. Framing is tested with `http1/`. */

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['box:1'] }])
})
afterAll(() => bed.close())

describe('bodies', () => {
  it.each([
    ['nothing at all', '', 404],
    ['null', 'null', 400],
    ['a list', '[]', 400],
    ['a text', '"x"', 400],
    ['half an object', '{"Image":', 400],
    ['two values', '{} {}', 400],
    ['a number that is none', '{"HostConfig":{"Memory":01}}', 400],
    ['a negative amount', '{"Image":"box:1","HostConfig":{"Memory":-1}}', 400],
    ['an amount that is a text', '{"Image":"box:1","HostConfig":{"Memory":"1"}}', 400],
    ['an amount beyond 64 bits', '{"Image":"box:1","HostConfig":{"Memory":1e30}}', 400],
    ['lists 100,000 deep', '['.repeat(100_000), 400],
    ['maps 100,000 deep', '{"a":'.repeat(100_000), 400],
    ['five megabytes', ' '.repeat(5 * 1024 * 1024), 413],
  ])('create with %s: %s', async (_, body, status) => {
    const answer = await bed.call('POST', '/v1.41/containers/create', body)
    expect(answer.status, answer.body).toBe(status)
    expect(answer.body).toMatch(/^\{"message":".+"\}\n$/)
  })

  it('of a key given twice the engine sees the value that was looked at; odd keys are just names', async () => {
    const body =
      '{"Image":"none","Image":"box:1","__proto__":{"Image":"none"},"Labels":{"__proto__":"a","constructor":"b"}}'
    const answer = await bed.call('POST', '/v1.41/containers/create?name=twice', body)
    expect(answer.status, answer.body).toBe(201)
    const made = [...(bed.engines[0]?.state.containers.values() ?? [])].find((each) => each.name === 'twice')
    expect(made?.config.Image).toBe('box:1')
    expect(Object.prototype).not.toHaveProperty('Image')
  })

  it.each([
    ['HostConfig', '{"Image":"box:1","HostConfig":"x"}'],
    ['HostConfig', '{"Image":"box:1","HostConfig":[]}'],
    ['HostConfig', '{"Image":"box:1","HostConfig":7}'],
    ['Labels', '{"Image":"box:1","Labels":["a=b"]}'],
    ['Labels.a', '{"Image":"box:1","Labels":{"a":5}}'],
    ['Labels.a', '{"Image":"box:1","Labels":{"a":{"b":"c"}}}'],
    ['Memory', '{"Image":"box:1","Memory":"1g"}'],
    ['CpuShares', '{"Image":"box:1","CpuShares":{}}'],
    ['Cpuset', '{"Image":"box:1","Cpuset":1}'],
    ['Env', '{"Image":"box:1","Env":"A=b"}'],
    ['Image', '{"Image":["box:1"]}'],
    ['HostConfig.NanoCpus', '{"Image":"box:1","HostConfig":{"NanoCpus":true}}'],
    ['HostConfig.PortBindings', '{"Image":"box:1","HostConfig":{"PortBindings":[80]}}'],
    ['HostConfig.NetworkMode', '{"Image":"box:1","HostConfig":{"NetworkMode":{}}}'],
  ])('a wrong type is refused by the path of its field: %s in %s', async (field, body) => {
    const answer = await bed.call('POST', '/v1.41/containers/create', body)
    expect(answer.status, answer.body).toBe(400)
    expect(answer.body).toContain(`invalid value for ${field}:`)
  })

  it('null is as good as nothing', async () => {
    const body =
      '{"Image":"box:1","HostConfig":null,"Labels":null,"Env":null,"Memory":null,"Cpuset":null,"ExposedPorts":null}'
    const answer = await bed.call('POST', '/v1.41/containers/create', body)
    expect(answer.status, answer.body).toBe(201)
  })

  it('whatever the types, a create is made or refused, never a failure of the manager', async () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    const fields = ['Image', 'Env', 'Labels', 'ExposedPorts', 'Memory', 'HostConfig', 'NetworkingConfig', 'Healthcheck']
    const inside = [
      'NetworkMode',
      'PortBindings',
      'Links',
      'VolumesFrom',
      'Binds',
      'Mounts',
      'CpuQuota',
      'DeviceRequests',
      'RestartPolicy',
      'PidMode',
    ]
    const bodies = fc.record(
      {
        ...Object.fromEntries(fields.map((field) => [field, value])),
        HostConfig: fc.oneof(
          value,
          fc.record(Object.fromEntries(inside.map((field) => [field, value])), { requiredKeys: [] }),
        ),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(bodies, fc.constantFrom('1.24', '1.41', '1.44'), async (body, version) => {
        const answer = await bed.call('POST', `/v${version}/containers/create`, body)
        expect([201, 400, 404, 409], JSON.stringify(answer)).toContain(answer.status)
      }),
      { numRuns: 150 },
    )
  })

  it.each([
    ['/networks/create', { Name: 1, Labels: 'x', IPAM: 7, Driver: {} }],
    ['/volumes/create', { Name: {}, Driver: [], DriverOpts: 1, Labels: ['a'] }],
    ['/networks/nosuch/connect', { Container: {}, EndpointConfig: 1 }],
    ['/networks/nosuch/disconnect', { Container: 5, Force: 'x' }],
    ['/containers/nosuch/exec', { Cmd: 5 }],
    ['/containers/nosuch/update', { Memory: 'x', RestartPolicy: 1 }],
    ['/containers/prune?filters={"label":{"a":{"b":1}}}', {}],
    ['/build?buildargs=7', {}],
    ['/auth', { username: {}, password: [] }],
  ])('%s with wrong types is refused and the next client is served', async (path, body) => {
    for (const text of [JSON.stringify(body), 'null', '[]', '7', '"x"', '{"a":', '['.repeat(100_000)]) {
      const answer = await bed.call('POST', encodeURI(path), text, { 'content-type': 'text/nonsense' })
      expect(answer.status, `${text.slice(0, 40)}: ${answer.body}`).toBeLessThan(500)
    }
    expect(await bed.call('GET', '/_ping')).toMatchObject({ status: 200, body: 'OK' })
  })
})

describe('names of fields in another case, which engines obey', () => {
  let pair: EndpointBed
  beforeAll(async () => {
    pair = await startEndpointBed([{ images: ['box:1'] }, { images: ['box:1'] }])
  })
  afterAll(() => pair.close())

  it('conditions, ports and limits of a create count, and each field reaches the engine once', async () => {
    const bound = '{"image":"box:1","env":["constraint:node==n2","A=b"],"HOSTCONFIG":{"memory":33554432}}'
    expect(await pair.call('POST', '/v1.41/containers/create?name=bound', bound)).toMatchObject({ status: 201 })
    const made = [...(pair.engines[1]?.state.containers.values() ?? [])].find((each) => each.name === 'bound')
    expect(made?.config).toMatchObject({ Image: 'box:1', Env: ['A=b'] })
    expect(made?.config).not.toHaveProperty('env')
    const port = '{"image":"box:1","hostconfig":{"portbindings":{"80/tcp":[{"hostport":"8080"}]}}}'
    for (const status of [201, 201, 500]) {
      expect(await pair.call('POST', '/v1.41/containers/create', port)).toMatchObject({ status })
    }
    const tooMuch = '{"image":"box:1","hostconfig":{"memory":1125899906842624}}'
    expect(await pair.call('POST', '/v1.41/containers/create', tooMuch)).toMatchObject({ status: 500 })
  })

  it('wrong types are named as Docker writes the field', async () => {
    const answer = await pair.call(
      'POST',
      '/v1.41/containers/create',
      '{"image":"box:1","hostconfig":{"NANOCPUS":"1"}}',
    )
    expect(answer).toMatchObject({ status: 400 })
    expect(answer.body).toContain('HostConfig.NanoCpus')
  })

  it('explain reads them too', async () => {
    const body = '{"image":"box:1","env":["constraint:node==n2"]}'
    const answer = await pair.call('POST', '/v1.41/flotilla/explain', body)
    expect(JSON.parse(answer.body)).toMatchObject({ Image: 'box:1', Node: 'n2' })
    const query = `/v1.41/flotilla/explain?image=box:1&config=${encodeURIComponent('{"image":"none","env":["constraint:node==n1"]}')}`
    expect(JSON.parse((await pair.call('GET', query)).body)).toMatchObject({ Image: 'box:1', Node: 'n1' })
  })

  it('volumes, networks and connects are those that are named', async () => {
    expect(await pair.call('POST', '/v1.41/volumes/create', '{"name":"n2/data"}')).toMatchObject({ status: 201 })
    expect(pair.engines.map((engine) => [...engine.state.volumes.keys()])).toEqual([[], ['data']])
    const net = await pair.call('POST', '/v1.41/networks/create', '{"Name":"n1/one","name":"n2/joined"}')
    expect(net).toMatchObject({ status: 201 })
    const names = pair.engines.map((engine) => [...engine.state.networks.values()].map((each) => each.Name))
    expect(names[1]).toContain('joined')
    expect(names.flat()).not.toContain('one')
    for (const name of ['first', 'second']) {
      const body = { Image: 'box:1', Env: ['constraint:node==n2'] }
      expect(await pair.call('POST', `/v1.41/containers/create?name=${name}`, body)).toMatchObject({ status: 201 })
    }
    const both = '{"Container":"first","container":"second"}'
    expect(await pair.call('POST', '/v1.41/networks/n2%2Fjoined/connect', both)).toMatchObject({ status: 200 })
    const joined = [...(pair.engines[1]?.state.containers.values() ?? [])].filter((each) =>
      JSON.stringify([...each.networks]).includes('joined'),
    )
    expect(joined.map((each) => each.name)).toEqual(['second'])
  })
})

describe('exactness', () => {
  it.each([
    [
      '/containers/create',
      '{"Image":"box:1","HostConfig":{"MemorySwap":9223372036854775807,"Future":[18446744073709551615,1e400]}}',
      ['"MemorySwap":9223372036854775807', '"Future":[18446744073709551615,1e400]'],
    ],
    ['/networks/create', '{"Name":"big","Future":9223372036854775807}', ['"Future":9223372036854775807']],
    ['/volumes/create', '{"Name":"big","Future":{"Deep":9007199254740993}}', ['"Future":{"Deep":9007199254740993}']],
  ])('%s: long numbers and fields nobody knows reach the engine as they were sent', async (path, text, parts) => {
    const engine = bed.engines[0]!
    const tap = await startTap(engine.endpoint)
    const manager = await startManagerOver([{ endpoint: tap.endpoint }])
    try {
      await vi.waitFor(() => expect(manager.cluster.healthyMembers()).toHaveLength(1), 20_000)
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      const reply = await fetch(`http://127.0.0.1:${port}/v1.41${path}?name=exact`, { method: 'POST', body: text })
      expect(reply.status).toBe(201)
      const sent = tap.heard().split('POST ').at(-1) ?? ''
      expect(sent).toContain(path)
      for (const part of parts) expect(sent).toContain(part)
    } finally {
      manager.closeNow()
      tap.close()
    }
  })
})

describe('crowds', () => {
  async function startSmall(
    limits: Partial<ServerLimits>,
  ): Promise<{ readonly port: number; readonly close: () => void }> {
    const manager = await startManagerOver(bed.engines, { limits })
    await vi.waitFor(() => expect(manager.cluster.healthyMembers()).toHaveLength(1), 20_000)
    return { port: Number(new URL(manager.addresses[0] ?? '').port), close: () => manager.closeNow() }
  }

  function open(port: number, text = ''): { readonly socket: Socket; heard(): string } {
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')))
    socket.write(text)
    return { socket, heard: () => heard }
  }

  it('beyond the limit of raw streams attach is refused with 503; those there go on, and one that ends makes room', async () => {
    const made = await bed.call('POST', '/v1.41/containers/create?name=streams', {
      Image: 'box:1',
      Cmd: ['cat'],
      OpenStdin: true,
      AttachStdin: true,
    })
    const { Id } = JSON.parse(made.body) as { readonly Id: string }
    expect((await bed.call('POST', `/v1.41/containers/${Id}/start`)).status).toBe(204)
    const { port, close } = await startSmall({ total: 100, perAddress: 100, hijacked: 1 })
    const attach =
      `POST /v1.41/containers/${Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n` +
      'Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n'
    try {
      const first = open(port, attach)
      await vi.waitFor(() => expect(first.heard()).toMatch(/^HTTP\/1\.1 101 /), 20_000)
      const second = open(port, attach)
      await vi.waitFor(() => expect(second.heard()).toMatch(/^HTTP\/1\.1 503 .*too many attached streams/s), 20_000)
      first.socket.write('still here')
      await vi.waitFor(() => expect(first.heard()).toContain('still here'), 20_000)
      first.socket.destroy()
      await vi.waitFor(async () => {
        const third = open(port, attach)
        await vi.waitFor(() => expect(third.heard()).toMatch(/^HTTP/), 10_000)
        const [line] = third.heard().split('\r\n')
        third.socket.destroy()
        expect(line).toContain(' 101 ')
      })
      second.socket.destroy()
    } finally {
      close()
    }
  })

  it('idle connections beyond the limit of one address are told to come again, and the others serve on', async () => {
    const { port, close } = await startSmall({ total: 1000, perAddress: 50, hijacked: 10 })
    try {
      const there = open(port)
      await vi.waitFor(() => expect(there.socket.readyState).toBe('open'), 20_000)
      const crowd = Array.from({ length: 300 }, () => open(port))
      await vi.waitFor(() => {
        const refused = crowd.filter((each) => /^HTTP\/1\.1 503 .*Retry-After: 1/s.test(each.heard()))
        expect(refused).toHaveLength(251)
      })
      there.socket.write('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n')
      await vi.waitFor(() => expect(there.heard()).toMatch(/^HTTP\/1\.1 200 .*OK$/s), 20_000)
      for (const each of [...crowd, there]) each.socket.destroy()
    } finally {
      close()
    }
  })
})

/** Passes bytes on to an engine and keeps what it was sent. */
async function startTap(engine: Endpoint): Promise<{ readonly endpoint: Endpoint; heard(): string; close(): void }> {
  if (engine.kind !== 'tcp') throw new Error('an engine on a port')
  const { host, port } = engine
  let heard = ''
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const upstream = connect(port, host)
    for (const each of [socket, upstream]) {
      sockets.add(each)
      each.on('error', () => undefined)
    }
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')))
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: { ...engine, port: (server.address() as AddressInfo).port },
    heard: () => heard,
    close() {
      for (const each of sockets) each.destroy()
      server.close()
    },
  }
}

describe('filters', () => {
  it.each([
    ['{', 'not JSON'],
    ['{"name":7}', "invalid filter 'name'"],
    ['{"__proto__":["x"]}', "invalid filter '__proto__'"],
    ['{"name":["("]}', 'missing closing ): `(`'],
    ['{"name":["(a)\\\\1"]}', '\\\\1'],
    ['{"name":["(?=a)b"]}', '(?='],
    ['{"name":["(((a{30}){30}){30}){30}"]}', 'invalid repeat count'],
    [`{"name":["${'(a*)*'.repeat(300)}"]}`, 'patterns of more than 1024 characters'],
  ])('%.60s is refused with what is wrong in it', async (filters, problem) => {
    const answer = await bed.call('GET', `/v1.41/containers/json?filters=${encodeURIComponent(filters)}`)
    expect(answer.status, answer.body).toBe(400)
    expect(answer.body).toContain(problem)
  })

  it('of a parameter given twice the first counts, as for engines, and the engine is sent no other', async () => {
    const path = '/v1.41/containers/create?name=first&name=second'
    expect(await bed.call('POST', path, '{"Image":"box:1"}')).toMatchObject({ status: 201 })
    const made = [...(bed.engines[0]?.state.containers.values() ?? [])].map((each) => each.name)
    expect(made).toContain('first')
    expect(made).not.toContain('second')
    const again = await bed.call('POST', '/v1.41/containers/create?name=first&name=third', '{"Image":"box:1"}')
    expect(again.status).toBe(409)
  })
})

describe('paths', () => {
  it.each([
    '/containers//json',
    '/containers/./json',
    '/containers/a/../json',
    '/containers/%2e%2e/json',
    '/containers/%2e/json',
    '/containers/a%00/json',
    '/containers/a%0d%0aX/json',
    '/containers/%ff/json',
    '/containers/%zz/json',
    '/containers/a%2f%2fb/json',
    '/v99999999999.1/info',
    '/v1.41.1/info',
    'relative',
    '/a?b#c',
    '/a?\u00e9',
    '/a\\b',
  ])('%j is refused as ambiguous', (target) => {
    expect(() => parseTarget(target)).toThrow(expect.objectContaining({ status: 400 }) as Error)
  })

  it('the one reading of a path is what routes and engines get', () => {
    expect(parseTarget('http://host:1/v1.41/containers/a%2Fb/json?x=1&x=2+3%20')).toEqual({
      version: '1.41',
      path: '/containers/a/b/json',
      query: 'x=1&x=2+3%20',
    })
    // A second version is a name like any other.
    expect(parseTarget('/v1.41/v1.41/info').path).toBe('/v1.41/info')
  })
})
