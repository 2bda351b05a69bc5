import type { NodeView } from '../model.ts'
import type { Filter } from './filter.ts'

const label = 'containerslots'

/** Nodes labelled `containerslots=N` take N containers of any state; without a number there, any number. */
export const containerslotsFilter: Filter = {
  name: 'containerslots',
  reads: ['identity', 'load'],
  asks: [],
  relevant: () => true,
  pass(_request, node) {
    const slots = readSlots(node)
    return slots === undefined || slots > node.usage.containers
  },
  explain: (_request, node) =>
    `all ${String(readSlots(node) ?? 0)} container slots are in use (${String(node.usage.containers)} containers)`,
  legacy: () => 'available container slots',
}

function readSlots(node: NodeView): number | undefined {
  const text = node.labels.get(label)
  if (text === undefined || !/^[+-]?\d+$/.test(text)) return undefined
  return Number(text)
}
