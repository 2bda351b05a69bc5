import type { Quota } from '../access/model.ts'
import { renderBinarySize } from '../../core/bytes.ts'
import type { ContainerView, NodeView, Workload } from '../model.ts'
import { ownerOf } from './owner.ts'

/** What a tenant has, or is about to have. */
export interface Use {
  readonly containers: number
  readonly nanoCpus: number
  readonly memoryBytes: number
  readonly volumes: number
  readonly networks: number
  readonly ports: number
}

/** What one container takes up. */
export interface ContainerUse {
  readonly nanoCpus: number
  readonly memoryBytes: number
  /** Ports of the host. */
  readonly ports: number
}

/** Things that are being made and may or may not show yet. */
export interface UnderWay {
  /** By swarm ID; one that has it already, or is there under its own ID, counts as what is said here. */
  readonly containers: ReadonlyMap<string, ContainerUse>
  /** By swarm ID: on nodes that are not among the given ones. */
  readonly away: ReadonlyMap<string, ContainerUse>
  /** By name. */
  readonly volumes: ReadonlyMap<string, number>
  readonly networks: ReadonlyMap<string, number>
}

/**
 * Adds up what a tenant has: things that exist, promised ones, and those under way, each once.
 *
 * @param nodes as the tenant sees them
 */
export function sumUse(tenant: string, nodes: readonly NodeView[], underWay: UnderWay): Use {
  const containers = new Map<string, ContainerUse>(underWay.away)
  const volumes = new Set(underWay.volumes.keys())
  const networks = new Set<string>()
  const networkNames = new Set<string>()
  for (const node of nodes) {
    for (const each of node.pending) containers.set(keyOf(each), toUse(each))
    for (const each of node.containers) containers.set(keyOf(each), toContainerUse(each))
    for (const each of node.volumes) volumes.add(each.name)
    for (const each of node.networks) {
      if (ownerOf(each.labels) !== tenant) continue
      networks.add(each.id)
      networkNames.add(each.name)
    }
  }
  for (const [key, use] of underWay.containers) containers.set(key, use)
  let coming = 0
  for (const name of underWay.networks.keys()) if (!networkNames.has(name)) coming += 1
  let nanoCpus = 0
  let memoryBytes = 0
  let ports = 0
  for (const use of containers.values()) {
    nanoCpus += use.nanoCpus
    memoryBytes += use.memoryBytes
    ports += use.ports
  }
  const { size } = containers
  return { containers: size, nanoCpus, memoryBytes, volumes: volumes.size, networks: networks.size + coming, ports }
}

/** What a container is counted by. */
export function keyOf({ swarmId, id }: Pick<Workload, 'swarmId' | 'id'>): string {
  return swarmId === '' ? id : swarmId
}

export function toUse({
  nanoCpus,
  memoryBytes,
  ports,
}: Pick<Workload, 'nanoCpus' | 'memoryBytes' | 'ports'>): ContainerUse {
  return { nanoCpus, memoryBytes, ports: ports.length }
}

/** Engines list a port once for each family of addresses. */
function toContainerUse(container: ContainerView): ContainerUse {
  const open = new Set<string>()
  for (const { publicPort, protocol } of container.published) {
    if (publicPort !== undefined) open.add(`${String(publicPort)}/${protocol}`)
  }
  return { ...toUse(container), ports: Math.max(container.ports.length, open.size) }
}

type Counted = 'containers' | 'cpus' | 'memory' | 'volumes' | 'networks' | 'ports'

const nanosPerCpu = 1e9

interface Measure {
  readonly name: Counted
  readonly limit: (quota: Quota) => number | undefined
  readonly used: (use: Use) => number
  readonly render: (amount: number) => string
}

function plain(amount: number): string {
  return String(Number(amount.toFixed(3)))
}

/** In the order in which a refusal looks for the one to blame. */
const measures: readonly Measure[] = [
  { name: 'containers', limit: (quota) => quota.containers, used: (use) => use.containers, render: plain },
  { name: 'cpus', limit: (quota) => quota.cpus, used: (use) => use.nanoCpus / nanosPerCpu, render: plain },
  { name: 'memory', limit: (quota) => quota.memoryBytes, used: (use) => use.memoryBytes, render: renderBinarySize },
  { name: 'volumes', limit: (quota) => quota.volumes, used: (use) => use.volumes, render: plain },
  { name: 'networks', limit: (quota) => quota.networks, used: (use) => use.networks, render: plain },
  { name: 'ports', limit: (quota) => quota.ports, used: (use) => use.ports, render: plain },
]

/** Amounts that differ by less are rounding. */
const slack = 1e-9

/**
 * Why something may not be made, naming the quota; undefined when it may. What is over its limit already, because the limit
 * was lowered, refuses only what adds to it.
 *
 * @param before what there is without it
 * @param after what there would be with it
 */
export function findExcess(tenant: string, quota: Quota, before: Use, after: Use): string | undefined {
  for (const { name, limit, used, render } of measures) {
    const most = limit(quota)
    const [was, is] = [used(before), used(after)]
    if (most === undefined || is <= most + slack || is <= was) continue
    const asked = `${render(is - was)} more asked for, limit ${render(most)}`
    return `tenant ${tenant} would go over its quota of ${name}: ${render(was)} in use, ${asked}`
  }
  return undefined
}

/**
 * Why a container has to say more before it can be counted: one without limits could take all there is. Undefined when it
 * says enough.
 *
 * @param isPortOpen the engine is to choose a port
 */
export function findUnsaid(
  tenant: string,
  quota: Quota,
  use: Pick<ContainerUse, 'nanoCpus' | 'memoryBytes'>,
  isPortOpen: boolean,
): string | undefined {
  const because = (name: Counted): string => `tenant ${tenant} has a quota of ${name}, so a container has to say`
  if (quota.cpus !== undefined && use.nanoCpus === 0) return `${because('cpus')} how many it may use (--cpus)`
  if (quota.memoryBytes !== undefined && use.memoryBytes === 0) {
    return `${because('memory')} how much it may use (--memory)`
  }
  if (quota.ports !== undefined && isPortOpen)
    return `${because('ports')} which ones of the host it takes (--publish HOST:CONTAINER)`
  return undefined
}

/** Part of a row of `GET /flotilla/tenants`: what is in use beside its limit; null: no limit. */
export function renderUse(use: Use, quota: Quota): Readonly<Record<string, { Used: number; Limit: number | null }>> {
  return Object.fromEntries(
    measures.map(({ name, limit, used }) => [
      `${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      { Used: Number(used(use).toFixed(3)), Limit: limit(quota) ?? null },
    ]),
  )
}
