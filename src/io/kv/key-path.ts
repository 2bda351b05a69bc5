/** A key as a path of a URL, each part escaped. */
export function toKeyPath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

/** Sorts entries by key, in the order of code units. */
export function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  if (a.key === b.key) return 0
  return a.key < b.key ? -1 : 1
}
