/** A `key=value` text taken apart; without `=` the value is undefined. */
export interface KeyValue {
  readonly key: string
  readonly value: string | undefined
}

/** Splits at the first `=`; values may hold more of them. */
export function parseKeyValue(text: string): KeyValue {
  const at = text.indexOf('=')
  return at < 0 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) }
}

/**
 * Reads labels as engines and flags write them, `key=value` or a bare `key` with an empty value. The last
 * one of a key wins. A map, because a label may be called `__proto__`.
 */
export function parseLabels(texts: Iterable<string>): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  for (const text of texts) {
    const { key, value } = parseKeyValue(text)
    if (key !== '') labels.set(key, value ?? '')
  }
  return labels
}

/** Writes labels as docker prints them: `a=1,b=2`, sorted by key. */
export function renderLabels(labels: Iterable<readonly [string, string]>): string {
  return [...labels]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

/** Whether labels answer a `label=KEY` or `label=KEY=VALUE` filter. */
export function matchesLabel(labels: ReadonlyMap<string, string>, filter: string): boolean {
  const { key, value } = parseKeyValue(filter)
  return value === undefined ? labels.has(key) : labels.get(key) === value
}
