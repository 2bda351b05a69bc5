import { promises as fs } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { ProgramWords } from '../../io/exec.ts'
import { canConnect } from '../../io/can-connect.ts'
import { pathExists, readTextFile } from '../../io/files.ts'
import type { Fleet } from '../../machine/drivers/local/fleet.ts'
import { isAlive, pollUntil, signalProcess } from '../../io/process-identity.ts'
import type { ProcessIdentity } from '../../io/process-identity.ts'
import { unpackPackages } from './debian-packages.ts'
import type { PackageSet } from './debian-packages.ts'
import type { LabService, LabStore } from './types.ts'

/** How one real server is run and known to be ready. */
export interface ServicePlan {
  readonly name: string
  readonly packages: PackageSet
  readonly port: number
  /** Writes what configuration there is and returns the command line. `data` outlives a restart. */
  command(tree: string, host: string, data: string): Promise<ProgramWords>
  isReady(host: string, port: number): Promise<boolean>
}

const readyLimitMs = 90_000

const etcd: ServicePlan = {
  name: 'etcd',
  packages: { name: 'etcd', suite: 'bookworm', packages: ['etcd-server'] },
  port: 2379,
  command: async (tree, host, data) => [
    join(tree, 'usr/bin/etcd'),
    // Old clusters speak version 2 of the API.
    '--enable-v2',
    `--data-dir=${data}`,
    `--listen-client-urls=http://${host}:2379`,
    `--advertise-client-urls=http://${host}:2379`,
    `--listen-peer-urls=http://${host}:2380`,
    `--initial-advertise-peer-urls=http://${host}:2380`,
    `--initial-cluster=default=http://${host}:2380`,
  ],
  isReady: async (host, port) => (await fetchText(`http://${host}:${port}/health`)).includes('true'),
}

const consul: ServicePlan = {
  name: 'consul',
  packages: { name: 'consul', suite: 'bullseye', packages: ['consul'] },
  port: 8500,
  command: async (tree, host, data) => {
    const config = join(data, 'config.json')
    const settings = {
      // The default multiplier of 5 makes the election of the only server take seven seconds.
      performance: { raft_multiplier: 1 },
      disable_update_check: true,
      // Ten seconds by default: long for a test that waits for a session to expire.
      session_ttl_min: '1s',
    }
    await fs.writeFile(config, JSON.stringify(settings))
    return [
      join(tree, 'usr/bin/consul'),
      'agent',
      '-server',
      '-bootstrap-expect=1',
      `-bind=${host}`,
      `-client=${host}`,
      `-data-dir=${data}`,
      `-config-file=${config}`,
      '-http-port=8500',
      '-dns-port=-1',
      '-grpc-port=-1',
      '-serf-wan-port=-1',
    ]
  },
  isReady: async (host, port) => (await fetchText(`http://${host}:${port}/v1/kv/flotilla-lab/ready`, 'PUT')) === 'true',
}

