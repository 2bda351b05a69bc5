/** What no row is asked about. */
const nothing = Symbol('nothing')

/**
 * A container's list row as text, so that thousands of them are small and a list is strung together rather than written.
 * What it tells never changes; it only remembers the longer text that was last made of it.
 */
export class ContainerRow {
  /** The engine's own words for the status; kept only while we do not know enough to word it. */
  readonly status: string
  /** The members, and behind them what was made for the three things below. */
  #text: string
  readonly #membersEnd: number
  #first: unknown = nothing
  #second: unknown
  #third: unknown

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
   * The members with more behind them, kept for as long as the same three things decide about the rest. Lists ask this for
   * every container, so nothing is made for the question.
   *
   * @param first compared, as the others, with `===`
   * @returns undefined when it has to be made: `keep`
   */
  extended(first: unknown, second: unknown, third: unknown): string | undefined {
    return this.#first === first && this.#second === second && this.#third === third ? this.#text : undefined
  }

  /** @param rest what comes behind the members. @returns both */
  keep(first: unknown, second: unknown, third: unknown, rest: string): string {
    this.#text = this.members + rest
    this.#first = first
    this.#second = second
    this.#third = third
    return this.#text
  }
}
