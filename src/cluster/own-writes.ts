import type { Clock } from '../core/clock.ts'
import { waitAtMost } from '../core/deadline.ts'
import type { Member } from './member.ts'
import type { Fetch } from './watch/messages.ts'

/** Lists wait this long for changes of our own to be read back. */
const settleMs = 1000

/** What calls of ours changed on engines and has not been read back yet. */
export class OwnWrites {
  readonly #clock: Clock
  readonly #unread = new Map<Promise<void>, Member>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Something on this engine was changed: it is read again, and lists wait for that. */
  changed(member: Member, fetch: Fetch): Promise<void> {
    const read = member.touch(fetch)
    this.#unread.set(read, member)
    void read.then(() => this.#unread.delete(read))
    return read
  }

  /** Undefined when every change of ours has been read back; else resolves then, or a little later. */
  settled(): Promise<void> | undefined {
    if (this.#unread.size === 0) return undefined
    for (const member of new Set(this.#unread.values())) member.send({ kind: 'hurried' })
    return waitAtMost(this.#clock, Promise.all(this.#unread.keys()), settleMs)
  }
}
