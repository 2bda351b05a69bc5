import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { startDetached } from '../../../io/detached.ts'
import { execInherited, execProgram } from '../../../io/exec.ts'
import type { ExecResult } from '../../../io/exec.ts'
import { readTextFile } from '../../../io/files.ts'
import {
  createGroup,
  isFrozen,
  joinDirectories,
  groupDirectories,
  removeGroup,
  setFrozen,
  settleGroup,
} from './cgroup.ts'
import type { CgroupLayout } from './cgroup-layout.ts'
import {
  endEngine,
  engineLogPath,
  isEngineRunning,
  readSocketPath,
  signalEngine,
  startEngine,
} from './engine-process.ts'
import type { EngineCommand, EngineSignal, EngineSite } from './engine-process.ts'
import { writeHostRecord } from './host-record.ts'
import type { HostRecord } from './host-record.ts'
import {
  enterWords,
  hostEnvironment,
  hostFolders,
  renderHostScript,
  renderJoin,
  resizeMeminfo,
  unshareWords,
} from './host-script.ts'
import { isAlive, pollUntil, readChildren, readIdentity, signalProcess } from '../../../io/process-identity.ts'
import type { ProcessIdentity } from '../../../io/process-identity.ts'
import { plugHost, unplugHost } from './switch.ts'
import type { Subnet } from '../../subnet.ts'

/** What a host needs to know about the fleet it belongs to. */
export interface HostPlace {
  readonly directory: string
  readonly subnet: Subnet
  readonly layout: CgroupLayout
  readonly groupName: string
  readonly clock: Clock
  /** Switches the network on if needed. @returns process number of the switch */
  readonly ensureSwitch: (o: CallOptions) => Promise<number>
  /** `undefined` when it is off. */
  readonly findSwitch: () => Promise<number | undefined>
}

export interface InsideOptions extends CallOptions {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
}

/** One Docker host in Linux namespaces: off, or on with its own process 1, address and, when set up, engine. */
export class NamespaceHost {
  readonly place: HostPlace
  #record: HostRecord

  constructor(place: HostPlace, record: HostRecord) {
    this.place = place
    this.#record = record
  }

  get record(): HostRecord {
    return this.#record
  }

  /** Process 1 as the machine numbers it; `undefined` while the host is off. */
  async pid(): Promise<number | undefined> {
    const first = this.#record.first
    return first !== undefined && (await isAlive(first)) ? first.pid : undefined
  }

