import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { execChecked, execProgram } from '../../io/exec.ts'
import type { NamespaceHost } from '../../machine/drivers/local/namespace-host.ts'
import { allowLogin, waitForSystemd } from '../../machine/drivers/local/systemd-host.ts'
import { execInSwitch } from '../../machine/drivers/local/switch.ts'
import { toInterfaceName } from '../../machine/subnet.ts'
import { makeHostPair } from './certificates.ts'
import type { LabAuthority } from './certificates.ts'
import { dropLines, healLines, lossLines, partitionLines } from './faults.ts'
import type { LabCertificates, LabEngine, LabExecOptions, LabHost, LabOutput, LabSsh } from './types.ts'

/** What a lab host is made from; the namespace host is not powered on yet. */
export interface LabHostParts {
  readonly host: NamespaceHost
  readonly engine: LabEngine
  readonly authority: LabAuthority
  readonly labels: readonly string[]
  readonly engineArgs: readonly string[]
  readonly clock: Clock
}

const engineHome = '/etc/docker'
const execLimitMs = 120_000
const sshHome = '/etc/flotilla-sshd'

/** Powers the host on, sets its engine up and waits until it answers. */
export async function startLabHost(parts: LabHostParts): Promise<LabHost> {
  const { host, clock, authority } = parts
  const { name, address: ip } = host.record
  await host.powerOn()
  if (host.record.hasSystemd === true) {
    await waitForSystemd(host, clock)
    return new RunningLabHost(parts, await host.socketPath())
  }
  const pair = await makeHostPair(authority, name, ip, clock)
  await host.writeFile(`${engineHome}/ca.pem`, authority.pair.cert, 0o600)
  await host.writeFile(`${engineHome}/server.pem`, pair.cert, 0o600)
  await host.writeFile(`${engineHome}/server-key.pem`, pair.key, 0o600)
  await host.startEngine({ args: engineArguments(parts), env: [] })
  return new RunningLabHost(parts, await host.socketPath())
}

function engineArguments(parts: LabHostParts): readonly string[] {
  return [
    '-H',
    'unix:///run/docker.sock',
    '-H',
    `tcp://${parts.host.record.address}:2376`,
    '--tlsverify',
    `--tlscacert=${engineHome}/ca.pem`,
    `--tlscert=${engineHome}/server.pem`,
    `--tlskey=${engineHome}/server-key.pem`,
    // The lab's registry speaks plain HTTP.
    `--insecure-registry=${parts.host.place.subnet.cidr}`,
    ...parts.labels.map((label) => `--label=${label}`),
    ...parts.engineArgs,
  ]
}

class RunningLabHost implements LabHost {
  readonly name: string
  readonly ip: string
  readonly engine: LabEngine
  readonly #parts: LabHostParts
  #socketPath: string

  constructor(parts: LabHostParts, socketPath: string) {
    this.#parts = parts
    this.#socketPath = socketPath
    this.name = parts.host.record.name
    this.ip = parts.host.record.address
    this.engine = parts.engine
  }

