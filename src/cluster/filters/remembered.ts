import type { NodeView } from '../model.ts'
import type { Expression, ExpressionList } from '../placement.ts'
import { Recent } from '../recent.ts'

/** Lists kept; those not used for longest go first. */
const maxLists = 64

/**
 * Per list of conditions, the position of the first one that a node breaks; -1: none. A node that changed is another
 * object, so what is remembered is never old, and equal lists share it whichever request they came with.
 */
const brokenByList = new Recent<WeakMap<NodeView, number>>(maxLists)

/** What was remembered of the conditions that `list.patterns` counts; undefined when nothing was. */
export function recallBroken(list: ExpressionList, node: NodeView, isSoftIgnored: boolean): number | undefined {
  return list.patterns === undefined ? undefined : brokenByList.get(keyOf(list.patterns, isSoftIgnored))?.get(node)
}

export function rememberBroken(list: ExpressionList, node: NodeView, isSoftIgnored: boolean, broken: number): void {
  if (list.patterns === undefined) return
  const key = keyOf(list.patterns, isSoftIgnored)
  let byNode = brokenByList.get(key)
  if (byNode === undefined) {
    byNode = new WeakMap()
    brokenByList.set(key, byNode)
  }
  byNode.set(node, broken)
}

/** The first condition that the node does not meet; those that were judged beforehand are not matched again. */
export function findBroken(
  list: ExpressionList,
  node: NodeView,
  isSoftIgnored: boolean,
  isMet: (expression: Expression, node: NodeView) => boolean,
): Expression | undefined {
  const known = recallBroken(list, node, isSoftIgnored)
  if (known !== undefined && known >= 0) return list.expressions[known]
  const from = known === undefined ? 0 : (list.patterns?.count ?? 0)
  for (let position = from; position < list.expressions.length; position += 1) {
    const expression = list.expressions[position]
    if (expression === undefined || (expression.isSoft && isSoftIgnored)) continue
    if (!isMet(expression, node)) return expression
  }
  return undefined
}

function keyOf(patterns: NonNullable<ExpressionList['patterns']>, isSoftIgnored: boolean): string {
  return patterns.hasSoft && isSoftIgnored ? patterns.hardKey : patterns.key
}
