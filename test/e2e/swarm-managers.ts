import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import type { FaultProxy } from '../../src/testing/fault-proxy.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface LeaderView {
  readonly role: string
  readonly primary: string
  readonly term: number
}

/** One `swarm manage --replication`, reached by tests on a unix socket and by other managers over TLS through a proxy. */
export interface TestManager {
  /** What it advertises: the address of the proxy. */
  readonly address: string
  readonly socket: string
  readonly proxy: FaultProxy
  readonly child: ChildProcess
  readonly isRunning: boolean
  log(): string
  ask(method: string, path: string, body?: unknown, timeoutMs?: number): Promise<Answer>
  /** Undefined when it does not answer within a second. */
  leader(): Promise<LeaderView | undefined>
  /** Runs a shell line with `D` standing for a docker CLI and this manager as its host. */
  shell(line: string, timeoutMs?: number, cli?: string): Promise<RunResult>
  /** SIGSTOP, and waits until no thread of it runs: the signal alone lets it answer for some milliseconds more. */
  freeze(): Promise<void>
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>
}

export interface TestManagers {
  readonly managers: readonly TestManager[]
  readonly folder: string
  /** Starts another process in the place of one that has ended. */
  restart(index: number): Promise<TestManager>
  /** The manager that says it leads and those that do not, once exactly one does. */
  roles(limitMs?: number): Promise<{ readonly primary: TestManager; readonly replicas: readonly TestManager[] }>
  down(): Promise<void>
}

export interface ManagersOptions {
  readonly discovery: string
  readonly count: number
  readonly flags?: readonly string[]
  readonly env?: (index: number) => Readonly<Record<string, string>>
}

/** Starts managers over the engines of a lab and waits until each has read all of them and one leads. */
export async function startManagers(lab: Lab, options: ManagersOptions): Promise<TestManagers> {
  ensurePrograms()
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-managers-'))
  const tls = await writeCertificates(lab, folder)
  const managers: TestManager[] = []
  const proxies: FaultProxy[] = []
  const ports: number[] = []

  async function start(index: number): Promise<TestManager> {
    const port = (ports[index] ??= await freePort())
    const proxy = (proxies[index] ??= await startFaultProxy({ host: '127.0.0.1', port }))
    const manager = launch({ ...options, index, port, proxy, folder, tls })
    managers[index] = manager
    const isReady = (): boolean => manager.log().match(/Registered Engine/g)?.length === lab.hosts.length
    await eventually(isReady, 40_000, `registration of all engines at manager ${index}`).catch((error: unknown) => {
      throw new Error(`a manager did not come up: ${manager.log()}`, { cause: error })
    })
    return manager
  }

  const running: TestManagers = {
    managers,
    folder,
    restart: start,
    async roles(limitMs = 20_000) {
      let leading: TestManager[] = []
      await eventually(
        async () => {
          const views = await Promise.all(managers.map((each) => each.leader()))
          leading = managers.filter((_, at) => views[at]?.role === 'primary')
          const [primary] = leading
          return views.every((view) => view === undefined || view.primary === primary?.address) && leading.length === 1
        },
        limitMs,
        'one manager that all follow',
      )
      const [primary] = leading
      if (primary === undefined) throw new Error('no primary')
      const replicas = managers.filter((each) => each !== primary && each.isRunning)
      return { primary, replicas }
    },
    async down() {
      await Promise.all(managers.map((each) => each.kill()))
      await Promise.all(proxies.map((each) => each.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await Promise.all(Array.from({ length: options.count }, (_, index) => start(index)))
    await running.roles(40_000)
  } catch (error) {
    const logs = managers.map((each, at) => `manager ${at}:\n${each.log()}`).join('\n')
    await running.down()
    throw new Error(`no cluster of managers: ${logs}`, { cause: error })
  }
  return running
}

interface Launch extends ManagersOptions {
  readonly index: number
  readonly port: number
  readonly proxy: FaultProxy
  readonly folder: string
  readonly tls: readonly string[]
}

function launch(o: Launch): TestManager {
  const address = `127.0.0.1:${o.proxy.port}`
  const socket = join(o.folder, `m${o.index}.sock`)
  const listen = ['-H', `unix://${socket}`, '-H', `tcp://127.0.0.1:${o.port}`]
  const replication = ['--replication', '--advertise', address, ...(o.flags ?? [])]
  const [form] = programForms
  if (form === undefined) throw new Error('no program form')
  const child = form.start('swarm', ['manage', ...o.tls, ...listen, ...replication, o.discovery], {
    env: o.env?.(o.index) ?? {},
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ask: TestManager['ask'] = (method, path, body, timeoutMs = 60_000) =>
    askSocket(socket, method, path, body, timeoutMs)
  return {
    address,
    socket,
    proxy: o.proxy,
    child,
    get isRunning() {
      return child.exitCode === null && child.signalCode === null
    },
    log: () => log,
    ask,
    async leader() {
      try {
        return JSON.parse((await ask('GET', '/flotilla/leader', undefined, 1000)).body) as LeaderView
      } catch {
        return undefined
      }
    },
    shell(line, timeoutMs = 30_000, cli = '/usr/local/bin/docker') {
      const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, D: cli, DOCKER_CONFIG: o.folder }
      return collect(spawn('/bin/bash', ['-c', line], { env, stdio: ['ignore', 'pipe', 'pipe'] }), timeoutMs)
    },
    async freeze() {
      child.kill('SIGSTOP')
      await eventually(() => isStopped(child.pid ?? 0), 10_000, 'the stop of a manager')
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Whether the kernel has stopped every thread of a process. */
async function isStopped(pid: number): Promise<boolean> {
  const tasks = await readdir(`/proc/${pid}/task`)
  const texts = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/status`, 'utf8')))
  return texts.every((text) => /^State:\s+T/m.test(text))
}

export function askSocket(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const sent = request({ socketPath, method, path, headers, agent: false }, (reply) => {
      let all = ''
      reply.setEncoding('utf8')
      reply.on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: all }))
      reply.on('error', reject)
    })
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer to ${method} ${path} in ${timeoutMs} ms`)))
    sent.on('error', reject)
    sent.end(text)
  })
}

/** The pair of the first host's engine serves both ways and is good for 127.0.0.1, as a manager's has to. */
async function writeCertificates(lab: Lab, folder: string): Promise<readonly string[]> {
  const [host] = lab.hosts
  if (host === undefined) throw new Error('the lab has no host')
  for (const [name, flag] of [
    ['server.pem', 'cert.pem'],
    ['server-key.pem', 'key.pem'],
  ] as const) {
    const found = await host.exec(['cat', `/etc/docker/${name}`])
    await writeFile(join(folder, flag), found.stdout, { mode: 0o600 })
  }
  const pair = ['--tlscert', join(folder, 'cert.pem'), '--tlskey', join(folder, 'key.pem')]
  return ['--tlsverify', '--tlscacert', `${lab.certificates.directory}/ca.pem`, ...pair]
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
