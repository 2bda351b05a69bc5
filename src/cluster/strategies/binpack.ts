import { weighResources } from './resources.ts'
import type { Strategy } from './strategy.ts'

/** The fullest node that still has room, so that others stay free for large containers. */
export const binpackStrategy: Strategy = {
  name: 'binpack',
  aliases: ['binpacking'],
  best: 'highest',
  asks: ['nanoCpus', 'memoryBytes', 'gpus'],
  ties: 'more-containers',
  weigh(request, node) {
    const used = weighResources(request, node)
    return used === undefined ? undefined : used + 10 * node.health.indicator
  },
}
