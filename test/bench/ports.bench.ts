import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import type { Row } from './bench.ts'
import { readCpuMs } from './fleet-manager.ts'

/**
 * A forwarded port (`swarm.ports=forward`) against the container asked directly, with HAProxy's TCP mode as yardstick; the
 * three take turns. The container is a server on 127.0.0.1, the relay listens on 127.0.0.2, HAProxy on 127.0.0.3.
 */
const direct = '127.0.0.1'
const relay = '127.0.0.2'
const haproxy = '127.0.0.3'
const turns = 7
const turnMs = 400
const bytesPerTurn = 64 * 1024 * 1024

/** Answers `x` with `y`, and a number of bytes asked for as `N\n` with so many. */
const server = `
const chunk = Buffer.alloc(65536, 1)
require('node:net').createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {})
  socket.on('data', (data) => {
    if (data[0] === 120) return socket.write('y')
    let left = Number(data.toString())
    const more = () => { while (left > 0) { left -= chunk.length; if (!socket.write(chunk)) return socket.once('drain', more) } socket.end() }
    more()
  })
}).listen(Number(process.argv[1]), '${direct}')
`

export async function run(): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  const children: ChildProcess[] = []
  const start = (file: string, args: readonly string[]): number => {
    const child = spawn(file, args, { stdio: 'ignore' })
    children.push(child)
    return child.pid ?? 0
  }
  try {
    const port = await freePort(direct)
    start(process.execPath, ['-e', server, String(port)])
    await waitFor(direct, port)
    const pids = new Map([
      [relay, start(process.execPath, [join(import.meta.dirname, 'ports-process.mjs'), relay, String(port), direct])],
    ])
    await waitFor(relay, port)
    if (spawnSync('haproxy', ['-v']).status === 0) {
      const file = join(folder, 'haproxy.cfg')
      const times = 'timeout client 60s\n timeout server 60s\n timeout connect 5s'
      await writeFile(
        file,
        `global\n nbthread 1\nlisten l\n mode tcp\n ${times}\n bind ${haproxy}:${port}\n server s ${direct}:${port}\n`,
      )
      pids.set(haproxy, start('haproxy', ['-f', file]))
      await waitFor(haproxy, port)
    }
    return await measure(port, pids)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(port: number, pids: ReadonlyMap<string, number>): Promise<readonly Row[]> {
  const hosts = [direct, ...pids.keys()]
  const cpuOf = (host: string): number => (pids.has(host) ? readCpuMs(pids.get(host) ?? 0) : 0)
  const seen = new Map(
    hosts.map((host) => [host, { asks: [] as number[], rates: [] as number[], cpu: [] as number[] }]),
  )
  for (let turn = 0; turn < turns; turn += 1) {
    for (const host of hosts) {
      const mine = seen.get(host)
      mine?.asks.push(await askFor(host, port))
      const before = cpuOf(host)
      mine?.rates.push(await stream(host, port))
      mine?.cpu.push(cpuOf(host) - before)
    }
  }
  const value = (host: string, kind: 'asks' | 'rates' | 'cpu'): number => median(seen.get(host)?.[kind] ?? [])
  const rows: Row[] = []
  for (const [kind, name, unit] of [
    ['asks', 'forwarded port, questions and answers of one byte, 8 connections', '/s'],
    ['rates', 'forwarded port, one stream', 'MiB/s'],
    ['cpu', 'forwarded port, CPU for 64 MiB', 'ms'],
  ] as const) {
    for (const host of hosts.filter((each) => each !== relay && !(kind === 'cpu' && each === direct))) {
      const other = value(host, kind)
      const against = { name: host === direct ? 'direct' : 'HAProxy', value: other, ratio: value(relay, kind) / other }
      rows.push({ name, value: value(relay, kind), unit, against })
    }
  }
  return rows
}

/** Questions answered a second, each asked when the one before is answered. */
async function askFor(host: string, port: number): Promise<number> {
  let count = 0
  const endMs = performance.now() + turnMs
  await Promise.all(
    Array.from({ length: 8 }, () => {
      const socket = connect({ host, port, noDelay: true })
      return new Promise<void>((resolve, reject) => {
        socket.on('error', reject)
        socket.on('connect', () => socket.write('x'))
        socket.on('data', () => {
          count += 1
          if (performance.now() < endMs) socket.write('x')
          else resolve(void socket.destroy())
        })
      })
    }),
  )
  return (count * 1000) / turnMs
}

/** MiB a second. */
function stream(host: string, port: number): Promise<number> {
  const startMs = performance.now()
  const socket = connect({ host, port })
  socket.write(`${bytesPerTurn}\n`)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', () => undefined)
    socket.on('end', () => resolve(bytesPerTurn / 1048.576 / (performance.now() - startMs)))
  })
}

async function waitFor(host: string, port: number): Promise<void> {
  const endMs = performance.now() + 30_000
  const isOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ host, port })
      socket.on('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
  while (!(await isOpen())) {
    if (performance.now() > endMs) throw new Error(`${host}:${port} did not come up`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
