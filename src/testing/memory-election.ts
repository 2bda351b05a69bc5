import type { CallOptions } from '../core/call.ts'
import type { Leader, Lease } from '../cluster/leader/leader.ts'

/** An election among managers of one program, decided at once and moved by tests. */
export interface MemoryElection {
  /** What one manager stands and follows with. */
  leader(): Leader
  /** Address of the leader; empty when there is none. */
  readonly holder: string
  readonly term: number
  /**
   * Ends the leader's lease. `silently`: the leader hears nothing and only finds its lease no longer held, as one that
   * was frozen or cut off does. The next candidate in line is elected; the old one stands again behind the others.
   */
  expire(how?: 'silently'): void
  /** Nobody is elected, and nobody confirms, until `mend`. */
  fail(): void
  mend(): void
}

interface Candidate {
  readonly address: string
  readonly queue: Channel<Lease | undefined>
  lease: Lease | undefined
}

export function memoryElection(): MemoryElection {
  const candidates: Candidate[] = []
  const followers = new Set<Channel<string>>()
  let leading: Candidate | undefined
  let term = 0
  let isBroken = false

  function settle(): void {
    const next = candidates[0]
    if (leading !== undefined || next === undefined || isBroken) return
    leading = next
    term += 1
    const own = term
    const lease: Lease = {
      term: own,
      isHeld: () => next.lease === lease,
      confirm: () => Promise.resolve(!isBroken && next.lease === lease),
    }
    next.lease = lease
    next.queue.push(lease)
    for (const follower of followers) follower.push(next.address)
  }

  function end(candidate: Candidate, isSilent: boolean): void {
    candidate.lease = undefined
    if (leading !== candidate) return
    leading = undefined
    if (!isSilent) candidate.queue.push(undefined)
    for (const follower of followers) follower.push('')
  }

  function remove(candidate: Candidate): void {
    const at = candidates.indexOf(candidate)
    if (at >= 0) candidates.splice(at, 1)
    end(candidate, true)
    settle()
  }

  const leader: Leader = {
    async *campaign(address: string, o: CallOptions) {
      if (o.signal?.aborted === true) return
      const candidate: Candidate = { address, queue: new Channel(o.signal), lease: undefined }
      candidates.push(candidate)
      settle()
      // Resigning is immediate, also while the other side is busy with what it was told before.
      let wasLeading = false
      const resign = (): void => {
        wasLeading = candidate.lease !== undefined
        remove(candidate)
      }
      o.signal?.addEventListener('abort', resign, { once: true })
      try {
        yield* candidate.queue.read()
        if (wasLeading) yield undefined
      } finally {
        remove(candidate)
      }
    },
    async *follow(o: CallOptions) {
      const channel = new Channel<string>(o.signal)
      followers.add(channel)
      channel.push(leading?.address ?? '')
      try {
        yield* channel.read()
      } finally {
        followers.delete(channel)
      }
    },
  }

  return {
    leader: () => leader,
    get holder() {
      return leading?.address ?? ''
    },
    get term() {
      return term
    },
    expire(how) {
      const old = leading
      if (old === undefined) return
      candidates.splice(candidates.indexOf(old), 1)
      candidates.push(old)
      end(old, how === 'silently')
      settle()
    },
    fail() {
      isBroken = true
    },
    mend() {
      isBroken = false
      settle()
    },
  }
}

/** Values from those who push to the one who reads, until the signal aborts. */
class Channel<T> {
  readonly #values: T[] = []
  readonly #signal: AbortSignal | undefined
  #wake: () => void = () => undefined

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', () => this.#wake(), { once: true })
  }

  push(value: T): void {
    this.#values.push(value)
    this.#wake()
  }

  async *read(): AsyncGenerator<T, void> {
    while (this.#signal?.aborted !== true) {
      const [value] = this.#values
      if (this.#values.length > 0) {
        this.#values.shift()
        yield value as T
        continue
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
