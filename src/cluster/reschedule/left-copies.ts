import type { ClusterAccess } from '../cluster.ts'
import { isValidated } from '../model.ts'
import type { ContainerView, NodeView } from '../model.ts'
import type { RecordBook } from './book.ts'
import { isThatCopy } from './left-copy.ts'
import type { ContainerRecord } from './record.ts'

/**
 * What was made anew elsewhere, or removed since, is no longer shown on a node that does not answer: the manager that did
 * it knows, others have only the records. Names would stand for two containers until the node returns, and what was
 * removed would be made anew from there.
 *
 * @returns the node as it is then
 */
export function hideLeftCopies(cluster: ClusterAccess, book: RecordBook, node: NodeView): NodeView {
  const left = node.containers.filter((each) => each.swarmId !== '' && book.isLeftCopy(node.engineId, each))
  return hide(cluster, node, left)
}

/**
 * What was made on a node that fell silent before the move there was over is no longer shown: another node gets the
 * container, and its name.
 */
export function hideUnfinished(cluster: ClusterAccess, record: ContainerRecord): void {
  const engineId = record.move?.target?.engineId
  const node = cluster.snapshot().nodes.find((each) => each.engineId === engineId && isValidated(each))
  if (engineId === undefined || node === undefined || node.health.state === 'healthy') return
  const { swarmId, generation, home } = record
  const copy = { engineId, containerId: '', generation }
  const left = node.containers.filter(
    (each) => each.swarmId === swarmId && each.id !== home.containerId && isThatCopy(copy, engineId, each),
  )
  hide(cluster, node, left)
}

/**
 * The dead node no longer shows what has been made anew, so that names stay clear. One that is back shows it until it is
 * removed there: what it does not show nobody would remove before its next full look.
 */
export function forgetOld(cluster: ClusterAccess, { home }: ContainerRecord): void {
  const node = cluster.snapshot().nodes.find((each) => each.engineId === home.engineId)
  if (node === undefined || node.health.state === 'healthy') return
  cluster.member(node.addr)?.send({ kind: 'forgotten', id: home.containerId })
}

function hide(cluster: ClusterAccess, node: NodeView, left: readonly ContainerView[]): NodeView {
  if (left.length === 0) return node
  const member = cluster.memberOf(node)
  for (const { id } of left) member.send({ kind: 'forgotten', id })
  return member.view
}
