import { compareNodes } from '../model.ts'
import type { ContainerView, NodeView } from '../model.ts'
import type { PlacementRequest, Policy } from '../placement.ts'
import { withContainers } from '../usage.ts'

/** What is evened out: numbers of containers, or reserved CPUs and memory in percent. */
export type RebalanceMeasure = 'containers' | 'resources'

export interface RebalanceInput {
  readonly nodes: readonly NodeView[]
  /** Requests of the containers that may be moved, by swarm ID. */
  readonly movable: ReadonlyMap<string, PlacementRequest>
  readonly policy: Policy
  readonly measure: RebalanceMeasure
  /** Two nodes that differ by this much or less are even. */
  readonly threshold: number
}

export interface PlannedMove {
  readonly swarmId: string
  readonly name: string
  readonly from: string
  readonly to: string
}

export interface RebalancePlan {
  readonly moves: readonly PlannedMove[]
  /** Most minus least loaded node, before and after. */
  readonly before: number
  readonly after: number
}

/** The difference that is not worth a move, where the caller does not say. */
export const defaultThresholds: Readonly<Record<RebalanceMeasure, number>> = { containers: 1, resources: 10 }

/**
 * Plans moves from the fullest nodes to the emptiest until they are even: no container twice, none to a node that the
 * filters or its resources refuse, none that does not make the two nodes more alike. Soft conditions count as hard ones.
 * Pure: equal inputs give equal plans.
 */
export function planRebalance(input: RebalanceInput): RebalancePlan {
  const { measure, threshold } = input
  let nodes = input.nodes
    .filter((node) => node.health.state === 'healthy' && node.availability === 'active')
    .sort(compareNodes)
  const moves: PlannedMove[] = []
  const moved = new Set<string>()
  const before = spreadOf(nodes, measure)
  for (let next = findMove(nodes, input, moved); next !== undefined; next = findMove(nodes, input, moved)) {
    const { container, from, to } = next
    moved.add(container.swarmId)
    moves.push({ swarmId: container.swarmId, name: container.names[0] ?? '', from: from.name, to: to.name })
    nodes = nodes.map((node) => {
      if (node === from)
        return withContainers(
          node,
          node.containers.filter((each) => each !== container),
        )
      return node === to ? withContainers(node, [...node.containers, container]) : node
    })
    if (spreadOf(nodes, measure) <= threshold) break
  }
  return { moves, before, after: spreadOf(nodes, measure) }
}

interface Step {
  readonly container: ContainerView
  readonly from: NodeView
  readonly to: NodeView
}

/** From the fullest node that has something to give to the emptiest that can take it. */
function findMove(nodes: readonly NodeView[], input: RebalanceInput, moved: ReadonlySet<string>): Step | undefined {
  const { measure, threshold } = input
  const byLoad = [...nodes].sort((a, b) => loadOf(a, measure) - loadOf(b, measure) || compareNodes(a, b))
  for (const from of byLoad.toReversed()) {
    const candidates = from.containers
      .filter((each) => input.movable.has(each.swarmId) && !moved.has(each.swarmId))
      .sort((a, b) => sizeOf(b, from, measure) - sizeOf(a, from, measure) || (a.swarmId < b.swarmId ? -1 : 1))
    for (const to of byLoad) {
      const gap = loadOf(from, measure) - loadOf(to, measure)
      if (gap <= threshold) break
      // The biggest that does not turn the difference round.
      const container = candidates.find((each) => {
        const [given, taken] = [sizeOf(each, from, measure), sizeOf(each, to, measure)]
        return (
          given > 0 && given + taken <= gap + threshold && Math.abs(gap - given - taken) < gap && fits(each, to, input)
        )
      })
      if (container !== undefined) return { container, from, to }
    }
  }
  return undefined
}

function fits(container: ContainerView, node: NodeView, { movable, policy }: RebalanceInput): boolean {
  const request = movable.get(container.swarmId)
  if (request === undefined) return false
  for (const filter of policy.filters) {
    if (filter.problem?.(request) !== undefined) return false
    if (filter.relevant(request) && !filter.pass(request, node)) return false
  }
  return policy.strategy.weigh(request, node) !== undefined
}

function loadOf(node: NodeView, measure: RebalanceMeasure): number {
  if (measure === 'containers') return node.usage.containers
  return Math.max(
    percent(node.usage.nanoCpus, node.totalCpus * 1e9),
    percent(node.usage.memoryBytes, node.totalMemoryBytes),
  )
}

function sizeOf(container: ContainerView, node: NodeView, measure: RebalanceMeasure): number {
  if (measure === 'containers') return 1
  return Math.max(
    percent(container.nanoCpus, node.totalCpus * 1e9),
    percent(container.memoryBytes, node.totalMemoryBytes),
  )
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (part * 100) / whole
}

function spreadOf(nodes: readonly NodeView[], measure: RebalanceMeasure): number {
  if (nodes.length === 0) return 0
  const loads = nodes.map((node) => loadOf(node, measure))
  return Math.max(...loads) - Math.min(...loads)
}
