import { PrefixIndex } from './prefix-index.ts'

/** One thing on one node. */
export interface Holding<V> {
  readonly addr: string
  readonly item: V
}

/**
 * Things on nodes, found by key. A key may have several holders: an image is on many nodes, a local volume's
 * name too. Holders of a key come in the order they were added.
 */
export class Holders<V> {
  private readonly byKey = new Map<string, Holding<V>[]>()
  private readonly hasPrefixes: boolean
  /** Made when somebody first asks by the beginning of a key. */
  private prefixes: PrefixIndex | undefined

  constructor(options: { readonly hasPrefixes: boolean }) {
    this.hasPrefixes = options.hasPrefixes
  }

  add(key: string, holding: Holding<V>): void {
    const holdings = this.byKey.get(key)
    if (holdings !== undefined) {
      holdings.push(holding)
      return
    }
    this.byKey.set(key, [holding])
    this.prefixes?.add(key)
  }

  delete(key: string, addr: string, item: V): void {
    const holdings = this.byKey.get(key)
    if (holdings === undefined) return
    const at = holdings.findIndex((each) => each.addr === addr && each.item === item)
    if (at >= 0) holdings.splice(at, 1)
    if (holdings.length > 0) return
    this.byKey.delete(key)
    this.prefixes?.delete(key)
  }

  get(key: string): readonly Holding<V>[] {
    return this.byKey.get(key) ?? []
  }

  /** Holders of up to `limit` keys that begin so. */
  startingWith(prefix: string, limit: number): readonly Holding<V>[] {
    if (!this.hasPrefixes) return []
    if (this.prefixes === undefined) {
      this.prefixes = new PrefixIndex()
      for (const key of this.byKey.keys()) this.prefixes.add(key)
    }
    return this.prefixes.find(prefix, limit).flatMap((key) => this.get(key))
  }
}
