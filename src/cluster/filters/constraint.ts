import { renderExpression } from '../expression.ts'
import type { NodeView } from '../model.ts'
import type { Expression, PlacementRequest } from '../placement.ts'
import { canRun, renderPlatform } from '../platform.ts'
import type { Filter } from './filter.ts'
import { findBroken } from './remembered.ts'

/**
 * Conditions on the labels of a node; the key `node` stands for its ID and name, `node.role`, `node.platform.os` and
 * `node.platform.arch` for what they say. A missing label reads as empty. The
 * platform of a create call is one more condition.
 */
export const constraintFilter: Filter = {
  name: 'constraint',
  reads: ['identity'],
  asks: ['constraints', 'platform'],
  relevant: (request) => request.constraints.expressions.length > 0 || request.platform !== undefined,
  pass: (request, node) => isOnPlatform(request, node) && findUnmet(request, node) === undefined,
  explain(request, node) {
    if (request.platform !== undefined && !canRun(node, request.platform)) {
      return `platform ${renderPlatform(request.platform)} does not run here (${node.osType}/${node.architecture})`
    }
    const broken = findUnmet(request, node)
    if (broken === undefined) return ''
    const have = broken.key === 'node' ? node.name : readKey(broken.key, node)
    return `constraint ${renderExpression(broken)} is not met (${broken.key} is ${JSON.stringify(have)})`
  },
  legacy(request) {
    const conditions = request.constraints.expressions.map(renderExpression)
    if (request.platform !== undefined) conditions.push(`platform==${renderPlatform(request.platform)}`)
    return conditions.join(' ')
  },
  problem: (request) => request.constraints.problem,
}

function isOnPlatform({ platform }: PlacementRequest, node: NodeView): boolean {
  return platform === undefined || canRun(node, platform)
}

function findUnmet({ constraints, isSoftIgnored }: PlacementRequest, node: NodeView): Expression | undefined {
  return findBroken(constraints, node, isSoftIgnored, isMet)
}

function isMet(expression: Expression, node: NodeView): boolean {
  return isMatch(expression, node) !== expression.isNegated
}

/** A label, or where no label has the name a property of the node as `deploy.placement` calls it. */
function readKey(key: string, node: NodeView): string {
  const label = node.labels.get(key)
  if (label !== undefined) return label
  if (key === 'node.role') return node.swarmRole
  if (key === 'node.platform.os') return node.osType
  if (key === 'node.platform.arch') return architectures[node.architecture] ?? node.architecture
  return ''
}

/** Kernels' names of processors → docker's. */
const architectures: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm' }

/** The texts that a condition is matched against. */
export function constraintTexts(expression: Expression, node: NodeView): readonly string[] {
  return expression.key === 'node' ? [node.id, node.engineId, node.name] : [readKey(expression.key, node)]
}

function isMatch(expression: Expression, node: NodeView): boolean {
  if (expression.key !== 'node') return expression.matches(readKey(expression.key, node))
  return expression.matches(node.id) || expression.matches(node.engineId) || expression.matches(node.name)
}
