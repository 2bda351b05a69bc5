import type { NodeView, Workload } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'
import type { Filter } from './filter.ts'

/** Containers whose volumes, links or namespaces are used have to be on the same node. */
export const dependencyFilter: Filter = {
  name: 'dependency',
  reads: ['identity', 'load'],
  asks: ['volumesFrom', 'links', 'joins'],
  relevant: (request) => request.volumesFrom.length + request.links.length + request.joins.length > 0,
  pass: (request, node) => findMissing(request, node) === undefined,
  explain: (request, node) => `container ${findMissing(request, node) ?? ''} is not on this node`,
  legacy: (request) =>
    [
      ...request.volumesFrom.map((each) => `--volumes-from=${each}`),
      ...request.links.map((each) => `--link=${each}`),
      ...request.joins.map((each) => `${each.flag}=container:${each.container}`),
    ].join(' '),
}

function findMissing(request: PlacementRequest, node: NodeView): string | undefined {
  for (const each of request.volumesFrom) if (!holds(node, beforeColon(each))) return beforeColon(each)
  for (const each of request.links) if (!holds(node, beforeColon(each))) return beforeColon(each)
  for (const each of request.joins) if (!holds(node, each.container)) return each.container
  return undefined
}

function beforeColon(text: string): string {
  const at = text.indexOf(':')
  return at < 0 ? text : text.slice(0, at)
}

/** By ID, short ID, swarm ID, name, `node/name`, or an ID prefix that only one container has. */
function holds(node: NodeView, reference: string): boolean {
  if (reference === '') return false
  let prefixed = 0
  for (const list of [node.containers, node.pending] as readonly (readonly Workload[])[]) {
    for (const workload of list) {
      if (isNamed(workload, reference, node)) return true
      if (workload.id.startsWith(reference) || workload.swarmId.startsWith(reference)) prefixed += 1
    }
  }
  return prefixed === 1
}

function isNamed(workload: Workload, reference: string, node: NodeView): boolean {
  if (workload.id === reference || workload.swarmId === reference) return true
  for (const name of workload.names) {
    if (name === reference || `/${name}` === reference) return true
    if (reference.endsWith(name) && (reference === `${node.name}/${name}` || reference === `${node.id}/${name}`)) {
      return true
    }
  }
  return false
}
