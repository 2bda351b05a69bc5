import { renderBinarySize } from '../../core/bytes.ts'
import { findGpuShortage } from '../gpus.ts'
import type { NodeView } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'

const nanosPerCpu = 1e9

/**
 * How full the node would be, in whole percent of CPUs plus whole percent of memory; a resource that is not
 * asked for counts 100. GPUs have to be free, but weigh nothing. Integer arithmetic as in the ancestor (classicswarm scheduler/strategy/weighted_node.go).
 *
 * @returns `undefined` when the request does not fit into what is left
 */
export function weighResources(request: PlacementRequest, node: NodeView): number | undefined {
  if (findGpuShortage(request.gpus, node.gpus, node.usage.gpus) !== undefined) return undefined
  const cpu = percentUsed(node.usage.nanoCpus, request.nanoCpus, node.totalCpus * nanosPerCpu)
  if (cpu === undefined) return undefined
  const memory = percentUsed(node.usage.memoryBytes, request.memoryBytes, node.totalMemoryBytes)
  return memory === undefined ? undefined : cpu + memory
}

/** What of its resources a node lacks for the request, as one phrase; empty when nothing. */
export function describeShortage(request: PlacementRequest, node: NodeView): string {
  const cpus = (nanos: number): string => String(Number((nanos / nanosPerCpu).toFixed(3)))
  const { usage } = node
  const total = node.totalCpus * nanosPerCpu
  if (percentUsed(usage.nanoCpus, request.nanoCpus, total) === undefined) {
    return `${cpus(request.nanoCpus)} CPUs are asked for, ${cpus(total - usage.nanoCpus)} of ${cpus(total)} are free`
  }
  if (percentUsed(usage.memoryBytes, request.memoryBytes, node.totalMemoryBytes) === undefined) {
    const free = renderBinarySize(Math.max(0, node.totalMemoryBytes - usage.memoryBytes))
    const of = renderBinarySize(node.totalMemoryBytes)
    return `${renderBinarySize(request.memoryBytes)} of memory are asked for, ${free} of ${of} are free`
  }
  return findGpuShortage(request.gpus, node.gpus, usage.gpus) ?? ''
}

function percentUsed(used: number, asked: number, total: number): number | undefined {
  if (asked <= 0) return 100
  if (used + asked > total) return undefined
  return Math.trunc(((used + asked) * 100) / total)
}
