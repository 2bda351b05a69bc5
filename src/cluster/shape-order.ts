import type { Random } from '../core/clock.ts'
import type { Filter } from './filters/filter.ts'
import type { NodeView } from './model.ts'
import type { CommonColumn, RankColumn } from './node-columns.ts'
import { resourcesBit } from './node-columns.ts'
import type { NoPlacement, PlacementRequest, Policy } from './placement.ts'
import { refuse } from './refusal.ts'
import { allParts, slotShift, toPartBits } from './shape.ts'
import { drawPosition, toRank } from './schedule.ts'

interface ActiveFilter {
  readonly filter: Filter
  /** Its bit among the refusals. */
  readonly bit: number
  /** Bits of the node parts it reads. */
  readonly reads: number
}

/** Neighbouring slots share one leaf of the tree: 2 to this power of them. */
const blockBits = 4
const blockSize = 2 ** blockBits

/**
 * The answers of all nodes to one shape of request, and a tournament tree over those that fit: the root is
 * the winner, one changed node costs a look at its block and a walk towards the root, most often not even that.
 * Slots are in name order, which settles ties. Ranks and what no request changes lie in columns that many shapes share; they are current before this is.
 */
export class ShapeOrder {
  /** Up to which change of the index this order is current. */
  cursor = 0
  readonly column: RankColumn
  private readonly request: PlacementRequest
  private readonly policy: Policy
  private readonly common: CommonColumn
  /** Filters that matter for this shape and for no other. */
  private readonly active: readonly ActiveFilter[]
  /** Node parts that any of them reads. */
  private readonly reads: number
  /** Per slot: a bit for each refusing filter and for missing resources; 0 when the node fits. */
  private readonly refusals: Int32Array
  private readonly tallies = new Int32Array(resourcesBit + 1)
  /** From 1 on: the root, inner places, then `size` blocks. Holds winning slots (-1: none), or for `any` how many fit. */
  private readonly tree: Int32Array
  private readonly size: number
  private readonly isCounting: boolean

  constructor(
    request: PlacementRequest,
    policy: Policy,
    slots: readonly NodeView[],
    common: CommonColumn,
    column: RankColumn,
  ) {
    const count = slots.length
    this.request = request
    this.policy = policy
    this.common = common
    this.column = column
    this.active = policy.filters.flatMap((filter, position) =>
      (common.mask & (1 << position)) === 0 && filter.relevant(request)
        ? [{ filter, bit: 1 << position, reads: toPartBits(filter.reads) }]
        : [],
    )
    this.reads = this.active.reduce((reads, each) => reads | each.reads, 0)
    this.refusals = new Int32Array(count)
    this.size = 2 ** Math.ceil(Math.log2(Math.max(2, count / blockSize)))
    this.isCounting = policy.strategy.best === 'any'
    this.tree = new Int32Array(this.size * 2)
    for (let slot = 0; slot < count; slot += 1) this.judge(slots, slot, allParts)
    this.plantTree()
  }

  /** Looks again at the nodes named in `log` from `from` on. */
  catchUp(slots: readonly NodeView[], log: readonly number[], from: number): void {
    for (let index = from; index < log.length; index += 1) {
      const entry = log[index] ?? 0
      this.judge(slots, entry >> slotShift, entry & allParts)
    }
    // Only now are all nodes as they compare with each other.
    if (log.length - from > slots.length / 8) {
      this.plantTree()
      return
    }
    for (let index = from; index < log.length; index += 1) this.replant((log[index] ?? 0) >> slotShift)
  }

  /** The winning slot, -1 when no node fits. */
  best(random: Random): number {
    const root = this.tree[1] ?? -1
    if (!this.isCounting) return root
    return root === 0 ? -1 : this.findFitting(drawPosition(root, random))
  }

  weightOf(slot: number): number {
    // The inverse of `toRank` is `toRank`.
    return toRank(this.column.ranks[slot] ?? 0, this.policy.strategy)
  }

