/**
 * A scalar whose kind matters and that JavaScript has no type for: whole numbers beyond 2^53, floats that are whole
 * (`80.0` is no port, `1e6` is printed as `1e+06`), and dates. Without enumerable fields and not a map: what looks at
 * trees by their keys finds nothing in it.
 */
export class GoScalar {
  readonly #kind: 'whole' | 'float' | 'time'
  readonly #text: string

  /** @param text as the reference program prints it in YAML and, but for dates, as text */
  constructor(kind: 'whole' | 'float' | 'time', text: string) {
    this.#kind = kind
    this.#text = text
  }

  get kind(): 'whole' | 'float' | 'time' {
    return this.#kind
  }

  get text(): string {
    return this.#text
  }

  /** NaN for dates; whole numbers lose what a double cannot hold. */
  get number(): number {
    return this.#kind === 'time' ? Number.NaN : Number(this.#text)
  }

  /** Go's name of the type. */
  get type(): 'float64' | 'int' | 'uint64' | 'time.Time' {
    if (this.#kind === 'time') return 'time.Time'
    if (this.#kind === 'float') return 'float64'
    return BigInt(this.#text) < 2n ** 63n ? 'int' : 'uint64'
  }

  /** The nearest value that JavaScript has: a float its number, all else text. */
  get plain(): number | string {
    return this.#kind === 'float' && Math.abs(this.number) < 1e6 ? this.number : this.#text
  }

  toJSON(): number | string {
    return this.plain
  }
}
