import type { ListFilters } from './list-filter.ts'

/**
 * Values of a filter put in order once, so that a container of thirty thousand is not held against each of thousands: a
 * request may carry as many as its head has room for.
 */
export type TextTest = (text: string) => boolean

/** True for texts that begin with one of the values. */
export function startsWithAny(values: readonly string[]): TextTest {
  const byLength = new Map<number, Set<string>>()
  for (const value of values) {
    const known = byLength.get(value.length) ?? new Set<string>()
    byLength.set(value.length, known.add(value))
  }
  // The shortest first: most texts that fit at all fit those.
  const groups = [...byLength].sort(([a], [b]) => a - b)
  return (text) => {
    for (const [length, known] of groups) {
      if (length > text.length) return false
      if (known.has(text.slice(0, length))) return true
    }
    return false
  }
}

/** True for a node that the filter `node` names, by name, ID or engine; undefined when it is not given. */
export function compileNodes(
  filters: ListFilters,
): ((node: { readonly name: string; readonly id: string; readonly engineId: string }) => boolean) | undefined {
  const values = new Set(filters.get('node'))
  if (values.size === 0) return undefined
  return (node) => values.has(node.name) || values.has(node.id) || values.has(node.engineId)
}

/** True for texts that are one of the filter's values; undefined when it is not given. */
export function compileEqual(filters: ListFilters, key: string): TextTest | undefined {
  const values = new Set(filters.get(key))
  return values.size === 0 ? undefined : (text) => values.has(text)
}

/**
 * Values of which some may be written with their node, `NODE/NAME`: on that node such a one means what stands behind it,
 * and nothing else.
 *
 * @param make what the values mean
 */
export function compileByNode(
  values: readonly string[],
  make: (values: readonly string[]) => TextTest,
): (text: string, node: string) => boolean {
  const plain = make(values)
  const behind = new Map<string, string[]>()
  for (const value of values) {
    const slash = value.indexOf('/')
    if (slash <= 0) continue
    const node = value.slice(0, slash)
    const known = behind.get(node)
    if (known === undefined) behind.set(node, [value.slice(slash + 1)])
    else known.push(value.slice(slash + 1))
  }
  const tests = new Map([...behind].map(([node, names]) => [node, make(names)] as const))
  return (text, node) => {
    const own = tests.get(node)
    if (own === undefined) return plain(text)
    return own(text) || (!text.startsWith(`${node}/`) && plain(text))
  }
}
