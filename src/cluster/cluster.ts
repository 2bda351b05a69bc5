import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import { waitAtMost } from '../core/deadline.ts'
import type { Log } from '../core/log.ts'
import { parseEndpoint } from '../engine/endpoint-parse.ts'
import type { Engine } from '../engine/engine.ts'
import { mergeEntries } from './container-order.ts'
import type { ContainerSource } from './container-order.ts'
import type { DepartedEngines } from './departed.ts'
import type { Directory } from './directory.ts'
import type { Discovery } from './discovery/discovery.ts'
import { EventHub } from './event-hub.ts'
import { availabilityFilter } from './filters/availability.ts'
import { Fleet } from './fleet.ts'
import { growInParts } from './grow-in-parts.ts'
import type { Member } from './member.ts'
import { Members } from './members.ts'
import type { MembersOptions } from './members.ts'
import { isValidated } from './model.ts'
import type { ClusterSnapshot, NodeMark, NodeView } from './model.ts'
import { OwnWrites } from './own-writes.ts'
import { judgePatterns } from './pattern-verdicts.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from './placement.ts'
import { Places } from './places.ts'
import type { PlaceHeld, Succession } from './places.ts'
import { Readers } from './readers.ts'
import type { CreateDraft } from './request.ts'
import { Strays } from './strays.ts'
import type { NameKeeper, NameTaken } from './taken-names.ts'
import { TurnedAway } from './turned-away.ts'
import type { VolumeUses } from './volume-uses.ts'
import type { Fetch, WatchOptions } from './watch/messages.ts'

export interface ClusterOptions extends MembersOptions {
  readonly policy: Policy
  readonly watch: WatchOptions
  /** How long containers of engines that left discovery stay in the list; absent: an hour; 0: not at all. */
  readonly rememberMs?: number
}

/** As much of the cluster as calls of the API work with; a tenant's calls get one that has only what is the tenant's. */
export type ClusterAccess = Pick<
  Cluster,
  | 'apiVersion'
  | 'changed'
  | 'choose'
  | 'clock'
  | 'containers'
  | 'directory'
  | 'events'
  | 'expectStray'
  | 'healthyMembers'
  | 'hold'
  | 'holdName'
  | 'isAskedElsewhere'
  | 'isMixed'
  | 'isStreaming'
  | 'judge'
  | 'log'
  | 'markOf'
  | 'member'
  | 'memberOf'
  | 'namesKnown'
  | 'openEngineAt'
  | 'policy'
  | 'releaseName'
  | 'reservationCount'
  | 'settled'
  | 'snapshot'
  | 'turnedAway'
  | 'volumeUses'
> & { readonly departed: Pick<DepartedEngines, 'find' | 'forget' | 'list'> }

/** A new primary looks this often whether the engines it has just met are read. */
const catchUpLookMs = 50

/** The engines of one cluster: what is known of them, what is promised on them, and what is open towards them. */
export class Cluster {
  readonly events: EventHub = new EventHub()
  readonly turnedAway: TurnedAway = new TurnedAway()
  readonly #o: ClusterOptions
  readonly #policy: Policy
  readonly #fleet: Fleet
  readonly #members: Members
  readonly #writes: OwnWrites
  readonly #readers: Readers
  readonly #strays = new Strays()
  readonly #places: Places
  #keeper: NameKeeper | undefined
  #isDiscovered = false

