import type { Random } from '../core/clock.ts'
import type { Filter } from './filters/filter.ts'
import type { NodeView } from './model.ts'
import type { NoPlacement, PlacementRequest, Policy } from './placement.ts'
import { refuse } from './refusal.ts'
import { allParts, toPartBits } from './shape.ts'
import { drawPosition, toRank, toTie } from './schedule.ts'

/** Stands for "lacks resources" behind the filters' positions. */
const resourcesBit = 30

interface ActiveFilter {
  readonly filter: Filter
  readonly position: number
  /** Bits of the node parts it reads. */
  readonly reads: number
}

/**
 * The answers of all nodes to one shape of request, and a tournament tree over those that fit: the root is
 * the winner, one changed node costs one walk to the root. Slots are in name order, which settles ties.
 */
export class ShapeOrder {
  /** Up to which change of the index this order is current. */
  cursor = 0
  private readonly request: PlacementRequest
  private readonly policy: Policy
  /** Positions of filters that matter for this shape, with the node parts they read. */
  private readonly active: readonly ActiveFilter[]
  /** Per slot: a bit for each refusing filter; 0 when the node fits. */
  private readonly refusals: Int32Array
  /** Per slot: the position of the first refusing filter, `resourcesBit`, or -1. */
  private readonly verdicts: Int8Array
  private readonly ranks: Float64Array
  private readonly ties: Float64Array
  private readonly weights: Float64Array
  private readonly tallies = new Int32Array(resourcesBit + 1)
  /** `size` leaves from index `size` on. Holds winning slots (-1: none), or for `any` the number that fit. */
  private readonly tree: Int32Array
  private readonly size: number
  private readonly isCounting: boolean
  private readonly changed: Uint8Array

  constructor(request: PlacementRequest, policy: Policy, slots: readonly NodeView[]) {
    const count = slots.length
    this.request = request
    this.policy = policy
    this.active = policy.filters.flatMap((filter, position) =>
      filter.relevant(request) ? [{ filter, position, reads: toPartBits(filter.reads) }] : [],
    )
    this.refusals = new Int32Array(count)
    this.verdicts = new Int8Array(count).fill(-1)
    this.ranks = new Float64Array(count)
    this.ties = new Float64Array(count)
    this.weights = new Float64Array(count)
    this.changed = new Uint8Array(count)
    this.size = 2 ** Math.ceil(Math.log2(Math.max(2, count)))
    this.isCounting = policy.strategy.best === 'any'
    this.tree = new Int32Array(this.size * 2).fill(this.isCounting ? 0 : -1)
    for (let slot = 0; slot < count; slot += 1) this.judge(slots, slot, allParts)
    this.plantTree(count)
  }

  /** Looks again at the nodes named in `log` from `from` on. */
  catchUp(slots: readonly NodeView[], log: readonly number[], from: number): void {
    const touched: number[] = []
    for (let index = from; index < log.length; index += 1) {
      const entry = log[index] ?? 0
      const slot = entry >> 4
      const parts = this.changed[slot] ?? 0
      if (parts === 0) touched.push(slot)
      this.changed[slot] = parts | (entry & allParts)
    }
    const isMany = touched.length > slots.length / 8
    for (const slot of touched) {
      const isChanged = this.judge(slots, slot, this.changed[slot] ?? allParts)
      this.changed[slot] = 0
      if (isChanged && !isMany) this.replant(slot)
    }
    if (isMany) this.plantTree(slots.length)
  }

  /** The winning slot, -1 when no node fits. */
  best(random: Random): number {
    const root = this.tree[1] ?? -1
    if (!this.isCounting) return root
    return root === 0 ? -1 : this.findFitting(drawPosition(root, random))
  }

  weightOf(slot: number): number {
    return this.weights[slot] ?? 0
  }

  refuse(request: PlacementRequest): NoPlacement {
    const byResources = this.tallies[resourcesBit] ?? 0
    return refuse(request, this.policy, { offered: this.verdicts.length, byFilter: this.tallies, byResources })
  }

  /** @returns true when the node's place in the order may have changed */
  private judge(slots: readonly NodeView[], slot: number, parts: number): boolean {
    const node = slots[slot]
    if (node === undefined) return false
    const before = this.verdicts[slot] ?? -1
    const verdict = this.askFilters(node, slot, parts)
    if (verdict >= 0) {
      this.settle(slot, before, verdict)
      return before !== verdict
    }
    const weight = this.policy.strategy.weigh(this.request, node)
    if (weight === undefined) {
      this.settle(slot, before, resourcesBit)
      return before !== resourcesBit
    }
    const rank = toRank(weight, this.policy.strategy)
    const tie = toTie(node, this.policy.strategy)
    const isChanged = before !== -1 || this.ranks[slot] !== rank || this.ties[slot] !== tie
    this.weights[slot] = weight
    this.ranks[slot] = rank
    this.ties[slot] = tie
    this.settle(slot, before, -1)
    return isChanged
  }

  /** @returns the position of the first refusing filter, or -1 */
  private askFilters(node: NodeView, slot: number, parts: number): number {
    let refusing = this.refusals[slot] ?? 0
    for (let index = 0; index < this.active.length; index += 1) {
      const asked = this.active[index]
      if (asked === undefined || (asked.reads & parts) === 0) continue
      if (asked.filter.pass(this.request, node)) refusing &= ~(1 << asked.position)
      else refusing |= 1 << asked.position
    }
    this.refusals[slot] = refusing
    return refusing === 0 ? -1 : 31 - Math.clz32(refusing & -refusing)
  }

  /** Moves one node from one count to another. A node that fits, or was never judged, is counted nowhere. */
  private settle(slot: number, before: number, verdict: number): void {
    if (before === verdict) return
    if (before >= 0) this.tallies[before] = (this.tallies[before] ?? 0) - 1
    if (verdict >= 0) this.tallies[verdict] = (this.tallies[verdict] ?? 0) + 1
    this.verdicts[slot] = verdict
  }

  private leaf(slot: number): number {
    const isFitting = this.verdicts[slot] === -1
    if (this.isCounting) return isFitting ? 1 : 0
    return isFitting ? slot : -1
  }

  private plantTree(count: number): void {
    for (let slot = 0; slot < count; slot += 1) this.tree[this.size + slot] = this.leaf(slot)
    for (let at = this.size - 1; at >= 1; at -= 1) this.tree[at] = this.join(at)
  }

  private replant(slot: number): void {
    this.tree[this.size + slot] = this.leaf(slot)
    for (let at = (this.size + slot) >> 1; at >= 1; at >>= 1) {
      const winner = this.join(at)
      // Above a place that another node holds, and still holds, nothing can have changed.
      if (winner === this.tree[at] && (this.isCounting || winner !== slot)) return
      this.tree[at] = winner
    }
  }

  private join(at: number): number {
    const left = this.tree[at * 2] ?? -1
    const right = this.tree[at * 2 + 1] ?? -1
    if (this.isCounting) return left + right
    if (left < 0) return right
    if (right < 0) return left
    const leftRank = this.ranks[left] ?? 0
    const rightRank = this.ranks[right] ?? 0
    if (leftRank !== rightRank) return leftRank < rightRank ? left : right
    // Slots are in name order, so the left one wins what is left.
    return (this.ties[left] ?? 0) <= (this.ties[right] ?? 0) ? left : right
  }

  private findFitting(position: number): number {
    let at = 1
    let left = position
    while (at < this.size) {
      at *= 2
      const before = this.tree[at] ?? 0
      if (left >= before) {
        left -= before
        at += 1
      }
    }
    return at - this.size
  }
}