  refuse(request: PlacementRequest): NoPlacement {
    const byResources = this.tallies[resourcesBit] ?? 0
    return refuse(request, this.policy, { offered: this.refusals.length, byFilter: this.tallies, byResources })
  }

  private judge(slots: readonly NodeView[], slot: number, parts: number): void {
    const before = this.refusals[slot] ?? 0
    let refusing = (before & ~(this.common.mask | (1 << resourcesBit))) | (this.common.refusals[slot] ?? 0)
    if ((parts & this.reads) !== 0) refusing = this.askFilters(slots, slot, parts, refusing)
    if (Number.isNaN(this.column.ranks[slot])) refusing |= 1 << resourcesBit
    if (before === refusing) return
    this.refusals[slot] = refusing
    // A node counts for the first filter that refuses it; resources come last.
    if (before !== 0) this.count(before, -1)
    if (refusing !== 0) this.count(refusing, 1)
  }

  private count(refusing: number, by: number): void {
    const first = 31 - Math.clz32(refusing & -refusing)
    this.tallies[first] = (this.tallies[first] ?? 0) + by
  }

  private askFilters(slots: readonly NodeView[], slot: number, parts: number, before: number): number {
    const node = slots[slot]
    if (node === undefined) return before
    let refusing = before
    for (let index = 0; index < this.active.length; index += 1) {
      const asked = this.active[index]
      if (asked === undefined || (asked.reads & parts) === 0) continue
      if (asked.filter.pass(this.request, node)) refusing &= ~asked.bit
      else refusing |= asked.bit
    }
    return refusing
  }

  private plantTree(): void {
    for (let block = 0; block < this.size; block += 1) this.tree[this.size + block] = this.searchBlock(block)
    for (let place = this.size - 1; place >= 1; place -= 1) this.tree[place] = this.join(place)
  }

  private replant(slot: number): void {
    const block = slot >> blockBits
    let place = this.size + block
    const before = this.tree[place] ?? -1
    let after = before
    if (this.isCounting || before === slot) after = this.searchBlock(block)
    else if (this.refusals[slot] === 0 && (before < 0 || this.better(before, slot) === slot)) after = slot
    // Above a place that another node holds, and still holds, nothing can have changed.
    if (after === before && (this.isCounting || after !== slot)) return
    this.tree[place] = after
    for (place >>= 1; place >= 1; place >>= 1) {
      const winner = this.join(place)
      if (winner === this.tree[place] && (this.isCounting || winner !== slot)) return
      this.tree[place] = winner
    }
  }

  /** The best slot of a block, -1 for none; for `any` how many fit. */
  private searchBlock(block: number): number {
    const end = Math.min((block + 1) * blockSize, this.refusals.length)
    let best = -1
    let fitting = 0
    for (let slot = block * blockSize; slot < end; slot += 1) {
      if (this.refusals[slot] !== 0) continue
      fitting += 1
      best = best < 0 ? slot : this.better(best, slot)
    }
    return this.isCounting ? fitting : best
  }

  private join(place: number): number {
    const left = this.tree[place * 2] ?? -1
    const right = this.tree[place * 2 + 1] ?? -1
    if (this.isCounting) return left + right
    if (left < 0) return right
    return right < 0 ? left : this.better(left, right)
  }

  private better(a: number, b: number): number {
    const { ranks } = this.column
    const rankA = ranks[a] ?? 0
    const rankB = ranks[b] ?? 0
    if (rankA !== rankB) return rankA < rankB ? a : b
    const { ties } = this.common
    const tieA = ties[a] ?? 0
    const tieB = ties[b] ?? 0
    if (tieA !== tieB) return tieA < tieB ? a : b
    return Math.min(a, b)
  }

  private findFitting(position: number): number {
    let place = 1
    let left = position
    while (place < this.size) {
      place *= 2
      const before = this.tree[place] ?? 0
      if (left >= before) {
        left -= before
        place += 1
      }
    }
    let slot = (place - this.size) * blockSize
    for (; left > 0 || this.refusals[slot] !== 0; slot += 1) if (this.refusals[slot] === 0) left -= 1
    return slot
  }
}
