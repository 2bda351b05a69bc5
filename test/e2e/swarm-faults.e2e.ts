import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, programForms } from './programs.ts'
import { eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

const cli = '/usr/bin/docker'

/** Engines that die, hang or are not who they say they are, and clients that come all at once. */
let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster({ engines: ['20.10', '28.5', '20.10'] }, ['-H', 'tcp://127.0.0.1:0'])
})
afterAll(async () => {
  await cluster?.down()
})

interface Answer {
  readonly status: number
  readonly body: string
}

function call(method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const sent = request({ socketPath: cluster.socket, method, path, headers, agent: false }, (reply) => {
      let all = ''
      reply.setEncoding('utf8')
      reply.on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: all }))
      reply.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

const sample = { Image: 'flotilla/sample:latest' }

async function names(): Promise<readonly string[]> {
  const { body } = await call('GET', '/v1.41/containers/json?all=1')
  return (JSON.parse(body) as { Names: string[] }[]).map((row) => row.Names[0] ?? '')
}

async function status(node: string): Promise<string | undefined> {
  return cluster.nodeInfo(node, 'Status')
}

describe('over TLS', () => {
  function address(): string {
    return /addr="?(127\.0\.0\.1:\d+)/.exec(cluster.log())?.[1] ?? ''
  }

  it('clients without a certificate are turned away, those with one are served', async () => {
    const certs = cluster.lab.certificates.directory
    const url = `https://${address()}/_ping`
    expect((await cluster.shell(cli, `curl -sk ${url}`)).code).not.toBe(0)
    const known = await cluster.shell(cli, `curl -sk --cert ${certs}/cert.pem --key ${certs}/key.pem ${url}`)
    expect(known.stdout).toBe('OK')
  })

  it('the end of the input passes through: run -i ends with everything echoed', async () => {
    const certs = cluster.lab.certificates.directory
    const tls = `--tls --tlscert ${certs}/cert.pem --tlskey ${certs}/key.pem --tlscacert ${certs}/ca.pem`
    const line = `head -c 300000 /dev/zero | tr '\\0' x | DOCKER_HOST=tcp://${address()} $D ${tls} run -i --rm $I wc -c`
    expect((await cluster.shell(cli, line)).stdout.trim()).toBe('300000')
  })
})

describe('many clients at once', () => {
  it('of many creates with one name exactly one wins, the others get 409', async () => {
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => call('POST', '/v1.41/containers/create?name=unique', sample)),
    )
    const counts = new Map<number, number>()
    for (const answer of answers) counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
    expect(Object.fromEntries(counts)).toEqual({ 201: 1, 409: 63 })
    expect((await names()).filter((name) => name.endsWith('/unique'))).toHaveLength(1)
    expect((await call('DELETE', '/v1.41/containers/unique')).status).toBe(204)
    expect((await names()).filter((name) => name.endsWith('/unique'))).toHaveLength(0)
  })

  it('64 clients create, list and remove: each sees its own change in its very next list', async () => {
    await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        const name = `client-${index}`
        const made = await call('POST', `/v1.41/containers/create?name=${name}`, sample)
        expect(made.status, made.body).toBe(201)
        expect((await names()).filter((each) => each.endsWith(`/${name}`))).toHaveLength(1)
        expect((await call('DELETE', `/v1.41/containers/${name}`)).status).toBe(204)
        expect((await names()).filter((each) => each.endsWith(`/${name}`))).toEqual([])
      }),
    )
    for (const host of cluster.lab.hosts) expect((await host.docker(['ps', '-aq'])).stdout).toBe('')
  })

  it('a renamed container gives its old name free and takes the new one at once', async () => {
    await call('POST', '/v1.41/containers/create?name=first', sample)
    await call('POST', '/v1.41/containers/create?name=second', sample)
    expect((await call('POST', '/v1.41/containers/first/rename?name=second')).status).toBe(409)
    expect((await call('POST', '/v1.41/containers/first/rename?name=third')).status).toBe(204)
    expect((await call('POST', '/v1.41/containers/create?name=third', sample)).status).toBe(409)
    expect((await call('POST', '/v1.41/containers/create?name=first', sample)).status).toBe(201)
    for (const name of ['first', 'second', 'third']) await call('DELETE', `/v1.41/containers/${name}`)
  })
})

