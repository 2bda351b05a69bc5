import { renderExpression } from '../expression.ts'
import type { NodeView } from '../model.ts'
import type { Expression, PlacementRequest } from '../placement.ts'
import type { Filter } from './filter.ts'

/** Only nodes named in `a|b|c`: plain names, no patterns; the key of the expression means nothing. */
export const whitelistFilter: Filter = {
  name: 'whitelist',
  reads: ['identity'],
  asks: ['whitelists'],
  relevant: (request) => request.whitelists.expressions.length > 0,
  pass: (request, node) => findBroken(request, node) === undefined,
  explain(request, node) {
    const broken = findBroken(request, node)
    return broken === undefined ? '' : `node ${node.name} is not in the whitelist ${broken.value}`
  },
  legacy: (request) =>
    request.whitelists.expressions.map((each) => `${renderExpression(each)} (soft=${String(each.isSoft)})`).join(' '),
  problem: (request) => request.whitelists.problem,
}

function findBroken(request: PlacementRequest, node: NodeView): Expression | undefined {
  for (const expression of request.whitelists.expressions) {
    if (expression.isSoft && request.isSoftIgnored) continue
    if (expression.value.split('|').includes(node.name) === expression.isNegated) return expression
  }
  return undefined
}
