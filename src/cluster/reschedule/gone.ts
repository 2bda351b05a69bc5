import type { Cluster } from '../cluster.ts'
import { askEngine } from './ask-engine.ts'

/** An engine that is being read, or has only just left discovery, gets this long before it is asked. */
const patienceMs = 10_000
/** No answer this often means that it is gone. */
const maxFailures = 3
const betweenFailuresMs = 1500
/** One that answers although it left discovery is asked again after this. */
const betweenAnswersMs = 30_000

interface Doubt {
  readonly sinceMs: number
  readonly nextMs: number
  readonly failures: number
  readonly isAsked: boolean
}

/**
 * Finds out about engines that have recorded containers but are in no list, or were never read by this manager: they are
 * asked directly. What discovery leaves out may be running all the same.
 */
export class GoneEngines {
  readonly #cluster: Cluster
  readonly #doubts = new Map<string, Doubt>()
  readonly #told = new Set<string>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  isConfirmed(engineId: string): boolean {
    return (this.#doubts.get(engineId)?.failures ?? 0) >= maxFailures
  }

  /** It is in service, or nothing of it is recorded any more. */
  forget(engineId: string): void {
    this.#doubts.delete(engineId)
    this.#told.delete(engineId)
  }

  /** What was found out under an earlier leadership says nothing about now. */
  forgetAll(): void {
    this.#doubts.clear()
    this.#told.clear()
  }

  /** Called about once a second for each engine whose state is not clear. */
  doubt(engineId: string, addr: string, node: string): void {
    const nowMs = this.#cluster.clock.monotonicMs()
    const doubt = this.#doubts.get(engineId)
    if (doubt === undefined) {
      this.#doubts.set(engineId, { sinceMs: nowMs, nextMs: nowMs + patienceMs, failures: 0, isAsked: false })
      return
    }
    if (doubt.isAsked || nowMs < doubt.nextMs) return
    this.#doubts.set(engineId, { ...doubt, isAsked: true })
    void this.#ask(engineId, addr, node)
  }

  async #ask(engineId: string, addr: string, node: string): Promise<void> {
    const answer = await askEngine(this.#cluster, addr)
    const doubt = this.#doubts.get(engineId)
    if (doubt === undefined) return
    const nowMs = this.#cluster.clock.monotonicMs()
    if (answer === engineId || answer === 'unclear') {
      this.#doubts.set(engineId, { ...doubt, isAsked: false, failures: 0, nextMs: nowMs + betweenAnswersMs })
      if (this.#told.has(engineId)) return
      this.#told.add(engineId)
      this.#cluster.log.warn(
        `Engine ${node} at ${addr} is not in service but answers: its containers stay where they are`,
      )
      return
    }
    // Another engine at its address: it is gone for good.
    const failures = answer === undefined ? doubt.failures + 1 : maxFailures
    this.#doubts.set(engineId, { ...doubt, isAsked: false, failures, nextMs: nowMs + betweenFailuresMs })
  }
}
