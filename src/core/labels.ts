/** Writes labels as docker prints them: `a=1,b=2`, sorted by key. */
export function renderLabels(labels: Iterable<readonly [string, string]>): string {
  return [...labels]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}
