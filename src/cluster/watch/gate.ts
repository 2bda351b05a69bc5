interface Waiting {
  readonly owner: object | undefined
  readonly start: () => void
}

/** Lets at most `limit` pieces of work run at once; the others wait in order. */
export class Gate {
  readonly #limit: number
  #waiting: Waiting[] = []
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** @param owner whom the work is for, see `hasten` */
  async run<T>(body: () => Promise<T>, owner?: object): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((start) => this.#waiting.push({ owner, start }))
    else this.#running += 1
    try {
      return await body()
    } finally {
      // The place goes to the next in line, or becomes free.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next.start()
    }
  }

  /** Moves what waits for this owner to the front: somebody needs it now. */
  hasten(owner: object): void {
    const first = this.#waiting.filter((each) => each.owner === owner)
    if (first.length > 0) this.#waiting = [...first, ...this.#waiting.filter((each) => each.owner !== owner)]
  }
}
