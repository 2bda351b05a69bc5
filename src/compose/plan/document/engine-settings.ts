import type { ContainerConfig, HostConfig } from '../../../engine/api/types.ts'

/** The two halves of a container's settings as the engine takes and shows them. */
export interface EngineSettings {
  readonly config: ContainerConfig
  readonly host: HostConfig
}

type Read = (settings: EngineSettings) => unknown

/** Setting of a service → where the engine shows it. What is not here is known by its digest alone. */
const places: Readonly<Record<string, Read>> = {
  // Sorted as they are sent now: what an earlier version sent as it was written is no change.
  cap_add: ({ host }) => toCapabilityWords(host.CapAdd),
  cap_drop: ({ host }) => toCapabilityWords(host.CapDrop),
  cgroup_parent: ({ host }) => host.CgroupParent,
  command: ({ config }) => config.Cmd,
  cpu_shares: ({ host }) => host.CpuShares,
  cpus: ({ host }) => (host.NanoCpus ?? 0) / 1e9,
  cpuset: ({ host }) => host.CpusetCpus,
  dns: ({ host }) => host.Dns,
  dns_opt: ({ host }) => host.DnsOptions,
  dns_search: ({ host }) => host.DnsSearch,
  domainname: ({ config }) => config.Domainname,
  entrypoint: ({ config }) => config.Entrypoint,
  extra_hosts: ({ host }) => host.ExtraHosts,
  group_add: ({ host }) => host.GroupAdd,
  'healthcheck.interval': ({ config }) => toSeconds(config.Healthcheck?.Interval),
  'healthcheck.retries': ({ config }) => config.Healthcheck?.Retries,
  'healthcheck.start_period': ({ config }) => toSeconds(config.Healthcheck?.StartPeriod),
  'healthcheck.test': ({ config }) => config.Healthcheck?.Test,
  'healthcheck.timeout': ({ config }) => toSeconds(config.Healthcheck?.Timeout),
  hostname: ({ config }) => config.Hostname,
  image: ({ config }) => Reflect.get(config, 'Image'),
  init: ({ host }) => host.Init,
  'logging.driver': ({ host }) => host.LogConfig?.Type,
  mem_limit: ({ host }) => host.Memory,
  mem_reservation: ({ host }) => host.MemoryReservation,
  oom_score_adj: ({ host }) => host.OomScoreAdj,
  pids_limit: ({ host }) => host.PidsLimit,
  ports: ({ host }) => toPorts(host),
  privileged: ({ host }) => host.Privileged,
  read_only: ({ host }) => host.ReadonlyRootfs,
  restart: ({ host }) => toRestart(host),
  runtime: ({ host }) => host.Runtime,
  security_opt: ({ host }) => host.SecurityOpt,
  shm_size: ({ host }) => host.ShmSize,
  stdin_open: ({ config }) => config.OpenStdin,
  stop_grace_period: ({ config }) => (config.StopTimeout === undefined ? undefined : `${config.StopTimeout}s`),
  stop_signal: ({ config }) => config.StopSignal,
  sysctls: ({ host }) => host.Sysctls,
  tmpfs: ({ host }) => host.Tmpfs,
  tty: ({ config }) => config.Tty,
  ulimits: ({ host }) => host.Ulimits,
  user: ({ config }) => config.User,
  userns_mode: ({ host }) => host.UsernsMode,
  volumes: ({ host }) => toVolumes(host),
  working_dir: ({ config }) => config.WorkingDir,
}

/** Values an engine fills in where nothing was asked for. */
const defaults: Readonly<Record<string, readonly unknown[]>> = {
  'logging.driver': ['json-file'],
  restart: ['no'],
  runtime: ['runc'],
  shm_size: [67_108_864],
  stop_signal: ['SIGTERM'],
}

/** Names of the settings an engine shows. */
export const shownSettings: readonly string[] = Object.keys(places)

/**
 * One setting as text; undefined when it is not set, or the engine does not show it.
 *
 * @param path as the compose file has it: `command`, `healthcheck.test`
 */
export function readSetting(path: string, settings: EngineSettings): string | undefined {
  const read = Object.hasOwn(places, path) ? places[path] : undefined
  const value = read?.(settings)
  if (isNothing(value) || (Object.hasOwn(defaults, path) && defaults[path]?.includes(value) === true)) return undefined
  return JSON.stringify(value)
}

/** True when an engine shows the setting, so that a missing value means that it is not set. */
export function isShown(path: string): boolean {
  return Object.hasOwn(places, path)
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

function toSeconds(nanos: number | undefined): string | undefined {
  return nanos === undefined || nanos === 0 ? undefined : `${nanos / 1e9}s`
}

function toRestart({ RestartPolicy: policy }: HostConfig): string | undefined {
  if (policy?.Name === undefined) return undefined
  const retries = policy.MaximumRetryCount ?? 0
  return retries > 0 ? `${policy.Name}:${retries}` : policy.Name
}

function toPorts({ PortBindings: bindings }: HostConfig): readonly string[] {
  return Object.entries(bindings ?? {})
    .flatMap(([target, list]) =>
      (list ?? []).map(({ HostIp: ip = '', HostPort: port = '' }) => `${ip === '' ? '' : `${ip}:`}${port}:${target}`),
    )
    .sort()
}

function toVolumes({ Binds: binds, Mounts: mounts }: HostConfig): readonly string[] {
  // Engines add the default mode, and what a container inherits is not the file's.
  const plain = (binds ?? []).map((bind) => bind.replace(/:rw$/, ''))
  const others = (mounts ?? []).map(
    (mount) => `${mount.Source ?? ''}:${mount.Target}${mount.ReadOnly === true ? ':ro' : ''}`,
  )
  return [...plain, ...others].sort()
}

function toCapabilityWords(names: readonly string[] | null | undefined): readonly string[] | undefined {
  return names?.map((name) => name.toUpperCase().replace(/^CAP_/, '')).sort()
}
