import type { Clock } from '../../core/clock.ts'
import { startTimer } from '../../core/deadline.ts'
import { Turns } from './turns.ts'

/** Work that nobody waits for, and whom it is for. */
export interface Background {
  readonly owner: object
}

interface Waiting {
  readonly owner: object
  readonly start: () => void
}

export interface GateOptions {
  readonly clock: Clock
  readonly limit: number
  /** For background work. Default: as many. */
  readonly backLimit?: number
}

/** Work that takes longer waits for somebody who does not answer: it costs nothing, and must not keep others waiting. */
const holdMs = 1500

/**
 * Lets at most `limit` pieces of work run at once; the others wait in order. Background work runs in fewer places, and
 * only begins when nothing else waits. What runs for long no longer counts: dead engines must not hold up living ones.
 */
export class Gate {
  /** Events do not pass the gate; what they share is the time of the program. */
  readonly turns: Turns
  readonly #clock: Clock
  readonly #limit: number
  readonly #backLimit: number
  readonly #waiting: (() => void)[] = []
  #back: Waiting[] = []
  #running = 0
  #runningBack = 0

  constructor({ clock, limit, backLimit = limit }: GateOptions) {
    this.turns = new Turns(clock)
    this.#clock = clock
    this.#limit = limit
    this.#backLimit = backLimit
  }

  async run<T>(body: () => Promise<T>, background?: Background): Promise<T> {
    const isBack = background !== undefined
    if (isBack) await this.#enterBack(background.owner)
    else await this.#enter()
    let isCounted = true
    const leave = (): void => {
      if (!isCounted) return
      isCounted = false
      this.#running -= 1
      if (isBack) this.#runningBack -= 1
      this.#next()
    }
    const cancel = startTimer(this.#clock, holdMs, leave)
    try {
      return await body()
    } finally {
      cancel()
      leave()
    }
  }

  /** Moves what waits for this owner to the front: somebody needs it now. */
  hasten(owner: object): void {
    const first = this.#back.filter((each) => each.owner === owner)
    this.#back = this.#back.filter((each) => each.owner !== owner)
    this.#waiting.unshift(
      ...first.map(({ start }) => () => {
        this.#runningBack += 1
        start()
      }),
    )
    this.#next()
  }

  #enter(): Promise<void> | undefined {
    if (this.#running < this.#limit) {
      this.#running += 1
      return undefined
    }
    return new Promise((start) => this.#waiting.push(start))
  }

  #enterBack(owner: object): Promise<void> | undefined {
    if (this.#mayStartBack && this.#back.length === 0) {
      this.#running += 1
      this.#runningBack += 1
      return undefined
    }
    return new Promise((start) => this.#back.push({ owner, start }))
  }

  get #mayStartBack(): boolean {
    return this.#running < this.#limit && this.#runningBack < this.#backLimit && this.#waiting.length === 0
  }

  #next(): void {
    while (this.#running < this.#limit) {
      const start = this.#waiting.shift()
      if (start === undefined) break
      this.#running += 1
      start()
    }
    while (this.#mayStartBack) {
      const next = this.#back.shift()
      if (next === undefined) return
      this.#running += 1
      this.#runningBack += 1
      next.start()
    }
  }
}
