import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { ProxyFault } from '../../src/testing/fault-proxy.ts'
import { freePort } from './free-port.ts'
import type { Row } from './bench.ts'
import { putLoad } from './endpoint-load.ts'
import type { NeighbourOrder } from './neighbours-process.ts'
import { RawClient } from './raw-client.ts'

/**
 * Promise I5: an engine that is slow, dead or lying affects only requests that need that engine. What a request to a good
 * engine takes, at the 99th percentile, while its neighbour does not behave, against the same while the neighbour is asked
 * as much and answers: more requests take more of two processors, whoever they are for, and that is no fault of an engine.
 * What this share is has a row of its own, against nobody at the neighbour. All three take turns.
 */
const turns = 9
const turnMs = 600
const connections = 4
const pauseMs = 3

const faults: readonly (readonly [string, ProxyFault])[] = [
  ['never answers', { kind: 'black-hole' }],
  ['resets connections', { kind: 'reset', afterBytes: 20 }],
  ['refuses connections', { kind: 'refuse' }],
  ['drips', { kind: 'drip', bytes: 1, everyMs: 50 }],
]

export async function run(): Promise<readonly Row[]> {
  const good = await startEngine('good')
  const bad = await startEngine('bad')
  let manager: ChildProcess | undefined
  try {
    const port = await freePort()
    const program = join(process.cwd(), 'dist', 'bin', 'swarm.cjs')
    const nodes = `nodes://127.0.0.1:${String(good.port)},127.0.0.1:${String(bad.port)}`
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
      rows.push(...(await measure(port, bad, name, fault)))
      await bad.order({ fault: { kind: 'none' } })
      await until(client, 2)
    }
    client.close()
    return rows
  } finally {
    manager?.kill('SIGKILL')
    good.process.kill('SIGKILL')
    bad.process.kill('SIGKILL')
  }
}

interface Neighbour {
  readonly process: ChildProcess
  readonly port: number
  readonly order: (order: NeighbourOrder) => Promise<void>
}

async function startEngine(name: string): Promise<Neighbour> {
  const program = join(process.cwd(), 'dist', 'bench', 'neighbours-process.mjs')
  const child = fork(program, [name], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [port] = (await once(child, 'message')) as [number]
  return {
    process: child,
    port,
    async order(order) {
      const done = once(child, 'message')
      child.send(order)
      await done
    },
  }
}

async function measure(port: number, bad: Neighbour, name: string, fault: ProxyFault): Promise<readonly Row[]> {
  const nobody: number[] = []
  const answering: number[] = []
  const faulty: number[] = []
  const p99 = async (): Promise<number> =>
    (await putLoad({ port }, '/containers/on-good/json', connections, turnMs, pauseMs)).p99Ms
  await p99()
  for (let turn = 0; turn < turns; turn += 1) {
    await bad.order({ fault: { kind: 'none' } })
    nobody.push(await p99())
    await bad.order({ fault: { kind: 'none' }, askAt: port })
    answering.push(await p99())
    await bad.order({ fault, askAt: port })
    faulty.push(await p99())
  }
  const [base, value, quiet] = [median(answering), median(faulty), median(nobody)]
  const what = 'inspect on a good engine, p99, while its neighbour'
  return [
    {
      name: `${what} ${name}`,
      value,
      unit: 'ms',
      against: { name: 'one that answers', value: base, ratio: value / base },
      mark: '<= 1.5',
    },
    {
      name: `${what} ${name}`,
      value,
      unit: 'ms',
      against: { name: 'nobody there', value: quiet, ratio: value / quiet },
    },
  ]
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

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
