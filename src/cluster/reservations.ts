import type { Random } from '../core/clock.ts'
import type { NodeView, Pending } from './model.ts'
import { PlacementIndex } from './placement-index.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import type { Reservation } from './request.ts'
import type { NameTaken, TakenNames } from './taken-names.ts'
import { promise, release } from './watch/state.ts'
import type { EngineState } from './watch/state.ts'

/** The best node holds containers of which it is not known yet what they take up: to be asked again once it is. */
export interface NodeUnread {
  readonly kind: 'unread'
  readonly addr: string
}

export type FleetPlacement = Placement | NoPlacement | NameTaken | NodeUnread

/** The states of engines that reservations are written into. */
export interface EngineStates {
  get(addr: string): EngineState | undefined
  put(before: EngineState, after: EngineState): void
}

/** Chooses nodes, and holds what has been promised on them: name, ports, resources. */
export class Reservations {
  private readonly engines: EngineStates
  private readonly names: TakenNames
  private readonly index: PlacementIndex
  private readonly promises = new Map<string, { readonly addr: string; readonly pending: Pending }>()
  /** Engines that do not come to describe their containers: not placed on until they have. */
  private readonly heldBack = new Set<string>()

  constructor(policy: Policy, names: TakenNames, engines: EngineStates) {
    this.index = new PlacementIndex(policy)
    this.names = names
    this.engines = engines
  }

  /** A node has changed. */
  show(node: NodeView): void {
    if (node.usage.unread === 0) this.heldBack.delete(node.addr)
    if (!this.heldBack.has(node.addr)) this.index.set(node)
  }

  /** An engine has left. */
  drop(addr: string): void {
    this.heldBack.delete(addr)
  }

  /** As `Fleet.holdBack` says. */
  holdBack(addr: string): void {
    if ((this.engines.get(addr)?.node.usage.unread ?? 0) === 0) return
    this.heldBack.add(addr)
    this.index.remove(addr)
  }

  /** As `Fleet.place` says. */
  place(request: PlacementRequest, wanted: Reservation, random: Random, exceptId: string): FleetPlacement {
    const taken = request.name === '' ? undefined : this.names.find(request.name, [exceptId])
    if (taken !== undefined) return taken
    const result = this.index.place(request, random)
    if (result.kind !== 'placed') return result
    const pending: Pending = { ...wanted, nodeId: result.node.id }
    const state = this.engines.get(result.node.addr)
    if (state === undefined) return result
    if (result.node.usage.unread > 0) return { kind: 'unread', addr: state.addr }
    this.engines.put(state, promise(state, pending))
    this.promises.set(pending.id, { addr: state.addr, pending })
    for (const name of pending.names) this.names.hold(name)
    return result
  }

  choose(request: PlacementRequest, random: Random): Placement | NoPlacement {
    return this.index.place(request, random)
  }

  release(pendingId: string): void {
    const entry = this.promises.get(pendingId)
    if (entry === undefined) return
    this.promises.delete(pendingId)
    for (const name of entry.pending.names) this.names.release(name)
    const state = this.engines.get(entry.addr)
    if (state !== undefined) this.engines.put(state, release(state, pendingId))
  }

  /** @param nowMs monotonic */
  expire(nowMs: number): readonly Pending[] {
    const over: Pending[] = []
    for (const { pending } of this.promises.values()) if (pending.expiresAtMs <= nowMs) over.push(pending)
    for (const pending of over) this.release(pending.id)
    return over
  }

  get count(): number {
    return this.promises.size
  }
}
