import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { freePort } from './free-port.ts'
import type { FleetReport } from './fleet-process.ts'

/** A process full of fake engines. */
export interface FleetProcess {
  readonly addresses: readonly string[]
  readonly pid: number
  report(): Promise<FleetReport>
  /** Engines tell so many events a second for so long. @returns how many it were */
  storm(perSecond: number, ms: number): Promise<number>
  stop(): Promise<void>
}

function once<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    function gone(): void {
      reject(new Error('the fleet process ended'))
    }
    child.once('message', (value) => {
      child.off('exit', gone)
      resolve(value as T)
    })
    child.once('exit', gone)
  })
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

/** @param first number of the first engine, where several processes make up one fleet */
export async function startFleetProcess(engines: number, containers: number, first = 0): Promise<FleetProcess> {
  const program = join(process.cwd(), 'dist', 'bench', 'fleet-process.mjs')
  const args = [engines, containers, first].map(String)
  const child = fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const addresses = await once<readonly string[]>(child)
  return {
    addresses,
    pid: child.pid ?? 0,
    report() {
      const answer = once<FleetReport>(child)
      child.send('report')
      return answer
    },
    storm(perSecond, ms) {
      const answer = once<number>(child)
      child.send({ perSecond, ms })
      return answer
    },
    async stop() {
      child.kill('SIGKILL')
      await ended(child)
    },
  }
}

/** `swarm manage` as users run it, over many engines. */
export interface ManagerProcess {
  readonly port: number
  /** From the start of the process until the last engine was registered, wall and CPU. */
  readonly healthyMs: number
  readonly healthyCpuMs: number
  /** CPU the process has used since it started. */
  cpuMs(): number
  rssMb(): number
  /** Open file descriptors. */
  descriptors(): number
  /** The highest it ever was. */
  peakRssMb(): number
  stop(): Promise<void>
}

/** Node options for the manager, such as `--cpu-prof`: for whoever looks for the cause of a number. */
const managerFlags = (process.env['FLOTILLA_BENCH_MANAGER'] ?? '').split(' ').filter((flag) => flag !== '')

/** What is measured: the program on Node, or `FLOTILLA_BENCH_PROGRAM=dist/exe/swarm`. */
const program = resolve(process.env['FLOTILLA_BENCH_PROGRAM'] ?? join('dist', 'bin', 'swarm.cjs'))

export async function startManager(addresses: readonly string[], folder: string): Promise<ManagerProcess> {
  const port = await freePort()
  const file = join(folder, `engines-${port}`)
  await writeFile(file, `${addresses.join('\n')}\n`)
  const started = performance.now()
  const args = ['manage', '-H', `tcp://127.0.0.1:${port}`, `file://${file}`]
  // The single-file executable is a program of its own.
  const command = program.endsWith('.cjs') ? [process.execPath, ...managerFlags, program] : [program]
  // Two connections to an engine, and more while it is asked much.
  const script = `ulimit -n ${Math.max(20_000, addresses.length * 8)} 2> /dev/null; exec "$@"`
  const child = spawn('sh', ['-c', script, 'sh', ...command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  await registered(child, addresses.length)
  const { pid = 0 } = child
  return {
    port,
    healthyMs: performance.now() - started,
    healthyCpuMs: readCpuMs(pid),
    cpuMs: () => readCpuMs(pid),
    rssMb: () => readStatus(pid, 'VmRSS'),
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    peakRssMb: () => readStatus(pid, 'VmHWM'),
    async stop() {
      child.kill(managerFlags.length > 0 ? 'SIGTERM' : 'SIGKILL')
      await ended(child)
    },
  }
}

/** Resolves when the log has told of so many engines. */
function registered(child: ChildProcess, engines: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0
    let rest = ''
    const limit = setTimeout(
      () => reject(new Error(`only ${seen} of ${engines} engines came in: ${rest}`)),
      180_000 + engines * 40,
    )
    child.once('exit', () => reject(new Error(`the manager ended: ${rest}`)))
    child.stderr?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.includes('Registered Engine')) seen += 1
      if (seen < engines) return
      clearTimeout(limit)
      resolve()
    })
  })
}

/** Ticks of `/proc/PID/stat` are hundredths of a second on every Linux that Node runs on. */
export function readCpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function readStatus(pid: number, key: string): number {
  const match = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? Number.NaN) / 1024
}
