import { addGpus, isSameGpus, noGpuUsage, removeGpus } from './gpus.ts'
import { copyNode } from './copies.ts'
import type { NodeUsage, NodeView, Pending, PortClaim, Workload } from './model.ts'

const noPorts: ReadonlyMap<number, readonly PortClaim[]> = new Map()
const noExposed: ReadonlyMap<string, number> = new Map()

/** Nothing taken up. */
export const emptyUsage: NodeUsage = {
  nanoCpus: 0,
  memoryBytes: 0,
  gpus: noGpuUsage,
  containers: 0,
  unread: 0,
  hostPorts: noPorts,
  portRanges: [],
  hostModePorts: noExposed,
}

/** What is taken up once `workload` is there too. Maps it does not touch keep their identity. */
function addWorkload(usage: NodeUsage, workload: Workload): NodeUsage {
  let { hostPorts, portRanges, hostModePorts } = usage
  if (workload.networkMode === 'host') {
    if (workload.exposed.length > 0) {
      const counts = new Map(hostModePorts)
      for (const port of workload.exposed) counts.set(port, (counts.get(port) ?? 0) + 1)
      hostModePorts = counts
    }
  } else if (workload.ports.length > 0) {
    const byNumber = new Map(hostPorts)
    const ranges = [...portRanges]
    for (const claim of workload.ports) {
      if (claim.from === claim.to) byNumber.set(claim.from, [...(byNumber.get(claim.from) ?? []), claim])
      else ranges.push(claim)
    }
    hostPorts = byNumber
    portRanges = ranges.length === portRanges.length ? portRanges : ranges
  }
  return {
    nanoCpus: usage.nanoCpus + workload.nanoCpus,
    memoryBytes: usage.memoryBytes + workload.memoryBytes,
    gpus: addGpus(usage.gpus, workload.gpus),
    containers: usage.containers + 1,
    unread: usage.unread + (workload.isUnread === true ? 1 : 0),
    hostPorts,
    portRanges,
    hostModePorts,
  }
}

/** The inverse of `addWorkload` for the same workload (the same claim objects). */
function removeWorkload(usage: NodeUsage, workload: Workload): NodeUsage {
  let { hostPorts, portRanges, hostModePorts } = usage
  if (workload.networkMode === 'host') {
    if (workload.exposed.length > 0) {
      const counts = new Map(hostModePorts)
      for (const port of workload.exposed) {
        const left = (counts.get(port) ?? 0) - 1
        if (left > 0) counts.set(port, left)
        else counts.delete(port)
      }
      hostModePorts = counts
    }
  } else if (workload.ports.length > 0) {
    const byNumber = new Map(hostPorts)
    for (const claim of workload.ports) {
      if (claim.from !== claim.to) continue
      const left = (byNumber.get(claim.from) ?? []).filter((each) => each !== claim)
      if (left.length > 0) byNumber.set(claim.from, left)
      else byNumber.delete(claim.from)
    }
    hostPorts = byNumber
    portRanges = portRanges.filter((claim) => !workload.ports.includes(claim))
  }
  return {
    nanoCpus: usage.nanoCpus - workload.nanoCpus,
    memoryBytes: usage.memoryBytes - workload.memoryBytes,
    gpus: removeGpus(usage.gpus, workload.gpus),
    containers: usage.containers - 1,
    unread: usage.unread - (workload.isUnread === true ? 1 : 0),
    hostPorts,
    portRanges,
    hostModePorts,
  }
}

/** Sums workloads from nothing. Grows with their number: for whole lists, not for single changes. */
export function sumUsage(workloads: Iterable<Workload>): NodeUsage {
  let nanoCpus = 0
  let memoryBytes = 0
  let gpus = noGpuUsage
  let containers = 0
  let unread = 0
  const hostPorts = new Map<number, PortClaim[]>()
  const portRanges: PortClaim[] = []
  const hostModePorts = new Map<string, number>()
  for (const workload of workloads) {
    nanoCpus += workload.nanoCpus
    memoryBytes += workload.memoryBytes
    gpus = addGpus(gpus, workload.gpus)
    containers += 1
    if (workload.isUnread === true) unread += 1
    if (workload.networkMode === 'host') {
      for (const port of workload.exposed) hostModePorts.set(port, (hostModePorts.get(port) ?? 0) + 1)
      continue
    }
    for (const claim of workload.ports) {
      if (claim.from !== claim.to) portRanges.push(claim)
      else {
        const list = hostPorts.get(claim.from)
        if (list === undefined) hostPorts.set(claim.from, [claim])
        else list.push(claim)
      }
    }
  }
  return { nanoCpus, memoryBytes, gpus, containers, unread, hostPorts, portRanges, hostModePorts }
}

/** True when replacing one by the other changes no sum. */
export function isSameLoad(a: Workload, b: Workload): boolean {
  return (
    a.nanoCpus === b.nanoCpus &&
    a.memoryBytes === b.memoryBytes &&
    (a.isUnread === true) === (b.isUnread === true) &&
    isSameGpus(a.gpus, b.gpus) &&
    a.networkMode === b.networkMode &&
    isSameList(a.exposed, b.exposed) &&
    a.ports.length === b.ports.length &&
    a.ports.every((claim, index) => isSameClaim(claim, b.ports[index]))
  )
}

function isSameClaim(a: PortClaim, b: PortClaim | undefined): boolean {
  return (
    b !== undefined &&
    a.from === b.from &&
    a.to === b.to &&
    a.protocol === b.protocol &&
    a.hostIp === b.hostIp &&
    a.target === b.target
  )
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}

/**
 * The node with another container list. Promised containers that the list now holds (same swarm ID) are
 * dropped, so that nothing is counted twice.
 */
export function withContainers(node: NodeView, containers: NodeView['containers']): NodeView {
  const arrived = new Set<string>()
  if (node.pending.length > 0) {
    for (const container of containers) if (container.swarmId !== '') arrived.add(container.swarmId)
  }
  const pending = node.pending.filter((each) => !arrived.has(each.swarmId))
  const after = copyNode(node)
  after.containers = containers
  after.pending = pending
  after.usage = sumUsage([...containers, ...pending])
  return after
}

/** The node with one more promised container. Cost does not grow with the node's containers. */
export function withPending(node: NodeView, pending: Pending): NodeView {
  const after = copyNode(node)
  after.pending = [...node.pending, pending]
  after.usage = addWorkload(node.usage, pending)
  return after
}

/** The node without a promised container; the same node when it has none of that ID. */
export function withoutPending(node: NodeView, pendingId: string): NodeView {
  const pending = node.pending.find((each) => each.id === pendingId)
  if (pending === undefined) return node
  const after = copyNode(node)
  after.pending = node.pending.filter((each) => each !== pending)
  after.usage = removeWorkload(node.usage, pending)
  return after
}
