import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Quota } from '../access/model.ts'
import type { ClusterAccess } from '../cluster.ts'
import { mergeEntries } from '../container-order.ts'
import type { ContainerEntry, ContainerSource } from '../container-order.ts'
import type { Directory, Lookup } from '../directory.ts'
import type { EventHub } from '../event-hub.ts'
import type { Member } from '../member.ts'
import type { ClusterSnapshot, ContainerView, NodeMark, NodeView } from '../model.ts'
import { judgePatterns } from '../pattern-verdicts.ts'
import type { NoPlacement, Placement, PlacementRequest, Policy } from '../placement.ts'
import type { PlaceHeld, Succession } from '../places.ts'
import { leavesPortOpen } from '../ports/choose-ports.ts'
import type { CreateDraft } from '../request.ts'
import type { NameTaken } from '../taken-names.ts'
import type { TurnedAway } from '../turned-away.ts'
import type { VolumeUses } from '../volume-uses.ts'
import type { Fetch } from '../watch/messages.ts'
import { readCpuLimit, readFields, readNumber, readText } from '../wire.ts'
import type { Ledger } from './ledger.ts'
import { TENANT_LABEL, ownerOf } from './owner.ts'
import { findUnsaid, toUse } from './quota.ts'
import { settleAffinities } from './settle-affinities.ts'
import type { TenantView } from './tenant-view.ts'

/** How long a create waits for what the tenant's containers take up, and how often it looks. */
const readMs = 5000
const lookMs = 50

/**
 * The cluster as the calls of one tenant get it: what is not the tenant's is not there. Places are chosen among all that
 * there is, and counted against the quota.
 */
export class TenantCluster implements ClusterAccess {
  readonly departed: ClusterAccess['departed']
  readonly #whole: ClusterAccess
  readonly #view: TenantView
  readonly #ledger: Ledger
  readonly #quota: () => Quota
  /** Conditions about one's own containers are looked at and taken one after the other. */
  #lastHold: Promise<unknown> = Promise.resolve()

  /** @param quota as it is at the moment of the call */
  constructor(whole: ClusterAccess, view: TenantView, ledger: Ledger, quota: () => Quota) {
    this.#whole = whole
    this.#view = view
    this.#ledger = ledger
    this.#quota = quota
    const isOwn = (container: ContainerView): boolean => ownerOf(container.labels) === view.lens.tenant
    this.departed = {
      find(reference): Lookup<ContainerView> {
        const found = whole.departed.find(reference)
        return found.kind === 'found' && isOwn(found.item) ? found : { kind: 'missing' }
      },
      forget: (id) => whole.departed.forget(id),
      list: (): readonly ContainerEntry[] => whole.departed.list().filter(({ container }) => isOwn(container)),
    }
  }

  get directory(): Directory {
    return this.#view.directory
  }

  snapshot(): ClusterSnapshot {
    return this.#view.snapshot()
  }

  containers(): ContainerSource {
    return mergeEntries(this.directory.containers(), this.departed.list())
  }

