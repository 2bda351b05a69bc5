import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request as plainRequest } from 'node:http'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { BedAnswer } from '../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { hashToken, indexAccess } from '../access/identify.ts'
import type { AccessIndex } from '../access/identify.ts'
import { freedoms } from '../access/model.ts'
import type { Freedom } from '../access/model.ts'
import { parseAccess } from '../access/parse-access.ts'
import type { RunningEndpoint } from '../endpoint.ts'

/** Tokens of users are called as they are. */
function user(name: string, more: string): string {
  return `  ${name}: {token: "sha256:${hashToken(name)}", ${more}}`
}

const users = [
  'users:',
  user('vera', 'role: viewer'),
  user('shop', 'role: deployer, projects: [shop]'),
  user('olga', 'role: operator'),
  user('anna', 'role: admin'),
  user('tina', 'role: tenant, tenant: blue'),
  'tenants: {blue: {allows: [capabilities]}}',
].join('\n')

function rules(more = ''): AccessIndex {
  return indexAccess(parseAccess(`${users}\n${more}`, 'access.yaml'))
}

/** Bytes that went to the engine since they were last taken. */
interface Relay {
  readonly server: Server
  take(): string
}

async function startRelay(engine: FakeEngine): Promise<Relay> {
  let seen = ''
  const target = engine.endpoint
  if (target.kind !== 'tcp') throw new Error('a fake engine listens on TCP')
  const server = createServer((client) => {
    const up = connect(target.port, target.host)
    client.on('data', (chunk) => (seen += chunk.toString('latin1')))
    client.pipe(up).pipe(client)
    client.on('error', () => up.destroy())
    up.on('error', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    server,
    take() {
      const taken = seen
      seen = ''
      return taken
    },
  }
}

const folder = mkdtempSync(join(tmpdir(), 'flotilla-access-'))
const socketPath = join(folder, 's.sock')
const source = { index: rules() }
let engine: FakeEngine
let relay: Relay
let endpoint: RunningEndpoint
let port = 0

beforeAll(async () => {
  engine = await startFakeEngine({ name: 'n1', images: ['busybox'] })
  relay = await startRelay(engine)
  const address = relay.server.address() as AddressInfo
  endpoint = await startManagerOver([{ endpoint: { kind: 'tcp', host: '127.0.0.1', port: address.port } }], {
    access: source,
    listen: [
      { kind: 'tcp', host: '127.0.0.1', port: 0 },
      { kind: 'unix', path: socketPath },
    ],
  })
  port = Number(new URL(endpoint.addresses[0] ?? '').port)
  await eventually(() => endpoint.cluster.healthyMembers().length === 1, 'the engine in service')
})
afterAll(async () => {
  endpoint.closeNow()
  relay.server.close()
  await engine.stop()
  rmSync(folder, { recursive: true, force: true })
})

function as(name: string, method: string, path: string, body?: unknown, more = {}): Promise<BedAnswer> {
  return ask(port, method, path, body, { authorization: `Bearer ${name}`, ...more })
}

function messageOf({ body }: BedAnswer): string {
  return (JSON.parse(body) as { readonly message?: string }).message ?? ''
}

async function make(name: string, labels: Record<string, string>, more = {}): Promise<void> {
  const body = { Image: 'busybox', Labels: labels, ...more }
  const made = await as('anna', 'POST', `/containers/create?name=${name}`, body)
  expect(made.status, made.body).toBe(201)
}

/** The bytes of the reply, up to the end of the connection or a moment of silence after its head. */
function sendRaw(head: string, body: Buffer | string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const client = connect(port, '127.0.0.1')
    client.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.includes('}')) client.destroy()
    })
    client.on('close', () => resolve(text))
    client.on('error', (error) => (text === '' ? reject(error) : resolve(text)))
    client.write(head)
    client.write(body)
  })
}

const project = 'com.docker.compose.project'

