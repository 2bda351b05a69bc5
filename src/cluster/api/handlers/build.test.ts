import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../io/clock.ts'
import { ask, startEndpointBed, startManagerOver } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
const sockets: Socket[] = []
beforeAll(async () => {
  bed = await startEndpointBed([{ cpus: 4 }, { cpus: 2 }, { cpus: 2 }])
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await bed.close()
})

function buildsOn(): readonly string[] {
  return bed.engines.flatMap((engine) =>
    engine.requests.filter((each) => each.path === '/build').map(() => engine.state.options.name ?? ''),
  )
}

const lastBuild = (index: number): Readonly<Record<string, string>> | undefined =>
  bed.engines[index]?.requests.findLast((each) => each.path === '/build')?.query

function build(query: Record<string, string>, body = 'context'): ReturnType<EndpointBed['call']> {
  const headers = { 'content-type': 'application/x-tar', 'x-registry-config': 'e30=' }
  return bed.call('POST', `/v1.41/build?${new URLSearchParams(query).toString()}`, body, headers)
}

/** Opens a tunnel. @returns the engine at its end, and the connection */
async function tunnel(path: string, headers = '', port: number = bed.port): Promise<{ node: string; socket: Socket }> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${headers}\r\n`)
  let text = ''
  while (!/\r\n\r\n.*\n/.test(text)) text += String((await once(socket, 'data'))[0])
  expect(text).toMatch(/^HTTP\/1\.1 101 /)
  return { node: text.split('\r\n\r\n')[1]?.trim() ?? '', socket }
}

describe('classic builds', () => {
  it('go where their conditions say; those and CPU counts do not reach the engine as they were', async () => {
    const buildargs = JSON.stringify({ 'constraint:node': '=n2', WHO: 'me' })
    const answer = await build({ t: 'a:1', buildargs, cpushares: '1' })
    expect(answer).toMatchObject({ status: 200, headers: { 'flotilla-node': 'n2' } })
    expect(answer.body).toBe(
      '{"stream":"Step 1/1 : FROM scratch (7 bytes)\\n"}\r\n{"stream":"Successfully tagged a:1\\n"}\r\n',
    )
    expect(lastBuild(1)).toEqual({ t: 'a:1', buildargs: '{"WHO":"me"}', cpushares: '512' })
    const listed = await bed.call('GET', '/images/json')
    expect(listed.body).toContain('a:1')
  })

  it('are not cancelled without an ID', async () => {
    const answer = await bed.call('POST', '/build/cancel')
    expect([answer.status, answer.body]).toEqual([400, '{"message":"build ID not provided"}\n'])
  })

  it('for a name there already go to its node, those for others are spread', async () => {
    for (let round = 0; round < 3; round += 1) {
      expect((await build({ t: 'a:1' })).headers['flotilla-node']).toBe('n2')
    }
    expect(buildsOn()).toEqual(['n2', 'n2', 'n2', 'n2'])
  })

  it('that fail say where, and pass the engine’s words and code on; quiet ones add nothing', async () => {
    const buildargs = JSON.stringify({ 'constraint:node': '=n3', FAIL: 'no space left on device' })
    const lines = (await build({ buildargs })).body.trim().split('\r\n')
    expect(lines.slice(1).map((line) => JSON.parse(line) as unknown)).toEqual([
      { stream: 'Build failed on node n3\n' },
      { errorDetail: { code: 7, message: 'no space left on device' }, error: 'no space left on device' },
    ])
    expect((await build({ buildargs, q: '1' })).body).not.toContain('n3')
  })

  it('that fit nowhere are refused before the context is read', async () => {
    const answer = await build({ buildargs: '{"constraint:node":"=elsewhere"}' })
    expect(answer.status).toBe(500)
    expect(answer.body).toContain('Unable to find a node that satisfies')
    expect((await build({ buildargs: '[]' })).status).toBe(400)
  })
})

describe('BuildKit', () => {
  it('a session that comes first waits a moment for its build, and both end on the build’s node', async () => {
    const opened = tunnel('/v1.41/session', 'X-Docker-Expose-Session-Uuid: s1\r\n')
    await build({ version: '2', session: 's1', buildid: 'b1', buildargs: '{"constraint:node":"=n3"}' })
    expect((await opened).node).toBe('n3')
    ;(await opened).socket.destroy()
  })

  it('a build whose session is there goes to the session’s node, with what it uploads and its end', async () => {
    const { node, socket } = await tunnel('/session', 'X-Docker-Expose-Session-Uuid: s2\r\n')
    const index = Number(node.slice(1)) - 1
    const wanted = { version: '2', session: 's2', buildid: 'b2' }
    bed.engines[index]!.fail({ path: /^\/build$/, times: 1, fault: { kind: 'delay', ms: 300 } })
    const running = build(wanted)
    const upload = bed.call('POST', '/build?version=2&buildid=upload-request:b2&remote=upload-request', 'tar')
    const cancelled = bed.call('POST', '/build/cancel?id=b2')
    expect([(await running).status, (await upload).status, (await cancelled).status]).toEqual([200, 200, 200])
    const seen = new Set(bed.engines[index]!.requests.map((each) => each.query['buildid'] ?? each.query['id'] ?? ''))
    expect([seen.has('b2'), seen.has('upload-request:b2')]).toEqual([true, true])
    expect(bed.engines[index]!.requests.filter((each) => each.path === '/build/cancel')).toHaveLength(1)
    socket.destroy()
  })

  it('all tunnels of one client lead to one node, bytes pass both ways, and half-closes', async () => {
    const first = await tunnel('/v1.41/grpc')
    for (let round = 0; round < 3; round += 1) {
      const { node, socket } = await tunnel('/grpc')
      expect(node).toBe(first.node)
      socket.destroy()
    }
    const session = await tunnel('/session', 'X-Docker-Expose-Session-Uuid: s3\r\n')
    expect(session.node).toBe(first.node)
    let echoed = ''
    first.socket.on('data', (data: Buffer) => (echoed += data.toString()))
    first.socket.end('PRI * HTTP/2.0\r\n\r\n')
    await once(first.socket, 'close')
    expect(echoed).toBe('PRI * HTTP/2.0\r\n\r\n')
  })
})

describe('a manager whose streams are all in use', () => {
  it('refuses a tunnel and remembers nothing of it: the next build goes where its conditions say', async () => {
    const manager = await startManagerOver(bed.engines, {
      limits: { total: 100, perAddress: 100, hijacked: 1 },
    })
    try {
      while (manager.cluster.healthyMembers().length < bed.engines.length) await systemClock.sleep(5)
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      const { node, socket } = await tunnel('/session', 'X-Docker-Expose-Session-Uuid: s8\r\n', port)
      expect(node).toBe('n1')
      expect((await ask(port, 'POST', '/grpc')).status).toBe(503)
      socket.destroy()
      await once(socket, 'close')
      await systemClock.sleep(50)
      const opened = tunnel('/session', 'X-Docker-Expose-Session-Uuid: s9\r\n', port)
      const query = new URLSearchParams({ version: '2', session: 's9', buildargs: '{"constraint:node":"=n3"}' })
      await ask(port, 'POST', `/build?${query.toString()}`, 'context')
      expect((await opened).node).toBe('n3')
      ;(await opened).socket.destroy()
    } finally {
      manager.closeNow()
    }
  })
})

describe('other routes', () => {
  it.each([
    ['GET', '/images/viz', 501, 'Not supported in clustering mode.'],
    ['POST', '/plugins/pull?remote=x', 501, 'talk to the engine'],
    ['DELETE', '/plugins/x', 501, 'talk to the engine'],
    ['GET', '/plugins/none/json', 404, 'plugin \\"none\\" not found'],
    ['GET', '/plugins/vol-n2:latest/json', 200, '{"Name":"vol-n2:latest"}'],
    ['GET', '/v1.41/services', 503, 'This node is not a swarm manager.'],
    ['POST', '/swarm/init', 501, 'concerns one engine'],
    ['DELETE', '/containers/none/checkpoints/one', 404, 'No such container none'],
    ['GET', '/v1.51/system/df?type=image', 200, '"LayersSize":0,"Images":[]'],
    [
      'GET',
      '/v1.52/system/df?type=image',
      200,
      '{"ImageUsage":{"ActiveCount":0,"Reclaimable":0,"TotalSize":0,"TotalCount":0}}',
    ],
    ['GET', '/v2.0/info', 400, 'client version 2.0 is too new.'],
    ['PATCH', '/info', 404, 'page not found'],
    ['POST', '/containers/json', 404, 'page not found'],
  ])('%s %s: %i', async (method, path, status, text) => {
    const answer = await bed.call(method, path)
    expect(answer).toMatchObject({ status, body: expect.stringContaining(text) as string })
  })

  it('plug-ins of all engines are one list', async () => {
    const rows = JSON.parse((await bed.call('GET', '/plugins')).body) as { Name: string }[]
    expect(rows.map((row) => row.Name)).toEqual(['vol-n1:latest', 'vol-n2:latest', 'vol-n3:latest'])
  })
})
