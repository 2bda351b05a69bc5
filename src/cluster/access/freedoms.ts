import { isAsked, valuesAt } from './fields.ts'
import type { Freedom } from './model.ts'
import type { Inspected } from './routes.ts'

/** Something that a request asks for, and the field that does. */
export interface Asked {
  readonly freedom: Freedom
  readonly field: string
}

/** What of a request is looked into. */
export interface Inspection {
  /** Parsed JSON; `undefined` where there is none. */
  readonly body: unknown
  readonly query: URLSearchParams
  /** What a name or ID means among the networks of the engines. */
  networkKind(reference: string): 'host' | 'other' | 'unknown'
}

interface Rule {
  readonly freedom: Freedom
  /** From the outside in; `*` for each. */
  readonly path: string
  asks(value: unknown, inspection: Inspection): boolean
}

/** `HostConfig` of a create, and with it what an update can change. */
const hostConfig: readonly Rule[] = [
  { freedom: 'privileged', path: 'Privileged', asks: isAsked },
  { freedom: 'capabilities', path: 'CapAdd', asks: isAsked },
  { freedom: 'capabilities', path: 'Capabilities', asks: isAsked },
  { freedom: 'devices', path: 'Devices', asks: isAsked },
  { freedom: 'devices', path: 'DeviceCgroupRules', asks: isAsked },
  { freedom: 'devices', path: 'DeviceRequests', asks: isAsked },
  { freedom: 'sysctls', path: 'Sysctls', asks: isAsked },
  { freedom: 'security-options', path: 'SecurityOpt.*', asks: isLoosening },
  // An empty list hides nothing.
  { freedom: 'security-options', path: 'MaskedPaths', asks: isGiven },
  { freedom: 'security-options', path: 'ReadonlyPaths', asks: isGiven },
  { freedom: 'security-options', path: 'Runtime', asks: isOtherRuntime },
  { freedom: 'security-options', path: 'Annotations', asks: isAsked },
  { freedom: 'host-namespaces', path: 'NetworkMode', asks: isHostNetwork },
  { freedom: 'host-namespaces', path: 'PidMode', asks: isHost },
  { freedom: 'host-namespaces', path: 'IpcMode', asks: isHost },
  { freedom: 'host-namespaces', path: 'UTSMode', asks: isHost },
  { freedom: 'host-namespaces', path: 'UsernsMode', asks: isHost },
  { freedom: 'host-namespaces', path: 'CgroupnsMode', asks: isHost },
  { freedom: 'host-paths', path: 'Binds.*', asks: isHostBind },
  { freedom: 'host-paths', path: 'Mounts.*', asks: isHostMount },
  { freedom: 'host-paths', path: 'LogConfig.Config.*', asks: isLocalPath },
  { freedom: 'cgroup-parent', path: 'CgroupParent', asks: isAsked },
]

const create: readonly Rule[] = [
  ...hostConfig.map((rule) => ({ ...rule, path: `HostConfig.${rule.path}` })),
  {
    freedom: 'host-namespaces',
    path: 'NetworkingConfig.EndpointsConfig',
    asks: (value, inspection) => Object.keys(Object(value)).some((name) => isHostNetwork(name, inspection)),
  },
]

const containerSpec: readonly Rule[] = [
  { freedom: 'capabilities', path: 'CapabilityAdd', asks: isAsked },
  { freedom: 'sysctls', path: 'Sysctls', asks: isAsked },
  { freedom: 'security-options', path: 'Privileges.CredentialSpec', asks: isAsked },
  { freedom: 'security-options', path: 'Privileges.SELinuxContext', asks: isAsked },
  { freedom: 'security-options', path: 'Privileges.Seccomp', asks: isAsked },
  { freedom: 'security-options', path: 'Privileges.AppArmor', asks: isAsked },
  { freedom: 'host-paths', path: 'Mounts.*', asks: isHostMount },
]

const service: readonly Rule[] = [
  ...containerSpec.map((rule) => ({ ...rule, path: `TaskTemplate.ContainerSpec.${rule.path}` })),
  // A service of plug-ins gives them all privileges that they ask for.
  { freedom: 'privileged', path: 'TaskTemplate.PluginSpec', asks: isGiven },
  { freedom: 'host-paths', path: 'TaskTemplate.LogDriver.Options.*', asks: isLocalPath },
  ...['TaskTemplate.Networks.*.Target', 'Networks.*.Target'].map((path): Rule => ({
    freedom: 'host-namespaces',
    path,
    asks: mayBeHostNetwork,
  })),
]

const rules: Readonly<Record<Inspected, readonly Rule[]>> = {
  create,
  update: hostConfig,
  exec: [{ freedom: 'privileged', path: 'Privileged', asks: isAsked }],
  start: [],
  checkpoint: [{ freedom: 'host-paths', path: 'CheckpointDir', asks: isAsked }],
  commit: create,
  service,
  volume: [{ freedom: 'host-paths', path: '', asks: (value) => isHostVolume(value, 'DriverOpts', 'Driver') }],
  build: [],
  image: [],
  tunnel: [],
}

interface QueryRule {
  readonly freedom: Freedom
  readonly key: string
  asks(value: string, inspection: Inspection): boolean
}

const isNotEmpty = (value: string): boolean => value !== ''

