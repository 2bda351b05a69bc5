import type { Random } from '../core/clock.ts'
import { Collisions } from './collisions.ts'
import { defaultRememberMs, DepartedEngines } from './departed.ts'
import { Directory } from './directory.ts'
import { EngineAddresses } from './engine-addresses.ts'
import { isValidated, unmarked } from './model.ts'
import type { ClusterSnapshot, NodeMark, NodeView, Pending } from './model.ts'
import { NodeList } from './node-list.ts'
import { PlacementIndex } from './placement-index.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import type { Reservation } from './request.ts'
import { describeSecond, judgeAdmission } from './admission.ts'
import type { Effect, Message, StepContext, WatchOptions } from './watch/messages.ts'
import { fleetProbeMs, fleetSilenceMs } from './watch/health.ts'
import { makeEngineState, promise, reduce, release } from './watch/state.ts'
import type { EngineState } from './watch/state.ts'

/** An effect and the engine it is about. */
export interface FleetEffect {
  readonly addr: string
  readonly effect: Effect
}

export interface FleetOptions {
  readonly policy: Policy
  readonly watch: WatchOptions
  /** How long containers of engines that left discovery stay in the list; 0: not at all. */
  readonly rememberMs?: number
}

/** A name that is in use; answered with status 409. */
export interface NameTaken {
  readonly kind: 'name-taken'
  /** The ancestor's text, word for word. */
  readonly text: string
}

/** The best node holds containers of which it is not known yet what they take up: to be asked again once it is. */
export interface NodeUnread {
  readonly kind: 'unread'
  readonly addr: string
}

/** Knows names that stand for containers which no engine shows at present. */
export interface NameKeeper {
  /** Until all are known; undefined when they are. */
  ready(): Promise<void> | undefined
  /** @param exceptIds containers that may have the name */
  keeps(name: string, exceptIds: readonly string[]): boolean
}

export type FleetPlacement = Placement | NoPlacement | NameTaken | NodeUnread

/**
 * All engines and what follows from them: the directory, the placement index, promised containers, reserved names.
 * The one place where cluster state changes; synchronous, so that nothing can come between a decision and
 * the reservation that makes it good. Opens nothing: effects say what has to be done.
 */
export class Fleet {
  readonly directory: Directory = new Directory()
  readonly departed: DepartedEngines
  private readonly options: FleetOptions
  private readonly index: PlacementIndex
  private readonly engines = new Map<string, EngineState>()
  /** Those that are shown: without second addresses. */
  private readonly nodes = new NodeList()
  private readonly promises = new Map<string, { readonly addr: string; readonly pending: Pending }>()
  private readonly names = new Map<string, number>()
  private readonly known = new EngineAddresses()
  /** Engines that vanished with the whole list: they stay until their own health fails. */
  private readonly leaving = new Set<string>()
  /** By engine ID, also of engines that are not here. */
  private readonly marks = new Map<string, NodeMark>()
  /** Engines that do not come to describe their containers: not placed on until they have. */
  private readonly heldBack = new Set<string>()
  private keeper: NameKeeper | undefined
  private watch: WatchOptions
  private readonly collisions = new Collisions(this.directory)
  private revision = 0
  private latest: ClusterSnapshot | undefined

  constructor(options: FleetOptions) {
    this.options = options
    this.watch = options.watch
    this.departed = new DepartedEngines(this.directory, options.rememberMs ?? defaultRememberMs)
    this.index = new PlacementIndex(options.policy)
  }

  /** Addresses known, in service or not. */
  get addresses(): readonly string[] {
    return [...this.engines.keys()]
  }

  state(addr: string): EngineState | undefined {
    return this.engines.get(addr)
  }

  node(addr: string): NodeView | undefined {
    return this.engines.get(addr)?.node
  }

  /** Everything at this moment. The same object until something changes. */
  snapshot(): ClusterSnapshot {
    if (this.latest?.revision === this.revision) return this.latest
    this.latest = { revision: this.revision, nodes: this.nodes.list(), pending: this.nodes.pending() }
    return this.latest
  }

