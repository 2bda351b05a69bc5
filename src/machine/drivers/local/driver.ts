import { join, resolve } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { readTextFile } from '../../../io/files.ts'
import { baseConfig, readInteger, readText } from '../../driver.ts'
import type {
  Driver,
  DriverConfig,
  DriverContext,
  DriverFactory,
  DriverOptions,
  EngineSetup,
  HostState,
  ShellRequest,
  SshTarget,
} from '../../driver.ts'
import { requireHostNeeds } from './capabilities.ts'
import { resolveEngineRoot } from '../../debian/engine-tree.ts'
import { openFleet } from './fleet.ts'
import type { Fleet } from './fleet.ts'
import type { NamespaceHost } from './namespace-host.ts'
import { makeSshKey } from '../../ssh-key.ts'
import { parseSubnet } from '../../subnet.ts'
import { allowLogin, waitForSystemd } from './systemd-host.ts'

const enginePort = 2376
/** Containers get ten seconds to end, and engines end them one after another where there are many. */
const stopLimitMs = 60_000
const megabyte = 1024 * 1024

/** Hosts in namespaces. All they are is kept under one directory per network, so that they outlive a reboot. */
export const localFactory: DriverFactory = {
  async configure(ctx, options) {
    const subnet = parseSubnet(textOf(options, 'local-subnet'))
    const memory = options['local-memory'] ?? 0
    if (typeof memory !== 'number' || (memory !== 0 && memory < 64)) {
      throw new FlotillaError(
        'machine/driver',
        `--local-memory ${String(memory)} is too little: give 64 MB or more, or 0`,
      )
    }
    const cpus = textOf(options, 'local-cpus')
    if (cpus !== '' && !/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(cpus)) {
      throw new FlotillaError('machine/driver', `--local-cpus ${JSON.stringify(cpus)} is no list of CPUs such as 0-1,3`)
    }
    return {
      ...baseConfig(ctx),
      EngineRoot: textOf(options, 'local-engine-root'),
      MemoryMB: memory,
      Cpus: cpus,
      Subnet: subnet.cidr,
      Isolated: options['local-isolated'] === true,
      Systemd: options['local-systemd'] === true,
      Directory: join(stateRoot(ctx), subnet.cidr.replace('/', '-')),
    }
  },
  create: (ctx, config) =>
    config['Systemd'] === true ? new SystemdDriver(ctx, config) : new EngineDriver(ctx, config),
}

/** Not in the store: addresses are the machine's own, whichever stores there are. */
function stateRoot(ctx: DriverContext): string {
  const own = ctx.env['FLOTILLA_LOCAL_DIR']
  // Absolute: the record is read in other folders too.
  return own !== undefined && own !== '' ? resolve(own) : '/var/lib/flotilla/local'
}

/** What both kinds of host have in common. */
abstract class LocalDriver implements Driver {
  protected readonly ctx: DriverContext
  protected config: DriverConfig

  constructor(ctx: DriverContext, config: DriverConfig) {
    this.ctx = ctx
    this.config = config
  }

  protected abstract readonly hasSystemd: boolean
  /** What is left to do on a host that has just been made and is on. */
  protected abstract prepare(host: NamespaceHost, o: CallOptions): Promise<void>
  /** Brings back the engine of a host that is on. */
  protected abstract startEngine(host: NamespaceHost, o: CallOptions): Promise<void>
  /** Ends the engine, and with it its containers, in good order. */
  protected abstract stopEngine(host: NamespaceHost, o: CallOptions): Promise<void>

  async precheck(o: CallOptions): Promise<void> {
    const wish = readText(this.config, 'EngineRoot')
    await requireHostNeeds(
      {
        subnet: parseSubnet(readText(this.config, 'Subnet')),
        directory: readText(this.config, 'Directory'),
        directoryVariable: 'FLOTILLA_LOCAL_DIR',
        cpus: readText(this.config, 'Cpus'),
        usesMachineEngine: !this.hasSystemd && (wish === 'host' || wish === '/' || wish === ''),
        clock: this.ctx.clock,
      },
      o,
    )
  }

  async create(o: CallOptions): Promise<void> {
    const { clock, log, env, machineName, machinePath } = this.ctx
    const wish = readText(this.config, 'EngineRoot')
    const { hasSystemd } = this
    const engineRoot = await resolveEngineRoot(wish, { ...o, clock, log, env, hasSystemd })
    const memoryMb = readInteger(this.config, 'MemoryMB', 0)
    const cpus = readText(this.config, 'Cpus')
    const isIsolated = this.config['Isolated'] === true
    const fleet = await this.#fleet()
    const host = await fleet.addHost({
      name: machineName,
      owner: machinePath,
      engineRoot,
      nameservers: isIsolated ? [] : await readNameservers(),
      hasSystemd,
      ...(memoryMb === 0 ? {} : { memoryBytes: memoryMb * megabyte }),
      ...(cpus === '' ? {} : { cpus }),
    })
    this.config = { ...this.config, IPAddress: host.record.address }
    await this.ctx.checkpoint?.(this.config)
    log.info(`Starting host at ${host.record.address}...`)
    await host.powerOn(o)
    await this.prepare(host, o)
  }

  async state(): Promise<HostState> {
    const host = await this.#find()
    if (host === undefined) return readText(this.config, 'IPAddress') === '' ? '' : 'Error'
    if ((await host.pid()) === undefined) return 'Stopped'
    return (await host.isFrozen()) ? 'Paused' : 'Running'
  }

