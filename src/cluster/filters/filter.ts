import type { NodeView } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'

/**
 * Parts of a node a filter looks at. The placement index asks a filter again only when one of its parts
 * changed: `identity` = ID, name, address, labels, platform, version, total resources · `health` · `load` =
 * containers, promised containers and what they take up · `ports` = of the load, the host ports in `usage` alone ·
 * `images` = images, volumes, networks.
 */
export type NodePart = 'identity' | 'health' | 'load' | 'ports' | 'images'

/**
 * Says of one node whether a request may go there. Pure and stateless: equal arguments, equal answers.
 * When `request.isSoftIgnored` is set, soft expressions must not refuse a node.
 */
export interface Filter {
  readonly name: string
  /** Part of every policy, not chosen by the user: left out where the configured filters are listed. */
  readonly isBuiltIn?: true
  /** What `pass` reads; all parts when absent. Naming too few gives wrong placements. */
  readonly reads?: readonly NodePart[]
  /**
   * Which fields of the request it looks at; all when absent. Requests that agree on them share index entries. An
   * empty list: it looks at the node alone, and is asked once for all requests.
   */
  readonly asks?: readonly (keyof PlacementRequest)[]
  /** False: the filter has no opinion about this request and is skipped. */
  relevant(request: PlacementRequest): boolean
  pass(request: PlacementRequest, node: NodeView): boolean
  /** Why `pass` said no, as one phrase; called only then. */
  explain(request: PlacementRequest, node: NodeView): string
  /** What the ancestor's refusal message says for this filter inside `[...]`; empty: no line. */
  legacy(request: PlacementRequest): string
  /** A request this filter cannot read: the parse error. */
  problem?(request: PlacementRequest): string | undefined
}
