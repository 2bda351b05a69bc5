import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'

/**
 * Updates of a service behind a proxy on a real engine: requests that go on all the while, failures that are taken back,
 * updates that are killed. The service and its proxy are small programs of this computer's own Node.js.
 */

/** Answers with its version; healthy once it is warm; lets requests end when it is stopped. */
const webProgram = `
const http = require('http')
const { VERSION = '', WARM = '0', BAD = '' } = process.env
const start = Date.now()
const server = http.createServer((request, response) => {
  const isWarm = Date.now() - start >= Number(WARM)
  response.statusCode = BAD !== '' || !isWarm ? 503 : 200
  setTimeout(() => response.end(VERSION), 20)
})
server.keepAliveTimeout = 1
server.listen(80)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
if (BAD !== '') console.log('cannot reach the moon')
`

/** Sends each request to one of the addresses of the service, and to the next where a connection is refused. */
const proxyProgram = `
const http = require('http')
const { Resolver } = require('dns').promises
const resolver = new Resolver({ timeout: 500, tries: 4 })
resolver.setServers(['127.0.0.11'])
http.createServer(async (request, response) => {
  const addresses = await resolver.resolve4('web').catch(() => [])
  const next = (index) => {
    if (index >= addresses.length) { response.statusCode = 502; response.end('no web'); return }
    const call = http.get({ host: addresses[index], port: 80, agent: false, timeout: 4000 }, (reply) => {
      response.statusCode = reply.statusCode
      reply.pipe(response)
    })
    // A container that has just gone may leave a connection without an end.
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', () => response.headersSent ? response.destroy() : next(index + 1))
  }
  next(0)
}).listen(80)
process.on('SIGTERM', () => process.exit(0))
`

/** Makes the image `node:here` of this computer's Node.js, the libraries it needs, and busybox. */
async function importNode({ engine }: ComposeHost): Promise<void> {
  const listed = await execProgram(['ldd', process.execPath], { clock: systemClock })
  const libraries = [...listed.stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '')
  const files = [process.execPath, '/usr/bin/busybox', ...libraries].map((path) => path.slice(1))
  const tar = spawn('tar', ['-ch', '-C', '/', ...files], { stdio: ['ignore', 'pipe', 'ignore'] })
  const query = { fromSrc: '-', repo: 'node', tag: 'here' }
  const reply = await engine.request({ method: 'POST', path: '/images/create', query, body: tar.stdout, stream: true })
  expect(await reply.text()).toContain('sha256:')
}

interface WebOptions {
  readonly update: string
  readonly environment?: string
  readonly rest?: string
}

