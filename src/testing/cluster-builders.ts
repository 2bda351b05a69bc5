import { noAbilities } from '../cluster/abilities.ts'
import { ContainerRow } from '../cluster/container-row.ts'
import { parseExpressions } from '../cluster/expression.ts'
import type { CompileRegex } from '../cluster/expression.ts'
import { noGpus } from '../cluster/gpus.ts'
import type { ContainerView, ImageView, NodeView, Pending, PortClaim } from '../cluster/model.ts'
import type { PlacementRequest } from '../cluster/placement.ts'
import { sumUsage } from '../cluster/usage.ts'

const gibibyte = 2 ** 30
const noLabels: ReadonlyMap<string, string> = new Map()

/** A running container; give what the test is about. */
export function makeContainer(name: string, over: Partial<ContainerView> = {}): ContainerView {
  return {
    id: `${name}-id`,
    swarmId: '',
    names: [name],
    image: 'busybox',
    labels: new Map(),
    networkMode: 'default',
    ports: [],
    exposed: [],
    nanoCpus: 0,
    memoryBytes: 0,
    gpus: noGpus,
    imageId: 'sha256:busybox',
    command: 'sh',
    state: 'running',
    exitCode: 0,
    errorText: '',
    isOomKilled: false,
    healthCheck: 'none',
    createdAtMs: 0,
    startedAtMs: 0,
    finishedAtMs: 0,
    published: [],
    endpoints: [],
    mounts: [],
    isPartial: false,
    recipe: undefined,
    row: new ContainerRow(`"Id":"${name}-id","Image":"busybox"`, ''),
    ...over,
  }
}

/** A healthy node with 4 CPUs and 2 GiB; its usage follows from the containers given. */
export function makeNode(name: string, over: Partial<NodeView> = {}): NodeView {
  const containers = over.containers ?? []
  const pending = over.pending ?? []
  const cpus = over.cpus ?? 4
  const memoryBytes = over.memoryBytes ?? 2 * gibibyte
  return {
    id: `${name}-id|${name}:2375`,
    engineId: `${name}-id`,
    name,
    addr: `${name}:2375`,
    ip: '127.0.0.1',
    health: { state: 'healthy', failures: 0, indicator: 100 },
    availability: 'active',
    errorText: '',
    updatedAtMs: 0,
    stateSinceMs: 0,
    cpus,
    memoryBytes,
    totalCpus: cpus,
    totalMemoryBytes: memoryBytes,
    serverVersion: '20.10.24',
    apiVersion: '1.41',
    minApiVersion: '1.12',
    osType: 'linux',
    abilities: noAbilities,
    swarmRole: 'none',
    architecture: 'x86_64',
    gpus: [],
    labels: new Map(),
    clockDeltaMs: 0,
    containers,
    pending,
    images: [],
    networks: [],
    volumes: [],
    ...over,
    usage: over.usage ?? sumUsage([...containers, ...pending]),
  }
}

/** An image with these tags; its ID is made from the first. */
export function makeImage(...repoTags: readonly string[]): ImageView {
  const id = `sha256:${repoTags[0] ?? 'none'}`
  return { id, repoTags, repoDigests: [], createdAtMs: 0, labels: new Map(), row: {} }
}

/** A fixed host port on every interface. */
export function makeClaim(port: number, over: Partial<PortClaim> = {}): PortClaim {
  return { hostIp: '', from: port, to: port, protocol: 'tcp', target: `${String(port)}/tcp`, ...over }
}

/** A place promised to a request, for ever. */
export function makePending(request: PlacementRequest, nodeId: string, id: string): Pending {
  return {
    id,
    swarmId: `${id}-swarm`,
    names: request.name === '' ? [] : [request.name],
    image: request.image,
    labels: noLabels,
    networkMode: request.networkMode,
    ports: request.ports,
    exposed: request.exposed,
    nanoCpus: request.nanoCpus,
    memoryBytes: request.memoryBytes,
    gpus: request.gpus,
    nodeId,
    sinceMs: 0,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
  }
}

/** What a test says of a request: expressions as text, the rest as in `PlacementRequest`. */
export interface RequestSketch extends Partial<Omit<PlacementRequest, 'constraints' | 'affinities' | 'whitelists'>> {
  readonly constraints?: readonly string[]
  readonly affinities?: readonly string[]
  readonly whitelists?: readonly string[]
  readonly compile?: CompileRegex
}

/** A request for a busybox without needs, changed as sketched. */
export function makeRequest(sketch: RequestSketch = {}): PlacementRequest {
  const { constraints = [], affinities = [], whitelists = [], compile = refuseRegex, ...over } = sketch
  return {
    name: '',
    image: 'busybox',
    nanoCpus: 0,
    memoryBytes: 0,
    gpus: noGpus,
    platform: undefined,
    networkMode: 'default',
    ports: [],
    exposed: [],
    volumesFrom: [],
    links: [],
    joins: [],
    isSoftIgnored: false,
    ...over,
    constraints: parseExpressions(constraints, compile, 'constraint'),
    affinities: parseExpressions(affinities, compile, 'affinity'),
    whitelists: parseExpressions(whitelists, () => () => false),
  }
}

function refuseRegex(pattern: string): never {
  throw new Error(`this test did not load regular expressions for ${pattern}`)
}