const queryRules: Readonly<Partial<Record<Inspected, readonly QueryRule[]>>> = {
  start: [{ freedom: 'host-paths', key: 'checkpoint-dir', asks: isNotEmpty }],
  checkpoint: [{ freedom: 'host-paths', key: 'dir', asks: isNotEmpty }],
  build: [
    { freedom: 'host-namespaces', key: 'networkmode', asks: isHostNetwork },
    { freedom: 'cgroup-parent', key: 'cgroupparent', asks: isNotEmpty },
    { freedom: 'security-options', key: 'securityopt', asks: (value) => !['', 'null', '[]'].includes(value) },
    // The client's own files come through its session.
    { freedom: 'remote-sources', key: 'remote', asks: (value) => value !== '' && value !== 'client-session' },
  ],
  image: [{ freedom: 'remote-sources', key: 'fromSrc', asks: (value) => value !== '' && value !== '-' }],
}

/** Kinds whose body is JSON and has to be read. */
export function hasInspectedBody(kind: Inspected): boolean {
  return rules[kind].length > 0
}

/** Everything that a request asks for beyond a plain container, the same for each way of asking; in the order of the table. */
export function findFreedoms(kind: Inspected, inspection: Inspection): readonly Asked[] {
  // Nobody can look into a tunnel to a builder.
  if (kind === 'tunnel') return [{ freedom: 'build-entitlements', field: 'the tunnel of buildx' }]
  const asked: Asked[] = []
  for (const rule of rules[kind]) {
    const path = rule.path === '' ? [] : rule.path.split('.')
    if (!valuesAt(inspection.body, path).some((value) => rule.asks(value, inspection))) continue
    asked.push({ freedom: rule.freedom, field: rule.path === '' ? 'DriverOpts' : rule.path.replaceAll('.*', '') })
  }
  for (const rule of queryRules[kind] ?? []) {
    const isWanted = inspection.query.getAll(rule.key).some((value) => rule.asks(value, inspection))
    if (isWanted) asked.push({ freedom: rule.freedom, field: rule.key })
  }
  return asked
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function isHost(value: unknown): boolean {
  return typeof value === 'string' ? value.toLowerCase() === 'host' : isAsked(value)
}

/** Networks go by names, also with their node, and by IDs. */
function isHostNetwork(value: unknown, inspection: Inspection): boolean {
  if (typeof value !== 'string') return isHost(value)
  return isHost(value.slice(value.lastIndexOf('/') + 1)) || inspection.networkKind(value) === 'host'
}

/** The swarm of the engines has a host network under an ID that no engine lists. */
function mayBeHostNetwork(value: unknown, inspection: Inspection): boolean {
  return isHost(value) || (typeof value === 'string' && value !== '' && inspection.networkKind(value) !== 'other')
}

/** All but what takes rights away. */
function isLoosening(value: unknown): boolean {
  return typeof value !== 'string' || !/^no-new-privileges(?:[:=]true)?$/.test(value)
}

function isOtherRuntime(value: unknown): boolean {
  return isAsked(value) && value !== 'runc' && value !== 'io.containerd.runc.v2'
}

/** A path of the host, also of Windows, or a socket by its path. */
function isLocalPath(value: unknown): boolean {
  return typeof value !== 'string' || /^(?:[/\\.~]|[a-z]:[/\\]|(?:unix[a-z]*|npipe|file):)/i.test(value)
}

/** `SOURCE:TARGET` of which the source is no volume, `NAME` or `NODE/NAME`; a target alone is a volume without a name. */
function isHostBind(value: unknown): boolean {
  if (typeof value !== 'string' || /^[a-z]:[/\\]/i.test(value)) return true
  const cut = value.indexOf(':')
  return cut >= 0 && !/^(?:[a-z0-9][a-z0-9_.-]*\/)?[a-z0-9][a-z0-9_.-]*$/i.test(value.slice(0, cut))
}

const plainMounts: ReadonlySet<unknown> = new Set(['volume', 'tmpfs', 'image', 'cluster'])

function isHostMount(mount: unknown): boolean {
  const types = valuesAt(mount, ['Type'])
  // Without a type it is a bind for services.
  if (types.length === 0 || types.some((type) => !plainMounts.has(type))) return true
  const drivers = valuesAt(mount, ['VolumeOptions', 'DriverConfig'])
  return drivers.some((driver) => isHostVolume(driver, 'Options', 'Name'))
}

/** File systems that a volume may be without being a part of the host. */
const farFileSystems: ReadonlySet<string> = new Set(['tmpfs', 'nfs', 'nfs4', 'cifs', 'smb3'])
/** Flags of `mount` under which the type of file system means nothing. */
const movingFlags: ReadonlySet<string> = new Set(['bind', 'rbind', 'remount', 'move'])

/** A volume that shows a path or device of the host: for the driver `local` by its options, for others by any path. */
function isHostVolume(volume: unknown, optionsKey: string, driverKey: string): boolean {
  const drivers = valuesAt(volume, [driverKey]).filter(isAsked)
  const options = valuesAt(volume, [optionsKey]).flatMap((each) => Object.entries(Object(each)))
  if (options.length === 0) return false
  if (drivers.some((driver) => driver !== 'local')) return options.some(([, value]) => isLocalPath(value))
  const valuesOf = (name: string): readonly string[] =>
    options.flatMap(([key, value]) => (key.toLowerCase() === name ? [String(value).trim().toLowerCase()] : []))
  const flags = valuesOf('o').flatMap((text) => text.split(',').map((flag) => flag.trim()))
  if (flags.some((flag) => movingFlags.has(flag))) return true
  if (valuesOf('device').every((device) => device === '')) return false
  const types = valuesOf('type')
  return types.length === 0 || !types.every((type) => farFileSystems.has(type))
}
