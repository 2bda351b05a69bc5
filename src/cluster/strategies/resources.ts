import type { NodeView } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'

const nanosPerCpu = 1e9

/**
 * How full the node would be, in whole percent of CPUs plus whole percent of memory; a resource that is not
 * asked for counts 100. Integer arithmetic as in the ancestor (classicswarm scheduler/strategy/weighted_node.go).
 *
 * @returns `undefined` when the request does not fit into what is left
 */
export function weighResources(request: PlacementRequest, node: NodeView): number | undefined {
  const cpu = percentUsed(node.usage.nanoCpus, request.nanoCpus, node.totalCpus * nanosPerCpu)
  if (cpu === undefined) return undefined
  const memory = percentUsed(node.usage.memoryBytes, request.memoryBytes, node.totalMemoryBytes)
  return memory === undefined ? undefined : cpu + memory
}

function percentUsed(used: number, asked: number, total: number): number | undefined {
  if (asked <= 0) return 100
  if (used + asked > total) return undefined
  return Math.trunc(((used + asked) * 100) / total)
}
