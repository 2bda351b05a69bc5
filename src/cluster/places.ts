import type { Clock, Random } from '../core/clock.ts'
import type { Fleet } from './fleet.ts'
import type { Member } from './member.ts'
import { GENERATION_LABEL, parseGeneration, readGeneration } from './model.ts'
import type { ContainerView, NodeView } from './model.ts'
import type { NoPlacement, PlacementRequest } from './placement.ts'
import type { Readers } from './readers.ts'
import { toReservation } from './request.ts'
import type { CreateDraft, Reservation } from './request.ts'
import type { NodeUnread } from './reservations.ts'
import type { Strays } from './strays.ts'
import type { NameTaken } from './taken-names.ts'
import type { TurnedAway } from './turned-away.ts'
import { readFields, readText } from './wire.ts'
import { randomId } from '../io/random-id.ts'

/** How a place is held for a container that takes over from another. */
export interface Succession {
  /** Engine ID of the container that has the name until then. */
  readonly from: string
}

/** A place that a container will take. Exactly one of the three ends it. */
export interface PlaceHeld {
  readonly kind: 'held'
  readonly member: Member
  readonly reservation: Reservation
  /** The container exists: it shows at once, before its engine has told. */
  confirm(container: ContainerView): void
  release(): void
  /** The container on its node, once the node shows it. */
  find(): ContainerView | undefined
  /**
   * The engine may or may not have made it. The place is free again, so that whoever tries once more is not refused; a
   * container that comes about late is taken away.
   */
  leave(): void
}

export interface PlacesOptions {
  readonly fleet: Fleet
  readonly readers: Readers
  readonly strays: Strays
  readonly clock: Clock
  readonly random: Random
  readonly turnedAway: TurnedAway
  /** Matches the patterns of the request beforehand. @throws {cluster/invalid-option} when that takes too long */
  judge(request: PlacementRequest): Promise<void>
  /** @throws {cluster/unhealthy} when the node has just left */
  memberOf(node: NodeView): Member
  /** Undefined when all names that are taken are known. */
  namesKnown(): Promise<void> | undefined
}

/** A reservation lapses after this when nobody ended it: longer than any image takes to come. */
const reservationMs = 24 * 60 * 60_000

/** Takes places on nodes for containers that are about to be made. */
export class Places {
  readonly #o: PlacesOptions

  constructor(options: PlacesOptions) {
    this.#o = options
  }

  /** As `Cluster.hold` says. */
  async hold(
    draft: CreateDraft,
    request: PlacementRequest,
    succession?: Succession,
  ): Promise<PlaceHeld | NoPlacement | NameTaken> {
    if (draft.name !== '') await this.#o.namesKnown()
    for (;;) {
      await this.#o.judge(request)
      const held = this.#hold(draft, request, succession)
      if (held.kind !== 'unread') return held
      await this.#o.readers.wait(held.addr)
      this.#o.fleet.holdBack(held.addr)
    }
  }

  #hold(
    draft: CreateDraft,
    request: PlacementRequest,
    succession: Succession | undefined,
  ): PlaceHeld | NoPlacement | NameTaken | NodeUnread {
    // On a clock that nobody sets: a place must not lapse, or last, because the one on the wall was put right.
    const sinceMs = this.#o.clock.monotonicMs()
    const id = randomId(32)
    const generation = parseGeneration(readText(readFields(draft.body, 'Labels'), GENERATION_LABEL))
    const reservation = toReservation(draft, { id, sinceMs, expiresAtMs: sinceMs + reservationMs })
    const wanted = { ...request, name: draft.name }
    const placement = this.#o.fleet.place(wanted, reservation, this.#o.random, succession?.from)
    if (placement.kind === 'unread') return placement
    if (placement.kind !== 'placed') {
      this.#o.turnedAway.count(placement.kind === 'name-taken' ? 'name-taken' : 'no-placement')
      return placement
    }
    const member = this.#o.memberOf(placement.node)
    const release = (): void => this.#o.fleet.release(id)
    return {
      kind: 'held',
      member,
      reservation,
      release,
      // A copy that was left there when the container moved away has the same ID, and another generation.
      find: () =>
        member.view.containers.find((each) => each.swarmId === draft.swarmId && readGeneration(each) === generation),
      confirm: (container) => {
        member.send({ kind: 'created', container })
        release()
      },
      leave: () => {
        release()
        // Whoever moves a container looks for what came of it himself.
        if (succession === undefined) this.#o.strays.expect(draft.swarmId, this.#o.clock.monotonicMs())
      },
    }
  }
}
