import type { Blocker, NoPlacement, PlacementRequest, Policy } from './placement.ts'

/** How many of the offered nodes dropped out where. */
export interface Tally {
  readonly offered: number
  /** By position in `policy.filters`: nodes whose first refusing filter it was. */
  readonly byFilter: ArrayLike<number>
  /** Nodes that passed all filters but lack resources. */
  readonly byResources: number
}

const conditionsHead = 'Unable to find a node that satisfies the following conditions '

/**
 * Words a refusal as the ancestor does (classicswarm scheduler/scheduler.go): filters narrow the list one
 * after the other, so the one to blame is the last that was first to refuse some node.
 */
export function refuse(request: PlacementRequest, policy: Policy, tally: Tally): NoPlacement {
  const refusal = wordRefusal(request, policy, tally)
  const closed = tally.byFilter[policy.filters.findIndex((filter) => filter.isBuiltIn === true)] ?? 0
  if (closed === 0) return refusal
  const note = closed === 1 ? '1 node is drained or paused' : `${String(closed)} nodes are drained or paused`
  return { ...refusal, text: `${refusal.text} (${note})` }
}

function wordRefusal(request: PlacementRequest, policy: Policy, tally: Tally): NoPlacement {
  const blockers = listBlockers(request, policy, tally)
  const filters = policy.filters
  if (tally.byResources > 0) {
    return { kind: 'refused', reason: 'resources', text: 'no resources available to schedule container', blockers }
  }
  let failing = -1
  for (let index = 0; index < filters.length; index += 1) {
    if (filters[index]?.isBuiltIn !== true && (tally.byFilter[index] ?? 0) > 0) failing = index
  }
  if (tally.offered === 0) failing = filters.findIndex((filter) => filter.name === 'health')
  const blamed = filters[failing]
  if (blamed === undefined) {
    return { kind: 'refused', reason: 'no-node', text: 'No nodes available in the cluster', blockers }
  }
  const problem = blamed.problem?.(request)
  if (problem === undefined && blamed.name === 'health') {
    return { kind: 'refused', reason: 'no-healthy-node', text: 'No healthy node available in the cluster', blockers }
  }
  const lines = filters.slice(0, problem === undefined ? failing + 1 : failing).map((filter) => filter.legacy(request))
  let text = conditionsHead
  for (const line of lines) if (line !== '') text += `\n[${line}]`
  if (problem === undefined) return { kind: 'refused', reason: 'conditions', text, blockers }
  return { kind: 'refused', reason: 'invalid', text: `${text}\nerror from ${blamed.name} filter: ${problem}`, blockers }
}

function listBlockers(request: PlacementRequest, policy: Policy, tally: Tally): readonly Blocker[] {
  const blockers: Blocker[] = []
  for (const [index, filter] of policy.filters.entries()) {
    const nodes = tally.byFilter[index] ?? 0
    if (nodes > 0) blockers.push({ filter: filter.name, nodes, conditions: filter.legacy(request) })
  }
  if (tally.byResources > 0) blockers.push({ filter: 'resources', nodes: tally.byResources, conditions: '' })
  return blockers.sort((a, b) => b.nodes - a.nodes)
}
