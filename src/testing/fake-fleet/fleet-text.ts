import { createHash } from 'node:crypto'

/** A container of a fleet engine: what lists and inspect replies are written from. */
export interface FleetContainer {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly memoryBytes: number
  readonly nanoCpus: number
  readonly createdSeconds: number
  state: 'created' | 'running' | 'exited'
  /** The list row, as long as nothing changes. */
  row?: string
}

/** 64 hexadecimal digits that follow from the text. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const fleetImageId = `sha256:${digest('image')}`

/** A list row of about 700 bytes, as Engine 20.10 writes one for a small container of a Compose project. */
export function renderRow(container: FleetContainer, bridgeId: string): string {
  const isUp = container.state === 'running'
  return JSON.stringify({
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.image,
    ImageID: fleetImageId,
    Command: '"/entrypoint.sh serve"',
    Created: container.createdSeconds,
    Ports: [{ PrivatePort: 8080, Type: 'tcp' }],
    Labels: container.labels,
    State: container.state,
    Status: isUp ? 'Up 3 hours' : 'Created',
    HostConfig: { NetworkMode: 'default' },
    NetworkSettings: { Networks: { bridge: renderEndpoint(bridgeId, isUp) } },
    Mounts: [],
  })
}

function renderEndpoint(bridgeId: string, isUp: boolean): object {
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    NetworkID: isUp ? bridgeId : '',
    EndpointID: '',
    Gateway: isUp ? '172.17.0.1' : '',
    IPAddress: isUp ? '172.17.0.2' : '',
    IPPrefixLen: 16,
    MacAddress: '02:42:ac:11:00:02',
    DriverOpts: null,
  }
}

/** What is the same in the inspect replies of all containers, to the size that engines give them. */
const inspectTail = JSON.stringify({
  ResolvConfPath: '/var/lib/docker/containers/x/resolv.conf',
  Driver: 'overlay2',
  Platform: 'linux',
  RestartCount: 0,
  MountLabel: '',
  ProcessLabel: '',
  AppArmorProfile: '',
  ExecIDs: null,
  GraphDriver: { Data: { LowerDir: '/var/lib/docker/overlay2/'.repeat(20) }, Name: 'overlay2' },
  Mounts: [],
}).slice(1)

const hostConfigTail = JSON.stringify({
  Binds: null,
  ContainerIDFile: '',
  LogConfig: { Type: 'json-file', Config: {} },
  NetworkMode: 'default',
  PortBindings: {},
  RestartPolicy: { Name: 'unless-stopped', MaximumRetryCount: 0 },
  AutoRemove: false,
  CapAdd: null,
  CapDrop: null,
  Dns: [],
  ShmSize: 67_108_864,
  Runtime: 'runc',
  CpuShares: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  Devices: [],
  MaskedPaths: ['/proc/asound', '/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list'],
  ReadonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
}).slice(1)

/** An inspect reply of about three kilobytes. */
export function renderInspect(container: FleetContainer, bridgeId: string): string {
  const isUp = container.state === 'running'
  const created = new Date(container.createdSeconds * 1000).toISOString()
  const head = JSON.stringify({
    Id: container.id,
    Created: created,
    Path: '/entrypoint.sh',
    Args: ['serve'],
    State: {
      Status: container.state,
      Running: isUp,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: isUp ? 4242 : 0,
      ExitCode: 0,
      Error: '',
      StartedAt: isUp ? created : '0001-01-01T00:00:00Z',
      FinishedAt: '0001-01-01T00:00:00Z',
    },
    Image: fleetImageId,
    Name: `/${container.name}`,
    Config: {
      Hostname: container.id.slice(0, 12),
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'MODE=production'],
      Cmd: ['serve'],
      Image: container.image,
      Entrypoint: ['/entrypoint.sh'],
      Labels: container.labels,
      ExposedPorts: { '8080/tcp': {} },
    },
    NetworkSettings: {
      Ports: { '8080/tcp': null },
      Networks: { bridge: renderEndpoint(bridgeId, isUp) },
    },
  })
  const limits = `"Memory":${container.memoryBytes},"NanoCpus":${container.nanoCpus}`
  return `${head.slice(0, -1)},"HostConfig":{${limits},${hostConfigTail},${inspectTail}`
}
