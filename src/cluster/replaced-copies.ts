import type { Holding } from './holders.ts'
import { ownNames, readGeneration } from './model.ts'
import type { ContainerView } from './model.ts'

/**
 * Of copies of one container the one that was made anew last stands for all: the others are on nodes that are away, or
 * have only just come back. While one is being moved its copies have different names, and are told apart.
 */
export function dropReplaced(holdings: readonly Holding<ContainerView>[]): readonly Holding<ContainerView>[] {
  const [first] = holdings
  if (first === undefined || holdings.length < 2 || first.item.swarmId === '') return holdings
  const name = ownNames(first.item).join()
  const areCopiesOfOne = holdings.every(
    ({ item }) => item.swarmId === first.item.swarmId && ownNames(item).join() === name,
  )
  if (!areCopiesOfOne) return holdings
  const highest = Math.max(...holdings.map(({ item }) => readGeneration(item)))
  const newest = holdings.filter(({ item }) => readGeneration(item) === highest)
  return newest.length === 1 ? newest : holdings
}
