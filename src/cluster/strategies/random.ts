import { weighResources } from './resources.ts'
import type { Strategy } from './strategy.ts'

/** Any node with room. The ancestor did not look at resources here, so that its nodes could be overbooked. */
export const randomStrategy: Strategy = {
  name: 'random',
  best: 'any',
  asks: ['nanoCpus', 'memoryBytes', 'gpus'],
  ties: 'none',
  weigh: (request, node) => (weighResources(request, node) === undefined ? undefined : 0),
}
