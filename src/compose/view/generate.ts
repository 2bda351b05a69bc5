import type { ContainerConfig, ContainerInspect, EndpointSettings, HealthConfig } from '../../engine/api/types.ts'
import { renderDurationNs } from '../../core/duration.ts'
import { makeDictionary } from '../model/dictionary.ts'
import type { MutableDictionary } from '../model/dictionary.ts'

/** What is known besides the containers. */
export interface GenerateFacts {
  /** The configuration of an image by its ID; undefined when the image is gone. */
  readonly imageOf: (id: string) => ContainerConfig | undefined
  /** Name of the project to write. */
  readonly name?: string
  /** Absolute; paths below it are written from it. */
  readonly folder?: string
}

type Tree = MutableDictionary<unknown>

const composePrefix = 'com.docker.compose.'
const serviceLabel = `${composePrefix}service`
/** Labels that `up` writes by itself, and would then find in the file. */
const writtenPrefixes = [composePrefix, 'flotilla.compose.'] as const
const builtInModes = new Set(['', 'default', 'bridge'])

/**
 * A Compose file that describes containers as they are, without what their images say already. Containers of one
 * Compose service are one service; others have the names of their containers.
 */
export function generateFile(containers: readonly ContainerInspect[], facts: GenerateFacts): Tree {
  const services = makeDictionary<Tree>()
  const networks = makeDictionary<Tree>()
  const volumes = makeDictionary<Tree>()
  for (const container of containers) {
    const name = container.Config.Labels?.[serviceLabel] ?? plainName(container)
    const service = services[name]
    if (service !== undefined) {
      service['scale'] = Number(service['scale'] ?? 1) + 1
      continue
    }
    services[name] = toService(container, facts.imageOf(container.Image), facts.folder)
    // Networks and volumes are there and somebody's: the file refers to them.
    for (const network of ownNetworks(container)) networks[network] = prune({ name: network, external: true })
    for (const mount of container.Mounts) {
      if (mount.Type === 'volume' && isNamed(mount.Name))
        volumes[mount.Name] = prune({ name: mount.Name, external: true })
    }
  }
  return prune({ name: facts.name, services, networks, volumes })
}

function toService(container: ContainerInspect, image: ContainerConfig | undefined, folder: string | undefined): Tree {
  const { Config: config, HostConfig: host } = container
  const mode = host.NetworkMode ?? ''
  return prune({
    image: config.Image,
    command: differs(config.Cmd, image?.Cmd) ? config.Cmd : undefined,
    entrypoint: differs(config.Entrypoint, image?.Entrypoint) ? config.Entrypoint : undefined,
    environment: toEnvironment(config.Env, image?.Env),
    labels: toLabels(config.Labels, image?.Labels),
    user: config.User === image?.User ? undefined : config.User,
    working_dir: config.WorkingDir === image?.WorkingDir ? undefined : config.WorkingDir,
    hostname: config.Hostname === container.Id.slice(0, 12) ? undefined : config.Hostname,
    tty: config.Tty === true || undefined,
    stdin_open: config.OpenStdin === true || undefined,
    stop_signal: config.StopSignal === image?.StopSignal ? undefined : config.StopSignal,
    healthcheck: toHealthcheck(config.Healthcheck, image?.Healthcheck),
    privileged: host.Privileged === true || undefined,
    read_only: host.ReadonlyRootfs === true || undefined,
    cap_add: host.CapAdd ?? undefined,
    cap_drop: host.CapDrop ?? undefined,
    restart: toRestart(host.RestartPolicy),
    network_mode: isMode(mode) ? mode : undefined,
    networks: toNetworks(container),
    ports: toPorts(host.PortBindings),
    volumes: container.Mounts.map((mount) => toMount(mount, folder)),
  })
}

