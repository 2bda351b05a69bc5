import { FlotillaError } from '../core/errors.ts'
import { ExactNumber, parseExactJson, renderExactJson } from '../core/exact-json.ts'
import type { JsonObject, JsonValue } from '../core/exact-json.ts'
import { CONFIG_VERSION } from './host.ts'
import type { AuthOptions, EngineOptions, Host, HostOptions, SwarmOptions } from './host.ts'
import { migrateRecord } from './migrate.ts'

/** Engine options of a record that holds none, in the order they are written. */
export const emptyEngineOptions: EngineOptions = {
  ArbitraryFlags: null,
  Dns: null,
  GraphDir: '',
  Env: null,
  Ipv6: false,
  InsecureRegistry: null,
  Labels: null,
  LogLevel: '',
  StorageDriver: '',
  SelinuxEnabled: false,
  TlsVerify: false,
  RegistryMirror: null,
  InstallURL: '',
}

/** Swarm options of a record that holds none, in the order they are written. */
export const emptySwarmOptions: SwarmOptions = {
  IsSwarm: false,
  Address: '',
  Discovery: '',
  Agent: false,
  Master: false,
  Host: '',
  Image: '',
  Strategy: '',
  Heartbeat: 0,
  Overcommit: 0,
  ArbitraryFlags: null,
  ArbitraryJoinFlags: null,
  Env: null,
  IsExperimental: false,
}

/** Certificate paths of a record that holds none, in the order they are written. */
export const emptyAuthOptions: AuthOptions = {
  CertDir: '',
  CaCertPath: '',
  CaPrivateKeyPath: '',
  CaCertRemotePath: '',
  ServerCertPath: '',
  ServerKeyPath: '',
  ClientKeyPath: '',
  ServerCertRemotePath: '',
  ServerKeyRemotePath: '',
  ClientCertPath: '',
  ServerCertSANs: null,
  StorePath: '',
}

const knownFields = ['ConfigVersion', 'Driver', 'DriverName', 'HostOptions', 'Name', 'RawDriver']
const optionGroups = ['EngineOptions', 'SwarmOptions', 'AuthOptions']

/** A record as it was read, and whether it must be written back. */
export interface ReadRecord {
  readonly host: Host
  readonly isMigrated: boolean
}

/**
 * Reads the text of a `config.json` of any version.
 *
 * @param name the machine's folder, which overrides the name inside
 * @param root the store, for fields that older versions lack
 * @throws {machine/invalid-record} naming the field
 * @throws {machine/future-record}
 */
export function parseRecord(text: string, name: string, root: string): ReadRecord {
  const parsed = parseObject(text, name)
  const version = parsed['ConfigVersion'] ?? 0
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 0) {
    throw invalid(name, 'ConfigVersion is not a version number')
  }
  if (version > CONFIG_VERSION) {
    throw new FlotillaError(
      'machine/future-record',
      'Error getting migrated host: config version is from the future -- you should upgrade your Docker Machine client',
    )
  }
  const record = version < CONFIG_VERSION ? migrateRecord(parsed, version, root) : parsed
  return { host: toHost(record, name), isMigrated: version < CONFIG_VERSION }
}

function parseObject(text: string, name: string): JsonObject {
  try {
    const value = parseExactJson(text)
    if (isObject(value)) return value
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new FlotillaError('machine/invalid-record', `cannot read the record of machine "${name}": ${reason}`, {
      cause: error,
    })
  }
  throw invalid(name, 'it is not a JSON object')
}

function toHost(record: JsonObject, name: string): Host {
  const driver = record['Driver']
  if (!isObject(driver)) throw invalid(name, 'Driver is not an object')
  const driverName = record['DriverName']
  if (typeof driverName !== 'string' || driverName === '') throw invalid(name, 'DriverName is not a text')
  const extra = Object.fromEntries(Object.entries(record).filter(([key]) => !knownFields.includes(key)))
  return {
    name,
    driverName,
    driver,
    options: toOptions(record['HostOptions'], name),
    ...(Object.keys(extra).length > 0 && { extra }),
  }
}

function toOptions(stored: JsonValue | undefined, name: string): HostOptions {
  if (stored !== undefined && stored !== null && !isObject(stored)) throw invalid(name, 'HostOptions is not an object')
  const options = stored ?? {}
  const top = shape({ Driver: '', Memory: 0, Disk: 0 }, options, name, 'HostOptions')
  const others = Object.fromEntries(Object.entries(top).filter(([key]) => !optionGroups.includes(key)))
  return {
    Driver: top.Driver,
    Memory: top.Memory,
    Disk: top.Disk,
    EngineOptions: shapeGroup(emptyEngineOptions, options, name, 'EngineOptions'),
    SwarmOptions: shapeGroup(emptySwarmOptions, options, name, 'SwarmOptions'),
    AuthOptions: shapeGroup(emptyAuthOptions, options, name, 'AuthOptions'),
    ...Object.fromEntries(Object.entries(others).filter(([key]) => !['Driver', 'Memory', 'Disk'].includes(key))),
  }
}

function shapeGroup<T extends object>(defaults: T, options: JsonObject, name: string, group: string): T {
  const stored = options[group] ?? {}
  if (!isObject(stored)) throw invalid(name, `${group} is not an object`)
  return shape(defaults, stored, name, group)
}

/** The known fields in their order, each of its right type, then whatever else the record holds. */
function shape<T extends object>(defaults: T, stored: JsonObject, name: string, group: string): T {
  const fields = new Map<string, unknown>()
  for (const [key, fallback] of Object.entries(defaults) as readonly (readonly [string, unknown])[]) {
    const value = stored[key]
    if (value !== undefined && value !== null && !isLike(value, fallback)) {
      throw invalid(name, `${group}.${key} has the wrong type`)
    }
    fields.set(key, value ?? fallback)
  }
  for (const [key, value] of Object.entries(stored)) if (!fields.has(key)) fields.set(key, value)
  return Object.fromEntries(fields) as T
}

function isLike(value: JsonValue, fallback: unknown): boolean {
  if (fallback === null) return Array.isArray(value) && value.every((item) => typeof item === 'string')
  return typeof value === typeof fallback || (typeof fallback === 'number' && value instanceof ExactNumber)
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
}

function invalid(name: string, reason: string): FlotillaError {
  return new FlotillaError('machine/invalid-record', `cannot read the record of machine "${name}": ${reason}`)
}

/** The record as a JSON object, fields in the order docker-machine 0.16 writes them. */
export function toRecord(host: Host): JsonObject {
  return {
    ConfigVersion: CONFIG_VERSION,
    Driver: host.driver,
    DriverName: host.driverName,
    HostOptions: host.options as unknown as JsonObject,
    Name: host.name,
    ...host.extra,
  }
}

/** The bytes of `config.json`: four blanks, no final newline. */
export function renderRecord(host: Host): string {
  return renderExactJson(toRecord(host), 4)
}
