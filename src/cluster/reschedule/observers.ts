import { Buffer } from 'node:buffer'
import { toMessage } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Cluster } from '../cluster.ts'
import type { Peers } from '../leader/peers.ts'
import type { Role } from '../leader/role.ts'
import { isFields, readBoolean, readText } from '../wire.ts'
import { lostSight, renderSight, weighSightings } from './sight.ts'
import type { ObserverRule, Sight, Sighting } from './sight.ts'

export interface ObserversOptions {
  readonly cluster: Cluster
  readonly role: Role
  readonly rule: ObserverRule
  /** Absent: this manager is alone. */
  readonly peers: Peers | undefined
  /** A client of the manager at `HOST:PORT`. */
  openManager(address: string): Engine
  /** New answers are in. */
  onAnswers(): void
}

/** An engine that this manager does not reach. */
export interface Doubted {
  readonly engineId: string
  readonly addr: string
  readonly node: string
  /** What happens to its containers depends on the answer. */
  readonly isUrgent: boolean
}

interface Known {
  readonly sight: Sight
  /** Monotonic. */
  readonly atMs: number
}

/** Engines asked about in one call; the manager that is asked looks at each of them. */
export const maxAsked = 64
/** The other manager gives an engine two seconds, and looks at half of a full list at once. */
const callMs = 6000
const parallelCalls = 8
/** The others have found the new leader and announced themselves by then. */
const settleMs = 5000
const againMs = 3000
const againIdlyMs = 15_000
/** What was said about an engine counts for so long. */
const freshMs = 12_000

/**
 * Asks the other managers about engines that this one does not reach, so that nothing is made anew of what runs all the
 * same (reliability.md F-M5). Alone, or where nobody is to be asked, such an engine is lost at once.
 */
export class Observers {
  readonly #o: ObserversOptions
  readonly #known = new Map<string, Known>()
  readonly #told = new Map<string, string>()
  #term = -1
  #sinceMs = 0
  #isAsking = false

  constructor(options: ObserversOptions) {
    this.#o = options
  }

  /** Other managers that have announced themselves. */
  get peers(): readonly string[] {
    return this.#o.peers?.list() ?? []
  }

  /** Undefined while the answers are not in. */
  sightOf(engineId: string): Sight | undefined {
    if (!this.#isNeeded) return lostSight
    if (!this.#hasSettled()) return undefined
    const known = this.#known.get(engineId)
    if (known !== undefined && this.#nowMs - known.atMs < freshMs) return known.sight
    return this.peers.length === 0 ? lostSight : undefined
  }

  /** What is to be said of an engine that is not reached; empty where no other manager reaches it either. */
  describe(engineId: string): string {
    return this.#isNeeded ? renderSight(this.#known.get(engineId)?.sight) : ''
  }

  /** Managers that reach the engines which this one does not, by engine ID. */
  list(): ReadonlyMap<string, Sight> {
    if (!this.#isNeeded) return new Map()
    return new Map([...this.#known].map(([engineId, { sight }]) => [engineId, sight]))
  }

  /** Called about once a second with all engines that are not reached: asks where an answer is due. */
  look(doubted: readonly Doubted[]): void {
    if (!this.#isNeeded) return
    const current = new Set(doubted.map((each) => each.engineId))
    for (const engineId of this.#known.keys()) if (!current.has(engineId)) this.#known.delete(engineId)
    for (const engineId of this.#told.keys()) if (!current.has(engineId)) this.#told.delete(engineId)
    const peers = this.peers
    if (this.#isAsking || peers.length === 0 || !this.#hasSettled()) return
    const due = doubted.filter((each) => this.#isDue(each)).sort((a, b) => this.#compareNeed(a, b))
    if (due.length === 0) return
    this.#isAsking = true
    void this.#ask(peers, due.slice(0, maxAsked)).finally(() => (this.#isAsking = false))
  }

  get #nowMs(): number {
    return this.#o.cluster.clock.monotonicMs()
  }

  get #isNeeded(): boolean {
    return this.#o.peers !== undefined && this.#o.rule.kind !== 'off' && this.#o.role.kind === 'primary'
  }

  /** A leader that has only just been elected knows nobody yet. */
  #hasSettled(): boolean {
    const { term } = this.#o.role
    if (term !== this.#term) {
      this.#term = term
      this.#sinceMs = this.#nowMs
      this.#known.clear()
      this.#told.clear()
    }
    return this.#nowMs - this.#sinceMs >= settleMs
  }

  #askedMs({ engineId }: Doubted): number {
    return this.#known.get(engineId)?.atMs ?? Number.NEGATIVE_INFINITY
  }

  #compareNeed(a: Doubted, b: Doubted): number {
    if (a.isUrgent !== b.isUrgent) return a.isUrgent ? -1 : 1
    const [left, right] = [this.#askedMs(a), this.#askedMs(b)]
    return left < right ? -1 : left > right ? 1 : 0
  }

  #isDue(each: Doubted): boolean {
    return this.#nowMs - this.#askedMs(each) >= (each.isUrgent ? againMs : againIdlyMs)
  }

  async #ask(peers: readonly string[], doubted: readonly Doubted[]): Promise<void> {
    const term = this.#term
    const answers = await mapLimit(peers, parallelCalls, async (manager) => ({
      manager,
      seen: await this.#askManager(manager, doubted),
    }))
    if (term !== this.#o.role.term) return
    for (const each of doubted) {
      const sightings = answers.map(({ manager, seen }): Sighting => {
        const isReached = seen.get(each.engineId)
        return { manager, says: isReached === undefined ? 'silent' : isReached ? 'reached' : 'missed' }
      })
      const sight = weighSightings(this.#o.rule, sightings)
      this.#known.set(each.engineId, { sight, atMs: this.#nowMs })
      this.#tell(each, sight)
    }
    this.#o.onAnswers()
  }

  /** @returns whether it reaches each engine, by ID; empty when it does not answer */
  async #askManager(manager: string, doubted: readonly Doubted[]): Promise<ReadonlyMap<string, boolean>> {
    const seen = new Map<string, boolean>()
    let engine: Engine | undefined
    try {
      engine = this.#o.openManager(manager)
      const asked = doubted.map(({ engineId, addr }) => ({ ID: engineId, Addr: addr }))
      const reply = await engine.request(
        {
          method: 'POST',
          path: '/flotilla/sightings',
          unversioned: true,
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify({ Engines: asked })),
        },
        { deadlineMs: callMs },
      )
      const rows = await reply.json<unknown>()
      for (const row of Array.isArray(rows) ? rows : []) {
        if (isFields(row)) seen.set(readText(row, 'ID'), readBoolean(row, 'IsReached'))
      }
    } catch (error) {
      this.#o.cluster.log.debug('a manager did not say what it reaches', { manager, error: toMessage(error) })
    } finally {
      await engine?.close()
    }
    return seen
  }

  /** The same state of things is told once. */
  #tell({ engineId, node, addr }: Doubted, sight: Sight): void {
    const text = renderSight(sight)
    const before = this.#told.get(engineId) ?? ''
    if (before === text) return
    this.#told.set(engineId, text)
    const { log } = this.#o.cluster
    if (text === '') log.warn(`Engine ${node} at ${addr} is not reached from any other manager any more`)
    else if (sight.isLost) log.warn(`Engine ${node} at ${addr} is ${text}: too few for its containers to stay`)
    else log.warn(`Engine ${node} at ${addr} is ${text}: its containers stay where they are`)
  }
}