describe.runIf(isRoot)('updates of a service that is in use (needs root on Linux)', () => {
  let running: Lab
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ engines: ['28.5'], image: true, namePrefix: 'rol' })
    host = await openComposeHost(running.hosts[0]!)
    await importNode(host)
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  function program(text: string): string {
    const words = [process.execPath, '-e', text.replaceAll('$', '$$$$')]
    return `image: node:here\n    command: ${JSON.stringify(words)}`
  }

  function file(version: string, { update, environment = '', rest = 'scale: 2' }: WebOptions): string {
    return `
services:
  proxy:
    ${program(proxyProgram)}
    ports: ["8090:80"]
  web:
    ${program(webProgram)}
    environment: { VERSION: "${version}"${environment} }
    stop_grace_period: 5s
    ${rest}
    healthcheck: { test: ["CMD", "/usr/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"], interval: 500ms, retries: 8, start_period: 1s }
    deploy:
      update_config: ${update}
`
  }

  async function up(project: string, text: string): Promise<{ readonly code: number | null; readonly stderr: string }> {
    await host.write(project, { 'compose.yaml': text })
    return host.compose(project, ['up', '-d', '-t', '3'])
  }

  const ask = (agent: Agent): Promise<string> =>
    new Promise((resolve) => {
      const call = get({ host: running.hosts[0]!.ip, port: 8090, agent, timeout: 15_000 }, (reply) => {
        let body = ''
        reply.on('data', (chunk: Buffer) => (body += chunk.toString()))
        reply.on('end', () => resolve(`${String(reply.statusCode)} ${body}`))
        reply.on('error', () => resolve('broken'))
      })
      call.on('timeout', () => call.destroy())
      call.on('error', (error) => resolve(`failed ${error.message}`))
    })

  /** Requests without pause while the body runs; what they were answered, in order. */
  async function answersDuring(body: () => Promise<unknown>): Promise<readonly string[]> {
    const agent = new Agent({ keepAlive: false })
    const answers: string[] = []
    const over = new AbortController()
    const workers = Array.from({ length: 3 }, async () => {
      while (!over.signal.aborted) {
        answers.push(await ask(agent))
        await systemClock.sleep(10)
      }
    })
    await body()
    over.abort()
    await Promise.all(workers)
    agent.destroy()
    return answers
  }

  async function ready(version: string): Promise<void> {
    const agent = new Agent({ keepAlive: false })
    const isUp = await host.eventually(async () => (await ask(agent)) === `200 ${version}`, 30_000)
    const logs = isUp ? '' : (await host.compose('roll', ['logs', '--no-color'])).stdout
    expect([isUp, await ask(agent)], logs).toEqual([true, `200 ${version}`])
    agent.destroy()
  }

  const names = async (project: string): Promise<readonly string[]> =>
    (await host.containers(project)).map(({ name, state }) => `${name} ${state}`)

  const startFirst = '{ order: start-first, parallelism: 1, failure_action: rollback }'
  const whole = ['roll-proxy-1 running', 'roll-web-1 running', 'roll-web-2 running']

  it('start-first: no request fails, and names and numbers are as before', async () => {
    const first = await up('roll', file('1', { update: startFirst }))
    expect(first.code, first.stderr).toBe(0)
    await ready('1')
    const answers = await answersDuring(async () => {
      const second = await up('roll', file('2', { update: startFirst }))
      expect(second.code, second.stderr).toBe(0)
    })
    expect(answers.filter((answer) => !/^200 [12]$/.test(answer))).toEqual([])
    expect(answers.filter((answer) => answer === '200 1').length).toBeGreaterThan(5)
    await ready('2')
    expect(await names('roll')).toEqual(whole)
    const again = await host.changesDuring(() => host.compose('roll', ['up', '-d']))
    expect(again).toEqual([])
  })

  it('a version that does not become healthy is rolled back; the old containers never stop', async () => {
    const before = await host.containers('roll')
    let failed: { code: number | null; stderr: string } = { code: 0, stderr: '' }
    const answers = await answersDuring(async () => {
      const bad = '{ order: start-first, parallelism: 2, failure_action: rollback, x-aliases: when-ready }'
      failed = await up('roll', file('3', { update: bad, environment: ', BAD: "1"' }))
    })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('update of service "web" rolled back')
    expect(failed.stderr).toMatch(/container roll-web-[12] is unhealthy/)
    expect(answers.filter((answer) => answer !== '200 2')).toEqual([])
    expect(await host.containers('roll')).toMatchObject(before.map(({ id, name, state }) => ({ id, name, state })))
  })

  it('with x-aliases: when-ready nobody is sent to a container that is not warm yet', async () => {
    const update = '{ order: start-first, parallelism: 2, x-aliases: when-ready }'
    const answers = await answersDuring(async () => {
      const result = await up('roll', file('4', { update, environment: ', WARM: "3000"' }))
      expect(result.code, result.stderr).toBe(0)
    })
    expect(answers.filter((answer) => !/^200 [24]$/.test(answer))).toEqual([])
    await ready('4')
    expect(await names('roll')).toEqual(whole)
  })

  it('stop-first with rollback: old containers that were stopped run again', async () => {
    const before = await host.containers('roll')
    const update = '{ order: stop-first, parallelism: 1, failure_action: rollback }'
    const failed = await up('roll', file('5', { update, environment: ', BAD: "1"' }))
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('update of service "web" rolled back (')])
    expect(await host.containers('roll')).toMatchObject(before.map(({ id, name, state }) => ({ id, name, state })))
  })

  it('an update that is killed is finished by the next up', async () => {
    const update = '{ order: start-first, parallelism: 1 }'
    await host.write('roll', { 'compose.yaml': file('6', { update, environment: ', WARM: "2000"' }) })
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const child = host.start('roll', ['up', '-d', '-t', '3'])
      child.stdout.resume()
      child.stderr.resume()
      const closed = once(child, 'close')
      const isHalfway = async (): Promise<boolean> =>
        (await host.containers('roll')).some(({ name, state }) => /^[0-9a-f]{12}_/.test(name) && state === 'running')
      expect(await host.eventually(isHalfway)).toBe(true)
      child.kill(signal)
      await closed
    }
    const answers = await answersDuring(async () => {
      const result = await host.compose('roll', ['up', '-d', '-t', '3'])
      expect(result.code, result.stderr).toBe(0)
    })
    expect(answers.filter((answer) => /^(?:failed|502|broken)/.test(answer))).toEqual([])
    expect(await names('roll')).toEqual(whole)
    await ready('6')
    expect((await host.compose('roll', ['down', '-t', '1'])).code).toBe(0)
  })

  it('a fixed host port cannot have two holders: it says so and keeps the gap short', async () => {
    const text = (value: string): string =>
      `services: { one: { image: "${sampleImage}", ports: ["8091:80"], labels: { v: "${value}" }, deploy: { update_config: { order: start-first, monitor: 100ms } } } }\n`
    expect((await up('port', text('1'))).code).toBe(0)
    await host.write('port', { 'compose.yaml': text('2') })
    const plan = await host.compose('port', ['plan'])
    expect(plan.stdout).toContain('gap: for a while no container of one runs')
    const result = await up('port', text('2'))
    expect([result.code, result.stderr]).toEqual([
      0,
      expect.stringMatching(/service \\?"one\\?" is updated stop-first.*host port 8091/),
    ])
    expect(await names('port')).toEqual(['port-one-1 running'])
    await host.compose('port', ['down', '-t', '1'])
  })
})
