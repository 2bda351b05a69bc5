import type { Quota } from '../access/model.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { NodeView } from '../model.ts'
import { ownerOf } from './owner.ts'
import { findExcess, sumUse } from './quota.ts'
import type { ContainerUse, UnderWay, Use } from './quota.ts'

/** Something that was let through. Idempotent. */
export interface Entry {
  end(): void
}

/** A volume or network that is being made. */
export interface Making extends Entry {
  /** An engine has made it, or may have: it counts until it shows, and for two minutes at most. */
  endOnceSeen(): void
}

/** Every engine is read anew in less. */
const unseenMs = 120_000

/**
 * What one tenant has under way. Looking and taking happen in one turn of the event loop, so that of many calls at once
 * no more get through than there is room for; what is there already is counted from the cluster, and outlives a manager.
 */
export class Ledger {
  readonly #tenant: string
  readonly #nodes: () => readonly NodeView[]
  readonly #away: () => UnderWay['away']
  readonly #containers = new Map<string, ContainerUse>()
  readonly #volumes = new Map<string, number>()
  readonly #networks = new Map<string, number>()
  readonly #now: () => number
  /** Made, or so it may be, and not seen yet. */
  #unseen: readonly Unseen[] = []

  /**
   * @param nodes as the tenant sees them now
   * @param away what no node shows of the tenant's, though it is there or will be again
   * @param now monotonic, in milliseconds
   */
  constructor(tenant: string, nodes: () => readonly NodeView[], away: () => UnderWay['away'], now: () => number) {
    this.#tenant = tenant
    this.#nodes = nodes
    this.#away = away
    this.#now = now
  }

  /** What the tenant has, with all that is under way. */
  sum(): Use {
    return this.#sum(this.#away())
  }

  #sum(away: UnderWay['away']): Use {
    const nodes = this.#nodes()
    this.see(nodes)
    const underWay = { containers: this.#containers, volumes: this.#volumes, networks: this.#networks, away }
    return sumUse(this.#tenant, nodes, underWay)
  }

  /** Takes notice of what shows: from now on that is what counts. */
  see(nodes: readonly NodeView[]): void {
    if (this.#unseen.length === 0) return
    const nowMs = this.#now()
    this.#unseen = this.#unseen.filter(({ kind, name, untilMs, end }) => {
      const isSeen = nodes.some((node) =>
        node[kind].some((each) => each.name === name && (kind === 'volumes' || ownerOf(each.labels) === this.#tenant)),
      )
      if (!isSeen && nowMs < untilMs) return true
      end()
      return false
    })
  }

  /** @param key as `keyOf` says. @throws {cluster/forbidden} status 403, naming the quota */
  takeContainer(quota: Quota, key: string, use: ContainerUse): Entry {
    const known = this.#containers.get(key)
    this.#check(
      quota,
      () => this.#containers.set(key, use),
      () => {
        if (known === undefined) this.#containers.delete(key)
        else this.#containers.set(key, known)
      },
    )
    return this.#entry(() => {
      // A later change of the same container counts on.
      if (this.#containers.get(key) === use) this.#containers.delete(key)
    })
  }

  /** @throws {cluster/forbidden} status 403, naming the quota */
  take(quota: Quota, kind: 'volumes' | 'networks', name: string): Making {
    const counts = kind === 'volumes' ? this.#volumes : this.#networks
    const add = (by: number): void => {
      const count = (counts.get(name) ?? 0) + by
      if (count > 0) counts.set(name, count)
      else counts.delete(name)
    }
    this.#check(
      quota,
      () => add(1),
      () => add(-1),
    )
    const entry = this.#entry(() => add(-1))
    let isLeft = false
    return {
      end: () => {
        if (!isLeft) entry.end()
      },
      endOnceSeen: () => {
        if (isLeft) return
        isLeft = true
        this.#unseen = [...this.#unseen, { kind, name, untilMs: this.#now() + unseenMs, end: () => entry.end() }]
      },
    }
  }

  #check(quota: Quota, take: () => void, giveBack: () => void): void {
    const away = this.#away()
    const before = this.#sum(away)
    take()
    const excess = findExcess(this.#tenant, quota, before, this.#sum(away))
    if (excess === undefined) return
    giveBack()
    throw new FlotillaError('cluster/forbidden', excess, { status: 403 })
  }

  #entry(end: () => void): Entry {
    let isOver = false
    return {
      end() {
        if (!isOver) end()
        isOver = true
      },
    }
  }
}

interface Unseen {
  readonly kind: 'volumes' | 'networks'
  readonly name: string
  readonly untilMs: number
  readonly end: () => void
}
