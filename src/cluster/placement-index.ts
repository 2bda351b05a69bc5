import type { Random } from '../core/clock.ts'
import { compareNodes, isValidated } from './model.ts'
import type { NodeView } from './model.ts'
import { CommonColumn, RankColumn } from './node-columns.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import { Recent } from './recent.ts'
import { ShapeOrder } from './shape-order.ts'
import { diffParts, listFields, renderShape, slotShift } from './shape.ts'
import type { ShapeField } from './shape.ts'
import { hasSoft, schedule } from './schedule.ts'

/** Request shapes kept; those not used for longest go first. */
const maxShapes = 256

/** A node and where it stands in the order of names; -1 until the next placement. */
interface Entry {
  node: NodeView
  slot: number
}

/**
 * Answers like `schedule` over the nodes it was told of, without looking at all of them.
 *
 * Per shape of request it keeps every node's answer and an order of those that fit. A changed node is noted once;
 * each shape catches up when it is used next, and then asks only filters that read what changed. A new
 * shape costs one look at every node; nodes coming or going rebuild the shapes at their next use.
 */
export class PlacementIndex {
  private readonly policy: Policy
  private readonly fields: readonly ShapeField[]
  private readonly rankFields: readonly ShapeField[]
  private readonly hasProblems: boolean
  private readonly byAddr = new Map<string, Entry>()
  private readonly shapes = new Recent<ShapeOrder>(maxShapes)
  private readonly columns = new Recent<RankColumn>(maxShapes)
  private slots: NodeView[] = []
  private common: CommonColumn
  private isReordered = false
  /** Changes since `logStart` in the order they came, the slot above the bits of the parts. */
  private log: number[] = []
  private logStart = 0

  constructor(policy: Policy) {
    this.policy = policy
    this.fields = listFields([...policy.filters, policy.strategy])
    this.rankFields = listFields([policy.strategy])
    this.hasProblems = policy.filters.some((filter) => filter.problem !== undefined)
    this.common = new CommonColumn(policy, [])
  }

  /** How many nodes placements can choose from. */
  get size(): number {
    return this.byAddr.size
  }

  /** Adds or replaces a node. Nodes that were never validated, or left, are kept out. */
  set(node: NodeView): void {
    if (!isValidated(node)) {
      this.remove(node.addr)
      return
    }
    const entry = this.byAddr.get(node.addr)
    if (entry === undefined) {
      this.byAddr.set(node.addr, { node, slot: -1 })
      this.isReordered = true
      return
    }
    const before = entry.node
    entry.node = node
    if (before.name !== node.name) this.isReordered = true
    if (this.isReordered) return
    this.slots[entry.slot] = node
    const parts = diffParts(before, node)
    if (parts === 0) return
    this.common.judge(entry.slot, node, parts)
    this.note(entry.slot, parts)
  }

  remove(addr: string): void {
    if (this.byAddr.delete(addr)) this.isReordered = true
  }

  /** The node of this address as last set. */
  get(addr: string): NodeView | undefined {
    return this.byAddr.get(addr)?.node
  }

  /** Chooses a node; draws from `random` only when the strategy takes any. */
  place(request: PlacementRequest, random: Random): Placement | NoPlacement {
    if (this.isReordered) this.reorder()
    // What cannot be read is refused in words that name the node counts before it; rare, so by the plain way.
    if (this.hasProblems && this.policy.filters.some((filter) => filter.problem?.(request) !== undefined)) {
      return schedule(this.slots, request, this.policy, random)
    }
    const first = this.answer(request, random)
    if (first.kind === 'placed' || !hasSoft(request)) return first
    return this.answer({ ...request, isSoftIgnored: true }, random)
  }

  private answer(request: PlacementRequest, random: Random): Placement | NoPlacement {
    const order = this.orderFor(request)
    const slot = order.best(random)
    const node = slot < 0 ? undefined : this.slots[slot]
    if (node === undefined) return order.refuse(request)
    return { kind: 'placed', node, weight: order.weightOf(slot), isSoftIgnored: request.isSoftIgnored }
  }

  private orderFor(request: PlacementRequest): ShapeOrder {
    const key = renderShape(request, this.fields)
    const end = this.logStart + this.log.length
    let order = this.shapes.get(key)
    if (order === undefined || order.cursor < this.logStart) {
      const column = this.columnFor(request, end)
      order = new ShapeOrder(request, this.policy, this.slots, this.common, column)
      this.shapes.set(key, order)
    } else if (order.cursor < end) {
      this.bringUp(order.column, end)
      order.catchUp(this.slots, this.log, order.cursor - this.logStart)
    }
    order.cursor = end
    return order
  }

  private columnFor(request: PlacementRequest, end: number): RankColumn {
    const key = renderShape(request, this.rankFields)
    let column = this.columns.get(key)
    if (column === undefined || column.cursor < this.logStart) {
      column = new RankColumn(request, this.policy, this.slots)
      column.cursor = end
      this.columns.set(key, column)
    } else {
      this.bringUp(column, end)
    }
    return column
  }

  /** A column is never behind the shapes that use it, so its changes are still in the log when theirs are. */
  private bringUp(column: RankColumn, end: number): void {
    if (column.cursor === end) return
    column.catchUp(this.slots, this.log, column.cursor - this.logStart)
    column.cursor = end
  }

  private note(slot: number, parts: number): void {
    this.log.push((slot << slotShift) | parts)
    // A shape that is this far behind is cheaper to build anew.
    const limit = Math.max(1024, this.slots.length)
    if (this.log.length < limit * 2) return
    this.log = this.log.slice(limit)
    this.logStart += limit
  }

  private reorder(): void {
    const entries = [...this.byAddr.values()].sort((a, b) => compareNodes(a.node, b.node))
    for (const [slot, entry] of entries.entries()) entry.slot = slot
    this.slots = entries.map((entry) => entry.node)
    this.common = new CommonColumn(this.policy, this.slots)
    this.shapes.clear()
    this.columns.clear()
    this.log = []
    this.logStart = 0
    this.isReordered = false
  }
}
