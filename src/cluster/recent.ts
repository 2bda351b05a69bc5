interface Entry<V> {
  readonly value: V
  usedAt: number
}

/**
 * A map that forgets: beyond `limit` entries the half that was not used for longest goes. A look-up changes
 * nothing but a number, so that reading costs no more than with a plain map.
 */
export class Recent<V> {
  private readonly entries = new Map<string, Entry<V>>()
  private readonly limit: number
  private time = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get size(): number {
    return this.entries.size
  }

  get(key: string): V | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    this.time += 1
    entry.usedAt = this.time
    return entry.value
  }

  set(key: string, value: V): void {
    this.time += 1
    this.entries.set(key, { value, usedAt: this.time })
    if (this.entries.size <= this.limit) return
    const times = [...this.entries.values()].map((entry) => entry.usedAt).sort((a, b) => a - b)
    const from = times[times.length >> 1] ?? 0
    for (const [name, entry] of this.entries) if (entry.usedAt < from) this.entries.delete(name)
  }

  delete(key: string): void {
    this.entries.delete(key)
  }

  clear(): void {
    this.entries.clear()
  }
}