  get #host(): NamespaceHost {
    return this.#parts.host
  }

  get url(): string {
    return `tcp://${this.ip}:2376`
  }

  get address(): string {
    return `${this.ip}:2376`
  }

  get certificates(): LabCertificates {
    return this.#parts.authority.client
  }

  get endpoint(): Endpoint {
    const { ca, cert, key } = this.certificates
    return { kind: 'tcp', host: this.ip, port: 2376, tls: { ca, cert, key, isVerified: true } }
  }

  get socketPath(): string {
    return this.#socketPath
  }

  get directory(): string {
    return this.#host.place.directory
  }

  async exec(argv: readonly [string, ...string[]], o: LabExecOptions = {}): Promise<LabOutput> {
    return this.#host.run(argv, { ...toRunOptions(o), ...(o.env === undefined ? {} : { env: o.env }) })
  }

  async docker(args: readonly string[], o: LabExecOptions = {}): Promise<LabOutput> {
    return execProgram(['docker', ...args], {
      ...toRunOptions(o),
      clock: this.#parts.clock,
      env: {
        PATH: process.env['PATH'],
        HOME: this.certificates.directory,
        DOCKER_CONFIG: join(this.certificates.directory, 'docker-config'),
        DOCKER_HOST: this.url,
        DOCKER_TLS_VERIFY: '1',
        DOCKER_CERT_PATH: this.certificates.directory,
        ...o.env,
      },
    })
  }

  async engineLog(): Promise<string> {
    return this.#host.readEngineLog()
  }

  async kill(): Promise<void> {
    await this.#host.endEngine('KILL')
  }

  async stopEngine(): Promise<void> {
    if (!(await this.#host.endEngine('TERM', 60_000))) throw new Error(`the engine of ${this.name} does not stop`)
  }

  async startEngine(): Promise<void> {
    await this.#host.startEngine()
  }

  async pause(): Promise<void> {
    await this.#host.signalEngine('STOP')
  }

  async resume(): Promise<void> {
    await this.#host.signalEngine('CONT')
  }

  async freeze(): Promise<void> {
    await this.#host.setFrozen(true)
  }

  async thaw(): Promise<void> {
    await this.#host.setFrozen(false)
  }

  async cut(): Promise<void> {
    await this.#setLink('down')
  }

  async heal(): Promise<void> {
    await this.#setLink('up')
    await this.#shell(healLines())
  }

  async drop(): Promise<void> {
    await this.#shell(dropLines())
  }

  async loss(ratio: number): Promise<void> {
    await this.#shell(lossLines(ratio))
  }

  async partition(other: LabHost): Promise<void> {
    await this.#shell(partitionLines(other.ip))
    const answer = await other.exec(['sh', '-c', partitionLines(this.ip)])
    if (answer.code !== 0) throw new Error(`cannot cut ${other.name} off from ${this.name}: ${answer.stderr}`)
  }

  async powerOff(): Promise<void> {
    await this.#host.powerOff()
  }

  async powerOn(): Promise<void> {
    await this.#host.powerOn()
    if (this.#host.record.hasSystemd === true) await waitForSystemd(this.#host, this.#parts.clock)
    else await this.#host.startEngine()
    this.#socketPath = await this.#host.socketPath()
  }

  async sshd(): Promise<LabSsh> {
    const folder = join(this.directory, 'ssh')
    const keyPath = join(folder, 'id_ed25519')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const make = `[ -e "$1" ] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$1"; cat "$1.pub"`
    const publicKey = await execChecked(['sh', '-c', make, 'sh', keyPath], { clock: this.#parts.clock })
    const login = { host: this.ip, port: 22, user: 'root', keyPath }
    if (this.#host.record.hasSystemd === true) {
      await allowLogin(this.#host, publicKey)
      return login
    }
    await this.#host.writeFile(`${sshHome}/authorized_keys`, publicKey, 0o600)
    await this.#shell(
      [
        'set -e',
        'mkdir -p /run/sshd',
        // The home folder is the machine's: what its shells do at their start (version managers that wait for each
        // other's locks, for one) is none of a host's.
        'for file in .bashrc .bash_profile .bash_login .profile; do',
        '  [ ! -s "/root/$file" ] || mount --bind /dev/null "/root/$file"',
        'done',
        `[ -e ${sshHome}/host_key ] || ssh-keygen -q -t ed25519 -N '' -f ${sshHome}/host_key`,
        `/usr/sbin/sshd -f /dev/null -h ${sshHome}/host_key -o AuthorizedKeysFile=${sshHome}/authorized_keys` +
          ' -o PidFile=/run/sshd.pid -o UsePAM=no -o PasswordAuthentication=no -o PermitRootLogin=yes' +
          ' -o StrictModes=no -o MaxStartups=100 -o Subsystem="sftp internal-sftp" > /dev/null 2>&1',
      ].join('\n'),
    )
    return login
  }

  async #shell(script: string): Promise<void> {
    const result = await this.#host.run(['sh', '-c', script], { deadlineMs: 30_000 })
    if (result.code !== 0) throw new Error(`cannot do this on ${this.name}: ${result.stderr.trim()}`)
  }

  async #setLink(state: 'up' | 'down'): Promise<void> {
    const switchPid = await this.#host.place.findSwitch()
    if (switchPid === undefined) throw new Error('the switch of the lab is off')
    await execInSwitch(switchPid, `ip link set ${toInterfaceName(this.ip)} ${state}`, this.#parts.clock)
  }
}

function toRunOptions(o: LabExecOptions): { deadlineMs: number; input?: string | Uint8Array } {
  return { deadlineMs: o.timeoutMs ?? execLimitMs, ...(o.input === undefined ? {} : { input: o.input }) }
}
