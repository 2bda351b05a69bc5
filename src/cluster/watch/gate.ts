/** Work that nobody waits for, and whom it is for. */
export interface Background {
  readonly owner: object
}

interface Waiting {
  readonly owner: object
  readonly start: () => void
}

/**
 * Lets at most `limit` pieces of work run at once; the others wait in order. Background work runs in fewer places, and
 * only begins when nothing else waits.
 */
export class Gate {
  readonly #limit: number
  readonly #backLimit: number
  readonly #waiting: (() => void)[] = []
  #back: Waiting[] = []
  #running = 0
  #runningBack = 0

  constructor(limit: number, backLimit: number = limit) {
    this.#limit = limit
    this.#backLimit = backLimit
  }

  async run<T>(body: () => Promise<T>, background?: Background): Promise<T> {
    const isBack = background !== undefined
    if (isBack) await this.#enterBack(background.owner)
    else await this.#enter()
    try {
      return await body()
    } finally {
      this.#running -= 1
      if (isBack) this.#runningBack -= 1
      this.#next()
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
