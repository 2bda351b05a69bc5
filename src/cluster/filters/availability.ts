import type { Filter } from './filter.ts'

/** Nodes that are drained or paused get nothing new. Holds whichever filters are configured. */
export const availabilityFilter: Filter = {
  name: 'availability',
  isBuiltIn: true,
  reads: ['identity'],
  asks: [],
  relevant: () => true,
  pass: (_request, node) => node.availability === 'active',
  explain: (_request, node) => `node ${node.name} is ${node.availability === 'drain' ? 'drained' : 'paused'}`,
  // The refusal adds a line of its own, only where it matters.
  legacy: () => '',
}
