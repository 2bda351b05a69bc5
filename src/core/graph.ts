import { FlotillaError } from './errors.ts'

/**
 * Name → names it depends on. Every name that occurs as a dependency should be a key; one that is not is
 * treated as having no dependencies and is left out of the result.
 */
export type Graph = ReadonlyMap<string, Iterable<string>>

/**
 * Finds one cycle, written from its first name in insertion order back to itself: `['a', 'b', 'a']`.
 *
 * @returns empty when there is none
 */
export function findCycle(graph: Graph): readonly string[] {
  const finished = new Set<string>()
  for (const start of graph.keys()) {
    if (finished.has(start)) continue
    // An own stack instead of recursion: chains of 100,000 names must not overflow it.
    const path: string[] = [start]
    const onPath = new Set(path)
    const pending = [[...(graph.get(start) ?? [])].reverse()]
    while (path.length > 0) {
      const next = pending.at(-1)?.pop()
      if (next === undefined) {
        const done = path.pop()
        pending.pop()
        if (done !== undefined) {
          onPath.delete(done)
          finished.add(done)
        }
      } else if (onPath.has(next)) {
        return [...path.slice(path.indexOf(next)), next]
      } else if (!finished.has(next) && graph.has(next)) {
        path.push(next)
        onPath.add(next)
        pending.push([...(graph.get(next) ?? [])].reverse())
      }
    }
  }
  return []
}

/**
 * Sorts names into levels: each level depends only on earlier ones, so that its members can run side by
 * side. Inside a level the insertion order of the graph is kept. Linear in names and edges.
 *
 * @throws {core/cycle} naming the cycle, `dependency cycle: a -> b -> a`
 */
export function topologicalLevels(graph: Graph): readonly (readonly string[])[] {
  const waiting = new Map<string, number>()
  const dependents = new Map<string, string[]>()
  for (const [name, dependencies] of graph) {
    const known = new Set([...dependencies].filter((dependency) => graph.has(dependency)))
    waiting.set(name, known.size)
    for (const dependency of known) {
      const list = dependents.get(dependency)
      if (list === undefined) dependents.set(dependency, [name])
      else list.push(name)
    }
  }
  const position = new Map([...graph.keys()].map((name, index) => [name, index]))
  const levels: string[][] = []
  let level = [...graph.keys()].filter((name) => waiting.get(name) === 0)
  let placed = 0
  while (level.length > 0) {
    levels.push(level)
    placed += level.length
    const next: string[] = []
    for (const dependent of level.flatMap((name) => dependents.get(name) ?? [])) {
      const left = (waiting.get(dependent) ?? 0) - 1
      waiting.set(dependent, left)
      if (left === 0) next.push(dependent)
    }
    level = next.sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0))
  }
  if (placed < graph.size) {
    throw new FlotillaError('core/cycle', `dependency cycle: ${findCycle(graph).join(' -> ')}`)
  }
  return levels
}

/**
 * Dependencies first.
 *
 * @throws {core/cycle} naming the cycle
 */
export function topologicalOrder(graph: Graph): readonly string[] {
  return topologicalLevels(graph).flat()
}
