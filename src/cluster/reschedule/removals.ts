import type { Cluster } from '../cluster.ts'
import { ownNames } from '../model.ts'
import type { ContainerView } from '../model.ts'
import type { RecordBook } from './book.ts'
import type { ContainerRecord } from './record.ts'

/** A container that a client has removed through this manager. */
interface Removal {
  readonly container: ContainerView
  readonly engineId: string
}

/** More than are ever under way at once. */
const maxNoted = 10_000

/**
 * What clients removed while its record did not say yet that it was the container: a manager that fails between making it
 * and writing that leaves such a record behind. The next one would take the container for one that has yet to be made,
 * or go on with the old one when its node returns.
 */
export class Removals {
  readonly #noted = new Map<string, Removal>()

  note(container: ContainerView, engineId: string): void {
    if (this.#noted.size < maxNoted) this.#noted.set(container.swarmId, { container, engineId })
  }

  /**
   * Takes removed containers out of the records; what is left of them goes when its engine is back.
   *
   * @param isBusy whether a move of it is under way: how that ends is waited for
   * @returns false when another manager wrote meanwhile: asked for again with the records as they are then
   */
  async settle(cluster: Cluster, book: RecordBook, isBusy: (swarmId: string) => boolean): Promise<boolean> {
    for (const [swarmId, removal] of this.#noted) {
      if (isBusy(swarmId)) continue
      const record = book.get(swarmId)
      if (record !== undefined && wasTheContainer(record, removal)) {
        const { engineId, containerId } = record.home
        const left = [...record.left, { engineId, containerId }]
        if (!(await book.forget({ ...record, left }))) return false
        cluster.log.info(
          `Container ${removal.container.id} was removed before its move from ${record.home.node} was over`,
        )
        hide(cluster, record)
      }
      this.#noted.delete(swarmId)
    }
    return true
  }
}

/** It had been made in the place of the recorded one, and had its name already. */
function wasTheContainer({ home, move, name }: ContainerRecord, { container, engineId }: Removal): boolean {
  return move?.target?.engineId === engineId && home.containerId !== container.id && ownNames(container).includes(name)
}

/** A node that does not answer shows it no more, so that it is not made anew from there. */
function hide(cluster: Cluster, { home }: ContainerRecord): void {
  const node = cluster.snapshot().nodes.find((each) => each.engineId === home.engineId)
  const member = node === undefined ? undefined : cluster.member(node.addr)
  if (member?.isHealthy === false) member.send({ kind: 'forgotten', id: home.containerId })
}