  /** One after the other where they depend on each other. @throws {cluster/forbidden} status 403 when a quota is used up */
  async hold(
    draft: CreateDraft,
    request: PlacementRequest,
    succession?: Succession,
  ): Promise<PlaceHeld | NoPlacement | NameTaken> {
    // Builds take a place too, and are no containers.
    const isContainer = readText(readFields(draft.body, 'Labels'), TENANT_LABEL) === this.#view.lens.tenant
    if (isContainer) {
      await this.#waitForDetails()
      await this.#whole.namesKnown()
    }
    const quota = this.#quota()
    // What was made before the quota is moved as it is.
    if (isContainer && succession === undefined) this.#checkSaid(draft, quota)
    const entry = isContainer ? this.#ledger.takeContainer(quota, draft.swarmId, toUse(request)) : undefined
    try {
      if (request.affinities.expressions.length === 0) return await this.#whole.hold(draft, request, succession)
      const held = this.#lastHold.then(async () => {
        await this.judge(request)
        return this.#whole.hold(draft, this.#settle(request), succession)
      })
      this.#lastHold = held.catch(() => undefined)
      return await held
    } finally {
      // By now it is promised, or refused.
      entry?.end()
    }
  }

  /** @throws {cluster/forbidden} status 403 */
  #checkSaid(draft: CreateDraft, quota: Quota): void {
    const hostConfig = readFields(draft.body, 'HostConfig')
    const said = { nanoCpus: readCpuLimit(hostConfig), memoryBytes: readNumber(hostConfig, 'Memory') }
    const unsaid = findUnsaid(this.#view.lens.tenant, quota, said, leavesPortOpen(draft.body))
    if (unsaid !== undefined) throw new FlotillaError('cluster/forbidden', unsaid, { status: 403 })
  }

  async judge(request: PlacementRequest): Promise<void> {
    const { clock } = this.#whole
    await judgePatterns(
      request,
      () => this.snapshot().nodes,
      () => clock.monotonicMs(),
    )
    await this.#whole.judge({ ...request, affinities: { expressions: [], problem: undefined } })
  }

  choose(request: PlacementRequest): Placement | NoPlacement {
    return this.#whole.choose(this.#settle(request))
  }

  #settle(request: PlacementRequest): PlacementRequest {
    return settleAffinities(request, this.snapshot().nodes, this.policy)
  }

  /** What a container takes up is not known at once after a manager has started. @throws {cluster/unhealthy} status 503 */
  async #waitForDetails(): Promise<void> {
    const { cpus, memoryBytes } = this.#quota()
    if (cpus === undefined && memoryBytes === undefined) return
    const { clock } = this.#whole
    const untilMs = clock.monotonicMs() + readMs
    while (this.snapshot().nodes.some((node) => node.usage.unread > 0)) {
      if (clock.monotonicMs() >= untilMs) {
        const message = `what the containers of tenant ${this.#view.lens.tenant} take up is not known yet: try again`
        throw new FlotillaError('cluster/unhealthy', message, { status: 503 })
      }
      await clock.sleep(lookMs)
    }
  }

  // --- the same for everybody ---

  get policy(): Policy {
    return this.#whole.policy
  }

  get clock(): Clock {
    return this.#whole.clock
  }

  get log(): Log {
    return this.#whole.log
  }

  get events(): EventHub {
    return this.#whole.events
  }

  get turnedAway(): TurnedAway {
    return this.#whole.turnedAway
  }

  get volumeUses(): VolumeUses {
    return this.#whole.volumeUses
  }

  get apiVersion(): string {
    return this.#whole.apiVersion
  }

  get isMixed(): boolean {
    return this.#whole.isMixed
  }

  get reservationCount(): number {
    return this.#whole.reservationCount
  }

  healthyMembers(): readonly Member[] {
    return this.#whole.healthyMembers()
  }

  member(addr: string): Member | undefined {
    return this.#whole.member(addr)
  }

  memberOf(node: NodeView): Member {
    return this.#whole.memberOf(node)
  }

  isStreaming(addr: string): boolean {
    return this.#whole.isStreaming(addr)
  }

  isAskedElsewhere(engineId: string): boolean {
    return this.#whole.isAskedElsewhere(engineId)
  }

  markOf(engineId: string): NodeMark {
    return this.#whole.markOf(engineId)
  }

  openEngineAt(addr: string): Engine {
    return this.#whole.openEngineAt(addr)
  }

  expectStray(swarmId: string): void {
    this.#whole.expectStray(swarmId)
  }

  namesKnown(): Promise<void> | undefined {
    return this.#whole.namesKnown()
  }

  holdName(name: string, ...exceptIds: readonly string[]): NameTaken | undefined {
    return this.#whole.holdName(name, ...exceptIds)
  }

  releaseName(name: string): void {
    this.#whole.releaseName(name)
  }

  changed(member: Member, fetch: Fetch): Promise<void> {
    return this.#whole.changed(member, fetch)
  }

  settled(): Promise<void> | undefined {
    return this.#whole.settled()
  }
}