describe('who somebody is', () => {
  it('is told, by token', async () => {
    const told = await as('shop', 'GET', '/flotilla/whoami')
    expect(JSON.parse(told.body)).toEqual({ Name: 'shop', Role: 'deployer', How: 'token', Projects: ['shop'] })
    const tenant = await as('tina', 'GET', '/v1.41/flotilla/whoami')
    expect(JSON.parse(tenant.body)).toEqual({ Name: 'tina', Role: 'tenant', How: 'token', Tenant: 'blue' })
  })

  it('has to be known, whatever is asked', async () => {
    for (const [method, path] of [
      ['GET', '/_ping'],
      ['GET', '/info'],
      ['POST', '/containers/create'],
      ['GET', '/no/such/page'],
      ['POST', '/flotilla/managers'],
    ] as const) {
      const refused = await ask(port, method, path)
      expect(refused.status).toBe(401)
      expect(refused.headers['www-authenticate']).toBe('Bearer realm="flotilla"')
      expect(messageOf(refused)).toMatch(/^access denied: this endpoint has to know who you are/)
    }
    const wrong = await as('eve', 'GET', '/_ping')
    expect([wrong.status, messageOf(wrong)]).toEqual([401, 'access denied: nobody has this bearer token'])
  })

  it('is not for clients to say', async () => {
    const forged = await as('vera', 'GET', '/flotilla/whoami', undefined, { 'x-flotilla-caller': 'token anna' })
    expect(forged.status).toBe(403)
    expect(messageOf(forged)).toMatch(/^access denied: only a manager may say for whom it asks/)
    const replica = await as('vera', 'POST', '/networks/create', { Name: 'x' }, { 'x-flotilla-replica': '10.0.0.1:1' })
    expect(replica.status).toBe(403)
  })

  it('is an admin at a socket, unless the rules say otherwise or a token comes', async () => {
    const at = (headers: Record<string, string> = {}): Promise<string> =>
      new Promise((resolve, reject) => {
        const sent = plainRequest({ socketPath, path: '/flotilla/whoami', agent: false, headers }, (reply) => {
          let all = ''
          reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
          reply.on('end', () => resolve(`${reply.statusCode} ${all.trim()}`))
        })
        sent.on('error', reject)
        sent.end()
      })
    expect(await at()).toBe('200 {"Name":"","Role":"admin","How":"socket"}')
    expect(await at({ authorization: 'Bearer vera' })).toBe('200 {"Name":"vera","Role":"viewer","How":"token"}')
    source.index = rules('socket: none')
    expect(await at()).toMatch(/^401 /)
    source.index = rules('socket: viewer')
    expect(await at()).toBe('200 {"Name":"","Role":"viewer","How":"socket"}')
    source.index = rules()
  })

  it('is looked at anew when the rules change or the token does, on one connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const locals = new Set<number>()
    const see = (token: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` }
        const sent = plainRequest({ port, host: '127.0.0.1', path: '/_ping', agent, headers }, (reply) => {
          locals.add(reply.socket.localPort ?? 0)
          reply.resume().on('end', () => resolve(reply.statusCode ?? 0))
        })
        sent.on('error', reject)
        sent.end()
      })
    expect(await see('anna')).toBe(200)
    expect(await see('eve')).toBe(401)
    expect(await see('anna')).toBe(200)
    source.index = indexAccess(parseAccess(`users:\n${user('eve', 'role: viewer')}`, 'a'))
    expect(await see('anna')).toBe(401)
    expect(await see('eve')).toBe(200)
    const later = new Date(Date.now() + 4000).toISOString().replace(/\.\d+Z/, 'Z')
    source.index = indexAccess(parseAccess(`users:\n${user('eve', `role: viewer, expires: ${later}`)}`, 'a'))
    expect(await see('eve')).toBe(200)
    await eventually(async () => (await see('eve')) === 401, 'the end of the token')
    source.index = rules()
    expect(locals.size).toBe(1)
    agent.destroy()
  })
})

describe('what a role may do', () => {
  it('names who, what and why not', async () => {
    const refused = await as('vera', 'POST', '/v1.41/containers/create', { Image: 'busybox' })
    expect(refused.status).toBe(403)
    expect(messageOf(refused)).toBe(
      'access denied to "vera" (viewer): POST /containers/create: the role viewer does not include it',
    )
    expect((await as('vera', 'GET', '/containers/json')).status).toBe(200)
    expect((await as('olga', 'POST', '/flotilla/managers', { Address: 'a:1' })).status).toBe(403)
    expect((await as('olga', 'POST', '/flotilla/sightings', { Engines: [] })).status).toBe(403)
    expect((await as('anna', 'POST', '/flotilla/sightings', { Engines: [] })).status).toBe(200)
  })

  it('counts what it refuses', async () => {
    const before = { ...endpoint.cluster.turnedAway.counts }
    await ask(port, 'GET', '/_ping')
    await as('vera', 'POST', '/images/prune')
    const after = endpoint.cluster.turnedAway.counts
    expect(after['unknown-caller'] - before['unknown-caller']).toBe(1)
    expect(after.forbidden - before.forbidden).toBe(1)
  })

  it('does not tell engines who asks', async () => {
    await make('told', {})
    relay.take()
    expect((await as('vera', 'GET', '/containers/told/json')).status).toBe(200)
    const sent = relay.take()
    expect(sent).toMatch(/GET \S*\/containers\/[0-9a-f]{64}\/json /)
    expect(sent.toLowerCase()).not.toContain('vera')
  })

  it('asks for what reaches past a container under every spelling, and sends on what was looked at', async () => {
    const refused = await as(
      'olga',
      'POST',
      '/containers/create',
      '{"Image":"busybox","hostconfig":{"PRIVILEGED":true}}',
    )
    expect(messageOf(refused)).toBe(
      'access denied to "olga" (operator): POST /containers/create: HostConfig.Privileged needs the freedom privileged',
    )
    await make('limited', {})
    const twice = '{"CgroupParent":"/x","Memory":1073741824,"CgroupParent":""}'
    relay.take()
    const updated = await as('olga', 'POST', '/containers/limited/update', twice, {
      'content-type': 'application/json',
    })
    expect(updated.status, updated.body).toBe(200)
    expect(relay.take()).toContain('\r\n\r\n{"Memory":1073741824,"CgroupParent":""}')
    const device = await as('olga', 'POST', '/containers/limited/update', { Devices: [{ PathOnHost: '/dev/sda' }] })
    expect(messageOf(device)).toContain('Devices needs the freedom devices')
    expect((await as('anna', 'POST', '/containers/limited/start')).status).toBe(204)
    expect((await as('anna', 'POST', '/containers/limited/exec', { Cmd: ['id'], Privileged: true })).status).toBe(201)
    expect((await as('olga', 'POST', '/containers/limited/exec', { Cmd: ['id'], Privileged: true })).status).toBe(403)
    expect((await as('olga', 'POST', '/containers/limited/exec', { Cmd: ['id'] })).status).toBe(201)
  })

  it('goes by the freedoms of the role, and of the tenant', async () => {
    const body = { Image: 'busybox', HostConfig: { CapAdd: ['NET_ADMIN'] } }
    expect((await as('olga', 'POST', '/containers/create?name=cap1', body)).status).toBe(403)
    source.index = rules('allows: {operator: [capabilities]}')
    expect((await as('olga', 'POST', '/containers/create?name=cap1', body)).status).toBe(201)
    source.index = rules()
    expect((await as('tina', 'POST', '/containers/create?name=cap2', body)).status).toBe(201)
    const devices = { Image: 'busybox', HostConfig: { Devices: [{}] } }
    expect((await as('tina', 'POST', '/containers/create?name=cap3', devices)).status).toBe(403)
  })

  it('judges a body however it comes, or refuses it', async () => {
    const body = '{"Image":"busybox","HostConfig":{"Privileged":true}}'
    const create = (headers: string, bytes: Buffer | string): Promise<string> =>
      sendRaw(`POST /containers/create HTTP/1.1\r\nHost: d\r\nAuthorization: Bearer olga\r\n${headers}\r\n\r\n`, bytes)
    const json = 'Content-Type: application/json\r\n'
    relay.take()
    const half = body.length >> 1
    const pieces = [body.slice(0, half), body.slice(half), ''].map(
      (piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`,
    )
    expect(await create(`${json}Transfer-Encoding: chunked`, pieces.join(''))).toMatch(/^HTTP\/1.1 403 .*privileged/s)
    expect(await create(`Content-Length: ${body.length}`, body)).toMatch(/^HTTP\/1.1 403 .*privileged/s)
    const packed = gzipSync(body)
    const encoded = `${json}Content-Encoding: gzip\r\nContent-Length: ${packed.length}`
    expect(await create(encoded, packed)).toMatch(/^HTTP\/1.1 400 .*not|^HTTP\/1.1 400 .*invalid/s)
    // What follows an empty body is the next request, and none.
    expect(await create(`${json}Content-Length: 0`, body)).toMatch(/^HTTP\/1.1 404 .*No such image: :latest/s)
    const blanks = ' '.repeat(4 * 1024 * 1024)
    expect(await create(`${json}Content-Length: ${blanks.length + body.length}`, blanks + body)).toMatch(
      /^HTTP\/1.1 413 /,
    )
    expect(relay.take()).not.toContain('Privileged')
  })

  it('sends no fields of the host beside those that it looks into', async () => {
    // Engines before 28 take them from there where there is no `HostConfig` (moby runconfig/config_unix.go).
    const body = { Image: 'busybox', Privileged: true, Binds: ['/:/x'], HostConfig: null }
    relay.take()
    expect((await as('olga', 'POST', '/containers/create?name=beside', body)).status).toBe(201)
    const sent = /\r\n\r\n(\{"Image".*\})/.exec(relay.take())?.[1] ?? ''
    expect(JSON.parse(sent)).toMatchObject({ HostConfig: expect.any(Object) })
  })

  it('refuses forms, which engines read before the query, and what is no JSON', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const build = await as('olga', 'POST', '/build?t=x', 'networkmode=host', form)
    expect([build.status, messageOf(build)]).toEqual([
      403,
      'access denied to "olga" (operator): POST /build: the body is a form, which is not looked into',
    ])
    expect((await as('olga', 'POST', '/containers/create', '{"Image":', {})).status).toBe(400)
    const tunnel = await as('olga', 'POST', '/grpc', undefined, { connection: 'Upgrade', upgrade: 'h2c' })
    expect(messageOf(tunnel)).toContain('the tunnel of buildx needs the freedom build-entitlements')
  })
})

