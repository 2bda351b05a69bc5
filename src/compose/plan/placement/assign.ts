import { FlotillaError } from '../../../core/errors.ts'
import type { Project } from '../../model/project.ts'
import type { Service } from '../../model/service.ts'
import type { Observed, ObservedContainer, ObservedNode } from '../observed.ts'
import type { ReconcileOptions } from '../options.ts'
import type { Slot } from '../slot.ts'
import { fits, readNode } from './constraint.ts'
import { findOneNode } from './one-node.ts'

/** True when a service says something that needs the nodes of a cluster to be known. */
export function asksForNodes(service: Service): boolean {
  const { mode = 'replicated', placement } = service.deploy ?? {}
  return mode !== 'replicated' || Object.keys(placement ?? {}).length > 0
}

/** True where one container on each node that fits is asked for, and nodes are known. */
export function isGlobal(service: Service, observed: Observed, options: ReconcileOptions): boolean {
  const mode = service.deploy?.mode
  return options.isCluster && observed.nodes !== undefined && (mode === 'global' || mode === 'global-job')
}

/** True for a service whose containers do something and end. */
export function isJob(service: Service): boolean {
  return service.deploy?.mode === 'replicated-job' || service.deploy?.mode === 'global-job'
}

/** The nodes a service may be on: in service, and meeting its constraints. By name. */
function nodesFor(service: Service, observed: Observed): readonly ObservedNode[] {
  return (observed.nodes ?? []).filter((node) => node.isActive && fits(service, node))
}

/** The containers of a global service: which stay, and on which nodes one is missing. */
export interface GlobalShare {
  readonly kept: readonly ObservedContainer[]
  /** Of those kept, what is on a node that is given nothing new: it could not be replaced there. */
  readonly held: ReadonlySet<ObservedContainer>
  readonly surplus: readonly ObservedContainer[]
  /** Names of nodes without one. */
  readonly missing: readonly string[]
}

/**
 * One container on each node; what is on a node that does not answer or is cordoned is left alone, as swarmkit does
 * (manager/orchestrator/global).
 */
export function shareGlobally(
  service: Service,
  containers: readonly ObservedContainer[],
  observed: Observed,
): GlobalShare {
  const fitting = new Set(nodesFor(service, observed).map(({ name }) => name))
  const silent = new Set((observed.nodes ?? []).filter((node) => !node.isHealthy).map(({ name }) => name))
  const cordoned = new Set(
    (observed.nodes ?? []).filter((node) => node.isCordoned === true && fits(service, node)).map(({ name }) => name),
  )
  const taken = new Set<string>()
  const kept: ObservedContainer[] = []
  const surplus: ObservedContainer[] = []
  for (const container of containers) {
    const node = container.node ?? ''
    const stays = !taken.has(node) && (fitting.has(node) || silent.has(node) || cordoned.has(node))
    if (stays) taken.add(node)
    ;(stays ? kept : surplus).push(container)
  }
  const held = new Set(kept.filter(({ node = '' }) => cordoned.has(node)))
  return { kept, held, surplus, missing: [...fitting].filter((name) => !taken.has(name)) }
}

/**
 * Chooses nodes for the new containers of a replicated service that limits or spreads them; others are left to the
 * scheduler of the cluster.
 *
 * @throws {compose/plan} when `max_replicas_per_node` leaves no node
 */
export function assignNodes(
  project: Project,
  service: Service,
  slots: readonly Slot[],
  observed: Observed,
  options: ReconcileOptions,
): readonly Slot[] {
  const placement = service.deploy?.placement
  const most = placement?.max_replicas_per_node ?? 0
  const levels = (placement?.preferences ?? []).flatMap(({ spread }) => (spread === undefined ? [] : [spread]))
  if (!options.isCluster || observed.nodes === undefined || (most === 0 && levels.length === 0)) return slots
  const fitting = nodesFor(service, observed)
  // What is only wished for gives way to the network by itself.
  const bound = most === 0 ? undefined : findOneNode(project, service, observed)
  // The network chooses, among these nodes.
  if (bound !== undefined && bound.name === undefined && slots.length <= most) return slots
  const nodes = bound === undefined ? fitting : fitting.filter(({ name }) => name === (bound.name ?? fitting[0]?.name))
  const counts = new Map<string, number>()
  const take = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const { container, action } of slots)
    if (action !== 'create' && container?.node !== undefined) take(container.node)
  return slots.map((slot) => {
    const here = slot.container?.node
    if (slot.action === 'keep') return slot
    if (slot.action === 'recreate' && here !== undefined && nodes.some(({ name }) => name === here)) {
      const isOver = most > 0 && (counts.get(here) ?? 0) > most
      if (!isOver) return { ...slot, node: { name: here, isFirm: most > 0 } }
    }
    if (slot.action === 'recreate' && here !== undefined) counts.set(here, (counts.get(here) ?? 1) - 1)
    const chosen = choose(nodes, counts, levels, most)
    if (chosen === undefined) {
      throw new FlotillaError(
        'compose/plan',
        `service "${service.name}": no node is left for ${slot.name}: deploy.placement allows ${most || 'any number'} on each of ` +
          `the ${nodes.length} nodes that fit`,
      )
    }
    take(chosen.name)
    return { ...slot, node: { name: chosen.name, isFirm: most > 0 } }
  })
}

/** The node of the emptiest group at each level, then the emptiest node. */
function choose(
  nodes: readonly ObservedNode[],
  counts: ReadonlyMap<string, number>,
  levels: readonly string[],
  most: number,
): ObservedNode | undefined {
  const countOf = (node: ObservedNode): number => counts.get(node.name) ?? 0
  let left = nodes.filter((node) => most === 0 || countOf(node) < most)
  for (const level of levels) {
    const groups = new Map<string, number>()
    for (const node of nodes) {
      const value = readNode(level, node)
      groups.set(value, (groups.get(value) ?? 0) + countOf(node))
    }
    const least = Math.min(...left.map((node) => groups.get(readNode(level, node)) ?? 0))
    left = left.filter((node) => groups.get(readNode(level, node)) === least)
  }
  return [...left].sort(
    (a, b) => countOf(a) - countOf(b) || a.containers - b.containers || (a.name < b.name ? -1 : 1),
  )[0]
}
