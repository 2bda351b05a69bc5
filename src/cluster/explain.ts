import { compareNodes, isValidated } from './model.ts'
import type { NodeView } from './model.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import { compareCandidates, hasSoft, schedule } from './schedule.ts'
import { describeShortage } from './strategies/resources.ts'

/** What one filter said about one node. */
export interface Verdict {
  readonly filter: string
  readonly isPassed: boolean
  /** Empty when passed. */
  readonly why: string
}

/** One line of the table that `explain` shows. */
export interface NodeVerdict {
  readonly node: string
  readonly addr: string
  /** Filters with an opinion, in their order; all of them, also after the first refusal. */
  readonly verdicts: readonly Verdict[]
  /** Absent when refused or without resources. */
  readonly weight: number | undefined
  /** The first reason against the node, empty when it fits. */
  readonly why: string
}

/** `NodeVerdict` with the place in the order of those that fit. */
export interface RankedVerdict extends NodeVerdict {
  /** The filter that refused it first, `resources`, or `state` for an engine that is not in service. */
  readonly refusedBy: string
  /** 1 is the best; 0 for those refused. All are 1 where chance decides. */
  readonly rank: number
  readonly isChosen: boolean
}

/** What a create would lead to at this moment, and why. */
export interface Explanation {
  readonly placement: Placement | NoPlacement
  /** The strategy draws one of those that fit: none of them is chosen yet. */
  readonly isByChance: boolean
  /** Soft conditions had to be dropped; the verdicts are those without them. */
  readonly isSoftIgnored: boolean
  /** By node name. */
  readonly nodes: readonly RankedVerdict[]
}

/** Judges all nodes as `schedule` does, and keeps what it thought of each. */
export function explain(nodes: readonly NodeView[], request: PlacementRequest, policy: Policy): Explanation {
  const placement = schedule(nodes, request, policy, { next: () => 0 })
  const isSecondRound = hasSoft(request) && (placement.kind === 'refused' || placement.isSoftIgnored)
  const asked = isSecondRound ? { ...request, isSoftIgnored: true } : request
  const ordered = [...nodes].sort(compareNodes)
  const rows = ordered.map((node) => ({ node, verdict: judgeNode(node, asked, policy) }))
  const isByChance = policy.strategy.best === 'any'
  const fitting = rows.flatMap(({ node, verdict }) =>
    verdict.weight === undefined ? [] : [{ node, weight: verdict.weight }],
  )
  fitting.sort((a, b) => compareCandidates(a, b, policy.strategy))
  const ranks = new Map(fitting.map(({ node }, index) => [node, isByChance ? 1 : index + 1]))
  return {
    placement,
    isByChance,
    isSoftIgnored: isSecondRound,
    nodes: rows.map(({ node, verdict }) => ({
      ...verdict,
      refusedBy: findRefuser(node, verdict),
      rank: ranks.get(node) ?? 0,
      isChosen: !isByChance && placement.kind === 'placed' && placement.node === node,
    })),
  }
}

function findRefuser(node: NodeView, verdict: NodeVerdict): string {
  if (verdict.weight !== undefined) return ''
  if (!isValidated(node)) return 'state'
  return verdict.verdicts.find((each) => !each.isPassed)?.filter ?? 'resources'
}

/** Says of every node what each filter thinks of the request and how the strategy weighs it; by node name. */
export function explainPlacement(
  nodes: readonly NodeView[],
  request: PlacementRequest,
  policy: Policy,
): readonly NodeVerdict[] {
  return [...nodes].sort(compareNodes).map((node) => judgeNode(node, request, policy))
}

function judgeNode(node: NodeView, request: PlacementRequest, policy: Policy): NodeVerdict {
  const head = { node: node.name, addr: node.addr }
  if (!isValidated(node)) {
    const why = node.errorText === '' ? `node is ${node.health.state}` : node.errorText
    return { ...head, verdicts: [], weight: undefined, why }
  }
  const verdicts: Verdict[] = []
  for (const filter of policy.filters) {
    const problem = filter.problem?.(request)
    if (problem === undefined && !filter.relevant(request)) continue
    const isPassed = problem === undefined && filter.pass(request, node)
    verdicts.push({ filter: filter.name, isPassed, why: isPassed ? '' : (problem ?? filter.explain(request, node)) })
  }
  const refused = verdicts.find((verdict) => !verdict.isPassed)
  if (refused !== undefined) return { ...head, verdicts, weight: undefined, why: refused.why }
  const weight = policy.strategy.weigh(request, node)
  return {
    ...head,
    verdicts,
    weight,
    why: weight === undefined ? describeShortage(request, node) || `strategy ${policy.strategy.name} refuses it` : '',
  }
}
