import { noGpus } from './gpus.ts'
import type { GpuAsk } from './gpus.ts'
import type { ContainerView, ImageView, NodeView, PortClaim, VolumeView, Workload } from './model.ts'
import { protocolOf } from './port-bindings.ts'
import { sumUsage } from './usage.ts'
import { decodeVolume } from './watch/decode-lists.ts'
import { decodeContainer } from './watch/decode.ts'
import { makeBlankNode } from './watch/blank-node.ts'
import { isFields, readBoolean, readFields, readLabels, readList, readNumber, readText, readTexts } from './wire.ts'
import type { Fields } from './wire.ts'

/**
 * One node as a line of a recorded cluster: what filters and strategies look at, no environment of containers.
 * `parseNode` makes a node of it again that schedules alike; promised containers come back as containers.
 */
export function renderNode(node: NodeView): Fields {
  return {
    ID: node.engineId,
    Name: node.name,
    Address: node.addr,
    State: node.health.state,
    Failures: node.health.failures,
    Indicator: node.health.indicator,
    Cpus: node.cpus,
    MemoryBytes: node.memoryBytes,
    TotalCpus: node.totalCpus,
    TotalMemoryBytes: node.totalMemoryBytes,
    ServerVersion: node.serverVersion,
    OSType: node.osType,
    Architecture: node.architecture,
    Gpus: node.gpus,
    Labels: Object.fromEntries(node.labels),
    Images: node.images.map(({ id, repoTags }) => ({ Id: id, RepoTags: repoTags })),
    Volumes: node.volumes.map(({ name, driver, scope }) => ({ Name: name, Driver: driver, Scope: scope })),
    Containers: [...node.containers, ...node.pending].map(renderWorkload),
  }
}

function renderWorkload(workload: Workload): Fields {
  const { gpus } = workload
  return {
    Id: workload.id,
    Names: workload.names.map((name) => `/${name}`),
    Image: workload.image,
    Labels: Object.fromEntries(workload.labels),
    NetworkMode: workload.networkMode,
    Ports: workload.ports.map(renderClaim),
    Exposed: workload.exposed,
    NanoCpus: workload.nanoCpus,
    MemoryBytes: workload.memoryBytes,
    ...(gpus === noGpus ? {} : { Gpus: { Count: gpus.count, IDs: gpus.ids, IsAll: gpus.isAll } }),
  }
}

function renderClaim({ hostIp, from, to, protocol, target }: PortClaim): Fields {
  return { HostIp: hostIp, From: from, To: to, Protocol: protocol, Target: target }
}

/** A node from its line; wrong and missing fields read as empty. */
export function parseNode(line: Fields): NodeView {
  const addr = readText(line, 'Address')
  const engineId = readText(line, 'ID')
  const containers = readList(line, 'Containers').filter(isFields).map(parseContainer)
  const state = readText(line, 'State')
  const isKnown = state === 'pending' || state === 'unhealthy' || state === 'disconnected'
  return {
    ...makeBlankNode(addr),
    id: `${engineId}|${addr}`,
    engineId,
    name: readText(line, 'Name'),
    health: {
      state: isKnown ? state : 'healthy',
      failures: readNumber(line, 'Failures'),
      indicator: isKnown ? 0 : Object.hasOwn(line, 'Indicator') ? readNumber(line, 'Indicator') : 100,
    },
    cpus: readNumber(line, 'Cpus'),
    memoryBytes: readNumber(line, 'MemoryBytes'),
    totalCpus: readNumber(line, 'TotalCpus') || readNumber(line, 'Cpus'),
    totalMemoryBytes: readNumber(line, 'TotalMemoryBytes') || readNumber(line, 'MemoryBytes'),
    serverVersion: readText(line, 'ServerVersion'),
    osType: readText(line, 'OSType'),
    architecture: readText(line, 'Architecture'),
    gpus: readTexts(line, 'Gpus'),
    labels: readLabels(line, 'Labels'),
    images: readList(line, 'Images').filter(isFields).map(parseImage),
    volumes: readList(line, 'Volumes')
      .filter(isFields)
      .map((volume): VolumeView => decodeVolume(volume)),
    containers,
    usage: sumUsage(containers),
  }
}

const facts = { name: '', cpus: 0, clockDeltaMs: 0 }

function parseContainer(line: Fields): ContainerView {
  const row = { Id: readText(line, 'Id'), Names: readTexts(line, 'Names'), Image: readText(line, 'Image') }
  const view = decodeContainer({ ...row, Labels: readFields(line, 'Labels') }, undefined, undefined, facts)
  return {
    ...view,
    networkMode: readText(line, 'NetworkMode'),
    ports: readList(line, 'Ports').filter(isFields).map(parseClaim),
    exposed: readTexts(line, 'Exposed'),
    nanoCpus: readNumber(line, 'NanoCpus'),
    memoryBytes: readNumber(line, 'MemoryBytes'),
    gpus: parseGpus(readFields(line, 'Gpus')),
    isPartial: false,
    isUnread: false,
  }
}

function parseClaim(line: Fields): PortClaim {
  const target = readText(line, 'Target')
  const from = readNumber(line, 'From')
  const to = readNumber(line, 'To') || from
  const protocol = protocolOf(`/${readText(line, 'Protocol')}`)
  return { hostIp: readText(line, 'HostIp'), from, to, protocol, target }
}

function parseGpus(line: Fields): GpuAsk {
  const ask = { count: readNumber(line, 'Count'), ids: readTexts(line, 'IDs'), isAll: readBoolean(line, 'IsAll') }
  return ask.count === 0 && ask.ids.length === 0 && !ask.isAll ? noGpus : ask
}

function parseImage(line: Fields): ImageView {
  const repoTags = readTexts(line, 'RepoTags')
  return { id: readText(line, 'Id'), repoTags, repoDigests: [], createdAtMs: 0, labels: new Map(), row: line }
}
