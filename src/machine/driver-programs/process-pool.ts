import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { raceAbort, startTimer } from '../../core/deadline.ts'

/** Something that costs a process. */
export interface Pooled {
  isOver(): boolean
  /** Never rejects. */
  close(): Promise<void>
}

interface Slot<T extends Pooled> {
  key: string
  readonly opened: Promise<T>
  /** Set once `opened` has resolved. */
  value: T | undefined
  users: number
  /** Kept although nobody uses it. */
  isPinned: boolean
  /** Forgets the end that was set for it. */
  keepAlive: () => void
}

/** Processes that may run side by side. */
const softLimit = 16
/** When no place gets free for so long there is one more; machines that do not answer must not keep others waiting. */
const patienceMs = 2000
/** How long a process is kept that nobody uses, in programs that run for long. */
const idleMs = 60_000

/**
 * Keeps processes between calls under the state they hold, ends idle ones when there are too many, and all of them at
 * the end.
 */
export class ProcessPool<T extends Pooled> {
  readonly #clock: Clock
  /** In the order they were last used. */
  #slots: readonly Slot<T>[] = []
  #waiting: (() => void)[] = []
  readonly #closing = new Set<Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Runs `body` with the process that holds `key`, which is opened when there is none. What `body` resolves with says
   * under which key the process goes on; when it rejects the process is ended, as nobody knows what it holds.
   */
  async use<R>(
    key: string,
    open: () => Promise<T>,
    body: (value: T) => Promise<{ readonly key: string; readonly result: R }>,
    o: CallOptions,
  ): Promise<R> {
    const slot = await this.#take(key, open, o)
    try {
      const value = await slot.opened
      slot.value = value
      const { key: next, result } = await body(value)
      slot.key = next
      if (value.isOver()) this.#drop(slot)
      return result
    } catch (error) {
      this.#drop(slot)
      throw error
    } finally {
      slot.users -= 1
      if (slot.users === 0 && this.#slots.includes(slot)) this.#expire(slot)
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  /** Keeps what holds `key` until `unpin`, however many others there are. */
  pin(key: string): void {
    for (const slot of this.#slots) if (slot.key === key) slot.isPinned = true
  }

  unpin(key: string): void {
    for (const slot of this.#slots) if (slot.key === key) slot.isPinned = false
  }

  /** Ends all processes and waits for their end. */
  async close(): Promise<void> {
    for (const slot of this.#slots) this.#drop(slot)
    await Promise.all(this.#closing)
  }

  async #take(key: string, open: () => Promise<T>, o: CallOptions): Promise<Slot<T>> {
    let isLate = false
    for (;;) {
      const found = this.#slots.find((slot) => slot.key === key && slot.users === 0 && slot.value?.isOver() === false)
      if (found !== undefined) {
        found.users += 1
        found.keepAlive()
        this.#slots = [...this.#slots.filter((slot) => slot !== found), found]
        return found
      }
      const counted = this.#slots.filter((slot) => !slot.isPinned)
      if (counted.length < softLimit || isLate) {
        const slot: Slot<T> = { key, opened: open(), value: undefined, users: 1, isPinned: false, keepAlive: () => {} }
        this.#slots = [...this.#slots, slot]
        return slot
      }
      const idle = counted.find((slot) => slot.users === 0)
      if (idle === undefined) isLate = await this.#isStuck(o)
      else this.#drop(idle)
    }
  }

  /** Waits until a place may be free. @returns whether none got free in time */
  async #isStuck(o: CallOptions): Promise<boolean> {
    let cancel = (): void => {}
    const late = new Promise<boolean>((resolve) => {
      cancel = startTimer(this.#clock, patienceMs, () => resolve(true))
    })
    const freed = new Promise<boolean>((resolve) => this.#waiting.push(() => resolve(false)))
    return raceAbort(o.signal, () => Promise.race([freed, late])).finally(cancel)
  }

  #expire(slot: Slot<T>): void {
    slot.keepAlive = startTimer(this.#clock, idleMs, () => {
      if (slot.isPinned) this.#expire(slot)
      else this.#drop(slot)
    })
  }

  #drop(slot: Slot<T>): void {
    if (!this.#slots.includes(slot)) return
    slot.keepAlive()
    this.#slots = this.#slots.filter((each) => each !== slot)
    const closing = slot.opened.then(
      (value) => value.close(),
      () => {},
    )
    this.#closing.add(closing)
    void closing.finally(() => this.#closing.delete(closing))
  }
}
