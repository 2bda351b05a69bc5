import type { NodeView } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'

/**
 * Puts the nodes that passed the filters in order. Pure; looks at one node at a time.
 *
 * Ties of weight are broken by the number of containers as `ties` says, then by node name and address.
 */
export interface Strategy {
  readonly name: string
  readonly aliases?: readonly string[]
  /** Which weight is best; `any`: every candidate is as good, one is drawn by chance. */
  readonly best: 'lowest' | 'highest' | 'any'
  /** Which fields of the request it looks at; all when absent. */
  readonly asks?: readonly (keyof PlacementRequest)[]
  readonly ties: 'fewer-containers' | 'more-containers' | 'none'
  /** @returns the weight, or `undefined` when the node lacks the resources asked for. */
  weigh(request: PlacementRequest, node: NodeView): number | undefined
}
