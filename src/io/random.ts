import type { Random } from '../core/clock.ts'

/** Real randomness for spreading load and delays. Never for secrets. */
export const systemRandom: Random = { next: () => Math.random() }
