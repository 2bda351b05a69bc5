import type { Clock } from '../../core/clock.ts'

export interface OwnViewOptions {
  readonly clock: Clock
  /** Reads the containers of all engines that answer; ends after `limitMs` at the latest. */
  catchUp(limitMs: number): Promise<void>
  countEngines(): number
}

/** A read waits no longer for engines that hang. */
const longestLookMs = 500
/** What is served was looked at no longer ago than this, */
const freshMs = 2000
/** and than this for each engine, so that reads of a large fleet stay cheap. */
const freshPerEngineMs = 5

/**
 * What a replica knows itself, fresh enough to be served while the primary cannot be asked. Engines tell it of changes as
 * they come about; but one whose stream of events is dead has told nothing, and no primary makes up for that.
 */
export class OwnView {
  readonly #o: OwnViewOptions
  #beganMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(options: OwnViewOptions) {
    this.#o = options
  }

  /**
   * Looks at the engines unless somebody has just done so.
   *
   * @param sinceMs monotonic: no look that began before will do
   * @returns undefined when there is nothing to wait for
   */
  refresh(sinceMs: number = Number.NEGATIVE_INFINITY): Promise<void> | undefined {
    const { clock } = this.#o
    const nowMs = clock.monotonicMs()
    const maxAgeMs = Math.max(freshMs, this.#o.countEngines() * freshPerEngineMs)
    if (nowMs - this.#beganMs < maxAgeMs && this.#beganMs >= sinceMs) return this.#looking
    this.#beganMs = nowMs
    const looking = this.#o.catchUp(longestLookMs).finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
    this.#looking = looking
    return looking
  }
}