  /** Operating systems of engines in service, each once. */
  systems(): Iterable<string> {
    return this.nodes.systems()
  }

  /** API versions that engines in service speak, each once. */
  apiVersions(): Iterable<string> {
    return this.nodes.apiVersions()
  }

  /**
   * Takes over discovery's full list: engines that went are removed first, then new ones added. An empty list
   * after a full one is not believed: engines stay until they fail themselves.
   */
  setAddresses(addresses: readonly string[], context: StepContext): readonly FleetEffect[] {
    const wanted = new Set(addresses)
    const effects: FleetEffect[] = []
    for (const addr of this.addresses) {
      if (wanted.has(addr)) this.leaving.delete(addr)
      else if (wanted.size === 0) effects.push(...this.letLeave(addr, context))
      else effects.push(...this.drop(addr, context))
    }
    this.adaptProbes(wanted.size)
    for (const addr of wanted) {
      if (this.engines.has(addr)) continue
      const state = makeEngineState(addr, this.watch)
      this.engines.set(addr, state)
      this.nodes.set(state.node)
      this.revision += 1
      effects.push(...this.dispatch(addr, { kind: 'added' }, context))
    }
    return effects
  }

  /** The more engines, the longer between two probes of one. */
  private adaptProbes(count: number): void {
    const probeMs = Math.max(this.options.watch.probeMs, fleetProbeMs(count))
    const silenceMs = Math.max(this.options.watch.silenceMs, fleetSilenceMs(count))
    if (probeMs === this.watch.probeMs && silenceMs === this.watch.silenceMs) return
    this.watch = { ...this.options.watch, probeMs, silenceMs }
    for (const [addr, state] of this.engines) this.engines.set(addr, { ...state, options: this.watch })
  }

  private letLeave(addr: string, context: StepContext): readonly FleetEffect[] {
    this.leaving.add(addr)
    return this.engines.get(addr)?.node.health.state === 'healthy' ? [] : this.drop(addr, context)
  }

  private drop(addr: string, context: StepContext): readonly FleetEffect[] {
    const node = this.engines.get(addr)?.node
    const effects = [...this.dispatch(addr, { kind: 'removed' }, context)]
    const count = node === undefined ? 0 : this.departed.leave(node)
    if (count > 0) effects.push({ addr, effect: { kind: 'log', level: 'info', message: describeLeft(count) } })
    this.leaving.delete(addr)
    const last = this.engines.get(addr)?.node
    if (last !== undefined) this.known.forget(last)
    this.heldBack.delete(addr)
    this.engines.delete(addr)
    this.nodes.delete(addr)
    this.revision += 1
    return effects
  }

  /** Tells one engine's state what happened. Messages about unknown addresses change nothing. */
  dispatch(addr: string, message: Message, context: StepContext): readonly FleetEffect[] {
    const before = this.engines.get(addr)
    if (before === undefined) return []
    const { state, effects } = reduce(before, message, context)
    this.put(before, state)
    const all: FleetEffect[] = []
    for (const effect of effects) {
      if (effect.kind === 'loaded') all.push(...this.decideAdmission(state, context))
      else all.push({ addr, effect })
    }
    for (const message of this.collisions.describe()) {
      all.push({ addr, effect: { kind: 'log', level: 'warn', message } })
    }
    const now = this.engines.get(addr) ?? state
    if (isLost(before.node, now.node)) all.push(...this.retryTwins(now, context))
    if (this.leaving.has(addr) && now.phase !== 'removed' && now.node.health.state !== 'healthy') {
      all.push(...this.drop(addr, context))
    }
    return all
  }

  private put(before: EngineState, after: EngineState): void {
    if (before === after) return
    this.engines.set(after.addr, after)
    if (before.node === after.node) return
    this.known.note(before.node, after.node)
    this.revision += 1
    if (!this.known.isSecond(after.addr)) this.nodes.set(after.node)
    this.directory.replace(after.node)
    if (after.node.usage.unread === 0) this.heldBack.delete(after.addr)
    if (!this.heldBack.has(after.addr)) this.index.set(after.node)
  }

