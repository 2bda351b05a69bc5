import type { Cluster } from '../cluster.ts'
import { isValidated } from '../model.ts'
import type { ContainerRecord } from './record.ts'

/**
 * What was made anew elsewhere is no longer shown on nodes that do not answer: the manager that did it knows, one that
 * takes over has only the records. Names would stand for two containers until the nodes return.
 */
export function hideLeftCopies(cluster: Cluster, records: readonly ContainerRecord[]): void {
  const idsByEngine = new Map<string, string[]>()
  for (const { engineId, containerId } of records.flatMap((record) => record.left)) {
    const ids = idsByEngine.get(engineId)
    if (ids === undefined) idsByEngine.set(engineId, [containerId])
    else ids.push(containerId)
  }
  if (idsByEngine.size === 0) return
  for (const node of cluster.snapshot().nodes) {
    if (!isValidated(node) || node.health.state === 'healthy') continue
    const member = cluster.member(node.addr)
    for (const id of idsByEngine.get(node.engineId) ?? []) member?.send({ kind: 'forgotten', id })
  }
}
