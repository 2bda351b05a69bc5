import type { Cluster } from '../cluster.ts'
import type { NodeView } from '../model.ts'
import type { RecordBook } from './book.ts'

/**
 * What was made anew elsewhere, or removed since, is no longer shown on a node that does not answer: the manager that did
 * it knows, others have only the records. Names would stand for two containers until the node returns, and what was
 * removed would be made anew from there.
 *
 * @returns the node as it is then
 */
export function hideLeftCopies(cluster: Cluster, book: RecordBook, node: NodeView): NodeView {
  const left = book.leftOn(node.engineId)
  if (left.size === 0) return node
  const member = cluster.memberOf(node)
  for (const { id } of node.containers) if (left.has(id)) member.send({ kind: 'forgotten', id })
  return member.view
}