function plainName(container: ContainerInspect): string {
  return container.Name.replace(/^\//, '')
}

function isMode(mode: string): boolean {
  return mode === 'host' || mode === 'none' || mode.startsWith('container:')
}

function ownNetworks(container: ContainerInspect): readonly string[] {
  if (isMode(container.HostConfig.NetworkMode ?? '')) return []
  return Object.keys(container.NetworkSettings.Networks ?? {}).filter((name) => !builtInModes.has(name))
}

function toNetworks(container: ContainerInspect): Tree | undefined {
  const made = makeDictionary<unknown>()
  for (const name of ownNetworks(container)) {
    const endpoint = container.NetworkSettings.Networks?.[name]
    const aliases = toAliases(container, endpoint)
    made[name] = aliases.length > 0 ? { aliases } : null
  }
  return Object.keys(made).length > 0 ? made : undefined
}

/** The engine's own aliases and those Compose gives anyway are left out. */
function toAliases(container: ContainerInspect, endpoint: EndpointSettings | undefined): readonly string[] {
  const given = new Set([container.Id.slice(0, 12), plainName(container), container.Config.Labels?.[serviceLabel]])
  return (endpoint?.Aliases ?? []).filter((alias) => !given.has(alias))
}

function toEnvironment(
  env: readonly string[] | null | undefined,
  own: readonly string[] | null | undefined,
): Tree | undefined {
  const inherited = new Set(own)
  const made = makeDictionary<unknown>()
  for (const entry of env ?? []) {
    if (inherited.has(entry)) continue
    const equals = entry.indexOf('=')
    if (equals === -1) made[entry] = null
    else made[entry.slice(0, equals)] = entry.slice(equals + 1)
  }
  return Object.keys(made).length > 0 ? made : undefined
}

function toLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
  own: Readonly<Record<string, string>> | null | undefined,
): Tree | undefined {
  const made = makeDictionary<unknown>()
  for (const [name, value] of Object.entries(labels ?? {})) {
    const isWritten = writtenPrefixes.some((prefix) => name.startsWith(prefix))
    if (!isWritten && own?.[name] !== value) made[name] = value
  }
  return Object.keys(made).length > 0 ? made : undefined
}

function toHealthcheck(check: HealthConfig | null | undefined, own: HealthConfig | null | undefined): Tree | undefined {
  if (check === null || check === undefined || JSON.stringify(check) === JSON.stringify(own)) return undefined
  return prune({
    test: check.Test,
    interval: toDuration(check.Interval),
    timeout: toDuration(check.Timeout),
    start_period: toDuration(check.StartPeriod),
    start_interval: toDuration(check.StartInterval),
    retries: check.Retries === 0 ? undefined : check.Retries,
  })
}

function toDuration(nanoseconds: number | undefined): string | undefined {
  return nanoseconds === undefined || nanoseconds === 0 ? undefined : renderDurationNs(BigInt(nanoseconds))
}

function toRestart(
  policy: { readonly Name?: string; readonly MaximumRetryCount?: number } | undefined,
): string | undefined {
  if (policy?.Name === undefined || policy.Name === '' || policy.Name === 'no') return undefined
  const count = policy.MaximumRetryCount ?? 0
  return count > 0 ? `${policy.Name}:${count}` : policy.Name
}

function toPorts(bindings: ContainerInspect['HostConfig']['PortBindings']): readonly Tree[] {
  return Object.entries(bindings ?? {}).flatMap(([port, hosts]) => {
    const [target = '', protocol = 'tcp'] = port.split('/')
    return (hosts ?? []).map((host) =>
      prune({
        target: Number(target),
        protocol,
        host_ip: host.HostIp === '' ? undefined : host.HostIp,
        published: host.HostPort === '' || host.HostPort === '0' ? undefined : host.HostPort,
      }),
    )
  })
}

function toMount(mount: ContainerInspect['Mounts'][number], folder: string | undefined): Tree {
  const isVolume = mount.Type === 'volume'
  return prune({
    type: mount.Type,
    source: isVolume ? (isNamed(mount.Name) ? mount.Name : undefined) : toPath(mount.Source, folder),
    target: mount.Destination,
    read_only: mount.RW ? undefined : true,
  })
}

function toPath(path: string, folder: string | undefined): string {
  if (folder === undefined) return path
  if (path === folder) return '.'
  return path.startsWith(`${folder}/`) ? `.${path.slice(folder.length)}` : path
}

/** The engine calls a volume nobody named by 64 digits. */
function isNamed(name: string | undefined): name is string {
  return name !== undefined && name !== '' && !/^[0-9a-f]{64}$/.test(name)
}

function differs(value: readonly string[] | null | undefined, own: readonly string[] | null | undefined): boolean {
  return JSON.stringify(value ?? null) !== JSON.stringify(own ?? null)
}

/** Without what says nothing. */
function prune(fields: Readonly<Record<string, unknown>>): Tree {
  const made = makeDictionary<unknown>()
  for (const [name, value] of Object.entries(fields)) {
    const isEmpty = value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
    const isBare = typeof value === 'object' && value !== null && Object.keys(value).length === 0
    if (!isEmpty && !isBare) made[name] = value
  }
  return made
}