describe('a deployer', () => {
  beforeAll(async () => {
    await make('mine', { [project]: 'shop' })
    await make('other', { [project]: 'blog' })
    await make('plain', {})
    for (const [name, labels] of [
      ['shop_default', { [project]: 'shop' }],
      ['blog_default', { [project]: 'blog' }],
    ] as const) {
      expect((await as('anna', 'POST', '/networks/create', { Name: name, Labels: labels })).status).toBe(201)
      const volume = { Name: name.replace('default', 'data'), Labels: labels }
      expect((await as('anna', 'POST', '/volumes/create', volume)).status).toBe(201)
    }
  })

  it('acts on what belongs to the project, and reads the rest', async () => {
    expect((await as('shop', 'GET', '/containers/other/json')).status).toBe(200)
    expect((await as('shop', 'POST', '/containers/mine/start')).status).toBe(204)
    expect((await as('shop', 'POST', '/containers/n1%2Fmine/stop?t=0')).status).toBe(204)
    const why: Record<string, string> = {}
    for (const [method, path, body] of [
      ['POST', '/containers/other/start', undefined],
      ['POST', '/containers/n1%2Fother/kill', undefined],
      ['DELETE', '/containers/plain', undefined],
      ['GET', '/containers/other/archive?path=/', undefined],
      ['POST', '/containers/other/exec', { Cmd: ['id'] }],
      ['POST', '/containers/other/rename?name=x', undefined],
      ['POST', '/commit?container=other', {}],
      ['POST', '/networks/blog_default/connect', { Container: 'mine' }],
      ['POST', '/networks/shop_default/connect', { container: 'other' }],
      ['DELETE', '/networks/blog_default', undefined],
      ['DELETE', '/volumes/blog_data', undefined],
      ['DELETE', '/volumes/n1%2Fblog_data', undefined],
      ['DELETE', '/containers/other/checkpoints/c1', undefined],
      ['POST', '/containers/other/checkpoints', { CheckpointID: 'c1' }],
      ['POST', '/containers/prune', undefined],
    ] as const) {
      const refused = await as('shop', method, path, body)
      expect(refused.status, `${method} ${path}`).toBe(403)
      why[path] = messageOf(refused).replace(/^access denied to "shop" \(deployer\): \S+ \S+: /, '')
    }
    expect(why).toEqual({
      '/containers/other/start': 'container other belongs to project "blog"',
      '/containers/n1%2Fother/kill': 'container n1/other belongs to project "blog"',
      '/containers/plain': 'container plain belongs to no project',
      '/containers/other/archive?path=/': 'container other belongs to project "blog"',
      '/containers/other/exec': 'container other belongs to project "blog"',
      '/containers/other/rename?name=x': 'container other belongs to project "blog"',
      '/commit?container=other': 'container other belongs to project "blog"',
      '/networks/blog_default/connect': 'network blog_default belongs to project "blog"',
      '/networks/shop_default/connect': 'container other belongs to project "blog"',
      '/networks/blog_default': 'network blog_default belongs to project "blog"',
      '/volumes/blog_data': 'volume blog_data belongs to project "blog"',
      '/volumes/n1%2Fblog_data': 'volume n1/blog_data belongs to project "blog"',
      '/containers/other/checkpoints/c1': 'container other belongs to project "blog"',
      '/containers/other/checkpoints': 'container other belongs to project "blog"',
      '/containers/prune': 'the role deployer does not include it',
    })
    expect((await as('shop', 'POST', '/containers/nothing/start')).status).toBe(404)
  })

  it('runs commands in its own containers, not by the IDs of commands of others', async () => {
    await as('anna', 'POST', '/containers/other/start')
    await as('anna', 'POST', '/containers/mine/start')
    const idOf = async (name: string): Promise<string> => {
      const made = await as('anna', 'POST', `/containers/${name}/exec`, { Cmd: ['true'] })
      return (JSON.parse(made.body) as { readonly Id: string }).Id
    }
    const theirs = await idOf('other')
    const refused = await as('shop', 'POST', `/exec/${theirs}/start`, { Detach: true })
    expect(refused.status, refused.body).toBe(403)
    expect((await as('shop', 'GET', `/exec/${theirs}/json`)).status).toBe(403)
    expect((await as('shop', 'POST', `/exec/${await idOf('mine')}/start`, { Detach: true })).status).toBe(200)
  })

  it.each([
    [{}, 'what is made has to have the label com.docker.compose.project'],
    [{ Labels: { [project]: 'blog' } }, 'project "blog" is not one of theirs'],
    [{ Labels: { [project]: 'shop' }, labels: { [project]: 'blog' } }, 'project "blog" is not one of theirs'],
    [
      { Labels: { [project]: 'shop', 'com.docker.swarm.id': 'f'.repeat(64) } },
      'the label com.docker.swarm.id is not for them to give',
    ],
    [
      { labels: { [project]: 'shop', 'flotilla.generation': '9' } },
      'the label flotilla.generation is not for them to give',
    ],
    [
      { Labels: { [project]: 'shop', 'com.flotilla.tenant': 'blue' } },
      'the label com.flotilla.tenant is not for them to give',
    ],
    [{ HostConfig: { NetworkMode: 'blog_default' } }, 'network blog_default belongs to project "blog"'],
    [{ HostConfig: { networkmode: 'container:other' } }, 'container other belongs to project "blog"'],
    [{ HostConfig: { NetworkMode: 'not_there' } }, 'network not_there is not there'],
    [{ NetworkingConfig: { EndpointsConfig: { blog_default: {} } } }, 'network blog_default belongs to project "blog"'],
    [
      { NetworkingConfig: { EndpointsConfig: { shop_default: { networkID: 'blog_default' } } } },
      'network blog_default belongs to project "blog"',
    ],
    [{ HostConfig: { PidMode: 'container:plain' } }, 'container plain belongs to no project'],
    [{ HostConfig: { IpcMode: 'container:later' } }, 'container later is not there'],
    [{ HostConfig: { Cgroup: 'container:other' } }, 'container other belongs to project "blog"'],
    [{ HostConfig: { VolumesFrom: ['other:ro'] } }, 'container other belongs to project "blog"'],
    [{ HostConfig: { Links: ['other:db'] } }, 'container other belongs to project "blog"'],
    [{ HostConfig: { Binds: ['blog_data:/x'] } }, 'volume blog_data belongs to project "blog"'],
    [{ HostConfig: { Binds: ['n1/blog_data:/x'] } }, 'volume n1/blog_data belongs to project "blog"'],
    [
      { HostConfig: { Mounts: [{ Type: 'volume', Source: 'blog_data', Target: '/x' }] } },
      'volume blog_data belongs to project "blog"',
    ],
    [{ HostConfig: { Binds: ['/:/x'] } }, 'HostConfig.Binds needs the freedom host-paths'],
  ])('does not make %j', async (fields, why) => {
    const labels = 'Labels' in fields || why.includes('label') ? {} : { Labels: { [project]: 'shop' } }
    const refused = await as('shop', 'POST', '/containers/create?name=new', { Image: 'busybox', ...labels, ...fields })
    expect([refused.status, messageOf(refused)]).toEqual([
      403,
      `access denied to "shop" (deployer): POST /containers/create: ${why}`,
    ])
  })

  it('makes containers, networks and volumes of the project', async () => {
    const labels = { [project]: 'shop' }
    const body = {
      Image: 'busybox',
      Labels: labels,
      HostConfig: {
        NetworkMode: 'shop_default',
        Binds: ['shop_data:/d', 'shop_new:/n', '/anonymous'],
        VolumesFrom: ['mine'],
        PidMode: 'container:mine',
      },
      NetworkingConfig: { EndpointsConfig: { shop_default: {} } },
    }
    const made = await as('shop', 'POST', '/containers/create?name=made', body)
    expect(made.status, made.body).toBe(201)
    expect((await as('shop', 'POST', '/networks/create', { Name: 'shop_back', Labels: labels })).status).toBe(201)
    expect((await as('shop', 'POST', '/networks/create', { Name: 'shop_free' })).status).toBe(403)
    expect((await as('shop', 'POST', '/volumes/create', { Name: 'shop_more', Labels: labels })).status).toBe(201)
    expect((await as('shop', 'POST', '/volumes/create', { Name: 'shop_free' })).status).toBe(403)
    const given = { ...labels, 'com.flotilla.tenant': 'blue' }
    expect((await as('shop', 'POST', '/volumes/create', { Name: 'shop_free', Labels: given })).status).toBe(403)
    const elsewhere = { Container: 'made', EndpointConfig: { NetworkID: 'blog_default' } }
    expect(messageOf(await as('shop', 'POST', '/networks/shop_back/connect', elsewhere))).toContain(
      'network blog_default belongs to project "blog"',
    )
    expect((await as('shop', 'POST', '/networks/shop_back/connect', { Container: 'made' })).status).toBe(200)
    expect((await as('shop', 'DELETE', '/containers/made?force=1')).status).toBe(204)
    expect((await as('shop', 'DELETE', '/networks/shop_back')).status).toBe(204)
    expect((await as('shop', 'DELETE', '/volumes/shop_more')).status).toBe(204)
  })
})

