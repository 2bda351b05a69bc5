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
  /** Nearly every key has one holder, which needs no list of its own. */
  private readonly byKey = new Map<string, Holding<V> | Holding<V>[]>()
  private readonly hasPrefixes: boolean
  /** Made when somebody first asks by the beginning of a key. */
  private prefixes: PrefixIndex | undefined

  constructor(options: { readonly hasPrefixes: boolean }) {
    this.hasPrefixes = options.hasPrefixes
  }

  add(key: string, holding: Holding<V>): void {
    const held = this.byKey.get(key)
    if (held === undefined) {
      this.byKey.set(key, holding)
      this.prefixes?.add(key)
    } else if (Array.isArray(held)) held.push(holding)
    else this.byKey.set(key, [held, holding])
  }

  delete(key: string, addr: string, item: V): void {
    const held = this.byKey.get(key)
    if (held === undefined) return
    if (Array.isArray(held)) {
      const at = held.findIndex((each) => each.addr === addr && each.item === item)
      if (at >= 0) held.splice(at, 1)
      if (held.length > 0) return
    } else if (held.addr !== addr || held.item !== item) return
    this.byKey.delete(key)
    this.prefixes?.delete(key)
  }

  get(key: string): readonly Holding<V>[] {
    const held = this.byKey.get(key)
    return held === undefined ? [] : Array.isArray(held) ? held : [held]
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