describe('engines in trouble', () => {
  it('a container made on the engine itself shows up, and one removed there goes', async () => {
    await cluster.node(0).docker(['create', '--name', 'direct', 'flotilla/sample'])
    await eventually(async () => (await names()).includes('/node1/direct'), 5000, 'the new container')
    await cluster.node(0).docker(['rm', 'direct'])
    await eventually(async () => !(await names()).includes('/node1/direct'), 5000, 'the end of the container')
  })

  it('a killed engine is seen within ten seconds, errors name it, the others go on, and it comes back', async () => {
    await cluster.shell(
      cli,
      '$D run -d --name on2 -e constraint:node==node2 $I; $D run -d --name on1 -e constraint:node==node1 $I',
    )
    await cluster.node(1).kill()
    const tookMs = await eventually(async () => (await status('node2')) === 'Unhealthy', 10_000, 'unhealthy')
    expect(tookMs).toBeLessThan(10_000)
    expect(await cluster.nodeInfo('node2', 'Error')).toContain('connection refused')
    const onDead = await cluster.docker(cli, ['logs', 'on2'])
    expect(onDead.stderr).toContain('Container on2 running on unhealthy node node2')
    expect((await cluster.docker(cli, ['exec', 'on1', 'echo', 'alive'])).stdout).toBe('alive\n')
    expect((await cluster.docker(cli, ['ps', '--format', '{{.Names}}'])).stdout).toBe('node1/on1\n')
    expect((await cluster.docker(cli, ['ps', '-a', '--format', '{{.Names}} {{.Status}}'])).stdout).toContain(
      'node2/on2 Host Down',
    )
    const refused = await cluster.shell(cli, '$D run --rm -e constraint:node==node2 $I true')
    expect(refused.stderr).toContain('Unable to find a node')
    await cluster.node(1).startEngine()
    await eventually(async () => (await status('node2')) === 'Healthy', 15_000, 'health')
    await eventually(async () => (await call('GET', '/containers/on2/json')).status === 200, 5000, 'the container')
    await cluster.shell(cli, '$D rm -f on1 on2')
  })

  it('a hanging engine is seen within ten seconds and holds nobody up meanwhile', async () => {
    await cluster.shell(cli, '$D run -d --name on3 -e constraint:node==node3 $I')
    await cluster.node(2).pause()
    try {
      let isGivenUp = false
      const stuck = call('GET', '/v1.41/containers/on3/json').finally(() => (isGivenUp = true))
      expect((await call('GET', '/v1.41/containers/json')).status).toBe(200)
      expect((await call('GET', '/v1.41/info')).status).toBe(200)
      // Whoever had waited for the frozen engine would have waited until it was given up.
      expect(isGivenUp).toBe(false)
      await eventually(async () => (await status('node3')) === 'Unhealthy', 11_000, 'unhealthy')
      const late = await call('GET', '/v1.41/containers/on3/json')
      expect(late).toMatchObject({ status: 500, body: expect.stringContaining('unhealthy node node3') })
      await cluster.node(2).resume()
      expect((await stuck).status).toBeLessThan(600)
    } finally {
      await cluster.node(2).resume()
    }
    await eventually(async () => (await status('node3')) === 'Healthy', 20_000, 'health')
    await cluster.shell(cli, '$D rm -f on3')
  })

  it('an engine with the ID of another stays out, and the error names both', async () => {
    const key = await cluster.node(0).exec(['cat', '/etc/docker/key.json'])
    const own = await cluster.node(2).exec(['cat', '/etc/docker/key.json'])
    async function replaceKey(text: string): Promise<void> {
      await cluster.node(2).stopEngine()
      await cluster.node(2).exec(['tee', '/etc/docker/key.json'], { input: text })
      await cluster.node(2).startEngine()
    }
    await replaceKey(key.stdout)
    await eventually(
      async () => (await cluster.nodeInfo('node3', 'Error'))?.includes('ID duplicated') === true,
      40_000,
      'refusal',
    )
    const error = await cluster.nodeInfo('node3', 'Error')
    expect(error).toContain(cluster.node(0).address)
    expect(error).toContain(cluster.node(2).address)
    expect(await status('node1')).toBe('Healthy')
    expect(await status('node3')).toBe('Pending')
    await replaceKey(own.stdout)
    await eventually(async () => (await status('node3')) === 'Healthy', 60_000, 'health')
  })
})

