import type { Random } from '../core/clock.ts'
import { compareNodes, isValidated } from './model.ts'
import type { NodeView } from './model.ts'
import type { ExpressionList, NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import { refuse } from './refusal.ts'
import type { Strategy } from './strategies/strategy.ts'

/**
 * Chooses a node for one container by looking at every node.
 *
 * Pure: equal inputs give equal results for an equal `random`, in whatever order the nodes come. Soft conditions
 * are tried first and dropped together when nothing fits. `PlacementIndex` gives the same answers without the scan.
 */
export function schedule(
  nodes: readonly NodeView[],
  request: PlacementRequest,
  policy: Policy,
  random: Random,
): Placement | NoPlacement {
  const first = scan(nodes, request, policy, random)
  if (first.kind === 'placed' || !hasSoft(request)) return first
  return scan(nodes, { ...request, isSoftIgnored: true }, policy, random)
}

/** True when a second round without soft conditions could end differently. */
export function hasSoft(request: PlacementRequest): boolean {
  if (request.isSoftIgnored) return false
  return anySoft(request.constraints) || anySoft(request.affinities) || anySoft(request.whitelists)
}

function anySoft(list: ExpressionList): boolean {
  return list.expressions.some((each) => each.isSoft)
}

function scan(
  nodes: readonly NodeView[],
  request: PlacementRequest,
  policy: Policy,
  random: Random,
): Placement | NoPlacement {
  const active = policy.filters.map((filter) => filter.problem?.(request) !== undefined || filter.relevant(request))
  const byFilter = policy.filters.map(() => 0)
  let offered = 0
  let byResources = 0
  let candidates: Candidate[] = []
  for (const node of nodes) {
    if (!isValidated(node)) continue
    offered += 1
    const refusing = findRefusing(request, node, policy, active)
    if (refusing >= 0) {
      byFilter[refusing] = (byFilter[refusing] ?? 0) + 1
      continue
    }
    const weight = policy.strategy.weigh(request, node)
    if (weight === undefined) byResources += 1
    else candidates = keepBest(candidates, { node, weight }, policy.strategy)
  }
  if (candidates.length === 0) return refuse(request, policy, { offered, byFilter, byResources })
  const chosen = policy.strategy.best === 'any' ? draw(candidates, random) : candidates[0]
  if (chosen === undefined) return refuse(request, policy, { offered, byFilter, byResources })
  return { kind: 'placed', node: chosen.node, weight: chosen.weight, isSoftIgnored: request.isSoftIgnored }
}

export interface Candidate {
  readonly node: NodeView
  readonly weight: number
}

function findRefusing(request: PlacementRequest, node: NodeView, policy: Policy, active: readonly boolean[]): number {
  for (const [index, filter] of policy.filters.entries()) {
    if (active[index] !== true) continue
    if (filter.problem?.(request) !== undefined || !filter.pass(request, node)) return index
  }
  return -1
}

function keepBest(candidates: Candidate[], next: Candidate, strategy: Strategy): Candidate[] {
  if (strategy.best === 'any') {
    candidates.push(next)
    return candidates
  }
  const best = candidates[0]
  return best === undefined || compareCandidates(next, best, strategy) < 0 ? [next] : candidates
}

/** Negative when `a` is to be preferred. */
export function compareCandidates(a: Candidate, b: Candidate, strategy: Strategy): number {
  return (
    toRank(a.weight, strategy) - toRank(b.weight, strategy) ||
    toTie(a.node, strategy) - toTie(b.node, strategy) ||
    compareNodes(a.node, b.node)
  )
}

function draw(candidates: readonly Candidate[], random: Random): Candidate | undefined {
  const ordered = [...candidates].sort((a, b) => compareNodes(a.node, b.node))
  return ordered[drawPosition(ordered.length, random)]
}

/** A position in a list of `count`, by one draw. */
export function drawPosition(count: number, random: Random): number {
  return Math.min(count - 1, Math.floor(random.next() * count))
}

/** The weight turned so that lower is better. */
export function toRank(weight: number, strategy: Strategy): number {
  return strategy.best === 'highest' ? -weight : weight
}

/** Decides between equal weights: lower is better. */
export function toTie(node: NodeView, strategy: Strategy): number {
  if (strategy.ties === 'none') return 0
  return strategy.ties === 'fewer-containers' ? node.usage.containers : -node.usage.containers
}
