import type { Clock } from '../../core/clock.ts'
import { startTimer } from '../../core/deadline.ts'

interface Untold {
  readonly tell: () => void
  isReady: boolean
  cancel: () => void
}

/** An engine that does not let itself be read holds its events up no longer than this. */
const holdMs = 1000
/** A storm is told at once rather than kept. */
const maxHeld = 5000

/** Tells events in the order they came, each when what it is about has been read: whoever hears of a change finds it in the lists. */
export class Telling {
  readonly #clock: Clock
  #untold: Untold[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param reads what has to be over first; none of them rejects */
  tell(tell: () => void, reads: readonly Promise<void>[]): void {
    if (this.#untold.length >= maxHeld) this.flush()
    if (reads.length === 0 && this.#untold.length === 0) {
      tell()
      return
    }
    const entry: Untold = { tell, isReady: reads.length === 0, cancel: () => undefined }
    this.#untold.push(entry)
    if (entry.isReady) return
    const ready = (): void => {
      entry.cancel()
      entry.isReady = true
      this.#advance()
    }
    entry.cancel = startTimer(this.#clock, holdMs, ready)
    void Promise.all(reads).then(ready)
  }

  /** Everything now. */
  flush(): void {
    const untold = this.#untold
    this.#untold = []
    for (const { tell, cancel } of untold) {
      cancel()
      tell()
    }
  }

  #advance(): void {
    for (let first = this.#untold[0]; first?.isReady === true; first = this.#untold[0]) {
      this.#untold.shift()
      first.tell()
    }
  }
}
