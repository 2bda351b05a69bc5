import type { Filter } from './filter.ts'

/** Engines that answer. */
export const healthFilter: Filter = {
  name: 'health',
  reads: ['health'],
  asks: [],
  relevant: () => true,
  pass: (_request, node) => node.health.indicator > 0,
  explain: (_request, node) => (node.errorText === '' ? `node is ${node.health.state}` : node.errorText),
  // The scheduler words this refusal itself: "No healthy node available in the cluster".
  legacy: () => '',
}
