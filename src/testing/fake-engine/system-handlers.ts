import type { EngineEvent, EngineInfo } from '../../engine/api/types-resource.ts'
import { hasLabels, readFilters } from './call.ts'
import type { FakeCall, FakeRoute } from './call.ts'
import type { FakeState } from './state.ts'

export const defaultApiVersion = '1.41'

function ping(call: FakeCall): void {
  call.sendText(200, call.request.method === 'HEAD' ? '' : 'OK', {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-cache, no-store, must-revalidate',
  })
}

function version(call: FakeCall): void {
  const { options } = call.state
  call.send(200, {
    Platform: { Name: 'Fake Engine' },
    Version: options.serverVersion ?? '20.10.24',
    ApiVersion: options.apiVersion ?? defaultApiVersion,
    MinAPIVersion: options.minApiVersion ?? '1.12',
    GitCommit: 'fake',
    GoVersion: 'go1.19.8',
    Os: 'linux',
    Arch: 'amd64',
    KernelVersion: '6.1.0',
    Components: [],
  })
}

function info(call: FakeCall): void {
  call.send(200, viewInfo(call.state))
}

/** `GET /info` of a fake. */
function viewInfo(state: FakeState): EngineInfo {
  const { options } = state
  const all = [...state.containers.values()]
  const running = all.filter((container) => container.status === 'running').length
  const paused = all.filter((container) => container.status === 'paused').length
  return {
    ID: state.id,
    Name: options.name ?? 'fake',
    ServerVersion: options.serverVersion ?? '20.10.24',
    Containers: all.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: all.length - running - paused,
    Images: state.images.size,
    Driver: options.driver ?? 'overlay2',
    DriverStatus: [['Backing Filesystem', 'extfs']],
    SystemStatus: null,
    Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'null'], Authorization: null, Log: ['json-file'] },
    NCPU: options.cpus ?? 2,
    MemTotal: options.memoryBytes ?? 2_147_483_648,
    OperatingSystem: 'Debian GNU/Linux 12 (bookworm)',
    OSType: 'linux',
    Architecture: 'x86_64',
    KernelVersion: '6.1.0',
    Labels: options.labels ?? [],
    DockerRootDir: '/var/lib/docker',
    SystemTime: new Date(state.clock.nowMs()).toISOString(),
    NEventsListener: state.signals.listenerCount('event'),
    Swarm: { NodeID: '', LocalNodeState: 'inactive', ControlAvailable: false },
    Warnings: null,
  }
}

const eventFilters = [
  'type',
  'event',
  'container',
  'image',
  'label',
  'network',
  'volume',
  'daemon',
  'scope',
  'node',
  'service',
  'config',
  'secret',
  'plugin',
]

/** Past events since `since`, then new ones until `until`, the client or the engine ends it. */
async function events(call: FakeCall): Promise<void> {
  const filters = readFilters(call, eventFilters)
  const response = call.stream('application/json')
  response.flushHeaders()
  function write(event: EngineEvent): void {
    if (matches(event, filters)) response.write(`${JSON.stringify(event)}\n`)
  }
  const since = Number(call.query.get('since') ?? Number.NaN)
  const until = Number(call.query.get('until') ?? Number.NaN)
  for (const event of call.state.events) if (event.timeNano >= since * 1e9) write(event)
  call.state.signals.on('event', write)
  const leftMs = Number.isNaN(until) ? 2 ** 31 - 1 : until * 1000 - call.state.clock.nowMs()
  await call.state.clock.sleep(leftMs, call.signal).catch(() => {})
  call.state.signals.off('event', write)
  response.end()
}

function matches(event: EngineEvent, filters: ReadonlyMap<string, readonly string[]>): boolean {
  const attributes = event.Actor.Attributes ?? {}
  function isOf(name: string): boolean {
    const operands = filters.get(name)
    if (operands === undefined) return true
    return (
      event.Type === name && operands.some((each) => event.Actor.ID.startsWith(each) || attributes['name'] === each)
    )
  }
  const actions = filters.get('event')
  return (
    (filters.get('type')?.includes(event.Type) ?? true) &&
    (actions === undefined ||
      actions.some((action) => event.Action === action || event.Action.startsWith(`${action}:`))) &&
    hasLabels(attributes, filters.get('label')) &&
    ['container', 'image', 'network', 'volume'].every(isOf)
  )
}

export const systemRoutes: readonly FakeRoute[] = [
  ['GET', /^\/_ping$/, ping],
  ['HEAD', /^\/_ping$/, ping],
  ['GET', /^\/version$/, version],
  ['GET', /^\/info$/, info],
  ['GET', /^\/events$/, events],
]