  /** Leaves a node out of placements until it is known what its containers take up. */
  holdBack(addr: string): void {
    if ((this.engines.get(addr)?.node.usage.unread ?? 0) === 0) return
    this.heldBack.add(addr)
    this.index.remove(addr)
  }

  private decideAdmission(state: EngineState, context: StepContext): readonly FleetEffect[] {
    const holders: NodeView[] = []
    for (const addr of this.known.inService(state.node.engineId)) {
      const node = this.engines.get(addr)?.node
      if (node !== undefined) holders.push(node)
    }
    const mark = this.marks.get(state.node.engineId) ?? unmarked
    if (mark !== state.mark) this.dispatch(state.addr, { kind: 'marked', mark }, context)
    const admission = judgeAdmission(state.node, holders)
    const effects = admission.replaces === undefined ? [] : this.supersede(admission.replaces, state.node, context)
    this.known.setSecond(state.addr, admission.isAlias)
    if (admission.isAlias) this.nodes.delete(state.addr)
    else this.nodes.set(state.node)
    this.revision += 1
    if (admission.refusal === undefined) this.departed.come(state.node)
    const message: Message =
      admission.refusal === undefined ? { kind: 'admitted' } : { kind: 'rejected', text: admission.refusal }
    return [...effects, ...this.dispatch(state.addr, message, context)]
  }

  /** An engine answers under another address than the one it is in service with: that becomes the second one. */
  private supersede(addr: string, by: NodeView, context: StepContext): readonly FleetEffect[] {
    const node = this.engines.get(addr)?.node
    if (node === undefined) return []
    this.known.setSecond(addr, true)
    this.nodes.delete(addr)
    return this.dispatch(addr, { kind: 'superseded', text: describeSecond(node, by) }, context)
  }

  /**
   * True while an engine that does not answer is being asked at another of its addresses: it is not known yet whether it
   * is gone.
   */
  isAskedElsewhere(engineId: string): boolean {
    if (!this.known.mayHaveSeconds) return false
    return this.withId(engineId).some(
      ({ phase, node }) => !isValidated(node) && (phase === 'specs' || phase === 'loading' || phase === 'loaded'),
    )
  }

  /** What operators say of an engine, in service or not; undefined takes it back. */
  setMark(engineId: string, mark: NodeMark | undefined, context: StepContext): void {
    if (mark === undefined) this.marks.delete(engineId)
    else this.marks.set(engineId, mark)
    for (const { addr } of this.withId(engineId)) {
      this.dispatch(addr, { kind: 'marked', mark: mark ?? unmarked }, context)
    }
  }

  private withId(engineId: string): readonly EngineState[] {
    return this.known.withId(engineId).flatMap((addr) => this.engines.get(addr) ?? [])
  }

  /** All marks there are; an engine without one is in service as it was made. */
  replaceMarks(marks: ReadonlyMap<string, NodeMark>, context: StepContext): void {
    for (const engineId of this.marks.keys()) if (!marks.has(engineId)) this.setMark(engineId, undefined, context)
    for (const [engineId, mark] of marks) this.setMark(engineId, mark, context)
  }

  markOf(engineId: string): NodeMark {
    return this.marks.get(engineId) ?? unmarked
  }

  /** An engine went out of service or does not answer: others with its ID that had to wait may come in now. */
  private retryTwins(gone: EngineState, context: StepContext): readonly FleetEffect[] {
    const effects: FleetEffect[] = []
    for (const other of this.withId(gone.node.engineId)) {
      if (other.addr === gone.addr || other.phase !== 'idle') continue
      effects.push(...this.dispatch(other.addr, { kind: 'added' }, context))
    }
    return effects
  }

