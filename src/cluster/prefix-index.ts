/** How many characters a bucket's IDs share. */
const bucketLength = 3

/** Texts that can be found by how they begin without looking at all of them. */
export class PrefixIndex {
  private readonly buckets = new Map<string, Set<string>>()

  add(text: string): void {
    const key = text.slice(0, bucketLength)
    const bucket = this.buckets.get(key)
    if (bucket === undefined) this.buckets.set(key, new Set([text]))
    else bucket.add(text)
  }

  delete(text: string): void {
    const key = text.slice(0, bucketLength)
    const bucket = this.buckets.get(key)
    if (bucket === undefined) return
    bucket.delete(text)
    if (bucket.size === 0) this.buckets.delete(key)
  }

  /** At most `limit` texts that begin with `prefix`; an empty prefix finds nothing. */
  find(prefix: string, limit: number): readonly string[] {
    const found: string[] = []
    if (prefix === '') return found
    for (const bucket of this.candidates(prefix)) {
      for (const text of bucket) {
        if (!text.startsWith(prefix)) continue
        found.push(text)
        if (found.length >= limit) return found
      }
    }
    return found
  }

  private *candidates(prefix: string): Iterable<ReadonlySet<string>> {
    if (prefix.length >= bucketLength) {
      const bucket = this.buckets.get(prefix.slice(0, bucketLength))
      if (bucket !== undefined) yield bucket
      return
    }
    for (const [key, bucket] of this.buckets) if (key.startsWith(prefix)) yield bucket
  }
}
