import { accepts, renderExpression } from '../expression.ts'
import type { ContainerView, ImageView, NodeView, Workload } from '../model.ts'
import type { Expression, PlacementRequest } from '../placement.ts'
import type { Filter } from './filter.ts'
import { findBroken } from './remembered.ts'

/** Near (or away from) containers, images, or containers with a label. */
export const affinityFilter: Filter = {
  name: 'affinity',
  reads: ['load', 'images'],
  asks: ['affinities'],
  relevant: (request) => request.affinities.expressions.length > 0,
  pass: (request, node) => findUnmet(request, node) === undefined,
  explain(request, node) {
    const broken = findUnmet(request, node)
    return broken === undefined ? '' : `affinity ${renderExpression(broken)} is not met`
  },
  legacy: (request) =>
    request.affinities.expressions.map((each) => `${renderExpression(each)} (soft=${String(each.isSoft)})`).join(' '),
  problem: (request) => request.affinities.problem,
}

function findUnmet({ affinities, isSoftIgnored }: PlacementRequest, node: NodeView): Expression | undefined {
  return findBroken(affinities, node, isSoftIgnored, isMet)
}

function isMet(expression: Expression, node: NodeView): boolean {
  switch (expression.key) {
    case 'container':
      return accepts(expression, containerNames(node))
    case 'image':
      return accepts(expression, imageNames(node.images))
    default:
      return hasLabelled(expression, node) !== expression.isNegated
  }
}

/** The texts that a condition is matched against. */
export function* affinityTexts(expression: Expression, node: NodeView): Iterable<string> {
  if (expression.key === 'container') yield* containerNames(node)
  else if (expression.key === 'image') yield* imageNames(node.images)
  else {
    yield* labelValues(expression.key, node.containers)
    for (const promised of node.pending) yield promised.labels.get(expression.key) ?? ''
  }
}

function* containerNames(node: NodeView): Iterable<string> {
  for (const list of [node.containers, node.pending] as readonly (readonly Workload[])[]) {
    for (const workload of list) {
      yield workload.id
      yield workload.names[0] ?? ''
    }
  }
}

function* imageNames(images: readonly ImageView[]): Iterable<string> {
  for (const image of images) {
    yield image.id
    for (const tag of image.repoTags) {
      yield tag
      const colon = tag.lastIndexOf(':')
      yield colon > tag.lastIndexOf('/') ? tag.slice(0, colon) : tag
    }
  }
}

/** A container without the label counts as one with an empty value, as in the ancestor. */
function hasLabelled(expression: Expression, node: NodeView): boolean {
  const values = labelValues(expression.key, node.containers)
  if (expression.isLiteral) {
    if (values.has(expression.value)) return true
  } else {
    for (const value of values) if (expression.matches(value)) return true
  }
  for (const promised of node.pending) if (expression.matches(promised.labels.get(expression.key) ?? '')) return true
  return false
}

/** Label values per container list. A list keeps its identity while promised containers come and go. */
const valuesByList = new WeakMap<readonly ContainerView[], Map<string, ReadonlySet<string>>>()

function labelValues(key: string, containers: readonly ContainerView[]): ReadonlySet<string> {
  let byKey = valuesByList.get(containers)
  if (byKey === undefined) {
    byKey = new Map()
    valuesByList.set(containers, byKey)
  }
  const known = byKey.get(key)
  if (known !== undefined) return known
  const values = new Set(containers.map((container) => container.labels.get(key) ?? ''))
  byKey.set(key, values)
  return values
}
