import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/io/clock.ts'
import { silentLog } from '../../src/core/log.ts'
import { openClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import type { ClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import type { Lab, LabHost } from '../../src/testing/lab/types.ts'
import { programForms } from './programs.ts'
import { eventually } from './swarm-cluster.ts'
import { askSocket } from './swarm-managers.ts'
import type { Answer } from './swarm-managers.ts'

/** One `swarm manage --replication` that lives in the network of a lab host, so that it suffers what the host does. */
export interface InsideManager {
  /** What it advertises. */
  readonly address: string
  readonly socket: string
  log(): string
  ask(method: string, path: string, body?: unknown): Promise<Answer>
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>
}

const port = 3376

/** Starts a manager inside a host, with the host's certificates, and waits until it has read all engines of the lab. */
export async function startManagerIn(
  lab: Lab,
  host: LabHost,
  folder: string,
  args: readonly string[],
): Promise<InsideManager> {
  const pid = /^\/proc\/(\d+)\//.exec(host.socketPath)?.[1]
  const [file, ...leading] = programForms[0]?.command('swarm') ?? []
  if (pid === undefined || file === undefined) throw new Error(`cannot enter ${host.name}: ${host.socketPath}`)
  for (const name of ['server.pem', 'server-key.pem']) {
    const { stdout } = await host.exec(['cat', `/etc/docker/${name}`])
    await writeFile(join(folder, `${host.name}-${name}`), stdout, { mode: 0o600 })
  }
  const pair = ['--tlscert', join(folder, `${host.name}-server.pem`)]
  const tls = ['--tlsverify', '--tlscacert', `${lab.certificates.directory}/ca.pem`, ...pair]
  const address = `${host.ip}:${port}`
  const socket = join(folder, `${host.name}.sock`)
  const listen = ['-H', `unix://${socket}`, '-H', `tcp://${address}`, '--replication', '--advertise', address]
  const key = ['--tlskey', join(folder, `${host.name}-server-key.pem`)]
  const line = ['-t', pid, '-n', '--', file, ...leading, 'manage', ...tls, ...key, ...listen, ...args]
  const child = spawn('nsenter', line, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const manager: InsideManager = {
    address,
    socket,
    log: () => log,
    ask: (method, path, body) => askSocket(socket, method, path, body, 60_000),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
  const isReady = (): boolean => log.match(/Registered Engine/g)?.length === lab.hosts.length
  await eventually(isReady, 40_000, `registration of all engines in ${host.name}`).catch(async (error: unknown) => {
    await manager.kill()
    throw new Error(`a manager did not come up: ${log}`, { cause: error })
  })
  return manager
}

/** Puts the lab's engines into a store for an hour. The store has to be closed. */
export async function registerAll(lab: Lab, url: string): Promise<ClusterStore> {
  const context = { clock: systemClock, log: silentLog, heartbeatMs: 10_000, options: new Map<string, string>() }
  const opened = await openClusterStore(url, context)
  for (const host of lab.hosts) {
    // A store says that it is ready a moment before it takes clients.
    const register = async (): Promise<boolean> => {
      await opened.discovery.register(host.address, 3_600_000)
      return true
    }
    await eventually(() => register().catch(() => false), 20_000, `registration in ${url}`)
  }
  return opened
}
