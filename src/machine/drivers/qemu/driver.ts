import { createHash } from 'node:crypto'
import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { joinHostPort } from '../../../io/dial.ts'
import { execChecked } from '../../../io/exec.ts'
import { failpoint } from '../../../io/failpoint.ts'
import { pathExists, readTextFile, writeFileAtomic } from '../../../io/files.ts'
import { isAlive } from '../../../io/process-identity.ts'
import { readInteger, readText } from '../../driver.ts'
import type {
  Driver,
  DriverConfig,
  DriverContext,
  DriverFactory,
  HostState,
  Snapshots,
  SshTarget,
} from '../../driver.ts'
import { makeSshKey } from '../../ssh-key.ts'
import { findKvmTrouble } from './accelerator.ts'
import { baseImagePath, ensureBaseImage } from './base-image.ts'
import type { BaseImage } from './base-image.ts'
import { configureQemu } from './configure.ts'
import { requireQemuNeeds } from './precheck.ts'
import { machineFiles, qemuWords, systemProgram, toMacAddress } from './qemu-args.ts'
import type { Accelerator } from './qemu-args.ts'
import { runMonitorCommand } from './qmp.ts'
import { makeSeed } from './seed.ts'
import { diskSnapshots } from './snapshots.ts'
import { findFreePorts } from './free-ports.ts'
import { plugIn, tapName, unplug } from './tap.ts'
import { findProcess, killProcess, monitorPath, startProcess, waitForEnd } from './vm-process.ts'

/** An emulated system takes its time to end its services. */
const powerDownLimitMs = 180_000
/** A system that is still booting does not hear the button. */
const pressEveryMs = 15_000

/** Virtual machines. Disk, seed and process of each lie in its folder of the store. */
export const qemuFactory: DriverFactory = {
  configure: async (ctx, options) => configureQemu(ctx, options),
  create: (ctx, config) => new QemuDriver(ctx, config),
}

class QemuDriver implements Driver {
  readonly #ctx: DriverContext
  #config: DriverConfig

  constructor(ctx: DriverContext, config: DriverConfig) {
    this.#ctx = ctx
    this.#config = config
  }

