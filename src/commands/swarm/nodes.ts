import type { Run } from '../../cli/command.ts'
import { renderBinarySize } from '../../core/bytes.ts'
import { renderHumanDuration } from '../../core/duration.ts'
import { renderTable } from '../../ui/table.ts'
import { withManagement } from './management.ts'
import type { NodeAnswer } from './management.ts'
import type { nodesFlags } from './cluster-flags.ts'

/** Lists the nodes, or shows one with what is leaving it. */
export const run: Run<typeof nodesFlags> = async (ctx, flags, args) => {
  const [name] = args
  const path = name === undefined ? '/flotilla/nodes' : `/flotilla/nodes/${encodeURIComponent(name)}`
  const answer = await withManagement(ctx, flags, (management) =>
    management.ask<NodeAnswer | readonly NodeAnswer[]>('GET', path),
  )
  if (flags.format === 'json') {
    ctx.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`)
    return
  }
  const nodes: readonly NodeAnswer[] = Array.isArray(answer) ? answer : [answer as NodeAnswer]
  ctx.stdout.write(`${renderTable(headings, nodes.map(toRow))}\n`)
  const moves = nodes.flatMap((node) => node.Moves ?? [])
  if (moves.length === 0) return
  const rows = moves.map((move) => [move.Name || move.Container.slice(0, 12), move.State, move.Target, move.Why])
  ctx.stdout.write(`\n${renderTable(['LEAVING', 'STATE', 'TO', 'WHY'], rows)}\n`)
}

const headings = [
  'NODE',
  'ADDRESS',
  'STATE',
  'AVAILABILITY',
  'CONTAINERS',
  'LEAVING',
  'CPUS',
  'MEMORY',
  'VERSION',
  'ERROR',
]

/** How long is worth knowing of what is not as it should be. */
function renderState({ State: state, StateAgeMs: ageMs }: NodeAnswer): string {
  return state === 'healthy' || ageMs === undefined ? state : `${state} (${renderHumanDuration(ageMs).toLowerCase()})`
}

function toRow(node: NodeAnswer): readonly string[] {
  const { Resources: resources, Containers: containers } = node
  const size = (bytes: number): string => renderBinarySize(bytes)
  return [
    node.Name === '' ? '(unknown)' : node.Name,
    node.Addr,
    renderState(node),
    node.Availability,
    `${String(containers.Running)}/${String(containers.Total)}`,
    node.ContainersHeld > 0
      ? `${String(node.ContainersLeaving)} (${String(node.ContainersHeld)} held)`
      : String(node.ContainersLeaving),
    `${String(Number(resources.ReservedCpus.toFixed(2)))}/${String(resources.Cpus)}`,
    `${size(resources.ReservedMemoryBytes)}/${size(resources.MemoryBytes)}`,
    node.ServerVersion,
    node.Error,
  ]
}
