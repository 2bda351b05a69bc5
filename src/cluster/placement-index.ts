import type { Random } from '../core/clock.ts'
import { compareNodes, isValidated } from './model.ts'
import type { NodeView } from './model.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import { ShapeOrder } from './shape-order.ts'
import { diffParts, listFields, renderShape } from './shape.ts'
import { hasSoft, schedule } from './schedule.ts'

/** Request shapes kept; the one not used for longest goes first. */
const maxShapes = 256

/**
 * Answers like `schedule` over the nodes it was told of, without looking at all of them.
 *
 * Per shape of request it keeps every node's answer and an order of those that fit. A changed node is noted once;
 * each shape catches up when it is used next, and then asks only filters that read what changed. A new
 * shape costs one look at every node; nodes coming or going rebuild the shapes at their next use.
 */
export class PlacementIndex {
  private readonly policy: Policy
  private readonly fields: ReturnType<typeof listFields>
  private readonly byAddr = new Map<string, NodeView>()
  private readonly shapes = new Map<string, ShapeOrder>()
  private slots: NodeView[] = []
  private slotByAddr = new Map<string, number>()
  private isReordered = false
  /** Changes since `logStart`: slot and changed parts, as `slot * 16 + parts`. */
  private log: number[] = []
  private logStart = 0

  constructor(policy: Policy) {
    this.policy = policy
    this.fields = listFields(policy)
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
    const before = this.byAddr.get(node.addr)
    this.byAddr.set(node.addr, node)
    if (before === undefined || before.name !== node.name) this.isReordered = true
    if (this.isReordered || before === undefined) return
    const slot = this.slotByAddr.get(node.addr)
    if (slot === undefined) return
    this.slots[slot] = node
    const parts = diffParts(before, node)
    if (parts !== 0) this.note(slot, parts)
  }

  remove(addr: string): void {
    if (this.byAddr.delete(addr)) this.isReordered = true
  }

  /** The node of this address as last set. */
  get(addr: string): NodeView | undefined {
    return this.byAddr.get(addr)
  }

  /** Chooses a node; draws from `random` only when the strategy takes any. */
  place(request: PlacementRequest, random: Random): Placement | NoPlacement {
    if (this.isReordered) this.reorder()
    // What cannot be read is refused in words that name the node counts before it; rare, so by the plain way.
    if (this.policy.filters.some((filter) => filter.problem?.(request) !== undefined)) {
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
      order = new ShapeOrder(request, this.policy, this.slots)
    } else if (order.cursor < end) {
      order.catchUp(this.slots, this.log, order.cursor - this.logStart)
    }
    order.cursor = end
    this.shapes.delete(key)
    this.shapes.set(key, order)
    if (this.shapes.size > maxShapes) this.forgetOldest()
    return order
  }

  private note(slot: number, parts: number): void {
    this.log.push(slot * 16 + parts)
    // A shape that is this far behind is cheaper to build anew.
    const limit = Math.max(1024, this.slots.length)
    if (this.log.length < limit * 2) return
    this.log = this.log.slice(limit)
    this.logStart += limit
  }

  private reorder(): void {
    this.slots = [...this.byAddr.values()].sort(compareNodes)
    this.slotByAddr = new Map(this.slots.map((node, slot) => [node.addr, slot]))
    this.shapes.clear()
    this.log = []
    this.logStart = 0
    this.isReordered = false
  }

  private forgetOldest(): void {
    for (const key of this.shapes.keys()) {
      this.shapes.delete(key)
      return
    }
  }
}
