import { spawn } from 'node:child_process'
import { Agent, request } from 'node:http'
import process from 'node:process'
import { lab } from '../../src/testing/lab/lab.ts'
import { median, tellWrong } from './bench.ts'
import type { Row } from './bench.ts'
import type { Place } from './endpoint-load.ts'
import { readCpuMs } from './fleet-manager.ts'
import { freePort } from './free-port.ts'

/**
 * Load L-3: 64 clients create at once on three real engines, through the manager and at the engines themselves, each with
 * its share of the 64. The two take turns; what is compared is the time until the last one has its answer.
 */
const clients = 64
const creates = Number(process.env['FLOTILLA_BENCH_CREATES'] ?? '128')
const rounds = Number(process.env['FLOTILLA_BENCH_ROUNDS'] ?? '5')
const version = process.env['FLOTILLA_BENCH_ENGINE'] ?? '20.10'

interface Answer {
  readonly status: number
  readonly body: string
}

/** Asks at one place, over kept connections. */
class Caller {
  readonly #agent: Agent = new Agent({ keepAlive: true, maxSockets: clients })
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const where =
      'port' in this.#place ? { port: this.#place.port, host: '127.0.0.1' } : { socketPath: this.#place.path }
    const headers = text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    return new Promise((resolve, reject) => {
      const sent = request({ ...where, agent: this.#agent, method, path, headers }, (reply) => {
        let all = ''
        reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: all }))
      })
      sent.on('error', reject)
      sent.end(text)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return []
  const running = await lab({ hosts: 3, engines: [version], image: true, namePrefix: 'lcr' })
  const port = await freePort()
  const engines = running.hosts.map((host) => `unix://${host.socketPath}`)
  const args = ['dist/bin/swarm.cjs', 'manage', '-H', `tcp://127.0.0.1:${port}`, `nodes://${engines.join(',')}`]
  const manager = spawn(process.execPath, args, { stdio: 'ignore' })
  const direct = running.hosts.map((host) => new Caller({ path: host.socketPath }))
  const endpoint = new Caller({ port })
  try {
    await untilHealthy(endpoint, running.hosts.length)
    return await measure(endpoint, direct, manager.pid ?? 0)
  } finally {
    manager.kill('SIGKILL')
    for (const caller of [endpoint, ...direct]) caller.close()
    await running.down()
  }
}

async function untilHealthy(endpoint: Caller, count: number): Promise<void> {
  const end = Date.now() + 60_000
  for (;;) {
    const info = await endpoint.call('GET', '/info').catch(() => undefined)
    if ((info?.body.split('Healthy').length ?? 0) - 1 >= count) return
    if (Date.now() > end) throw new Error('the engines did not become healthy')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What the engines have removed the manager knows a moment later, and places by what it knows. */
async function untilEmpty(endpoint: Caller): Promise<void> {
  const end = Date.now() + 60_000
  while ((await endpoint.call('GET', '/v1.41/containers/json?all=1&limit=1')).body.trim() !== '[]') {
    if (Date.now() > end) throw new Error('removed containers are still listed')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function measure(endpoint: Caller, direct: readonly Caller[], pid: number): Promise<readonly Row[]> {
  const problems: string[] = []
  const through: number[] = []
  const plain: number[] = []
  let cpuMs = 0
  // The first round warms both.
  for (let round = 0; round <= rounds; round += 1) {
    const ways = round % 2 === 0 ? (['manager', 'direct'] as const) : (['direct', 'manager'] as const)
    for (const way of ways) {
      await untilEmpty(endpoint)
      const before = readCpuMs(pid)
      const perSecond = await createAll(way === 'manager' ? [endpoint] : direct, direct, `${way}-${round}`, problems)
      if (round === 0) continue
      if (way === 'manager') cpuMs += readCpuMs(pid) - before
      ;(way === 'manager' ? through : plain).push(perSecond)
    }
  }
  const [value, base] = [median(through), median(plain)]
  const what = `${clients} parallel creates, 3 × Engine ${version}`
  return [
    tellWrong(`${what}: failed, missing, doubled or uneven`, problems),
    {
      name: `${what}, through the manager`,
      value,
      unit: 'creates/s',
      against: { name: 'the engines directly', value: base, ratio: value / base },
      mark: '>= 0.9 x',
    },
    { name: `${what}, manager CPU per create`, value: cpuMs / rounds / creates, unit: 'ms' },
  ]
}

const body = { Image: 'flotilla/sample:latest', Cmd: ['sleep', '60'], HostConfig: { NetworkMode: 'none' } }

/** @returns creates a second; what they made is looked for at the engines themselves and removed */
async function createAll(
  callers: readonly Caller[],
  engines: readonly Caller[],
  prefix: string,
  problems: string[],
): Promise<number> {
  const made = new Set<string>()
  let next = 0
  const start = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const caller = callers[client % callers.length]
      if (caller === undefined) return
      while (next < creates) {
        const name = `${prefix}-${next}`
        next += 1
        const reply = await caller.call('POST', `/v1.41/containers/create?name=${name}`, body)
        if (reply.status === 201) made.add((JSON.parse(reply.body) as { readonly Id: string }).Id)
        else problems.push(`${name}: ${reply.status} ${reply.body.slice(0, 200)}`)
      }
    }),
  )
  const tookMs = performance.now() - start
  const counts: number[] = []
  for (const engine of engines) {
    const list = await engine.call('GET', '/v1.41/containers/json?all=1')
    const ids = (JSON.parse(list.body) as readonly { readonly Id: string }[]).map(({ Id }) => Id)
    counts.push(ids.length)
    for (const id of ids) {
      if (!made.delete(id)) problems.push(`${id} was not acknowledged, or is there twice`)
    }
    await Promise.all(ids.map((id) => engine.call('DELETE', `/v1.41/containers/${id}?force=1`)))
  }
  for (const id of made) problems.push(`${id} was acknowledged and is nowhere`)
  // Spread: no engine has more than one over its share.
  if (callers.length === 1 && Math.max(...counts) - Math.min(...counts) > 1) {
    problems.push(`spread unevenly: ${counts.join(', ')}`)
  }
  return (creates * 1000) / tookMs
}