  async precheck(o: CallOptions): Promise<void> {
    const image = this.#text('Image')
    const files = [image, this.#text('Kernel'), this.#text('Initrd')].filter((path) => path !== '')
    const builds = image === '' && !(await pathExists(baseImagePath(this.#ctx.env)))
    await requireQemuNeeds({ files, bridge: this.#text('Bridge'), builds }, this.#ctx.clock, o)
    if (this.#text('Accelerator') !== 'kvm') return
    const trouble = await findKvmTrouble(systemProgram(process.arch) ?? '', this.#ctx.clock, o)
    if (trouble === undefined) return
    throw new FlotillaError('machine/precheck', `KVM cannot be used here: ${trouble}`, {
      hint: 'give --qemu-accel tcg, which is many times slower, or auto',
    })
  }

  async create(o: CallOptions): Promise<void> {
    const { clock, log, env, machinePath } = this.#ctx
    const base = await this.#findBase(o, { clock, log, env })
    const accelerator = await this.#chooseAccelerator(o)
    const isBridged = this.#text('Bridge') !== ''
    const address = isBridged ? (this.#text('AddressCIDR').split('/')[0] ?? '') : '127.0.0.1'
    const [sshPort = 22, enginePort = 2376] = isBridged ? [] : await findFreePorts(2)
    this.#config = {
      ...this.#config,
      IPAddress: address,
      SSHPort: sshPort,
      EnginePort: enginePort,
      SSHKeyPath: join(machinePath, 'id_rsa'),
      Accelerator: accelerator,
      Kernel: base.kernel,
      Initrd: base.initrd,
    }
    await this.#ctx.checkpoint?.(this.#config)
    await this.#makeDisk(base.disk, o)
    await failpoint('qemu.afterDisk')
    await this.#makeSeed(o)
    await failpoint('qemu.afterSeed')
    log.info(`Starting the virtual machine (${accelerator})...`)
    await this.start(o)
  }

  async state(): Promise<HostState> {
    const process = await findProcess(this.#ctx.machinePath)
    if (process === undefined) return this.#text('IPAddress') === '' ? '' : await this.#stateAtRest()
    try {
      const limits = { deadlineMs: 2000 }
      const status = await runMonitorCommand(monitorPath(process), 'query-status', this.#ctx.clock, limits)
      const word: unknown = typeof status === 'object' && status !== null ? Reflect.get(status, 'status') : undefined
      if (word === 'paused' || word === 'suspended') return 'Paused'
      if (word === 'shutdown') return 'Stopping'
      return word === 'internal-error' || word === 'io-error' || word === 'guest-panicked' ? 'Error' : 'Running'
    } catch {
      // A process that is busy, or stopped by a signal, is there all the same.
      return (await isAlive(process)) ? 'Running' : 'Stopped'
    }
  }

  async #stateAtRest(): Promise<HostState> {
    return (await pathExists(this.#path(machineFiles.disk))) ? 'Stopped' : 'Error'
  }

  async start(o: CallOptions): Promise<void> {
    const { clock, machinePath, machineName } = this.#ctx
    const running = await findProcess(machinePath)
    if (running !== undefined) {
      // Somebody may have paused it.
      await runMonitorCommand(monitorPath(running), 'cont', clock, o)
      return
    }
    if (!(await pathExists(this.#path(machineFiles.disk)))) {
      throw new FlotillaError('machine/driver', `the disk of machine ${JSON.stringify(machineName)} is gone`, {
        hint: 'remove the machine and create it again',
      })
    }
    const bridge = this.#text('Bridge')
    const tap = tapName(machinePath)
    if (bridge !== '') await plugIn(tap, bridge, clock, o)
    const kernel = this.#text('Kernel')
    const words = qemuWords({
      name: machineName,
      architecture: process.arch,
      accelerator: this.#text('Accelerator') === 'kvm' ? 'kvm' : 'tcg',
      cpus: readInteger(this.#config, 'Cpus', 1),
      memoryMb: readInteger(this.#config, 'MemoryMB', 1024),
      macAddress: this.#macAddress(),
      ...(kernel !== '' && { boot: { kernel, initrd: this.#text('Initrd') } }),
      network:
        bridge === ''
          ? { kind: 'user', sshPort: this.#sshPort(), enginePort: this.#enginePort() }
          : { kind: 'tap', interfaceName: tap },
    })
    await startProcess(words, machinePath, clock, o)
  }

  async stop(o: CallOptions): Promise<void> {
    const { clock, log, machinePath } = this.#ctx
    const process = await findProcess(machinePath)
    if (process !== undefined) {
      await runMonitorCommand(monitorPath(process), 'cont', clock, o)
      const endMs = clock.nowMs() + powerDownLimitMs
      for (;;) {
        await runMonitorCommand(monitorPath(process), 'system_powerdown', clock, o).catch(async (error: unknown) => {
          if (await isAlive(process)) throw error
        })
        if (await waitForEnd(process, pressEveryMs, clock, o)) break
        if (clock.nowMs() < endMs) continue
        log.warn(`The system does not shut down within ${powerDownLimitMs / 1000} s; turning it off`)
        await killProcess(process, clock)
        break
      }
    }
    await this.#unplug(o)
  }

  async kill(o: CallOptions): Promise<void> {
    const process = await findProcess(this.#ctx.machinePath)
    if (process !== undefined) await killProcess(process, this.#ctx.clock)
    await this.#unplug(o)
  }

  async restart(o: CallOptions): Promise<void> {
    await this.stop(o)
    await this.start(o)
  }

  async remove(o: CallOptions): Promise<void> {
    await this.kill(o)
    for (const name of Object.values(machineFiles)) await fs.rm(this.#path(name), { force: true })
  }

  async address(): Promise<string> {
    return this.#text('IPAddress')
  }

  ssh(): SshTarget {
    const user = this.#text('SSHUser')
    const keyPath = this.#text('SSHKeyPath')
    return {
      host: this.#text('IPAddress'),
      port: this.#sshPort(),
      user: user === '' ? 'root' : user,
      ...(keyPath === '' ? {} : { keyPath }),
    }
  }

  async engineUrl(): Promise<string> {
    if ((await this.state()) !== 'Running') throw new FlotillaError('machine/state', 'Host is not running')
    return `tcp://${joinHostPort({ host: this.#text('IPAddress'), port: this.#enginePort() })}`
  }

  toConfig(): DriverConfig {
    return this.#config
  }

  get snapshots(): Snapshots {
    return diskSnapshots(this.#ctx.machinePath, this.#ctx.clock)
  }

  async #findBase(o: CallOptions, surroundings: Parameters<typeof ensureBaseImage>[0]): Promise<BaseImage> {
    const image = this.#text('Image')
    if (image === '') return ensureBaseImage({ ...o, ...surroundings })
    return { disk: image, kernel: this.#text('Kernel'), initrd: this.#text('Initrd') }
  }

  async #chooseAccelerator(o: CallOptions): Promise<Accelerator> {
    const wish = this.#text('Accelerator')
    if (wish === 'kvm' || wish === 'tcg') return wish
    const trouble = await findKvmTrouble(systemProgram(process.arch) ?? '', this.#ctx.clock, o)
    if (trouble === undefined) return 'kvm'
    this.#ctx.log.warn(`KVM cannot be used here (${trouble}): the processor is emulated, many times slower`)
    return 'tcg'
  }

  /** Grows from the image and holds only what differs from it. */
  async #makeDisk(base: string, o: CallOptions): Promise<void> {
    const { clock } = this.#ctx
    const disk = this.#path(machineFiles.disk)
    const size = readInteger(this.#config, 'DiskMB', 0)
    try {
      const info = JSON.parse(await execChecked(['qemu-img', 'info', '--output=json', base], { ...o, clock })) as {
        readonly format?: string
        readonly 'virtual-size'?: number
      }
      const bytes = Math.max(size * 1024 * 1024, info['virtual-size'] ?? 0)
      const origin = ['-b', base, '-F', info.format ?? 'raw']
      await fs.rm(disk, { force: true })
      await execChecked(['qemu-img', 'create', '-q', '-f', 'qcow2', ...origin, disk, String(bytes)], { ...o, clock })
    } catch (error) {
      throw new FlotillaError(
        'machine/driver',
        `cannot make a disk from ${JSON.stringify(base)}: ${toMessage(error)}`,
        {
          cause: error,
        },
      )
    }
  }

  async #makeSeed(o: CallOptions): Promise<void> {
    const { clock, machineName, random } = this.#ctx
    const keyPath = this.#text('SSHKeyPath')
    await makeSshKey(keyPath, clock, o)
    const gateway = this.#text('Gateway')
    const cidr = this.#text('AddressCIDR')
    const seed = makeSeed({
      name: machineName,
      instanceId: `${machineName}-${Math.floor(random.next() * 2 ** 48).toString(16)}`,
      user: this.ssh().user,
      publicKey: (await readTextFile(`${keyPath}.pub`)) ?? '',
      macAddress: this.#macAddress(),
      ...(cidr !== '' && {
        fixed: { cidr, nameservers: gateway === '' ? [] : [gateway], ...(gateway !== '' && { gateway }) },
      }),
    })
    await writeFileAtomic(this.#path(machineFiles.seed), seed, 0o600)
  }

  async #unplug(o: CallOptions): Promise<void> {
    if (this.#text('Bridge') !== '') await unplug(tapName(this.#ctx.machinePath), this.#ctx.clock, o)
  }

  #macAddress(): string {
    return toMacAddress(createHash('sha256').update(this.#ctx.machinePath).digest('hex'))
  }

  #sshPort(): number {
    return readInteger(this.#config, 'SSHPort', 22)
  }

  #enginePort(): number {
    return readInteger(this.#config, 'EnginePort', 2376)
  }

  #text(field: string): string {
    return readText(this.#config, field)
  }

  #path(name: string): string {
    return join(this.#ctx.machinePath, name)
  }
}
