import type { ContainerView, NodeView } from './model.ts'

/**
 * Copies to be changed, written out member by member. Where `{ ...node }` stands, V8 makes a hidden class of its own;
 * after copies of copies from several places there are too many of them, and then every copy is put together
 * property by property, and every look at a node searches for its property (docs/decisions/0038).
 */

/** Members that may be absent have to be written out as well: none is forgotten in a copy. */
export type Writable<T> = { -readonly [K in keyof T]-?: T[K] }

export function copyNode(node: NodeView): Writable<NodeView> {
  return {
    id: node.id,
    engineId: node.engineId,
    name: node.name,
    addr: node.addr,
    ip: node.ip,
    health: node.health,
    availability: node.availability,
    errorText: node.errorText,
    updatedAtMs: node.updatedAtMs,
    stateSinceMs: node.stateSinceMs,
    cpus: node.cpus,
    memoryBytes: node.memoryBytes,
    totalCpus: node.totalCpus,
    totalMemoryBytes: node.totalMemoryBytes,
    serverVersion: node.serverVersion,
    apiVersion: node.apiVersion,
    minApiVersion: node.minApiVersion,
    osType: node.osType,
    architecture: node.architecture,
    gpus: node.gpus,
    abilities: node.abilities,
    swarmRole: node.swarmRole,
    labels: node.labels,
    clockDeltaMs: node.clockDeltaMs,
    usage: node.usage,
    containers: node.containers,
    pending: node.pending,
    images: node.images,
    networks: node.networks,
    volumes: node.volumes,
  }
}

/** The node with some of it changed. */
export function changeNode(node: NodeView, change: Partial<NodeView>): NodeView {
  return Object.assign(copyNode(node), change)
}

export function copyContainer(container: ContainerView): Writable<ContainerView> {
  return {
    id: container.id,
    swarmId: container.swarmId,
    names: container.names,
    image: container.image,
    imageId: container.imageId,
    command: container.command,
    labels: container.labels,
    networkMode: container.networkMode,
    ports: container.ports,
    exposed: container.exposed,
    nanoCpus: container.nanoCpus,
    memoryBytes: container.memoryBytes,
    gpus: container.gpus,
    state: container.state,
    exitCode: container.exitCode,
    errorText: container.errorText,
    isOomKilled: container.isOomKilled,
    healthCheck: container.healthCheck,
    createdAtMs: container.createdAtMs,
    startedAtMs: container.startedAtMs,
    finishedAtMs: container.finishedAtMs,
    published: container.published,
    endpoints: container.endpoints,
    mounts: container.mounts,
    isPartial: container.isPartial,
    isUnread: container.isUnread === true,
    recipe: container.recipe,
    row: container.row,
  }
}

/** The container with some of it changed. */
export function changeContainer(container: ContainerView, change: Partial<ContainerView>): ContainerView {
  return Object.assign(copyContainer(container), change)
}
