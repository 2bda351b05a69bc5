import type { NodeView } from '../model.ts'
import { ownerOf } from '../tenants/owner.ts'
import type { ContainerRecord } from './record.ts'

/**
 * Names of nodes on which the name of one of the container's networks or volumes means something that its owner does not
 * see: an engine would give it that.
 *
 * @param own the same nodes as the owner sees them
 */
export function listForeignNodes(
  record: Pick<ContainerRecord, 'networks' | 'volumes'>,
  nodes: readonly NodeView[],
  own: readonly NodeView[],
): ReadonlySet<string> {
  const seen = new Map(own.map((node) => [node.addr, node]))
  const networks = new Set(record.networks.map((each) => each.name))
  const volumes = new Set(record.volumes.map((each) => each.name))
  const foreign = new Set<string>()
  for (const node of nodes) {
    const view = seen.get(node.addr)
    const hidden = node.networks.filter((each) => networks.has(each.name) && view?.networks.includes(each) !== true)
    // One that spans nodes is met on each of them.
    if (hidden.some((each) => each.scope !== 'local')) return new Set(nodes.map((each) => each.name))
    const isTaken = node.volumes.some((each) => volumes.has(each.name) && view?.volumes.includes(each) !== true)
    if (hidden.length > 0 || isTaken) foreign.add(node.name)
  }
  return foreign
}

/**
 * The same for a container that belongs to nobody: nodes on which one of its names is of another owner than on the node
 * it comes from. What is not known there any more counts as nobody's.
 */
export function listOthersNodes(
  record: Pick<ContainerRecord, 'home' | 'networks' | 'volumes'>,
  nodes: readonly NodeView[],
): ReadonlySet<string> {
  const home = nodes.find((node) => node.engineId === record.home.engineId)
  const foreign = new Set<string>()
  for (const kind of ['networks', 'volumes'] as const) {
    const names = new Set(record[kind].map((each) => each.name))
    if (names.size === 0) continue
    const owners = new Map<string, string>()
    for (const each of home?.[kind] ?? []) if (names.has(each.name)) owners.set(each.name, ownerOf(each.labels))
    for (const node of nodes) {
      const isOthers = node[kind].some(
        (each) => names.has(each.name) && ownerOf(each.labels) !== (owners.get(each.name) ?? ''),
      )
      if (isOthers) foreign.add(node.name)
    }
  }
  return foreign
}
