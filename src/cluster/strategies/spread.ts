import { weighResources } from './resources.ts'
import type { Strategy } from './strategy.ts'

/** The emptiest node; a node with failures counts as fuller. */
export const spreadStrategy: Strategy = {
  name: 'spread',
  best: 'lowest',
  asks: ['nanoCpus', 'memoryBytes', 'gpus'],
  ties: 'fewer-containers',
  weigh(request, node) {
    const used = weighResources(request, node)
    return used === undefined ? undefined : used - 10 * node.health.indicator
  },
}
