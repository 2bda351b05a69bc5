import type { Cluster } from '../cluster.ts'
import { ownNames } from '../model.ts'
import type { ContainerView } from '../model.ts'
import type { RecordBook } from './book.ts'
import { addLeft, toLeft } from './left-copy.ts'
import type { ContainerRecord } from './record.ts'

/** A container that a client has removed through this manager. */
interface Removal {
  readonly container: ContainerView
  readonly engineId: string
  /** That it had taken the place of the recorded one is known; else the records had not been read. */
  readonly isSure: boolean
  /** Monotonic. */
  readonly sinceMs: number
}

/** More than are ever under way at once. */
const maxNoted = 10_000
/** After a leadership of others nothing is concluded from what was before. */
const keepMs = 300_000

/**
 * What clients removed while its record did not say yet that it was the container: a manager that fails between making it
 * and writing that leaves such a record behind. The next one would take the container for one that has yet to be made,
 * or go on with the old one when its node returns.
 */
export class Removals {
  readonly #noted = new Map<string, Removal>()

  /**
   * @param book undefined when the records have not been read
   * @returns whether there is something to settle
   */
  note(cluster: Cluster, book: RecordBook | undefined, container: ContainerView, engineId: string): boolean {
    if (container.swarmId === '' || this.#noted.size >= maxNoted) return false
    const record = book?.get(container.swarmId)
    const isSure = record !== undefined && wasTheContainer(record, container, engineId)
    // Of what is not being moved the list tells.
    if (book !== undefined && !isSure) return false
    this.#noted.set(container.swarmId, { container, engineId, isSure, sinceMs: cluster.clock.monotonicMs() })
    return true
  }

  /**
   * Takes removed containers out of the records; what is left of them goes when its engine is back.
   *
   * @param isBusy whether a move of it is under way: how that ends is waited for
   * @returns how many; undefined when another manager wrote meanwhile: asked for again with the records as they are then
   */
  async settle(cluster: Cluster, book: RecordBook, isBusy: (swarmId: string) => boolean): Promise<number | undefined> {
    let count = 0
    for (const [swarmId, { container, engineId, isSure, sinceMs }] of this.#noted) {
      const isOld = cluster.clock.monotonicMs() - sinceMs > keepMs
      if (isBusy(swarmId) && !isOld) continue
      const record = isOld ? undefined : book.get(swarmId)
      // Where the move came to its end, the record is of what was removed, and the list tells.
      const isMissed = record !== undefined && record.home.containerId !== container.id
      if (isMissed && (isSure || wasTheContainer(record, container, engineId))) {
        const { home } = record
        // What the move made is what was removed.
        if (!(await book.forget({ ...record, move: undefined, left: addLeft(record.left, toLeft(record)) })))
          return undefined
        cluster.log.info(`Container ${container.id} was removed before its move from ${home.node} was over`)
        count += 1
      }
      this.#noted.delete(swarmId)
    }
    return count
  }
}

/** It had been made in the place of the recorded one, and had its name already. */
function wasTheContainer({ home, move, name }: ContainerRecord, container: ContainerView, engineId: string): boolean {
  return move?.target?.engineId === engineId && home.containerId !== container.id && ownNames(container).includes(name)
}
