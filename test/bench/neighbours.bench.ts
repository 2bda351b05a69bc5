import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import type { FaultProxy, ProxyFault } from '../../src/testing/fault-proxy.ts'
import { freePort } from './free-port.ts'
import type { Row } from './bench.ts'
import { putLoad } from './endpoint-load.ts'
import { RawClient } from './raw-client.ts'

/**
 * Promise I5: an engine that is slow, dead or lying affects only requests that need that engine. What a request to a good
 * engine takes, at the 99th percentile, while its neighbour is asked too and does not behave, against the same with nobody
 * at the neighbour; the two take turns.
 */
const turns = 9
const turnMs = 400
const connections = 4
/** Clients of the bad engine, and the pause between two of their questions. */
const others = 8
const othersPauseMs = 20

const faults: readonly (readonly [string, ProxyFault])[] = [
  ['answers', { kind: 'none' }],
  ['never answers', { kind: 'black-hole' }],
  ['resets connections', { kind: 'reset', afterBytes: 20 }],
  ['refuses connections', { kind: 'refuse' }],
  ['drips', { kind: 'drip', bytes: 1, everyMs: 50 }],
]

export async function run(): Promise<readonly Row[]> {
  const good = await startFakeEngine({ name: 'good', images: ['busybox:latest'] })
  const bad = await startFakeEngine({ name: 'bad', images: ['busybox:latest'] })
  const way = await startFaultProxy(addressOf(bad))
  let manager: ChildProcess | undefined
  try {
    const port = await freePort()
    const program = join(process.cwd(), 'dist', 'bin', 'swarm.cjs')
    const nodes = `nodes://127.0.0.1:${String(addressOf(good).port)},127.0.0.1:${String(way.port)}`
    manager = spawn(process.execPath, [program, 'manage', '-H', `tcp://127.0.0.1:${String(port)}`, nodes], {
      stdio: 'ignore',
    })
    const client = await openWhenHealthy(port, 2)
    for (const node of ['good', 'bad']) {
      const body = JSON.stringify({ Image: 'busybox', Cmd: ['serve'], Env: [`constraint:node==${node}`] })
      await client.ask('POST', `/containers/create?name=on-${node}`, body)
    }
    const rows: Row[] = []
    for (const [name, fault] of faults) {
      rows.push(await measure(port, way, name, fault))
      way.setFault({ kind: 'none' }, true)
      await until(client, 2)
    }
    client.close()
    return rows
  } finally {
    manager?.kill('SIGKILL')
    await way.stop()
    await good.stop()
    await bad.stop()
  }
}

async function measure(port: number, way: FaultProxy, name: string, fault: ProxyFault): Promise<Row> {
  const quiet: number[] = []
  const beside: number[] = []
  const p99 = async (): Promise<number> =>
    (await putLoad({ port }, '/containers/on-good/json', connections, turnMs)).p99Ms
  await p99()
  way.setFault(fault, true)
  for (let turn = 0; turn < turns; turn += 1) {
    quiet.push(await p99())
    const stop = askBad(port)
    beside.push(await p99())
    stop()
  }
  const [value, base] = [median(beside), median(quiet)]
  return {
    name: `inspect on a good engine, p99, while its neighbour ${name}`,
    value,
    unit: 'ms',
    against: { name: 'nobody there', value: base, ratio: value / base },
    mark: '<= 1.5',
  }
}

/** Asks the bad engine until told to stop; what does not come is given up then. */
function askBad(port: number): () => void {
  const over = new AbortController()
  const clients: RawClient[] = []
  async function ask(): Promise<void> {
    while (!over.signal.aborted) {
      try {
        const client = await RawClient.open(port)
        clients.push(client)
        await client.ask('GET', '/containers/on-bad/json', '', true)
        client.close()
      } catch {
        // Its failures are not what is measured.
      }
      await pause(othersPauseMs)
    }
  }
  for (let index = 0; index < others; index += 1) void ask()
  return () => {
    over.abort()
    for (const client of clients) client.close()
  }
}

async function openWhenHealthy(port: number, count: number): Promise<RawClient> {
  const end = Date.now() + 30_000
  while (!(await isOpen(port))) {
    if (Date.now() > end) throw new Error('the manager did not come up')
    await pause(50)
  }
  const client = await RawClient.open(port)
  await until(client, count)
  return client
}

async function until(client: RawClient, count: number): Promise<void> {
  const end = Date.now() + 60_000
  while ((await client.ask('GET', '/info')).body.split('Healthy').length - 1 < count) {
    if (Date.now() > end) throw new Error('the engines did not become healthy')
    await pause(50)
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

function addressOf(engine: FakeEngine): { readonly host: string; readonly port: number } {
  const { endpoint } = engine
  if (endpoint.kind !== 'tcp') throw new Error('the fake engine has no port')
  return { host: endpoint.host, port: endpoint.port }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
