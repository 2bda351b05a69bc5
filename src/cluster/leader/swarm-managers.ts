import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { waitAtMost } from '../../core/deadline.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import type { Engine } from '../../engine/engine.ts'
import { isFields, readFields } from '../wire.ts'
import type { SwarmManagers } from './swarm-cell.ts'

export interface SwarmManagerOptions {
  /** Engines of the cluster, as discovery tells them now. */
  addresses(): readonly string[]
  openEngine(address: string): Engine
  readonly clock: Clock
}

/** Engines asked at the same time, not counting those that hang. */
const parallelProbes = 32
/** One that has not answered by then hangs: others get their turn beside it. */
const hangsMs = 1000
/** From the first manager that is found, so long is waited for more of them. */
const graceMs = 1000
const probeMs = 10_000
/** A fleet without managers is not asked again and again. */
const probeAgainMs = 5000

export interface FoundManagers extends SwarmManagers {
  /** At the last look some engine took its connection and then did not say what it is. */
  readonly isUnsure: boolean
  close(): void
}

/**
 * Finds the managers of the swarm among the engines of the cluster by asking each, once; they are asked again when the
 * ones found are of no use any more. An engine that hangs keeps nobody waiting while there are managers that answer; what
 * it says later counts from then on.
 */
export function findSwarmManagers(options: SwarmManagerOptions): FoundManagers {
  return new ManagerSearch(options)
}

type Answer = 'yes' | 'no' | 'silent'

class ManagerSearch implements FoundManagers {
  readonly #o: SwarmManagerOptions
  /** Open clients, by address. One that is known may be in use by another call. */
  readonly #engines = new Map<string, Engine>()
  readonly #asking = new Map<string, Promise<Answer>>()
  readonly #stop = new AbortController()
  /** Addresses of managers, in the order in which they answered. */
  #known: ReadonlySet<string> = new Set()
  /** Those that have answered in the look that is under way. */
  #fresh: ReadonlySet<string> = new Set()
  #looking: Promise<void> | undefined
  #lookedMs = Number.NEGATIVE_INFINITY
  #isUnsure = false

  constructor(options: SwarmManagerOptions) {
    this.#o = options
  }

  get isUnsure(): boolean {
    return this.#isUnsure
  }

  async find(isStale: boolean, o: CallOptions): Promise<readonly Engine[]> {
    if (!isStale && this.#known.size > 0) return this.#list()
    const isDue = this.#o.clock.monotonicMs() - this.#lookedMs >= probeAgainMs
    if (!isDue) return isStale ? [] : this.#list()
    // Those who read and the one who renews find out at the same time that the managers are of no use.
    this.#looking ??= this.#look(Math.max(probeMs, o.deadlineMs ?? 0)).finally(() => (this.#looking = undefined))
    await this.#looking
    return this.#list()
  }

  close(): void {
    this.#stop.abort(closedReason)
    for (const engine of this.#engines.values()) void engine.close()
    this.#engines.clear()
    this.#known = new Set()
  }

  #list(): readonly Engine[] {
    return [...this.#known].flatMap((address) => this.#engines.get(address) ?? [])
  }

  /** Resolves when all have answered, or some managers have and those that may follow had their time. */
  async #look(limitMs: number): Promise<void> {
    const { clock } = this.#o
    this.#isUnsure = false
    const fresh = new Set<string>()
    this.#fresh = fresh
    let found = (): void => undefined
    const first = new Promise<void>((resolve) => (found = resolve))
    const all = this.#askAll(limitMs, (address, answer) => {
      if (answer === 'silent') this.#isUnsure = true
      if (answer !== 'yes') return
      fresh.add(address)
      found()
    })
    await Promise.race([all, first.then(() => waitAtMost(clock, all, graceMs))])
    this.#lookedMs = clock.monotonicMs()
    // Those that are silent now may be the ones that come back.
    if (fresh.size > 0) this.#known = fresh
    this.#fresh = new Set()
    this.#tidy()
  }

  async #askAll(limitMs: number, note: (address: string, answer: Answer) => void): Promise<void> {
    const answers: Promise<void>[] = []
    await mapLimit(this.#o.addresses(), parallelProbes, async (address) => {
      if (this.#stop.signal.aborted) return
      const answer = this.#ask(address, limitMs).then((each) => note(address, each))
      answers.push(answer)
      await waitAtMost(this.#o.clock, answer, hangsMs)
    })
    await Promise.all(answers)
  }

  /** One that still owes an answer to an earlier look is not asked twice. */
  #ask(address: string, limitMs: number): Promise<Answer> {
    const before = this.#asking.get(address)
    if (before !== undefined) return before
    const engine = this.#engines.get(address) ?? this.#o.openEngine(address)
    this.#engines.set(address, engine)
    const answer = askIsManager(engine, { deadlineMs: limitMs, signal: this.#stop.signal })
    this.#asking.set(address, answer)
    // After whoever waits for the answer has taken it in.
    void answer.then(() => {
      this.#asking.delete(address)
      queueMicrotask(() => this.#tidy())
    })
    return answer
  }

  #tidy(): void {
    for (const [address, engine] of this.#engines) {
      if (this.#known.has(address) || this.#fresh.has(address) || this.#asking.has(address)) continue
      this.#engines.delete(address)
      void engine.close()
    }
  }
}

const closedReason = new Error('the manager has ended')

async function askIsManager(engine: Engine, o: CallOptions): Promise<Answer> {
  try {
    const reply = await engine.request({ method: 'GET', path: '/info' }, o)
    const info = await reply.json<unknown>()
    return isFields(info) && readFields(info, 'Swarm')['ControlAvailable'] === true ? 'yes' : 'no'
  } catch (error) {
    return isFlotillaError(error) && error.code === 'engine/timeout' ? 'silent' : 'no'
  }
}
