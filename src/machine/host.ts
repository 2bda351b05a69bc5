import { FlotillaError } from '../core/errors.ts'
import type { JsonObject } from '../core/exact-json.ts'
import type { DriverConfig } from './driver.ts'

/** The version of `config.json` that docker-machine 0.16 reads and writes. */
export const CONFIG_VERSION = 3

/** How hints call this program where nobody says otherwise. */
export const DEFAULT_PROGRAM = 'docker-machine'

/** The ancestor's default of `--engine-install-url`, found in nearly every record. */
export const DEFAULT_INSTALL_URL = 'https://get.docker.com'

/** Lists are null in records where they were never set. */
export type StoredList = readonly string[] | null

/**
 * Engine options as stored. Field names are those of the file: there is one shape, used in memory, in
 * `config.json` and by `inspect`.
 */
export interface EngineOptions {
  readonly ArbitraryFlags: StoredList
  readonly Dns: StoredList
  readonly GraphDir: string
  readonly Env: StoredList
  readonly Ipv6: boolean
  readonly InsecureRegistry: StoredList
  readonly Labels: StoredList
  readonly LogLevel: string
  readonly StorageDriver: string
  readonly SelinuxEnabled: boolean
  readonly TlsVerify: boolean
  readonly RegistryMirror: StoredList
  readonly InstallURL: string
  /** Ours, only there when asked for: the engine's version or the beginning of one. Records of others may hold anything here. */
  readonly EngineVersion?: string
}

/** Options of the classic swarm containers, as stored. */
export interface SwarmOptions {
  readonly IsSwarm: boolean
  readonly Address: string
  readonly Discovery: string
  readonly Agent: boolean
  readonly Master: boolean
  readonly Host: string
  readonly Image: string
  readonly Strategy: string
  readonly Heartbeat: number
  readonly Overcommit: number
  readonly ArbitraryFlags: StoredList
  readonly ArbitraryJoinFlags: StoredList
  readonly Env: StoredList
  readonly IsExperimental: boolean
  /** Ours, only there when asked for: what the engine is in a native swarm, `manager` or `worker`. */
  readonly Mode?: string
  /** Ours: the machine whose native swarm it joins. */
  readonly Join?: string
}

/** Where the certificates of a machine lie; absolute paths on this computer, as stored. */
export interface AuthOptions {
  readonly CertDir: string
  readonly CaCertPath: string
  readonly CaPrivateKeyPath: string
  readonly CaCertRemotePath: string
  readonly ServerCertPath: string
  readonly ServerKeyPath: string
  readonly ClientKeyPath: string
  readonly ServerCertRemotePath: string
  readonly ServerKeyRemotePath: string
  readonly ClientCertPath: string
  readonly ServerCertSANs: StoredList
  /** The machine's own directory. */
  readonly StorePath: string
}

/** Settings of a host under docker-machine's names, as its record holds them. */
export interface HostOptions {
  readonly Driver: string
  readonly Memory: number
  readonly Disk: number
  readonly EngineOptions: EngineOptions
  readonly SwarmOptions: SwarmOptions
  readonly AuthOptions: AuthOptions
}

/** A machine we made or adopted. */
export interface Host {
  readonly name: string
  readonly driverName: string
  readonly driver: DriverConfig
  readonly options: HostOptions
  /** Top-level fields of the record that this program does not know; written back unchanged. */
  readonly extra?: JsonObject
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9\-.]*$/

/** docker/machine libmachine/host/host.go: the rule for names of machines. */
export function isHostName(name: string): boolean {
  return name.length <= 253 && namePattern.test(name)
}

/** @throws {machine/invalid-name} with docker-machine's text */
export function checkHostName(name: string): void {
  if (isHostName(name)) return
  throw new FlotillaError(
    'machine/invalid-name',
    'Error creating machine: Invalid hostname specified. Allowed hostname chars are: 0-9a-zA-Z . -',
  )
}

/** The list behind a stored field, empty when it was never set. */
export function toList(stored: StoredList | undefined): readonly string[] {
  return stored ?? []
}
