import type { Located } from '../directory.ts'
import { readGeneration } from '../model.ts'
import type { ContainerView } from '../model.ts'
import type { ContainerRecord, Place } from './record.ts'

/** A container that has been replaced, and by which. */
export interface Duplicate {
  readonly loser: Located<ContainerView>
  readonly winner: Located<ContainerView>
}

/** What is to be done about several containers with one swarm ID. */
export interface DuplicateVerdict {
  readonly remove: readonly Duplicate[]
  /** Why nothing can be done about it; empty when something can, or nothing need be. */
  readonly doubt: string
}

const nothing: DuplicateVerdict = { remove: [], doubt: '' }

/**
 * Of containers with one swarm ID the one with the highest generation stays: each replacement carries a label with a
 * higher one, so no clock and no memory of ours is needed. Only copies on engines that answer are judged, and a copy that
 * runs gives way only to one that runs too, or to the one on record.
 *
 * @param found all containers with this swarm ID, on any node
 */
export function judgeDuplicates(
  found: readonly Located<ContainerView>[],
  record: ContainerRecord | undefined,
): DuplicateVerdict {
  const copies = found.filter(({ node }) => node.health.state === 'healthy')
  if (copies.length < 2) return nothing
  if (record?.move?.target !== undefined) return judgeWhileMoved(copies, record, record.move.target)
  const recorded = copies.find(({ item }) => record?.home.containerId === item.id)
  const winner = recorded ?? findHighest(copies)
  const generation = Math.max(record?.generation ?? 0, winner === undefined ? 0 : readGeneration(winner.item))
  if (winner === undefined) return { remove: [], doubt: 'none of them is marked as the replacement of the others' }
  if (record !== undefined && recorded === undefined && readGeneration(winner.item) <= record.generation) {
    return { remove: [], doubt: `none of them is the one that took over on node ${record.home.node}` }
  }
  const isRunning = winner.item.state === 'running'
  const remove: Duplicate[] = []
  for (const loser of copies) {
    if (loser === winner) continue
    const isNewer = readGeneration(loser.item) > generation
    if (!isNewer && (recorded !== undefined || isRunning || loser.item.state !== 'running'))
      remove.push({ loser, winner })
  }
  const doubt = remove.length === copies.length - 1 ? '' : 'the replacement does not run while another copy does'
  return { remove, doubt }
}

/**
 * While it is moved, the one on record and what was made on the target are the move's business. What an earlier attempt
 * left on a third node goes, and so does what is known to be left on the target from before: it has the name, which the
 * move cannot be finished without.
 */
function judgeWhileMoved(
  copies: readonly Located<ContainerView>[],
  { home, generation, left }: ContainerRecord,
  target: Place,
): DuplicateVerdict {
  const winner = copies.find(({ item }) => item.id === home.containerId)
  if (winner === undefined) return nothing
  const isLoser = ({ item, node }: Located<ContainerView>): boolean =>
    left.some((each) => each.containerId === item.id) ||
    (node.engineId !== target.engineId && readGeneration(item) < generation)
  const losers = copies.filter((each) => each !== winner && isLoser(each))
  return { remove: losers.map((loser) => ({ loser, winner })), doubt: '' }
}

function findHighest(copies: readonly Located<ContainerView>[]): Located<ContainerView> | undefined {
  const highest = Math.max(...copies.map(({ item }) => readGeneration(item)))
  const winners = copies.filter(({ item }) => readGeneration(item) === highest)
  return highest > 0 && winners.length === 1 ? winners[0] : undefined
}