const zookeeper: ServicePlan = {
  name: 'zookeeper',
  packages: {
    name: 'zookeeper',
    suite: 'bookworm',
    packages: [
      'libzookeeper-java',
      'libslf4j-java',
      'libnetty-java',
      'libdropwizard-metrics-java',
      'libsnappy-java',
      'libcommons-cli-java',
      'libcommons-io-java',
      'libjackson2-core-java',
      'libjackson2-databind-java',
      'libjackson2-annotations-java',
    ],
  },
  port: 2181,
  command: async (tree, host, data) => {
    if (!(await pathExists('/usr/bin/java'))) {
      throw new FlotillaError('platform/missing', 'ZooKeeper needs Java, and this machine has none', {
        hint: 'install the package default-jre-headless',
      })
    }
    const config = join(data, 'zoo.cfg')
    const lines = ['tickTime=500', `dataDir=${data}`, 'clientPort=2181', `clientPortAddress=${host}`]
    await fs.writeFile(config, [...lines, 'admin.enableServer=false', '4lw.commands.whitelist=*', ''].join('\n'))
    const jars = (await fs.readdir(join(tree, 'usr/share/java'))).filter(isUsefulJar)
    const path = jars.map((jar) => join(tree, 'usr/share/java', jar)).join(':')
    return ['java', '-Xmx128m', '-cp', path, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', config]
  },
  // `ruok` is answered before clients are let in.
  isReady: async (host, port) => (await askLine(host, port, 'srvr')).includes('Mode: '),
}

/** Bindings of the logging façade to back ends that are not there; with them it dies in a loop between two of them. */
function isUsefulJar(name: string): boolean {
  if (!name.endsWith('.jar')) return false
  return !/^(?:jcl|jul|log4j|osgi-over-slf4j|slf4j-(?:android|ext|migrator|jdk14|jcl|log4j12|nop|reload\w*))/.test(name)
}

const stores: Readonly<Record<LabStore, ServicePlan>> = { etcd, consul, zookeeper }

/** Starts a real key-value store on the gateway address of the fleet. */
export async function startStore(store: LabStore, fleet: Fleet, directory: string, clock: Clock): Promise<LabService> {
  return startService(stores[store], fleet, directory, clock)
}

/** Starts a real server on the gateway address of the fleet. */
export async function startService(
  plan: ServicePlan,
  fleet: Fleet,
  directory: string,
  clock: Clock,
): Promise<LabService> {
  const tree = await unpackPackages(plan.packages, clock)
  const data = join(directory, 'services', plan.name)
  await fs.mkdir(data, { recursive: true })
  await fleet.ensureNetwork()
  const words = await plan.command(tree, fleet.gateway, data)
  const service = new RunningService(plan, words, fleet, data, clock)
  await service.start()
  return service
}

class RunningService implements LabService {
  readonly #plan: ServicePlan
  readonly #words: ProgramWords
  readonly #fleet: Fleet
  readonly #data: string
  readonly #clock: Clock
  #process: ProcessIdentity | undefined

  constructor(plan: ServicePlan, words: ProgramWords, fleet: Fleet, data: string, clock: Clock) {
    this.#plan = plan
    this.#words = words
    this.#fleet = fleet
    this.#data = data
    this.#clock = clock
  }

  get host(): string {
    return this.#fleet.gateway
  }

  get port(): number {
    return this.#plan.port
  }

  get address(): string {
    return `${this.host}:${this.port}`
  }

  get pid(): number {
    if (this.#process === undefined) throw new Error(`${this.#plan.name} is not running`)
    return this.#process.pid
  }

  async start(): Promise<void> {
    if (this.#process !== undefined && (await isAlive(this.#process))) return
    const logPath = `${this.#data}.log`
    const started = await this.#fleet.startService(this.#words, { logPath, cwd: this.#data })
    this.#process = started
    let isDead = false
    const isSettled = async (): Promise<boolean> => {
      isDead = !(await isAlive(started))
      return isDead || (await this.#plan.isReady(this.host, this.port).catch(() => false))
    }
    const isDone = await pollUntil(isSettled, readyLimitMs, this.#clock, { everyMs: 50 })
    if (isDone && !isDead) return
    const said = ((await readTextFile(logPath)) ?? '').trim().split('\n').slice(-5).join('\n')
    throw new Error(`${this.#plan.name} ${isDead ? 'has ended' : 'does not answer'}: ${said}`)
  }

  async stop(): Promise<void> {
    const running = this.#process
    if (running === undefined) return
    await signalProcess(running, 'SIGTERM')
    await signalProcess(running, 'SIGCONT')
    // The threads of a JVM may hold its socket a moment longer than its process is there.
    const isGone = async (): Promise<boolean> =>
      !(await isAlive(running)) && !(await canConnect(this.host, this.port, 1000))
    if (!(await pollUntil(isGone, 10_000, this.#clock))) {
      await signalProcess(running, 'SIGKILL')
      await pollUntil(isGone, 10_000, this.#clock)
    }
    this.#process = undefined
  }

  async pause(): Promise<void> {
    if (this.#process !== undefined) await signalProcess(this.#process, 'SIGSTOP')
  }

  async resume(): Promise<void> {
    if (this.#process !== undefined) await signalProcess(this.#process, 'SIGCONT')
  }
}

async function fetchText(url: string, method: 'GET' | 'PUT' = 'GET'): Promise<string> {
  const body = method === 'PUT' ? { body: 'yes' } : {}
  const answer = await fetch(url, { method, signal: AbortSignal.timeout(2000), ...body })
  return (await answer.text()).trim()
}

/** Sends one word over TCP and reads the answer to its end. */
function askLine(host: string, port: number, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: 2000 })
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      answer += chunk
    })
    socket.once('connect', () => socket.write(word))
    socket.once('timeout', () => socket.destroy(new Error('no answer')))
    socket.once('error', reject)
    socket.once('close', () => resolve(answer))
  })
}
