import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabHost, LabOptions } from '../../src/testing/lab/types.ts'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** The two docker CLIs of the machine, oldest and newest. */
export const dockerClis: readonly { readonly name: string; readonly path: string }[] = [
  { name: 'docker 28', path: '/usr/local/bin/docker' },
  { name: 'docker 20.10', path: '/usr/bin/docker' },
].filter((cli) => existsSync(cli.path))

/** Real engines with `swarm manage` over them. */
export interface TestCluster {
  readonly lab: Lab
  readonly host: string
  readonly socket: string
  readonly folder: string
  /** The manager's log so far. */
  log(): string
  manager: ChildProcess
  /** SIGKILL, and another one with the same command line at once. */
  restartManager(): Promise<void>
  node(index: number): LabHost
  /** Runs a docker CLI against the endpoint. */
  docker(cli: string, args: readonly string[], input?: string, timeoutMs?: number): Promise<RunResult>
  /** Runs a shell line with `DOCKER_HOST` set and `$D` standing for the CLI. */
  shell(cli: string, line: string, timeoutMs?: number): Promise<RunResult>
  /** The value of a node's line in `docker info`. */
  nodeInfo(node: string, key: string): Promise<string | undefined>
  down(): Promise<void>
}

/** Waits until `check` holds. */
export async function eventually(
  check: () => Promise<boolean> | boolean,
  limitMs: number,
  what: string,
): Promise<number> {
  const start = Date.now()
  while (!(await check())) {
    if (Date.now() - start > limitMs) throw new Error(`${what} did not happen within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return Date.now() - start
}

export async function startCluster(options: LabOptions, flags: readonly string[] = []): Promise<TestCluster> {
  ensurePrograms()
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-swarm-'))
  const place = await lab({ image: true, ...options })
  const socket = join(folder, 'swarm.sock')
  const certs = place.certificates.directory
  const form = programForms[0]
  if (form === undefined) throw new Error('no program form')
  const tls = ['--tlsverify', '--tlscacert', `${certs}/ca.pem`, '--tlscert', `${certs}/cert.pem`]
  const nodes = `nodes://${place.hosts.map((host) => host.address).join(',')}`
  const args = ['manage', ...tls, '--tlskey', `${certs}/key.pem`, '-H', `unix://${socket}`, ...flags, nodes]
  let log = ''
  function startManager(): ChildProcess {
    const child = (form as NonNullable<typeof form>).start('swarm', args)
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()))
    return child
  }
  const host = `unix://${socket}`

  function run(
    file: string,
    argv: readonly string[],
    input: string | undefined,
    timeoutMs: number,
    cli: string,
  ): Promise<RunResult> {
    const env = { ...process.env, DOCKER_HOST: host, D: cli, DOCKER_CONFIG: folder, I: 'flotilla/sample' }
    const child = spawn(file, argv, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? '')
    return collect(child, timeoutMs)
  }

  const cluster: TestCluster = {
    lab: place,
    host,
    socket,
    folder,
    manager: startManager(),
    log: () => log,
    async restartManager() {
      const ended = new Promise((resolve) => cluster.manager.once('exit', resolve))
      cluster.manager.kill('SIGKILL')
      await ended
      cluster.manager = startManager()
    },
    node(index) {
      const found = place.hosts[index]
      if (found === undefined) throw new Error(`no host ${index}`)
      return found
    },
    docker: (cli, argv, input, timeoutMs = 60_000) => run(cli, argv, input, timeoutMs, cli),
    shell: (cli, line, timeoutMs = 60_000) => run('/bin/bash', ['-c', line], undefined, timeoutMs, cli),
    async nodeInfo(node, key) {
      const { stdout } = await cluster.docker('/usr/bin/docker', ['info', '--format', '{{json .SystemStatus}}'])
      const rows = JSON.parse(stdout) as [string, string][]
      const at = rows.findIndex(([name]) => name === ` ${node}`)
      if (at < 0) return undefined
      for (const [name, value] of rows.slice(at + 1)) {
        if (!name.startsWith('  └')) break
        if (name === `  └ ${key}`) return value
      }
      return undefined
    },
    async down() {
      if (cluster.manager.exitCode === null) cluster.manager.kill('SIGKILL')
      await place.down()
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await eventually(
      () => log.match(/Registered Engine/g)?.length === place.hosts.length,
      60_000,
      'registration of all engines',
    )
  } catch (error) {
    await cluster.down()
    throw new Error(`the cluster did not come up: ${log}`, { cause: error })
  }
  return cluster
}
