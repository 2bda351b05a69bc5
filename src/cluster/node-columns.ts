import { noGpus } from './gpus.ts'
import type { NodeView } from './model.ts'
import type { PlacementRequest, Policy } from './placement.ts'
import { allParts, slotShift, toPartBits } from './shape.ts'
import { toRank, toTie } from './schedule.ts'

/** Stands for "lacks resources" behind the filters' positions. */
export const resourcesBit = 30

/** What is the same for every request: filters that ask nothing of it, and the number that decides ties. */
export class CommonColumn {
  /** Per slot: a bit for each such filter that refuses. */
  readonly refusals: Int32Array
  readonly ties: Float64Array
  /** Bits of the filters answered here. */
  readonly mask: number
  private readonly policy: Policy
  private readonly asked: readonly { readonly position: number; readonly reads: number }[]

  constructor(policy: Policy, slots: readonly NodeView[]) {
    this.policy = policy
    this.asked = policy.filters.flatMap((filter, position) =>
      isCommon(policy, position) ? [{ position, reads: toPartBits(filter.reads) }] : [],
    )
    this.mask = this.asked.reduce((mask, { position }) => mask | (1 << position), 0)
    this.refusals = new Int32Array(slots.length)
    this.ties = new Float64Array(slots.length)
    for (const [slot, node] of slots.entries()) this.judge(slot, node, allParts)
  }

  judge(slot: number, node: NodeView, parts: number): void {
    this.ties[slot] = toTie(node, this.policy.strategy)
    let refusing = this.refusals[slot] ?? 0
    for (const { position, reads } of this.asked) {
      if ((reads & parts) === 0) continue
      const isRefused = this.policy.filters[position]?.pass(blankRequest, node) === false
      refusing = isRefused ? refusing | (1 << position) : refusing & ~(1 << position)
    }
    this.refusals[slot] = refusing
  }
}

/** True when this filter looks at the node alone, whatever is asked for. */
function isCommon(policy: Policy, position: number): boolean {
  const filter = policy.filters[position]
  return filter?.asks?.length === 0 && filter.relevant(blankRequest)
}

const noExpressions = { expressions: [], problem: undefined }

const blankRequest: PlacementRequest = {
  name: '',
  image: '',
  nanoCpus: 0,
  memoryBytes: 0,
  gpus: noGpus,
  platform: undefined,
  networkMode: '',
  ports: [],
  exposed: [],
  volumesFrom: [],
  links: [],
  joins: [],
  constraints: noExpressions,
  affinities: noExpressions,
  whitelists: noExpressions,
  isSoftIgnored: false,
}

/** How the strategy ranks every node for requests that ask for the same resources; many shapes share one. */
export class RankColumn {
  /** Up to which change of the index this column is current. */
  cursor = 0
  /** Per slot: lower is better; NaN where resources are lacking. */
  readonly ranks: Float64Array
  private readonly request: PlacementRequest
  private readonly policy: Policy

  constructor(request: PlacementRequest, policy: Policy, slots: readonly NodeView[]) {
    this.request = request
    this.policy = policy
    this.ranks = new Float64Array(slots.length)
    for (const [slot, node] of slots.entries()) this.rank(slot, node)
  }

  /** Looks again at the nodes named in `log` from `from` on. */
  catchUp(slots: readonly NodeView[], log: readonly number[], from: number): void {
    for (let index = from; index < log.length; index += 1) {
      const slot = (log[index] ?? 0) >> slotShift
      const node = slots[slot]
      if (node !== undefined) this.rank(slot, node)
    }
  }

  private rank(slot: number, node: NodeView): void {
    const weight = this.policy.strategy.weigh(this.request, node)
    this.ranks[slot] = weight === undefined ? Number.NaN : toRank(weight, this.policy.strategy)
  }
}