describe('the manager', () => {
  const [form] = programForms

  async function manage(
    args: readonly string[],
    timeoutMs = 20_000,
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    if (form === undefined) throw new Error('no program')
    const child = form.start('swarm', ['manage', ...args])
    child.stdin.end()
    return collect(child, timeoutMs)
  }

  it('an engine that talks garbage and one that hangs stay pending with their reasons; the good one serves', async () => {
    if (form === undefined) throw new Error('no program')
    const garbage = createServer((socket) => void socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n'))
    const silent = createServer((socket) => void socket.on('error', () => undefined))
    await new Promise<void>((resolve) => garbage.listen(0, '127.0.0.1', resolve))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const port = (server: typeof garbage): number => (server.address() as { port: number }).port
    const nodes = `nodes://127.0.0.1:${port(garbage)},127.0.0.1:${port(silent)},unix://${cluster.node(0).socketPath}`
    const child = form.start('swarm', ['manage', '-H', `unix://${cluster.folder}/mixed.sock`, nodes])
    try {
      const info = async (): Promise<string> =>
        (await cluster.shell(cli, `DOCKER_HOST=unix://${cluster.folder}/mixed.sock $D info 2>/dev/null`)).stdout
      await eventually(async () => (await info()).includes('Status: Healthy'), 20_000, 'the good engine')
      await eventually(async () => (await info()).includes('does not speak HTTP'), 20_000, 'the reason')
      expect((await info()).match(/Status: Pending/g)).toHaveLength(2)
    } finally {
      child.kill('SIGKILL')
      garbage.close()
      silent.close()
    }
  })

  it('says who is in the way of an address, leaves it alone, and replaces a socket nobody listens on', async () => {
    if (form === undefined) throw new Error('no program')
    const taken = await manage(['-H', `unix://${cluster.socket}`, 'nodes://127.0.0.1:1'])
    expect(taken.code).toBe(1)
    expect(taken.stdout).toMatch(/level=fatal msg="listen unix .*swarm\.sock: bind: address already in use"/)
    expect((await call('GET', '/_ping')).body).toBe('OK')
    const stale = `${cluster.folder}/stale.sock`
    const line = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`
    await cluster.shell(cli, `${process.execPath} -e ${JSON.stringify(line)}`)
    const child = form.start('swarm', ['manage', '-H', `unix://${stale}`, 'nodes://127.0.0.1:1'])
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    await eventually(() => log.includes('Listening for HTTP'), 10_000, 'listening')
    child.kill('SIGTERM')
    const { code } = await collect(child, 15_000)
    expect(code).toBe(0)
  })

  it('SIGTERM lets requests finish and exits 0; a stream is cut; a second signal ends it at once', async () => {
    const stream = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({ socketPath: cluster.socket, path: '/events', agent: false }, resolve)
      asked.on('error', reject).end()
    })
    const isCut = new Promise<void>((resolve) => stream.on('error', () => undefined).on('close', () => resolve()))
    stream.resume()
    const start = Date.now()
    cluster.manager.kill('SIGTERM')
    const stopped = new Promise<number | null>((resolve) => cluster.manager.once('exit', (code) => resolve(code)))
    await new Promise((resolve) => setTimeout(resolve, 300))
    cluster.manager.kill('SIGTERM')
    expect(await stopped).toBe(0)
    expect(Date.now() - start).toBeLessThan(5000)
    await isCut
  })
})

describe('wrong options', () => {
  // All of them are tried in src/commands/swarm/swarm.test.ts; here, that the built program says so where it should.
  it.each([
    [['manage'], "discovery required to manage a cluster. See 'swarm manage --help'."],
    [['manage', 'nosuch://a'], 'discovery service not supported'],
  ])('%j ends with %s', async (args, message) => {
    const [form] = programForms
    const result = await form?.run('swarm', args, { timeoutMs: 20_000 })
    expect(result?.stdout).toContain(`level=fatal msg="${message}"`)
    expect(result?.code).toBe(1)
  })

  it('list prints the addresses, also from a file, and says when discovery fails', async () => {
    const [form] = programForms
    expect(await form?.run('swarm', ['list', 'nodes://10.0.0.[1:2]:2375'])).toMatchObject({
      code: 0,
      stdout: '10.0.0.1:2375\n10.0.0.2:2375\n',
    })
    const path = `${cluster.folder}/nodes`
    await writeFile(path, '# ours\n10.0.0.9:2375\n\n10.0.0.8:2375 # spare\n')
    expect((await form?.run('swarm', ['l', `file://${path}`]))?.stdout).toBe('10.0.0.8:2375\n10.0.0.9:2375\n')
    expect((await form?.run('swarm', ['list', '--timeout', '0s', 'a:1']))?.stderr).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d --timeout should be a positive number\n$/,
    )
  })
})
