import type { ContainerCreateBody, EndpointSettings, HostConfig } from '../../engine/api/types.ts'
import { FakeError } from './call.ts'
import { startProcess } from './process.ts'
import { makeId, normalizeTag } from './state.ts'
import type { FakeContainer, FakeState } from './state.ts'

/** The container, or the engine's own words for its absence. */
export function needContainer(state: FakeState, reference: string): FakeContainer {
  const container = state.findContainer(reference)
  if (container === undefined) throw new FakeError(404, `No such container: ${reference}`)
  return container
}

/** Creates a container as `POST /containers/create` does. */
export function createFakeContainer(state: FakeState, body: ContainerCreateBody, wanted: string | null): FakeContainer {
  const image = state.findImage(body.Image ?? '')
  if (image === undefined) throw new FakeError(404, `No such image: ${normalizeTag(body.Image ?? '')}`)
  const id = makeId()
  const name = (wanted ?? `fake_${id.slice(0, 10)}`).replace(/^\//, '')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw new FakeError(400, `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  }
  const holder = state.names.get(name)
  if (holder !== undefined) {
    throw new FakeError(
      409,
      `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
    )
  }
  const { HostConfig: hostConfig = {}, NetworkingConfig: networking, ...config } = body
  const linkedIds = linkedNames(hostConfig).map((reference) => needContainer(state, reference).id)
  const cmd = config.Cmd ?? image.config.Cmd ?? null
  const entrypoint = config.Entrypoint ?? image.config.Entrypoint ?? null
  if ((cmd ?? []).length === 0 && (entrypoint ?? []).length === 0) throw new FakeError(400, 'No command specified')
  const container: FakeContainer = {
    id,
    name,
    createdAtMs: state.clock.nowMs(),
    imageId: image.id,
    config: {
      ...config,
      Hostname: config.Hostname ?? id.slice(0, 12),
      Cmd: cmd,
      Entrypoint: entrypoint,
      Env: [...(image.config.Env ?? []), ...(config.Env ?? [])],
      Labels: { ...image.config.Labels, ...config.Labels },
    },
    hostConfig: nameAnonymousVolumes(hostConfig),
    networks: new Map(),
    linkedIds,
    status: 'created',
    exitCode: 0,
    startedAtMs: 0,
    finishedAtMs: 0,
    restartCount: 0,
    health: hasCheck(config) ? 'starting' : 'none',
    error: '',
    ports: new Map(),
    process: undefined,
    log: [],
    files: new Map(),
    execIds: [],
  }
  for (const folder of ['/', '/tmp/', '/etc/']) {
    container.files.set(folder, { content: Buffer.alloc(0), mode: 0o755, mtimeMs: container.createdAtMs })
  }
  const mode = hostConfig.NetworkMode ?? 'default'
  const first = mode === 'default' ? 'bridge' : mode
  if (!first.startsWith('container:')) joinNetwork(state, container, first, networking?.EndpointsConfig?.[mode] ?? {})
  for (const [network, settings] of Object.entries(networking?.EndpointsConfig ?? {})) {
    if (network !== mode) joinNetwork(state, container, network, settings)
  }
  for (const bind of hostConfig.Binds ?? []) addNamedVolume(state, bind.split(':')[0] ?? '')
  for (const mount of container.hostConfig.Mounts ?? [])
    if (mount.Type === 'volume') addNamedVolume(state, mount.Source ?? '')
  state.containers.set(id, container)
  state.names.set(name, id)
  state.emitContainer(container, 'create')
  return container
}

/** A volume that is asked for without a name gets one. */
function nameAnonymousVolumes(hostConfig: HostConfig): HostConfig {
  const { Mounts: mounts } = hostConfig
  if (mounts === undefined || mounts === null) return hostConfig
  const named = mounts.map((mount) => {
    const isAnonymous = mount.Type === 'volume' && (mount.Source ?? '') === ''
    return isAnonymous ? { ...mount, Source: makeId() } : mount
  })
  return { ...hostConfig, Mounts: named }
}

/** Containers that must be there when it is made. */
function linkedNames({ Links: links }: HostConfig): readonly string[] {
  return (links ?? []).map((link) => link.split(':')[0] ?? '')
}

/** What a container shares with others must be there, and run where it is their network. */
function checkNeighbours(state: FakeState, container: FakeContainer): void {
  const { NetworkMode: mode = '' } = container.hostConfig
  if (mode.startsWith('container:')) {
    const host = needContainer(state, mode.slice('container:'.length))
    if (host.status !== 'running')
      throw new FakeError(409, `cannot join network of a non running container: ${host.id}`)
  }
  for (const [name, settings] of container.networks) {
    const { NetworkID: id = '' } = settings
    if (state.networks.has(id)) continue
    // One that has never run looks by name.
    const found = container.startedAtMs === 0 ? state.findNetwork(name) : undefined
    if (found === undefined) throw new FakeError(404, `network ${id} not found`)
    joinNetwork(state, container, found.Id, settings)
  }
  const stopped = container.linkedIds.find((id) => state.containers.get(id)?.status !== 'running')
  if (stopped !== undefined)
    throw new FakeError(409, `Cannot link to a non running container: ${stopped} AS /${container.name}`)
}

/** An image's check may be switched off by the word NONE. */
function hasCheck({ Healthcheck: check }: ContainerCreateBody): boolean {
  return (check?.Test ?? []).length > 0 && check?.Test?.[0] !== 'NONE'
}

function addNamedVolume(state: FakeState, name: string): void {
  if (name === '' || name.startsWith('/')) return
  state.usedVolumes.add(name)
  if (state.volumes.has(name)) return
  state.volumes.set(name, {
    Name: name,
    Driver: 'local',
    Mountpoint: `/var/lib/docker/volumes/${name}/_data`,
    CreatedAt: new Date(state.clock.nowMs()).toISOString(),
    Labels: null,
    Scope: 'local',
    Options: null,
  })
}

/** Puts a container on a network with an address of its own. */
export function joinNetwork(
  state: FakeState,
  container: FakeContainer,
  reference: string,
  settings: EndpointSettings,
): void {
  const network = state.findNetwork(reference)
  if (network === undefined) throw new FakeError(404, `network ${reference} not found`)
  const isAddressed = network.Driver !== 'host' && network.Driver !== 'null'
  const number = state.nextAddress
  state.nextAddress += 1
  const address = `172.${network.subnetNumber}.${(number >> 8) & 255}.${number & 255}`
  container.networks.set(network.Name, {
    ...settings,
    NetworkID: network.Id,
    EndpointID: makeId(),
    IPAddress: isAddressed ? (settings.IPAMConfig?.IPv4Address ?? address) : '',
    IPPrefixLen: isAddressed ? 16 : 0,
    Gateway: isAddressed ? `172.${network.subnetNumber}.0.1` : '',
    MacAddress: isAddressed ? `02:42:ac:${[network.subnetNumber, number >> 8, number].map(toHexByte).join(':')}` : '',
  })
  state.emit('network', 'connect', network.Id, {
    container: container.id,
    name: network.Name,
    type: network.Driver,
  })
}

function toHexByte(value: number): string {
  return (value & 255).toString(16).padStart(2, '0')
}

/** Starts a container. False when it runs already. */
export function startFakeContainer(state: FakeState, container: FakeContainer): boolean {
  if (container.status === 'running') return false
  if (container.status === 'paused') throw new FakeError(409, 'cannot start a paused container, try unpause instead')
  checkNeighbours(state, container)
  publishPorts(state, container)
  container.status = 'running'
  container.startedAtMs = state.clock.nowMs()
  container.error = ''
  const args = [...(container.config.Entrypoint ?? []), ...(container.config.Cmd ?? [])]
  const running = startProcess({
    args,
    env: container.config.Env ?? [],
    clock: state.clock,
    programs: state.options.programs ?? {},
    isUnknownRunning: true,
    write: (stream, data) => {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data
      const isTty = container.config.Tty === true
      container.log.push({ atMs: state.clock.nowMs(), stream: isTty ? 'stdout' : stream, data: bytes })
      state.signals.emit('log', container.id)
    },
  })
  container.process = running
  if (container.config.OpenStdin !== true) running.stdin.end()
  state.emitContainer(container, 'start')
  running.exit.then((code) => finishContainer(state, container, running, code)).catch(() => {})
  return true
}

function finishContainer(
  state: FakeState,
  container: FakeContainer,
  running: FakeContainer['process'],
  code: number,
): void {
  if (container.process !== running) return
  container.process = undefined
  container.status = 'exited'
  container.exitCode = code
  container.finishedAtMs = state.clock.nowMs()
  container.ports.clear()
  state.emitContainer(container, 'die', { exitCode: String(code) })
  if (container.hostConfig.AutoRemove === true) removeFakeContainer(state, container)
}

/** Ends a container that runs without a process. */
export function endSeeded(state: FakeState, container: FakeContainer): void {
  finishContainer(state, container, undefined, 137)
}

/** Waits until a container's process has ended and been accounted for. */
export async function untilStopped(container: FakeContainer): Promise<void> {
  while (container.process !== undefined) await container.process.exit
}

function publishPorts(state: FakeState, container: FakeContainer): void {
  for (const [port, bindings] of Object.entries(container.hostConfig.PortBindings ?? {})) {
    const published = (bindings ?? []).map((binding) => {
      const HostIp = binding.HostIp === undefined || binding.HostIp === '' ? '0.0.0.0' : binding.HostIp
      if (binding.HostPort !== undefined && binding.HostPort !== '') {
        checkPortFree(state, container, HostIp, binding.HostPort, port)
        return { HostIp, HostPort: binding.HostPort }
      }
      state.nextPort += 1
      return { HostIp, HostPort: String(state.nextPort) }
    })
    container.ports.set(port, published)
  }
}

function checkPortFree(state: FakeState, own: FakeContainer, ip: string, hostPort: string, port: string): void {
  const protocol = port.split('/')[1] ?? 'tcp'
  for (const other of state.containers.values()) {
    if (other === own || other.status !== 'running') continue
    for (const [theirs, bindings] of other.ports) {
      if ((theirs.split('/')[1] ?? 'tcp') !== protocol) continue
      if (!bindings.some((binding) => binding.HostPort === hostPort)) continue
      const message = `driver failed programming external connectivity on endpoint ${own.name}: Bind for ${ip}:${hostPort} failed: port is already allocated`
      own.error = message
      own.ports.clear()
      throw new FakeError(500, message)
    }
  }
}

/** Takes a container out of the engine; it must not run. */
export function removeFakeContainer(state: FakeState, container: FakeContainer): void {
  if (!state.containers.delete(container.id)) return
  if (state.names.get(container.name) === container.id) state.names.delete(container.name)
  state.emitContainer(container, 'destroy')
}
