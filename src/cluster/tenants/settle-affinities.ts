import { renderExpression } from '../expression.ts'
import { affinityFilter } from '../filters/affinity.ts'
import type { NodeView } from '../model.ts'
import type { Expression, ExpressionList, PlacementRequest, Policy } from '../placement.ts'

const none: ExpressionList = { expressions: [], problem: undefined }

/**
 * The request with the nodes that its affinities mean in their place, as far as the given nodes show: a tenant's conditions
 * about containers, labels and images are about its own and say nothing of others'.
 *
 * @param nodes as the tenant sees them
 */
export function settleAffinities(
  request: PlacementRequest,
  nodes: readonly NodeView[],
  { filters }: Policy,
): PlacementRequest {
  const { affinities, constraints } = request
  if (affinities.expressions.length === 0 || affinities.problem !== undefined) return request
  // Without the filter they mean nothing.
  if (!filters.some((filter) => filter.name === 'affinity')) return { ...request, affinities: none }
  const bound = affinities.expressions.map((each, position) => {
    const fits = nodes.filter((node) => affinityFilter.pass(only(request, position), node))
    return toNodeCondition(each, fits)
  })
  return {
    ...request,
    affinities: none,
    constraints: { ...constraints, expressions: [...constraints.expressions, ...bound] },
  }
}

/** Asked about one affinity, whose verdict was not kept: those that are kept are of whole lists. */
function only(request: PlacementRequest, position: number): PlacementRequest {
  const each = request.affinities.expressions[position]
  return { ...request, affinities: { expressions: each === undefined ? [] : [each], problem: undefined } }
}

/** Equal words for equal nodes: what the scheduler remembers of a condition goes by them. */
function toNodeCondition(affinity: Expression, nodes: readonly NodeView[]): Expression {
  const names = new Set(nodes.map((node) => node.name))
  return {
    key: 'node',
    isNegated: false,
    value: `${[...names].sort().join('|')} (affinity ${renderExpression(affinity)})`,
    isSoft: affinity.isSoft,
    isLiteral: false,
    matches: (candidate) => names.has(candidate),
  }
}