describe('a freedom at every door, for every role', () => {
  const labels = { [project]: 'shop' }
  const create = (fields: unknown): readonly [string, string, unknown] => [
    'POST',
    '/containers/create',
    { Image: 'busybox', Labels: labels, HostConfig: fields },
  ]
  const service = (spec: unknown): readonly [string, string, unknown] => [
    'POST',
    '/services/x/update?version=1',
    { TaskTemplate: { ContainerSpec: spec } },
  ]
  const update = (fields: unknown): readonly [string, string, unknown] => ['POST', '/containers/door/update', fields]
  const bindVolume = { type: 'none', o: 'bind', device: '/' }
  const doors: readonly (readonly [Freedom, readonly (readonly [string, string, unknown])[]])[] = [
    [
      'privileged',
      [
        create({ Privileged: true }),
        ['POST', '/containers/door/exec', { Cmd: ['id'], Privileged: true }],
        ['POST', '/services/create', { TaskTemplate: { PluginSpec: { Name: 'x' } } }],
        ['POST', '/commit?container=door', { hostconfig: { privileged: true } }],
      ],
    ],
    ['capabilities', [create({ CapAdd: ['ALL'] }), service({ CapabilityAdd: ['ALL'] })]],
    ['devices', [create({ Devices: [{}] }), update({ Devices: [{}] }), update({ DeviceCgroupRules: ['a'] })]],
    ['sysctls', [create({ Sysctls: { a: 'b' } }), service({ Sysctls: { a: 'b' } })]],
    [
      'security-options',
      [
        create({ SecurityOpt: ['seccomp=unconfined'] }),
        service({ Privileges: { Seccomp: { Mode: 'unconfined' } } }),
        ['POST', '/build?securityopt=%5B%22a%22%5D', undefined],
      ],
    ],
    [
      'host-namespaces',
      [
        create({ NetworkMode: 'host' }),
        create({ PidMode: 'host' }),
        ['POST', '/services/create', { TaskTemplate: { Networks: [{ Target: 'host' }] } }],
        ['POST', '/build?networkmode=host', undefined],
      ],
    ],
    [
      'host-paths',
      [
        create({ Binds: ['/:/x'] }),
        create({ Binds: ['n1//etc:/x'] }),
        create({ Mounts: [{ Type: 'volume', VolumeOptions: { DriverConfig: { Options: bindVolume } } }] }),
        service({ Mounts: [{ Type: 'bind', Source: '/' }] }),
        ['POST', '/volumes/create', { Name: 'door', Labels: labels, DriverOpts: bindVolume }],
        ['POST', '/containers/door/checkpoints', { CheckpointDir: '/x' }],
        ['POST', '/containers/door/start?checkpoint=a&checkpoint-dir=/x', undefined],
      ],
    ],
    [
      'cgroup-parent',
      [create({ CgroupParent: '/' }), update({ CgroupParent: '/' }), ['POST', '/build?cgroupparent=/', undefined]],
    ],
    ['build-entitlements', [['POST', '/grpc', undefined]]],
    [
      'remote-sources',
      [
        ['POST', '/build?remote=http://10.0.0.1/', undefined],
        ['POST', '/images/create?fromSrc=http://10.0.0.1/', undefined],
      ],
    ],
  ]

  beforeAll(() => make('door', labels))

  it('has doors for all freedoms', () => {
    expect(doors.map(([freedom]) => freedom)).toEqual(freedoms)
  })

  it.each(doors)('%s', async (freedom, calls) => {
    const others = freedoms.filter((each) => each !== freedom)
    const rulesOf = (allowed: readonly string[]): AccessIndex => {
      const list = `[${allowed.join(', ')}]`
      const text = `${users}\nallows: {operator: ${list}, deployer: ${list}}`
      return indexAccess(parseAccess(text.replace('[capabilities]', list), 'a'))
    }
    for (const [method, path, body] of calls) {
      const needed = new RegExp(`needs the freedom ${freedom}$`)
      for (const name of ['olga', 'shop', 'tina']) {
        source.index = rulesOf(others)
        const without = await as(name, method, path, body)
        const isServed = name === 'olga' || !path.startsWith('/services/')
        expect([name, path, without.status]).toEqual([name, path, 403])
        expect(messageOf(without)).toMatch(isServed ? needed : /the role \w+ does not include it$/)
        source.index = rulesOf([freedom])
        const allowed = await as(name, method, path, body)
        // No freedom gives a tenant what all tenants would share.
        const isShared = name === 'tina' && (path === '/grpc' || path.includes('checkpoint'))
        if (isShared) expect(messageOf(allowed)).toMatch(/not open to tenants$/)
        else if (isServed) expect([name, path, allowed.status]).not.toEqual([name, path, 403])
      }
      source.index = rulesOf([])
      expect((await as('vera', method, path, body)).status).toBe(403)
      expect((await as('anna', method, path, body)).status).not.toBe(403)
    }
    source.index = rules()
  })
})
