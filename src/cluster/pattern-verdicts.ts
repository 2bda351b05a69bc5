import { setImmediate } from 'node:timers/promises'
import { FlotillaError } from '../core/errors.ts'
import { affinityTexts } from './filters/affinity.ts'
import { constraintTexts } from './filters/constraint.ts'
import { recallBroken, rememberBroken } from './filters/remembered.ts'
import { isValidated } from './model.ts'
import type { NodeView } from './model.ts'
import type { Expression, ExpressionList, PlacementRequest } from './placement.ts'

/** Longest that others wait for their turn meanwhile. */
const sliceMs = 10
/** Time that matching the patterns of one request may take in all. Usual ones take microseconds a node. */
const limitMs = 30_000

/** The texts on a node that a condition is about. */
type TextsOf = (expression: Expression, node: NodeView) => Iterable<string>

/**
 * Matches the patterns among a request's conditions against every node beforehand, letting others have their turn in
 * between: a pattern may take milliseconds for one text, and choosing a node looks at all of them in one go. What comes
 * out is remembered node by node, and the filters ask for it.
 *
 * @param nodes asked again as long as nodes have changed meanwhile
 * @throws {cluster/invalid-option} status 400 when it takes too long
 */
export async function judgePatterns(
  request: PlacementRequest,
  nodes: () => readonly NodeView[],
  nowMs: () => number,
): Promise<void> {
  const lists = [
    { list: request.constraints, textsOf: constraintTexts },
    { list: request.affinities, textsOf: affinityTexts },
  ].filter(({ list }) => list.patterns !== undefined && list.problem === undefined)
  if (lists.length === 0) return
  let spentMs = 0
  let hasPaused = true
  let sinceMs = nowMs()
  while (hasPaused) {
    hasPaused = false
    for (const { list, textsOf } of lists) {
      for (const isSoftIgnored of list.patterns?.hasSoft === true ? [false, true] : [false]) {
        for (const node of nodes()) {
          if (!isValidated(node) || recallBroken(list, node, isSoftIgnored) !== undefined) continue
          const steps = judge(list, node, isSoftIgnored, textsOf)
          for (;;) {
            const step = steps.next()
            if (step.done === true) {
              rememberBroken(list, node, isSoftIgnored, step.value)
              break
            }
            const passedMs = nowMs() - sinceMs
            if (passedMs < sliceMs) continue
            spentMs += passedMs
            if (spentMs >= limitMs) throw tooLong(list)
            hasPaused = true
            await setImmediate()
            sinceMs = nowMs()
          }
        }
      }
    }
  }
}

/** The position of the first condition that the node does not meet; -1 when it meets all. Yields after each match. */
function* judge(
  list: ExpressionList,
  node: NodeView,
  isSoftIgnored: boolean,
  textsOf: TextsOf,
): Generator<undefined, number> {
  for (const [position, expression] of list.expressions.slice(0, list.patterns?.count).entries()) {
    if (expression.isSoft && isSoftIgnored) continue
    let isFound = false
    for (const text of textsOf(expression, node)) {
      isFound = expression.matches(text)
      yield
      if (isFound) break
    }
    if (isFound === expression.isNegated) return position
  }
  return -1
}

function tooLong(list: ExpressionList): FlotillaError {
  const first = list.expressions.find((each) => each.isCostly === true)
  const shown = (first?.value ?? '').slice(0, 64)
  return new FlotillaError(
    'cluster/invalid-option',
    `the patterns of the conditions take more than ${String(limitMs / 1000)} seconds to match, among them ${JSON.stringify(shown)}`,
    { status: 400 },
  )
}
