/**
 * A container's list row as text, so that thousands of them are small and a list is strung together rather than written.
 * What it tells never changes; it only remembers the longer text that was last made of it.
 */
export class ContainerRow {
  /** The engine's own words for the status; kept only while we do not know enough to word it. */
  readonly status: string
  /** The members, and behind them what was made for `#key`. */
  #text: string
  readonly #membersEnd: number
  #key: readonly unknown[] = []

  /**
   * @param members JSON members in ASCII, `"Id":"1","Command":"sh"`: all but names, ports, times, state, sizes and
   *   status; mounts in a fixed order
   */
  constructor(members: string, status: string) {
    this.#text = members
    this.#membersEnd = members.length
    this.status = status
  }

  get members(): string {
    return this.#text.slice(0, this.#membersEnd)
  }

  /** The same row without the engine's words. */
  withoutStatus(): ContainerRow {
    return this.status === '' ? this : new ContainerRow(this.members, '')
  }

  /**
   * The members with more behind them, kept for as long as the same things decide about the rest.
   *
   * @param key compared one by one with `===`
   */
  extend(key: readonly unknown[], render: () => string): string {
    const known = this.#key
    if (known.length === key.length && key.every((part, index) => part === known[index])) return this.#text
    this.#text = this.members + render()
    this.#key = key
    return this.#text
  }
}