  async start(o: CallOptions): Promise<void> {
    const host = await this.require()
    await host.powerOn(o)
    // Somebody may have paused it.
    if (await host.isFrozen()) await host.setFrozen(false)
    await this.startEngine(host, o)
  }

  async stop(o: CallOptions): Promise<void> {
    const host = await this.require()
    if ((await host.pid()) === undefined) return
    if (!(await host.isFrozen())) await this.stopEngine(host, o)
    await host.powerOff()
  }

  async kill(): Promise<void> {
    await (await this.require()).powerOff()
  }

  async restart(o: CallOptions): Promise<void> {
    await this.stop(o)
    await this.start(o)
  }

  async remove(): Promise<void> {
    const host = await this.#find()
    await host?.remove()
    await (await this.#fleet()).removeIfEmpty()
  }

  async address(): Promise<string> {
    return readText(this.config, 'IPAddress')
  }

  abstract ssh(): SshTarget | undefined

  async engineUrl(): Promise<string> {
    const state = await this.state()
    if (state === 'Error') await this.require()
    if (state !== 'Running') throw new FlotillaError('machine/state', 'Host is not running')
    return `tcp://${readText(this.config, 'IPAddress')}:${enginePort}`
  }

  toConfig(): DriverConfig {
    return this.config
  }

  async #fleet(): Promise<Fleet> {
    return openFleet({
      directory: readText(this.config, 'Directory'),
      subnet: readText(this.config, 'Subnet'),
      hasNat: this.config['Isolated'] !== true,
      clock: this.ctx.clock,
    })
  }

  /** The host of this machine. A crash may have come between its making and the storing of its address. */
  async #find(): Promise<NamespaceHost | undefined> {
    const fleet = await this.#fleet()
    const address = readText(this.config, 'IPAddress')
    for (const candidate of address === '' ? await fleet.listAddresses() : [address]) {
      const host = await fleet.findHost(candidate)
      if (host?.record.owner === this.ctx.machinePath) return host
    }
    return undefined
  }

  protected async require(): Promise<NamespaceHost> {
    const host = await this.#find()
    if (host !== undefined) return host
    const where = readText(this.config, 'Directory')
    throw new FlotillaError('machine/driver', `host ${JSON.stringify(this.ctx.machineName)} is no longer in ${where}`, {
      hint: 'remove the machine and create it again',
    })
  }
}

/** Nothing but an engine runs on the host; this program starts it and opens shells. */
class EngineDriver extends LocalDriver {
  protected readonly hasSystemd = false

  protected async prepare(): Promise<void> {}

  protected async startEngine(host: NamespaceHost, o: CallOptions): Promise<void> {
    if (host.record.engine !== undefined && !(await host.isEngineRunning(o))) await host.startEngine(undefined, o)
  }

  protected async stopEngine(host: NamespaceHost, o: CallOptions): Promise<void> {
    await host.endEngine('TERM', stopLimitMs, o)
  }

  ssh(): undefined {
    return undefined
  }

  async configureEngine(setup: EngineSetup, o: CallOptions): Promise<void> {
    const host = await this.require()
    for (const file of setup.files) await host.writeFile(file.path, file.content, file.mode, o)
    await host.endEngine('TERM', stopLimitMs, o)
    await host.startEngine({ args: setup.args, env: setup.env }, o)
  }

  async enter(request: ShellRequest, o: CallOptions): Promise<number> {
    const host = await this.require()
    const term = this.ctx.env['TERM']
    const env = { USER: 'root', ...(term === undefined ? {} : { TERM: term }) }
    const login = 'cd; if command -v bash > /dev/null; then exec bash -l; fi; exec sh -l'
    // As over SSH: the words are joined and read by a shell.
    const words = request.command.length === 0 ? ['sh', '-c', login] : ['sh', '-c', `cd; ${request.command.join(' ')}`]
    return host.runInherited(words, env, o)
  }
}

/** A whole Debian with systemd: it is reached over SSH, and provisioned as any other machine. */
class SystemdDriver extends LocalDriver {
  protected readonly hasSystemd = true

  protected async prepare(host: NamespaceHost, o: CallOptions): Promise<void> {
    const { clock, machinePath } = this.ctx
    const keyPath = join(machinePath, 'id_rsa')
    await makeSshKey(keyPath, clock, o)
    this.config = { ...this.config, SSHKeyPath: keyPath }
    await waitForSystemd(host, clock, o)
    await allowLogin(host, (await readTextFile(`${keyPath}.pub`)) ?? '', o)
  }

  protected async startEngine(host: NamespaceHost, o: CallOptions): Promise<void> {
    await waitForSystemd(host, this.ctx.clock, o)
  }

  protected async stopEngine(host: NamespaceHost, o: CallOptions): Promise<void> {
    // A signal alone would make systemd start it again.
    await host.run(['systemctl', 'stop', 'docker.socket', 'docker.service'], { deadlineMs: stopLimitMs, ...o })
  }

  ssh(): SshTarget {
    const keyPath = readText(this.config, 'SSHKeyPath')
    return { host: readText(this.config, 'IPAddress'), port: 22, user: 'root', ...(keyPath === '' ? {} : { keyPath }) }
  }
}

/** The machine's own name servers, less those that only its own loopback reaches. */
async function readNameservers(): Promise<readonly string[]> {
  for (const path of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    const text = (await readTextFile(path)) ?? ''
    const servers = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
    const usable = servers.filter((server) => !server.startsWith('127.') && server !== '::1')
    if (usable.length > 0) return usable
  }
  return []
}

function textOf(options: DriverOptions, name: string): string {
  const value = options[name]
  return typeof value === 'string' ? value : ''
}
