import type { Clock } from '../../core/clock.ts'

/** How long a client's builds go back to the node that has its layers, after the last of them. */
const rememberedMs = 60 * 60_000
/** Most clients remembered, and most sessions and builds of which no end was seen. */
const remembered = 4096

interface Client {
  readonly addr: string
  /** Tunnels that are open now. */
  readonly open: number
  readonly usedMs: number
}

/**
 * Which engine does which build: one build comes over several connections that have nothing in common but an ID, and
 * all of them have to end at one engine.
 */
export class BuildNodes {
  readonly #clock: Clock
  /** Engine address by `session:ID` or `build:ID`. */
  readonly #things = new Map<string, string>()
  readonly #waiting = new Map<string, Set<(addr: string) => void>>()
  readonly #clients = new Map<string, Client>()
  #openCount = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The engine of a session or build, if known by now. */
  get(kind: 'session' | 'build', id: string): string | undefined {
    return this.#things.get(`${kind}:${id}`)
  }

  set(kind: 'session' | 'build', id: string, addr: string): void {
    if (id === '') return
    const key = `${kind}:${id}`
    this.#things.delete(key)
    this.#things.set(key, addr)
    trim(this.#things)
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    for (const wake of waiting ?? []) wake(addr)
  }

  delete(kind: 'session' | 'build', id: string): void {
    this.#things.delete(`${kind}:${id}`)
  }

  /** Like `get`, but waits a while for somebody to `set` it. Undefined when nobody does, or when the signal fires. */
  async wait(kind: 'session' | 'build', id: string, ms: number, signal: AbortSignal): Promise<string | undefined> {
    const known = this.get(kind, id)
    if (known !== undefined || signal.aborted) return known
    const key = `${kind}:${id}`
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting)
    const stop = new AbortController()
    let wake: (addr: string) => void = () => undefined
    const told = new Promise<string>((resolve) => {
      wake = resolve
      waiting.add(resolve)
    })
    const onGone = (): void => stop.abort()
    signal.addEventListener('abort', onGone, { once: true })
    try {
      return await Promise.race([told, this.#clock.sleep(ms, stop.signal).then(nothing, nothing)])
    } finally {
      signal.removeEventListener('abort', onGone)
      stop.abort()
      waiting.delete(wake)
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key)
    }
  }

  /** The engine a client's last builds went to. */
  ofClient(client: string): string | undefined {
    const known = this.#clients.get(client)
    if (known === undefined) return undefined
    if (known.open > 0 || this.#clock.monotonicMs() - known.usedMs < rememberedMs) return known.addr
    this.#clients.delete(client)
    return undefined
  }

  /** True while a client has a tunnel to the builder of its engine. */
  isOpen(client: string): boolean {
    return (this.#clients.get(client)?.open ?? 0) > 0
  }

  /** Engines to whose builders tunnels are open. */
  openAddrs(): readonly string[] {
    if (this.#openCount === 0) return []
    return [...new Set([...this.#clients.values()].filter(({ open }) => open > 0).map(({ addr }) => addr))]
  }

  /** A client's tunnel opens (`by` 1) or closes (-1). */
  count(client: string, addr: string, by: 1 | -1): void {
    this.#openCount += by
    const known = this.#clients.get(client)
    // The client has moved to another engine in the meantime.
    if (by < 0 && known?.addr !== addr) return
    const open = Math.max(0, (known?.addr === addr ? known.open : 0) + by)
    this.#clients.delete(client)
    this.#clients.set(client, { addr, open, usedMs: this.#clock.monotonicMs() })
    trim(this.#clients)
  }
}

function nothing(): undefined {
  return undefined
}

/** Oldest first. */
function trim(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= remembered) return
    map.delete(key)
  }
}
