import type { CallOptions } from '../core/call.ts'
import { callForShape } from '../engine/api/call.ts'
import { containerRows, networkRows, volumeRows } from '../engine/api/shapes.ts'
import type { Engine } from '../engine/engine.ts'
import { observeImages } from './observe-images.ts'
import { LABEL } from './plan/label.ts'
import type {
  ContainerState,
  Observed,
  ObservedContainer,
  ObservedMount,
  ObservedNetwork,
  ObservedPort,
  ObservedVolume,
} from './plan/observed.ts'

interface ListedContainer {
  readonly Id: string
  readonly Names?: readonly string[] | null
  readonly Image?: string
  readonly ImageID?: string
  readonly Command?: string
  readonly Created?: number
  readonly State?: string
  readonly Status?: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly Ports?: readonly { IP?: string; PublicPort?: number; PrivatePort: number; Type: string }[] | null
  readonly NetworkSettings?: { Networks?: Readonly<Record<string, { NetworkID?: string }>> | null } | null
  readonly Mounts?: readonly { Type: string; Name?: string; Source?: string; Destination: string }[] | null
}

interface ListedNetwork {
  readonly Id: string
  readonly Name: string
  readonly Driver: string
  readonly IPAM?: { readonly Options?: Readonly<Record<string, string>> | null } | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

interface ListedVolume {
  readonly Name: string
  readonly Driver: string
  readonly Labels?: Readonly<Record<string, string>> | null
}

interface ListedVolumes {
  readonly Volumes?: readonly ListedVolume[] | null
}

/** What to look for besides what carries the project's labels. */
export interface ObserveRequest {
  readonly project: string
  /** Names of networks and volumes the project may use without owning them. */
  readonly networkNames?: readonly string[]
  readonly volumeNames?: readonly string[]
  /** Image references as the project writes them; without any, images are not listed. */
  readonly imageReferences?: readonly string[]
}

/**
 * Takes one snapshot of what exists for a project: one list call each for containers, networks, volumes
 * and images, in parallel, whatever the size of the project.
 */
export async function observe(engine: Engine, request: ObserveRequest, o: CallOptions = {}): Promise<Observed> {
  const references = request.imageReferences ?? []
  const [containers, networks, volumes, images] = await Promise.all([
    observeContainers(engine, request.project, o),
    callForShape<readonly ListedNetwork[]>(engine, { method: 'GET', path: '/networks' }, networkRows, o),
    callForShape<ListedVolumes>(engine, { method: 'GET', path: '/volumes' }, volumeRows, o),
    references.length === 0 ? {} : observeImages(engine, references, o),
  ])
  const isOurs = (labels?: Readonly<Record<string, string>> | null): boolean =>
    labels?.[LABEL.project] === request.project
  const networkNames = new Set(request.networkNames)
  const volumeNames = new Set(request.volumeNames)
  return deepFreeze({
    containers,
    networks: networks
      .filter((network) => isOurs(network.Labels) || networkNames.has(toPlainName(network.Name)))
      .map(toNetwork)
      .sort(byName),
    volumes: (volumes.Volumes ?? [])
      .filter((volume) => isOurs(volume.Labels) || volumeNames.has(toPlainName(volume.Name)))
      .map(toVolume)
      .sort(byName),
    images,
  })
}

/**
 * The containers of a project, one-off ones included; without a project those of every project.
 * A container without a config hash is not Compose's.
 *
 * @returns sorted by service, number, name
 */
export async function observeContainers(
  engine: Engine,
  project: string | undefined,
  o: CallOptions = {},
): Promise<readonly ObservedContainer[]> {
  const label = project === undefined ? LABEL.project : `${LABEL.project}=${project}`
  return listContainers(engine, [label, LABEL.configHash], o)
}

/** The containers of one service, one-off ones included: a short answer, however large the project is. */
export function observeService(
  engine: Engine,
  project: string,
  service: string,
  o: CallOptions = {},
): Promise<readonly ObservedContainer[]> {
  return listContainers(engine, [`${LABEL.project}=${project}`, LABEL.configHash, `${LABEL.service}=${service}`], o)
}

async function listContainers(
  engine: Engine,
  labels: readonly string[],
  o: CallOptions,
): Promise<readonly ObservedContainer[]> {
  const listed = await callForShape<readonly ListedContainer[]>(
    engine,
    { method: 'GET', path: '/containers/json', query: { all: true, filters: JSON.stringify({ label: labels }) } },
    containerRows,
    o,
  )
  return listed.map(toContainer).sort(byService)
}

function toContainer(listed: ListedContainer): ObservedContainer {
  const labels = listed.Labels ?? {}
  const isOneOff = labels[LABEL.oneOff] === 'True'
  const own = toOwnName(listed.Names ?? [])
  const status = listed.Status ?? ''
  const health = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(status)?.[1]
  const networks: Record<string, string> = {}
  for (const [name, endpoint] of Object.entries(listed.NetworkSettings?.Networks ?? {})) {
    networks[name] = endpoint.NetworkID ?? ''
  }
  return {
    id: listed.Id,
    name: listed.Id.slice(0, 12),
    ...own,
    service: labels[LABEL.service] ?? '',
    number: toNumber(labels[LABEL.number]) || (isOneOff ? 0 : numberInName(own.name, labels)),
    isOneOff,
    state: toState(listed.State, status),
    status,
    ...(health !== undefined && { health: health as 'starting' | 'healthy' | 'unhealthy' }),
    image: listed.Image ?? '',
    imageId: listed.ImageID ?? '',
    command: listed.Command ?? '',
    createdAtMs: (listed.Created ?? 0) * 1000,
    labels,
    networks,
    mounts: (listed.Mounts ?? []).map(toMount),
    ports: (listed.Ports ?? []).map(toPort),
  }
}

/** Anybody may write labels. Beyond 15 digits numbers are no longer whole ones: there is none after the highest. */
function toNumber(label = ''): number {
  return /^\d{1,15}$/.test(label) ? Number(label) : 0
}

/** Of one whose label tells none: another one cannot have its name. */
function numberInName(name = '', labels: Readonly<Record<string, string>>): number {
  const start = `${labels[LABEL.project] ?? ''} ${labels[LABEL.service] ?? ''} `
  return name.replaceAll('_', '-').startsWith(start.replaceAll(/[ _]/g, '-')) ? toNumber(name.slice(start.length)) : 0
}

/** Links add further names (`/other/alias`); a cluster endpoint puts the node first (`/node/name`). Ours is the shortest. */
function toOwnName(names: readonly string[]): { readonly name?: string; readonly node?: string } {
  const parts = names.map((name) => name.replace(/^\//, '').split('/')).sort((a, b) => a.length - b.length)
  const [first = '', second] = parts[0] ?? []
  if (second !== undefined) return { name: second, node: first }
  return first === '' ? {} : { name: first }
}

/** Classic Swarm leaves `State` out of its list; the status text tells it. */
function toState(state: string | undefined, status: string): ContainerState {
  if (state !== undefined && state !== '') return state as ContainerState
  if (status.endsWith('(Paused)')) return 'paused'
  if (status.startsWith('Up')) return 'running'
  if (status.startsWith('Restarting')) return 'restarting'
  if (status.startsWith('Exited')) return 'exited'
  if (status.startsWith('Dead')) return 'dead'
  return 'created'
}

function toMount(mount: { Type: string; Name?: string; Source?: string; Destination: string }): ObservedMount {
  return {
    type: mount.Type,
    ...(mount.Name !== undefined && mount.Name !== '' && { name: mount.Name }),
    source: mount.Source ?? '',
    target: mount.Destination,
  }
}

function toPort(port: { IP?: string; PublicPort?: number; PrivatePort: number; Type: string }): ObservedPort {
  return {
    ...(port.IP !== undefined && port.IP !== '' && { hostIp: port.IP }),
    ...(port.PublicPort !== undefined && port.PublicPort !== 0 && { published: port.PublicPort }),
    target: port.PrivatePort,
    protocol: port.Type,
  }
}

function toNetwork(network: ListedNetwork): ObservedNetwork {
  const ipamOptions = network.IPAM?.Options ?? {}
  return {
    id: network.Id,
    name: toPlainName(network.Name),
    driver: network.Driver,
    ...(Object.keys(ipamOptions).length > 0 && { ipamOptions }),
    labels: network.Labels ?? {},
  }
}

function toVolume(volume: ListedVolume): ObservedVolume {
  return { name: toPlainName(volume.Name), driver: volume.Driver, labels: volume.Labels ?? {} }
}

/** A cluster endpoint lists what lives on one node as `node/name`. */
function toPlainName(name: string): string {
  return name.split('/').at(-1) ?? name
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

function byService(a: ObservedContainer, b: ObservedContainer): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1
  return a.number - b.number || byName(a, b)
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
  return value
}
