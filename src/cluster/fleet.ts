import type { Random } from '../core/clock.ts'
import { Collisions } from './collisions.ts'
import { defaultRememberMs, DepartedEngines, describeLeft } from './departed.ts'
import { Directory } from './directory.ts'
import { EngineAddresses } from './engine-addresses.ts'
import { isValidated, unmarked } from './model.ts'
import type { ClusterSnapshot, NodeMark, NodeView, Pending } from './model.ts'
import { NodeList } from './node-list.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import type { Reservation } from './request.ts'
import { Reservations } from './reservations.ts'
import type { FleetPlacement } from './reservations.ts'
import { TakenNames } from './taken-names.ts'
import { VolumeUses } from './volume-uses.ts'
import type { NameKeeper, NameTaken } from './taken-names.ts'
import { describeSecond, isLost, judgeAdmission } from './admission.ts'
import type { Effect, Message, StepContext, WatchOptions } from './watch/messages.ts'
import { scaleWatch } from './watch/health.ts'
import { makeEngineState, reduce } from './watch/state.ts'
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

/**
 * All engines and what follows from them: the directory, the placement index, promised containers, reserved names.
 * The one place where cluster state changes; synchronous, so that nothing can come between a decision and
 * the reservation that makes it good. Opens nothing: effects say what has to be done.
 */
export class Fleet {
  readonly volumeUses: VolumeUses = new VolumeUses()
  readonly directory: Directory = new Directory(this.volumeUses)
  readonly departed: DepartedEngines
  private readonly options: FleetOptions
  private readonly engines = new Map<string, EngineState>()
  /** Those that are shown: without second addresses. */
  private readonly nodes = new NodeList()
  private readonly names = new TakenNames(this.directory)
  private readonly reservations: Reservations
  private readonly known = new EngineAddresses()
  /** Engines that vanished with the whole list: they stay until their own health fails. */
  private readonly leaving = new Set<string>()
  /** By engine ID, also of engines that are not here. */
  private readonly marks = new Map<string, NodeMark>()
  private watch: WatchOptions
  private readonly collisions = new Collisions(this.directory)
  private revision = 0
  private latest: ClusterSnapshot | undefined

  constructor(options: FleetOptions) {
    this.options = options
    this.watch = options.watch
    this.departed = new DepartedEngines(this.directory, options.rememberMs ?? defaultRememberMs)
    this.reservations = new Reservations(options.policy, this.names, {
      get: (addr) => this.engines.get(addr),
      put: (before, after) => this.put(before, after),
    })
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

  /** The newest API version that every engine in service speaks; undefined while there is none. */
  get commonVersion(): string | undefined {
    return this.nodes.commonVersion
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

  /** The more engines, the longer between two probes and readings of one. */
  private adaptProbes(count: number): void {
    const watch = scaleWatch(this.options.watch, count)
    const { probeMs, silenceMs, refreshMinMs } = this.watch
    if (watch.probeMs === probeMs && watch.silenceMs === silenceMs && watch.refreshMinMs === refreshMinMs) return
    this.watch = watch
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
    this.reservations.drop(addr)
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
    this.reservations.show(after.node)
  }

  /** Leaves a node out of placements until it is known what its containers take up. */
  holdBack(addr: string): void {
    this.reservations.holdBack(addr)
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
    return this.reservations.place(request, wanted, random, exceptId)
  }

  /** Chooses a node and takes nothing. */
  choose(request: PlacementRequest, random: Random): Placement | NoPlacement {
    return this.reservations.choose(request, random)
  }

  /** Ends a reservation: the create failed, or its container is known. Unknown IDs change nothing. */
  release(pendingId: string): void {
    this.reservations.release(pendingId)
  }

  /** Ends reservations whose time is over; says which. Engines that left are forgotten in time. @param nowMs monotonic */
  expire(nowMs: number): readonly Pending[] {
    this.departed.expire(nowMs)
    return this.reservations.expire(nowMs)
  }

  /** Reservations that hold something. */
  get promiseCount(): number {
    return this.reservations.count
  }

  /**
   * Takes a name for a rename. Until `releaseName`, nobody else gets it.
   * @param exceptIds containers that may have it already
   */
  reserveName(name: string, ...exceptIds: readonly string[]): NameTaken | undefined {
    const taken = this.names.find(name, exceptIds)
    if (taken === undefined) this.names.hold(name)
    return taken
  }

  releaseName(name: string): void {
    this.names.release(name)
  }

  /** From now on names are also asked of `keeper`. */
  keepNames(keeper: NameKeeper): void {
    this.names.keeper = keeper
  }
}