  /** Boots the host unless it is on. Its engine is not started. */
  async powerOn(o: CallOptions = {}): Promise<void> {
    if ((await this.pid()) !== undefined) return
    await this.#clear()
    const { directory, layout, groupName, clock } = this.place
    for (const folder of hostFolders) await mkdir(join(directory, folder), { recursive: true, mode: 0o755 })
    const switchPid = await this.place.ensureSwitch(o)
    const cpus = this.#record.cpus
    await createGroup(layout, groupName, cpus === undefined ? {} : { cpus })
    const scriptPath = join(directory, 'setup.sh')
    await writeFile(scriptPath, await this.#renderScript(), { mode: 0o700 })
    try {
      await startDetached(['sh', '-c', renderJoin(groupDirectories(layout, groupName), unshareWords(scriptPath))], {
        deadlineMs: 60_000,
        ...o,
        clock,
        logPath: join(directory, 'host.log'),
        cwd: '/',
        env: Object.fromEntries(hostEnvironment.map((pair) => pair.split('=', 2) as [string, string])),
        waitsForReady: true,
        onSpawn: (parent) => this.#adopt(parent, switchPid, o),
      })
      await settleGroup(layout, groupName)
    } catch (error) {
      await this.#clear()
      throw new FlotillaError(
        'machine/driver',
        `cannot boot host ${JSON.stringify(this.#record.name)}: ${toMessage(error)}`,
        { cause: error },
      )
    }
  }

  /** Ends every process of the host at once, as a power cut does. Its disk and address stay. */
  async powerOff(): Promise<void> {
    await this.#clear()
  }

  /** Gives a host that is on a new cable, into another switch than the one it was started with. */
  async replug(switchPid: number, o: CallOptions): Promise<void> {
    const pid = await this.pid()
    if (pid === undefined) return
    await plugHost({ ...this.#record, subnet: this.place.subnet, switchPid, pid }, this.place.clock, o)
  }

  /** Starts the engine with `command`, or with the one of last time; waits until it answers. */
  async startEngine(command?: EngineCommand, o: CallOptions = {}): Promise<void> {
    const wanted = command ?? this.#record.engine
    if (wanted === undefined) {
      throw new FlotillaError('machine/state', `host ${JSON.stringify(this.#record.name)} has no engine set up`)
    }
    if (command !== undefined) await this.#save({ ...this.#record, engine: command })
    await startEngine(await this.#site(), wanted, o)
  }

  /** Ends the engine and waits for it. @returns false when it did not go in time */
  async endEngine(signal: 'TERM' | 'KILL', limitMs: number = 30_000, o: CallOptions = {}): Promise<boolean> {
    return endEngine(await this.#site(), signal, limitMs, o)
  }

  async signalEngine(signal: EngineSignal, o: CallOptions = {}): Promise<void> {
    await signalEngine(await this.#site(), signal, o)
  }

  async isEngineRunning(o: CallOptions = {}): Promise<boolean> {
    return isEngineRunning(await this.#site(), o)
  }

  /** The engine's unix socket as the machine sees it; another path after every power-on. */
  async socketPath(): Promise<string> {
    const path = readSocketPath(this.#record.engine?.args ?? []) ?? '/run/docker.sock'
    return `/proc/${(await this.#site()).pid}/root${path}`
  }

  /** The engine's log of all runs so far; also while the host is off. */
  async readEngineLog(): Promise<string> {
    return (await readTextFile(join(this.place.directory, 'upper', engineLogPath), 256 * 1024 * 1024)) ?? ''
  }

  async setFrozen(isFrozen: boolean): Promise<void> {
    await setFrozen(this.place.layout, this.place.groupName, isFrozen, this.place.clock)
  }

  async isFrozen(): Promise<boolean> {
    return isFrozen(this.place.layout, this.place.groupName)
  }

  /** Runs a program inside, in all namespaces and cgroups of the host. */
  async run(words: readonly string[], o: InsideOptions = {}): Promise<ExecResult> {
    return execProgram(['sh', '-c', await this.#enterLine(words, o.env)], {
      ...o,
      env: undefined as never,
      clock: this.place.clock,
    })
  }

  /** Runs a program inside on this process's own standard streams. @returns its exit code */
  async runInherited(words: readonly string[], env: Readonly<Record<string, string>>, o: CallOptions): Promise<number> {
    return execInherited(['sh', '-c', await this.#enterLine(words, env)], { ...o, clock: this.place.clock })
  }

  /** Writes a file inside, with its parents, replacing what was there. */
  async writeFile(path: string, content: string | Uint8Array, mode: number, o: CallOptions = {}): Promise<void> {
    // Through the host's own eyes: a link inside must not lead out to the machine's files.
    const script =
      'set -e; mkdir -p "$(dirname "$1")"; umask 077; cat > "$1.new"; chmod "$2" "$1.new"; mv "$1.new" "$1"'
    const result = await this.run(['sh', '-c', script, 'sh', path, mode.toString(8)], { ...o, input: content })
    if (result.code !== 0) {
      throw new FlotillaError(
        'machine/driver',
        `cannot write ${path} on host ${JSON.stringify(this.#record.name)}: ${result.stderr.trim()}`,
      )
    }
  }

  /** Powers off and deletes the host with its disk. Idempotent. */
  async remove(): Promise<void> {
    await this.#clear()
    await rm(this.place.directory, { recursive: true, force: true, maxRetries: 10 })
  }

  async #enterLine(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const site = await this.#site()
    const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    return renderJoin(site.groups, [...enterWords(site.pid), 'env', '-i', ...hostEnvironment, ...pairs, ...words])
  }

  async #site(): Promise<EngineSite> {
    const pid = await this.pid()
    if (pid === undefined) {
      throw new FlotillaError('machine/state', `host ${JSON.stringify(this.#record.name)} is not running`)
    }
    const { layout, groupName, clock } = this.place
    return {
      name: this.#record.name,
      pid,
      groups: joinDirectories(layout, groupName),
      address: this.#record.address,
      clock,
    }
  }

  /** Finds process 1 below the program just started, keeps it, and plugs the host in while it sets itself up. */
  async #adopt(parent: number, switchPid: number, o: CallOptions): Promise<void> {
    let first: ProcessIdentity | undefined
    async function isThere(): Promise<boolean> {
      const [pid] = await readChildren(parent)
      first = pid === undefined ? undefined : await readIdentity(pid)
      return first !== undefined || (await readIdentity(parent)) === undefined
    }
    await pollUntil(isThere, 10_000, this.place.clock, { everyMs: 5, ...o })
    // When the parent has ended, waiting for readiness reports why.
    if (first === undefined) return
    await this.#save({ ...this.#record, first })
    await plugHost({ ...this.#record, subnet: this.place.subnet, switchPid, pid: first.pid }, this.place.clock, o)
  }

  async #renderScript(): Promise<string> {
    const { name, address, engineRoot, memoryBytes, nameservers, hasSystemd } = this.#record
    const meminfo =
      memoryBytes === undefined
        ? {}
        : { meminfo: resizeMeminfo(await readFile('/proc/meminfo', 'latin1'), memoryBytes) }
    return renderHostScript({
      name,
      address,
      engineRoot,
      directory: this.place.directory,
      resolvConf: nameservers.map((server) => `nameserver ${server}\n`).join(''),
      layout: this.place.layout,
      hasSystemd: hasSystemd === true,
      ...meminfo,
    })
  }

  /** Everything but the disk: processes, cgroups, cable. */
  async #clear(): Promise<void> {
    const { layout, groupName, clock } = this.place
    await setFrozen(layout, groupName, false, clock).catch(() => undefined)
    if (this.#record.first !== undefined) await signalProcess(this.#record.first, 'SIGKILL')
    await removeGroup(layout, groupName, clock)
    const switchPid = await this.place.findSwitch()
    // Its name is free only when the kernel has finished with the other namespace, unless it is deleted by hand.
    if (switchPid !== undefined) await unplugHost(this.#record.address, switchPid, clock)
    if (this.#record.first !== undefined) {
      const { first: _, ...rest } = this.#record
      await this.#save(rest)
    }
  }

  async #save(record: HostRecord): Promise<void> {
    await writeHostRecord(this.place.directory, record)
    this.#record = record
  }
}
