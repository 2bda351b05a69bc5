import type { Clock, Random } from '../../core/clock.ts'
import { retryDelayMs } from './decide.ts'

/** What could not be done for now, and when it is tried again. */
export interface Waiting {
  readonly why: string
  readonly attempts: number
  /** Monotonic. */
  readonly nextMs: number
}

/** Recorded containers, by swarm ID, with which something has to wait. In memory: a manager that takes over tries at once. */
export class Retries {
  readonly #clock: Clock
  readonly #random: Random
  readonly #waiting = new Map<string, Waiting>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  get(swarmId: string): Waiting | undefined {
    return this.#waiting.get(swarmId)
  }

  isDue(swarmId: string): boolean {
    return (this.#waiting.get(swarmId)?.nextMs ?? 0) <= this.#clock.monotonicMs()
  }

  /** Until it is tried again, in whole milliseconds. */
  leftMs(swarmId: string): number {
    const nowMs = this.#clock.monotonicMs()
    return Math.max(0, Math.round((this.#waiting.get(swarmId)?.nextMs ?? nowMs) - nowMs))
  }

  /** One attempt more has failed: the next one is the later, the more there were. @returns whether the reason is news */
  fail(swarmId: string, why: string): boolean {
    const attempts = (this.#waiting.get(swarmId)?.attempts ?? 0) + 1
    return this.postpone(swarmId, why, retryDelayMs(attempts, this.#random.next()), attempts)
  }

  /** @returns whether the reason is news: the same one over and over is told once */
  postpone(swarmId: string, why: string, afterMs: number, attempts?: number): boolean {
    const before = this.#waiting.get(swarmId)
    const nextMs = this.#clock.monotonicMs() + afterMs
    this.#waiting.set(swarmId, { why, attempts: attempts ?? before?.attempts ?? 0, nextMs })
    return before?.why !== why
  }

  /** There may be room now for what was refused. How often it was is not forgotten: nodes come and go. */
  hurry(): void {
    for (const [swarmId, waiting] of this.#waiting) this.#waiting.set(swarmId, { ...waiting, nextMs: 0 })
  }

  forget(swarmId: string): void {
    this.#waiting.delete(swarmId)
  }

  clear(): void {
    this.#waiting.clear()
  }
}
