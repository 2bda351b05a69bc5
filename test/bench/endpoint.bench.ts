import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lab } from '../../src/testing/lab/lab.ts'
import { freePort } from './free-port.ts'
import type { Row } from './bench.ts'
import { putLoad } from './endpoint-load.ts'
import { readCpuMs } from './fleet-manager.ts'
import { isOpen, startHaproxy } from './haproxy.ts'
import type { Place } from './endpoint-load.ts'

/**
 * The endpoint against the same engine asked directly, with HAProxy as yardstick, in one run. The canned engine
 * answers faster than any real one, so that it is the proxies that are measured; the real one says what a user feels.
 */
export async function run(): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  const children: ChildProcess[] = []
  try {
    return [...(await benchCanned(folder, children)), ...(await benchReal(folder, children))]
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

/** One turn; the three ways take turns, so that whatever else the machine is doing meets each of them. */
const turnMs = 400
const turns = 7
const connections = 8
const root = process.cwd()
const containerId = 'c'.repeat(64)

/** An engine of ready-made bytes: one healthy node with one container, for ever. */
const cannedEngine = `
const net = require('node:net')
const id = '${containerId}'
const json = (value) => {
  const body = JSON.stringify(value)
  return Buffer.from('HTTP/1.1 200 OK\\r\\nApi-Version: 1.41\\r\\nContent-Type: application/json\\r\\nOstype: linux\\r\\nServer: Docker/20.10.24 (linux)\\r\\nDate: Mon, 23 Nov 2026 07:00:00 GMT\\r\\nContent-Length: ' + Buffer.byteLength(body) + '\\r\\n\\r\\n' + body)
}
const row = { Id: id, Names: ['/web'], Image: 'busybox', ImageID: 'sha256:' + id, Command: 'sh', Created: 1, Ports: [], Labels: {}, State: 'running', Status: 'Up', HostConfig: { NetworkMode: 'default' }, NetworkSettings: { Networks: {} }, Mounts: [] }
const inspect = { Id: id, Created: '2026-01-01T00:00:00Z', Name: '/web', State: { Status: 'running', Running: true, StartedAt: '2026-01-01T00:00:00Z', FinishedAt: '0001-01-01T00:00:00Z', ExitCode: 0 }, Image: 'sha256:' + id, HostConfig: { PortBindings: {}, filler: 'x'.repeat(2500) }, Config: { Image: 'busybox', Labels: {}, Env: ['filler=' + 'y'.repeat(1500)] }, NetworkSettings: { Ports: {} }, Mounts: [] }
const replies = { '/info': json({ ID: 'CANNED', Name: 'canned', NCPU: 4, MemTotal: 8e9, Driver: 'overlay2', OSType: 'linux', Architecture: 'x86_64', KernelVersion: '6', OperatingSystem: 'linux', ServerVersion: '20.10.24', Labels: [] }), '/version': json({ Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12' }), '/containers/json': json([row]), '/images/json': json([]), '/networks': json([]), '/volumes': json({ Volumes: [] }), ['/containers/' + id + '/json']: json(inspect) }
const ping = Buffer.from('HTTP/1.1 200 OK\\r\\nApi-Version: 1.41\\r\\nOstype: linux\\r\\nContent-Type: text/plain\\r\\nContent-Length: 2\\r\\n\\r\\nOK')
net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    const path = chunk.toString('latin1', chunk.indexOf(32) + 1, chunk.indexOf(32, 8)).replace(/^\\/v[0-9.]+/, '').split('?')[0]
    if (path === '/_ping') socket.write(ping)
    else if (path === '/events') socket.write('HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n')
    else socket.write(replies[path] ?? 'HTTP/1.1 404 Not Found\\r\\nContent-Length: 2\\r\\n\\r\\n{}')
  })
}).listen(Number(process.argv[1]), '127.0.0.1')
`

async function waitFor(check: () => Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 30_000
  while (!(await check().catch(() => false))) {
    if (Date.now() > end) throw new Error(`${what} did not come up`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

function call(place: Place, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const where = 'port' in place ? { port: place.port, host: '127.0.0.1' } : { socketPath: place.path }
    const headers = text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const sent = request({ ...where, method, path, headers }, (reply) => {
      let all = ''
      reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: all }))
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

/** `swarm manage` as users run it, over one engine. */
async function startManager(children: ChildProcess[], engine: string, port: number): Promise<Place> {
  const program = join(root, 'dist', 'bin', 'swarm.cjs')
  const args = [program, 'manage', '-H', `tcp://127.0.0.1:${port}`, `nodes://${engine}`]
  children.push(spawn(process.execPath, args, { stdio: 'ignore' }))
  await waitFor(async () => (await call({ port }, 'GET', '/info')).body.includes('Healthy'), 'the endpoint')
  return { port }
}

async function startYardstick(children: ChildProcess[], folder: string, server: string): Promise<Place | undefined> {
  const started = await startHaproxy(folder, server)
  if (started === undefined) return undefined
  children.push(started.process)
  return { port: started.port }
}

async function benchCanned(folder: string, children: ChildProcess[]): Promise<readonly Row[]> {
  const port = await freePort()
  children.push(spawn(process.execPath, ['-e', cannedEngine, String(port)], { stdio: 'ignore' }))
  await waitFor(() => isOpen(port), 'the canned engine')
  const endpoint = await startManager(children, `127.0.0.1:${port}`, await freePort())
  const haproxy = await startYardstick(children, folder, `127.0.0.1:${port}`)
  const pids = pidsOf(children, haproxy)
  return compare('canned engine', { port }, endpoint, haproxy, `/v1.41/containers/${containerId}/json`, pids)
}

/** What one way did in all of its turns. */
interface Measured {
  readonly perSecond: number
  readonly cpuMicros: number
}

/** A way to the engine: where to ask, and the process whose CPU counts. */
interface Way {
  readonly place: Place
  readonly pid: number
}

/** A manager runs for months: what is measured is the code that its first twenty thousand requests have had compiled. */
const warmRequests = 20_000

async function warmUp(place: Place, path: string): Promise<void> {
  for (let requests = 0; requests < warmRequests;)
    requests += (await putLoad(place, path, connections, turnMs)).requests
}

/** Loads that take turns. @returns for each way its median rate, and its CPU per request over all turns */
async function putByTurns(ways: readonly Way[], path: string): Promise<readonly Measured[]> {
  for (const { place } of ways) await warmUp(place, path)
  const rates = ways.map((): number[] => [])
  const cpuMs = ways.map(() => 0)
  const requests = ways.map(() => 0)
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [at, { place, pid }] of ways.entries()) {
      const before = readCpuMs(pid)
      const load = await putLoad(place, path, connections, turnMs)
      cpuMs[at] = (cpuMs[at] ?? 0) + readCpuMs(pid) - before
      requests[at] = (requests[at] ?? 0) + load.requests
      rates[at]?.push(load.perSecond)
    }
  }
  return rates.map((each, at) => ({
    perSecond: median(each),
    cpuMicros: ((cpuMs[at] ?? 0) * 1000) / (requests[at] ?? 1),
  }))
}

/** What the endpoint adds to the latency of one client: the median of the differences of its turns. */
async function addedMs(endpoint: Place, direct: Place, path: string): Promise<number> {
  const added: number[] = []
  for (let turn = 0; turn < turns; turn += 1) {
    const through = await putLoad(endpoint, path, 1, turnMs)
    const plain = await putLoad(direct, path, 1, turnMs)
    added.push(through.p50Ms - plain.p50Ms)
  }
  return median(added)
}

interface Pids {
  readonly endpoint: number
  readonly haproxy: number
}

/** The endpoint was started last, or HAProxy after it. */
function pidsOf(children: readonly ChildProcess[], haproxy: Place | undefined): Pids {
  const [last, before] = [children.at(-1)?.pid ?? 0, children.at(-2)?.pid ?? 0]
  return haproxy === undefined ? { endpoint: last, haproxy: 0 } : { endpoint: before, haproxy: last }
}

/** Rates with several connections, latency with one. */
async function compare(
  what: string,
  direct: Place,
  endpoint: Place,
  haproxy: Place | undefined,
  inspectPath: string,
  pids: Pids,
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [label, path] of [
    ['_ping', '/_ping'],
    ['inspect', inspectPath],
  ] as const) {
    const ways = [
      { place: endpoint, pid: pids.endpoint },
      { place: direct, pid: process.pid },
      ...(haproxy === undefined ? [] : [{ place: haproxy, pid: pids.haproxy }]),
    ]
    const [rate = never, plain = never, yard] = await putByTurns(ways, path)
    const name = `endpoint ${label}, ${what}`
    rows.push({
      name,
      value: rate.perSecond,
      unit: 'requests/s',
      against: against('direct', plain.perSecond, rate.perSecond),
    })
    if (yard !== undefined) {
      const ratio = against('HAProxy', yard.perSecond, rate.perSecond)
      rows.push({ name, value: rate.perSecond, unit: 'requests/s', against: ratio, mark: '>= 0.5' })
      rows.push({
        name: `${name}, CPU per request`,
        value: rate.cpuMicros,
        unit: 'µs',
        against: against('HAProxy', yard.cpuMicros, rate.cpuMicros),
        mark: '<= 2',
      })
    }
    const added = await addedMs(endpoint, direct, path)
    rows.push({ name: `${name}, latency added (p50)`, value: added, unit: 'ms', mark: '<= 0.4' })
  }
  return rows
}

const never: Measured = { perSecond: Number.NaN, cpuMicros: Number.NaN }

function against(name: string, yardstick: number, value: number): NonNullable<Row['against']> {
  return { name, value: yardstick, ratio: value / yardstick }
}

const createRounds = 12

async function benchReal(folder: string, children: ChildProcess[]): Promise<readonly Row[]> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return []
  const place = await lab({ hosts: 1, image: true })
  try {
    const host = place.hosts[0]
    if (host === undefined) return []
    const direct: Place = { path: host.socketPath }
    const endpoint = await startManager(children, `unix://${host.socketPath}`, await freePort())
    const haproxy = await startYardstick(children, folder, `unix@${host.socketPath}`)
    const made = await call(direct, 'POST', '/v1.41/containers/create?name=looked-at', {
      Image: 'flotilla/sample:latest',
    })
    const { Id } = JSON.parse(made.body) as { Id: string }
    await waitFor(async () => (await call(endpoint, 'GET', `/containers/${Id}/json`)).status === 200, 'the container')
    const pids = pidsOf(children, haproxy)
    const rows = await compare('Engine 20.10', direct, endpoint, haproxy, `/v1.41/containers/${Id}/json`, pids)
    return [...rows, await compareCreates(direct, endpoint)]
  } finally {
    await place.down()
  }
}

