import type {
  ContainerInspect,
  ContainerSummary,
  EndpointSettings,
  HealthState,
  MountPoint,
} from '../../engine/api/types.ts'
import { renderTime } from './state.ts'
import type { FakeContainer, FakeState } from './state.ts'

function viewNetworks(container: FakeContainer): Record<string, EndpointSettings> {
  return Object.fromEntries(container.networks)
}

function viewMounts(container: FakeContainer): MountPoint[] {
  const mounts: MountPoint[] = []
  for (const bind of container.hostConfig.Binds ?? []) {
    const [source = '', target = '', mode = ''] = bind.split(':')
    const isPath = source.startsWith('/')
    mounts.push({
      Type: isPath ? 'bind' : 'volume',
      ...(isPath ? {} : { Name: source, Driver: 'local' }),
      Source: isPath ? source : `/var/lib/docker/volumes/${source}/_data`,
      Destination: target,
      Mode: mode,
      RW: !mode.split(',').includes('ro'),
      Propagation: isPath ? 'rprivate' : '',
    })
  }
  for (const mount of container.hostConfig.Mounts ?? []) {
    const source = mount.Source ?? ''
    mounts.push({
      Type: mount.Type,
      ...(mount.Type === 'volume' ? { Name: source, Driver: 'local' } : {}),
      Source: mount.Type === 'volume' ? `/var/lib/docker/volumes/${source}/_data` : source,
      Destination: mount.Target,
      Mode: 'z',
      RW: mount.ReadOnly !== true,
      Propagation: '',
    })
  }
  return mounts
}

/** The `Status` column: `Up 3 seconds`, `Exited (0) 2 minutes ago`. */
function renderStatus(state: FakeState, container: FakeContainer): string {
  const nowMs = state.clock.nowMs()
  const health =
    container.health === 'none' ? '' : ` (${container.health === 'starting' ? 'health: starting' : container.health})`
  switch (container.status) {
    case 'created':
      return 'Created'
    case 'running':
      return `Up ${renderSpan(nowMs - container.startedAtMs)}${health}`
    case 'paused':
      return `Up ${renderSpan(nowMs - container.startedAtMs)} (Paused)`
    default:
      return `Exited (${container.exitCode}) ${renderSpan(nowMs - container.finishedAtMs)} ago`
  }
}

function renderSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  if (seconds < 120) return 'About a minute'
  return `${Math.floor(seconds / 60)} minutes`
}

/** One row of the list. */
export function viewSummary(state: FakeState, container: FakeContainer): ContainerSummary {
  const ports = [...container.ports].flatMap(([port, bindings]) => {
    const [number = '', protocol = 'tcp'] = port.split('/')
    return bindings.map((binding) => ({
      IP: binding.HostIp,
      PrivatePort: Number(number),
      PublicPort: Number(binding.HostPort),
      Type: protocol,
    }))
  })
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.config.Image ?? '',
    ImageID: container.imageId,
    Command: [...(container.config.Entrypoint ?? []), ...(container.config.Cmd ?? [])].join(' '),
    Created: Math.floor(container.createdAtMs / 1000),
    Ports: ports,
    Labels: container.config.Labels ?? {},
    State: container.status,
    Status: renderStatus(state, container),
    HostConfig: { NetworkMode: container.hostConfig.NetworkMode ?? 'default' },
    NetworkSettings: { Networks: viewNetworks(container) },
    Mounts: viewMounts(container),
  }
}

/** The whole of a container. */
export function viewInspect(container: FakeContainer): ContainerInspect {
  const [path = '', ...args] = [...(container.config.Entrypoint ?? []), ...(container.config.Cmd ?? [])]
  const isRunning = container.status === 'running' || container.status === 'paused'
  return {
    Id: container.id,
    Created: renderTime(container.createdAtMs),
    Path: path,
    Args: args,
    State: {
      Status: container.status,
      Running: isRunning,
      Paused: container.status === 'paused',
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: isRunning ? 4242 : 0,
      ExitCode: container.exitCode,
      Error: container.error,
      StartedAt: renderTime(container.startedAtMs),
      FinishedAt: renderTime(container.finishedAtMs),
      ...(container.health === 'none' ? {} : { Health: viewHealth(container) }),
    },
    Image: container.imageId,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    ExecIDs: container.execIds.length === 0 ? null : container.execIds,
    HostConfig: {
      NetworkMode: 'default',
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      LogConfig: { Type: 'json-file', Config: {} },
      ...container.hostConfig,
    },
    Mounts: viewMounts(container),
    Config: container.config,
    NetworkSettings: {
      Ports: Object.fromEntries(container.ports),
      IPAddress: container.networks.get('bridge')?.IPAddress ?? '',
      Networks: viewNetworks(container),
    },
  }
}

function viewHealth({ health, lastCheck, failingStreak = 0 }: FakeContainer): HealthState {
  const at = new Date(lastCheck?.atMs ?? 0).toISOString()
  const Log =
    lastCheck === undefined ? [] : [{ Start: at, End: at, ExitCode: lastCheck.exitCode, Output: lastCheck.said }]
  return { Status: health, FailingStreak: failingStreak, Log }
}