  /**
   * Chooses a node and reserves it in one step. The reservation holds name, ports and resources until it is
   * released, the engine reports the container, or it expires.
   *
   * What is not known of a node counts as free, so that a node refused now would be refused later too; the one chosen is
   * only taken when everything about it is known.
   *
   * @param exceptId the container that may have the name: the one that is replaced
   */
  place(request: PlacementRequest, wanted: Reservation, random: Random, exceptId = ''): FleetPlacement {
    if (request.name !== '' && this.isNameTaken(request.name, exceptId)) return nameTaken(request.name)
    const result = this.index.place(request, random)
    if (result.kind !== 'placed') return result
    const pending: Pending = { ...wanted, nodeId: result.node.id }
    const state = this.engines.get(result.node.addr)
    if (state === undefined) return result
    if (result.node.usage.unread > 0) return { kind: 'unread', addr: state.addr }
    this.put(state, promise(state, pending))
    this.promises.set(pending.id, { addr: state.addr, pending })
    for (const name of pending.names) this.holdName(name)
    return result
  }

  /** Chooses a node and takes nothing. */
  choose(request: PlacementRequest, random: Random): Placement | NoPlacement {
    return this.index.place(request, random)
  }

  /** Ends a reservation: the create failed, or its container is known. Unknown IDs change nothing. */
  release(pendingId: string): void {
    const entry = this.promises.get(pendingId)
    if (entry === undefined) return
    this.promises.delete(pendingId)
    for (const name of entry.pending.names) this.releaseName(name)
    const state = this.engines.get(entry.addr)
    if (state !== undefined) this.put(state, release(state, pendingId))
  }

  /** Ends reservations whose time is over; says which. Engines that left are forgotten in time. @param nowMs monotonic */
  expire(nowMs: number): readonly Pending[] {
    const over: Pending[] = []
    for (const { pending } of this.promises.values()) if (pending.expiresAtMs <= nowMs) over.push(pending)
    for (const pending of over) this.release(pending.id)
    this.departed.expire(nowMs)
    return over
  }

  /** Reservations that hold something. */
  get promiseCount(): number {
    return this.promises.size
  }

  /**
   * Takes a name for a rename. Until `releaseName`, nobody else gets it.
   * @param exceptIds containers that may have it already
   */
  reserveName(name: string, ...exceptIds: readonly string[]): NameTaken | undefined {
    if (this.isNameTaken(name, ...exceptIds)) return nameTaken(name)
    this.holdName(name)
    return undefined
  }

  releaseName(name: string): void {
    const held = (this.names.get(name) ?? 0) - 1
    if (held > 0) this.names.set(name, held)
    else this.names.delete(name)
  }

  /** Whom to ask for names besides the directory. */
  set nameKeeper(keeper: NameKeeper) {
    this.keeper = keeper
  }

  private holdName(name: string): void {
    this.names.set(name, (this.names.get(name) ?? 0) + 1)
  }

  private isNameTaken(name: string, ...exceptIds: readonly string[]): boolean {
    const bare = name.startsWith('/') ? name.slice(1) : name
    if (this.names.has(bare)) return true
    if (this.directory.containersNamed(bare).some(({ item }) => !exceptIds.includes(item.id))) return true
    return this.keeper?.keeps(bare, exceptIds) === true
  }
}

/** It was in service, or answered, and no longer does. */
function isLost(before: NodeView, now: NodeView): boolean {
  if (isValidated(before) && !isValidated(now)) return true
  return before.health.state === 'healthy' && now.health.state === 'unhealthy'
}

function describeLeft(count: number): string {
  const what = count === 1 ? '1 container' : `${String(count)} containers`
  return `${what} of an engine that left discovery: listed as Host Down for a while, docker rm -f takes one off the list`
}

function nameTaken(name: string): NameTaken {
  const bare = name.startsWith('/') ? name.slice(1) : name
  const rest = `You have to delete (or rename) that container to be able to assign ${bare} to a container again.`
  return { kind: 'name-taken', text: `Conflict: The name ${bare} is already assigned. ${rest}` }
}
