import { compareNodes, isValidated } from './model.ts'
import type { NodeView } from './model.ts'
import type { PlacementRequest, Policy } from './placement.ts'
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