/** Create and start, by turns so that whatever the machine is doing meets both. */
async function compareCreates(direct: Place, endpoint: Place): Promise<Row> {
  const times: { readonly direct: number[]; readonly endpoint: number[] } = { direct: [], endpoint: [] }
  for (let round = 0; round < createRounds; round += 1) {
    const order = round % 2 === 0 ? (['direct', 'endpoint'] as const) : (['endpoint', 'direct'] as const)
    for (const way of order) times[way].push(await createOne(way === 'direct' ? direct : endpoint, direct))
  }
  const value = median(times.endpoint)
  const yardstick = median(times.direct)
  return {
    name: 'endpoint create+start, Engine 20.10 (median)',
    value,
    unit: 'ms',
    against: against('direct', yardstick, value),
    mark: '<= 1.05',
  }
}

async function createOne(place: Place, cleaner: Place): Promise<number> {
  const body = { Image: 'flotilla/sample:latest', Cmd: ['sleep', '60'], HostConfig: { NetworkMode: 'none' } }
  const start = performance.now()
  const made = await call(place, 'POST', '/v1.41/containers/create', body)
  const { Id } = JSON.parse(made.body) as { Id: string }
  const started = await call(place, 'POST', `/v1.41/containers/${Id}/start`)
  const took = performance.now() - start
  if (made.status !== 201 || started.status !== 204)
    throw new Error(`create+start failed: ${made.body} ${started.body}`)
  await call(cleaner, 'DELETE', `/v1.41/containers/${Id}?force=1&v=1`)
  return took
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