  constructor(options: ClusterOptions) {
    this.#o = options
    const { policy, watch, rememberMs } = options
    this.#policy = { ...policy, filters: [availabilityFilter, ...policy.filters] }
    this.#fleet = new Fleet({ policy: this.#policy, watch, ...(rememberMs === undefined ? {} : { rememberMs }) })
    this.#members = new Members(options, {
      fleet: this.#fleet,
      events: this.events,
      turnedAway: this.turnedAway,
      onNews: (addr) => {
        if (!this.#readers.isEmpty) this.#noteRead(addr)
      },
    })
    this.#writes = new OwnWrites(options.clock)
    this.#readers = new Readers(options.clock, (addr, isUrgent) => {
      const member = this.#members.get(addr)
      if (member !== undefined) member.watch.isUrgent = isUrgent
    })
    this.#places = new Places({
      fleet: this.#fleet,
      readers: this.#readers,
      strays: this.#strays,
      clock: options.clock,
      random: options.random,
      turnedAway: this.turnedAway,
      judge: (request) => this.judge(request),
      memberOf: (node) => this.memberOf(node),
      namesKnown: () => this.namesKnown(),
    })
  }

  /** As configured, with the built-in filters before the configured ones. */
  get policy(): Policy {
    return this.#policy
  }

  get clock(): Clock {
    return this.#o.clock
  }

  get log(): Log {
    return this.#o.log
  }

  /** Finds things by what users call them. */
  get directory(): Directory {
    return this.#fleet.directory
  }

  /** Which nodes have last used volumes. */
  get volumeUses(): VolumeUses {
    return this.#fleet.volumeUses
  }

  /** All containers as lists show them: those on engines, and those that were on engines that left discovery. */
  containers(): ContainerSource {
    return mergeEntries(this.directory.containers(), this.#fleet.departed.list())
  }

  /** Containers of engines that left discovery. */
  get departed(): DepartedEngines {
    return this.#fleet.departed
  }

  /** Engines that something is open towards. */
  get size(): number {
    return this.#members.size
  }

  snapshot(): ClusterSnapshot {
    return this.#fleet.snapshot()
  }

  member(addr: string): Member | undefined {
    return this.#members.get(addr)
  }

  /** What is open towards a node of the snapshot. @throws {cluster/unhealthy} when it has just left */
  memberOf(node: NodeView): Member {
    return this.#members.of(node)
  }

  /** Places taken by creates that nobody has confirmed yet. */
  get reservationCount(): number {
    return this.#fleet.promiseCount
  }

  /** Whether the events of the engine arrive. */
  isStreaming(addr: string): boolean {
    return this.#fleet.state(addr)?.isStreaming === true
  }

  /** Engines that answer, in the order of the snapshot. */
  healthyMembers(): readonly Member[] {
    const healthy: Member[] = []
    for (const node of this.snapshot().nodes) {
      const member = node.health.state === 'healthy' ? this.#members.get(node.addr) : undefined
      if (member !== undefined) healthy.push(member)
    }
    return healthy
  }

  /** True when engines in service run different operating systems. */
  get isMixed(): boolean {
    return [...this.#fleet.systems()].length > 1
  }

  /** The newest API version that every engine in service speaks. */
  get apiVersion(): string {
    // Without any engine: what the oldest one that is still common speaks.
    return this.#fleet.commonVersion ?? '1.41'
  }

  /** Follows discovery until the signal fires. @throws {cluster/discovery} when the set can never be read */
  async follow(discovery: Discovery, signal: AbortSignal): Promise<void> {
    for await (const addresses of discovery.watch({ signal })) {
      for (const part of growInParts(new Set(this.#fleet.addresses), addresses)) {
        if (signal.aborted) return
        this.setAddresses(part, part === addresses)
        // Others have their turn before more come in.
        if (part !== addresses) await setImmediate()
      }
    }
  }

  /**
   * The full set of engines: those no longer named go first, then new ones come.
   *
   * @param isWhole false: more of it are about to come
   */
  setAddresses(addresses: readonly string[], isWhole = true): void {
    this.#isDiscovered ||= isWhole
    this.#members.setAddresses(addresses)
  }

  close(): void {
    this.#members.close()
  }

  /** Called about once a second. */
  tick(): void {
    this.#members.sweep()
    const nowMs = this.#o.clock.monotonicMs()
    this.#fleet.expire(nowMs)
    this.#strays.removeFound(
      {
        log: this.#o.log,
        find: (swarmId) => {
          const found = this.directory.findContainer(swarmId)
          return found.kind === 'found' ? found : undefined
        },
        member: (addr) => this.#members.get(addr),
      },
      nowMs,
    )
  }

  /**
   * Chooses a node and takes the place at once, so that no other create sees it free. `NameTaken` and refusals
   * are values. Waits only where an engine has just come in and has not described its containers yet.
   *
   * @param succession where the container takes over from another of the same name and swarm ID
   */
  hold(
    draft: CreateDraft,
    request: PlacementRequest,
    succession?: Succession,
  ): Promise<PlaceHeld | NoPlacement | NameTaken> {
    return this.#places.hold(draft, request, succession)
  }

  /**
   * Matches the patterns of a request's conditions without keeping others from their turn. To be called before `choose`
   * and `explain` where conditions come from outside; `hold` does it by itself.
   *
   * @throws {cluster/invalid-option} status 400 when that takes too long
   */
  judge(request: PlacementRequest): Promise<void> {
    const { clock } = this.#o
    return judgePatterns(
      request,
      () => this.#fleet.snapshot().nodes,
      () => clock.monotonicMs(),
    )
  }

  /** A container of this swarm ID may come about that nobody knows of, and goes unless somebody starts it. */
  expectStray(swarmId: string): void {
    this.#strays.expect(swarmId, this.#o.clock.monotonicMs())
  }

  /** Where a container of this kind would go; takes nothing. */
  choose(request: PlacementRequest): Placement | NoPlacement {
    return this.#fleet.choose(request, this.#o.random)
  }

  /** What operators say of an engine, in service or not; undefined takes it back. */
  setMark(engineId: string, mark: NodeMark | undefined): void {
    this.#fleet.setMark(engineId, mark, this.#members.context())
  }

  /** All that operators say of engines; what was said of others before is taken back. */
  replaceMarks(marks: ReadonlyMap<string, NodeMark>): void {
    this.#fleet.replaceMarks(marks, this.#members.context())
  }

  markOf(engineId: string): NodeMark {
    return this.#fleet.markOf(engineId)
  }

  /** True while an engine that does not answer is being asked at another of its addresses. */
  isAskedElsewhere(engineId: string): boolean {
    return this.#fleet.isAskedElsewhere(engineId)
  }

  /** A client of an engine that need not be in the cluster; close it. @throws {engine/invalid-endpoint} */
  openEngineAt(addr: string): Engine {
    return this.#o.openEngine(parseEndpoint(addr, this.#o.engineTls))
  }

  #noteRead(addr: string): void {
    if (!this.#readers.has(addr)) return
    const node = this.#fleet.node(addr)
    if (node === undefined || !isValidated(node) || node.usage.unread === 0) this.#readers.done(addr)
  }

  /** Takes a name for a rename; give it back with `releaseName`. @param exceptIds containers that may have it already */
  holdName(name: string, ...exceptIds: readonly string[]): NameTaken | undefined {
    return this.#fleet.reserveName(name, ...exceptIds)
  }

  releaseName(name: string): void {
    this.#fleet.releaseName(name)
  }

  /** From now on names are also asked of `keeper`. */
  keepNames(keeper: NameKeeper): void {
    this.#keeper = keeper
    this.#fleet.keepNames(keeper)
  }

  /** Undefined when all names that are taken are known; else resolves then, or a little later. */
  namesKnown(): Promise<void> | undefined {
    return this.#keeper?.ready()
  }

  /** Something on this engine was changed by a call of ours: it is read again, and lists wait for that. */
  changed(member: Member, fetch: Fetch): Promise<void> {
    return this.#writes.changed(member, fetch)
  }

  /** Undefined when every change of ours has been read back; else resolves then, or a little later. */
  settled(): Promise<void> | undefined {
    return this.#writes.settled()
  }

  /**
   * Reads the containers of all engines again: what another manager did up to now is known then. Engines that have
   * not answered yet get the chance to. Ends after `limitMs` at the latest, with what is known by then.
   */
  async catchUp(limitMs: number, signal?: AbortSignal): Promise<void> {
    const untilMs = this.#o.clock.monotonicMs() + limitMs
    const reads = this.healthyMembers().map((each) => each.touch({ what: 'containers' }))
    await waitAtMost(this.#o.clock, Promise.all(reads), limitMs)
    while (this.#isMeetingEngines() && this.#o.clock.monotonicMs() < untilMs)
      await this.#o.clock.sleep(catchUpLookMs, signal)
  }

  /** Discovery has said nothing yet, or some engine has neither been read nor failed. */
  #isMeetingEngines(): boolean {
    if (!this.#isDiscovered) return true
    return this.snapshot().nodes.some((node) => node.health.state === 'pending' && node.errorText === '')
  }
}
