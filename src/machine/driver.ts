import type { CallOptions } from '../core/call.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { JsonObject } from '../core/exact-json.ts'
import type { FlagTable } from '../core/flag.ts'
import type { Log } from '../core/log.ts'

/** States as docker-machine prints them; the empty word means "not known". */
export type HostState = '' | 'Running' | 'Paused' | 'Saved' | 'Stopped' | 'Stopping' | 'Starting' | 'Error' | 'Timeout'

/** A shell that is reached over SSH. */
export interface SshTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Private key; absent: the user's agent or default keys. */
  readonly keyPath?: string
}

/**
 * What a driver keeps about one machine: the `Driver` object of `config.json`, field names as
 * docker-machine writes them. Always holds the nine base fields of `baseConfig`; fields the driver does
 * not know must be carried along unchanged.
 */
export type DriverConfig = JsonObject

/** Values of a driver's flags by long name. */
export type DriverOptions = Readonly<Record<string, boolean | string | number | readonly string[] | undefined>>

/** All of the outside world a driver may touch. */
export interface DriverContext {
  readonly machineName: string
  /** Root of the store. */
  readonly storePath: string
  /** `<storePath>/machines/<machineName>`; exists with mode 0700 once `create` is called; removed with the machine. */
  readonly machinePath: string
  /** Every line is shown as `(NAME) line`. */
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
  /** Stores the state in the middle of `create`, so that what was made by then can be removed after a crash. */
  readonly checkpoint?: (config: DriverConfig) => Promise<void>
}

/** A driver as data: cheap to import, no SDK and no node built-ins behind it. */
export interface DriverDescriptor {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly apiVersion: 1
  /** Become flags of `create`, under exactly these names (`generic-ip-address`). */
  readonly flags: FlagTable
  /**
   * Only for machines that are in one place, which no export takes along: what stays there, `its disk`. `undefined` for one
   * that is reached from everywhere.
   */
  stays?(config: DriverConfig): string | undefined
  /** Files of a machine's folder that mean nothing in another place, by name; an export leaves them out. */
  readonly placeFiles?: readonly string[]
  /** Only for drivers that have to be asked for their flags, which then count instead of `flags`. */
  findFlags?(): Promise<FlagTable>
  load(): Promise<DriverFactory>
}

/** Makes drivers of one kind. */
export interface DriverFactory {
  /**
   * Turns the flags of `create` into the first state of a machine. Nothing outside is changed.
   * @throws {machine/driver} when a required flag is missing or a value makes no sense
   */
  configure(ctx: DriverContext, options: DriverOptions): Promise<DriverConfig>
  /** A driver for the stored state. Opens nothing; must accept states written by docker-machine. */
  create(ctx: DriverContext, config: DriverConfig): Driver
}

/** A file to be put on a host. */
export interface HostFile {
  /** Absolute path on the host. */
  readonly path: string
  readonly content: string
  /** Permission bits, for instance 0o600; the file is created with them. */
  readonly mode: number
}

/** How the engine of a host is to run. */
export interface EngineSetup {
  /** All arguments of dockerd, `-H` included, in order. */
  readonly args: readonly string[]
  /** `K=V` pairs of the daemon's environment. */
  readonly env: readonly string[]
  /** Certificates and keys that `args` name. */
  readonly files: readonly HostFile[]
}

/** A command or a login shell inside a host. */
export interface ShellRequest {
  /** Empty: a login shell. Otherwise words as given on the command line, joined by blanks and run by a shell, as ssh does. */
  readonly command: readonly string[]
}

/**
 * Makes, finds, starts, stops and removes one machine.
 *
 * Calls on a machine that is already in the wanted state succeed, and so does `remove` of one that is
 * gone: commands check states, drivers do not. A call that cannot be done rejects with `machine/driver`.
 */
export interface Driver {
  /** Checks all that can fail before anything is made. */
  precheck(o: CallOptions): Promise<void>
  /** Makes the machine. On failure the state returned by `toConfig` still lets `remove` clean up. */
  create(o: CallOptions): Promise<void>
  state(o: CallOptions): Promise<HostState>
  start(o: CallOptions): Promise<void>
  stop(o: CallOptions): Promise<void>
  kill(o: CallOptions): Promise<void>
  restart(o: CallOptions): Promise<void>
  /** Removes everything outside the store. */
  remove(o: CallOptions): Promise<void>
  /** IP address or name; may be the empty text while the machine has none. */
  address(o: CallOptions): Promise<string>
  /** `undefined`: the machine has no shell over SSH. A promise where somebody has to be asked. */
  ssh(o?: CallOptions): SshTarget | undefined | Promise<SshTarget | undefined>
  /**
   * The engine's address, `tcp://IP:2376`; the empty text when the machine has no engine yet.
   * @throws {machine/state} `Host is not running`
   */
  engineUrl(o: CallOptions): Promise<string>
  /** The state to store; asked for after every call that may change it. */
  toConfig(): DriverConfig
  /**
   * Only for drivers that run the engine themselves instead of a provisioner over SSH: writes the files,
   * (re)starts the engine with exactly this setup, waits until it answers, and uses the same setup on every later
   * `start` and `restart`.
   */
  configureEngine?(setup: EngineSetup, o: CallOptions): Promise<void>
  /**
   * Only for drivers whose `restart` is a command in the host's own shell, run as root; the connection may
   * break while it runs. `restart` is then not called.
   */
  readonly restartCommand?: string
  /**
   * Only for drivers that can open a shell without SSH: runs the command with the process's own
   * standard streams.
   * @returns the remote exit code
   */
  enter?(request: ShellRequest, o: CallOptions): Promise<number>
  /** Only for drivers that can bring a machine back to what it was. */
  readonly snapshots?: Snapshots
}

/** One kept state of a machine. */
export interface Snapshot {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly takenAtMs: number
  /** It was taken while the machine ran, and holds its memory too. */
  readonly hasMemory: boolean
}

/** Kept states of a machine: of its disk, and while it runs of its memory. Removed with it. */
export interface Snapshots {
  /** The oldest first. */
  list(o: CallOptions): Promise<readonly Snapshot[]>
  /** @throws {machine/driver} when there is one of that name */
  take(name: string, o: CallOptions): Promise<void>
  /** @throws {machine/driver} when there is none of that name, or it cannot be had in the machine's state */
  restore(name: string, o: CallOptions): Promise<void>
  /** @throws {machine/driver} when there is none of that name */
  remove(name: string, o: CallOptions): Promise<void>
}

/** The nine fields every driver state starts with, in the order docker-machine writes them. */
export function baseConfig(ctx: Pick<DriverContext, 'machineName' | 'storePath'>): DriverConfig {
  return {
    IPAddress: '',
    MachineName: ctx.machineName,
    SSHUser: 'root',
    SSHPort: 22,
    SSHKeyPath: '',
    StorePath: ctx.storePath,
    SwarmMaster: false,
    SwarmHost: '',
    SwarmDiscovery: '',
  }
}

/** A text field of a driver state; the empty text when absent or of another type. */
export function readText(config: DriverConfig, field: string): string {
  const value = config[field]
  return typeof value === 'string' ? value : ''
}

/** An integer field of a driver state; `fallback` when absent, zero or of another type. */
export function readInteger(config: DriverConfig, field: string, fallback: number): number {
  const value = config[field]
  return typeof value === 'number' && Number.isInteger(value) && value !== 0 ? value : fallback
}
