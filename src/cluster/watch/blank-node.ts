import { noAbilities } from '../abilities.ts'
import { changeNode } from '../copies.ts'
import type { NodeView } from '../model.ts'
import { emptyUsage, sumUsage } from '../usage.ts'
import { freshHealth } from './health.ts'

/** A node of which only the address is known. */
export function makeBlankNode(addr: string): NodeView {
  return {
    id: addr,
    engineId: '',
    name: '',
    addr,
    ip: '',
    health: freshHealth,
    availability: 'active',
    errorText: '',
    updatedAtMs: 0,
    stateSinceMs: 0,
    cpus: 0,
    memoryBytes: 0,
    totalCpus: 0,
    totalMemoryBytes: 0,
    serverVersion: '',
    apiVersion: '',
    minApiVersion: '',
    osType: '',
    swarmRole: 'none',
    architecture: '',
    gpus: [],
    abilities: noAbilities,
    labels: new Map(),
    clockDeltaMs: 0,
    usage: emptyUsage,
    containers: [],
    pending: [],
    images: [],
    networks: [],
    volumes: [],
  }
}

/** The node as it shows after its contents became worthless: who it is and what is promised on it stays. */
export function emptyNode(node: NodeView): NodeView {
  const blank = makeBlankNode(node.addr)
  const { images, networks, volumes, containers } = blank
  return changeNode(node, {
    health: freshHealth,
    containers,
    images,
    networks,
    volumes,
    usage: sumUsage(node.pending),
  })
}
