import { toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import type { Member } from '../member.ts'
import type { NodeView } from '../model.ts'
import type { RecordBook } from './book.ts'
import { EngineHands, isUnanswered } from './engine-hands.ts'
import { isThatCopy } from './left-copy.ts'
import type { RemovedCopy } from './removed-book.ts'

/** What came of tidying a node up. */
export interface Cleaning {
  /** False: another manager has written meanwhile. */
  readonly isCurrent: boolean
  /** The engine does not answer: what else there is to do on it would take as long, and everything else waits. */
  readonly isUnanswered: boolean
}

/** An engine that was asked for a container and gave no answer may take this long to make it; then it is asked. */
const lateMs = 60_000

/**
 * Removes from a node what is left there of containers that were removed while it was away. Volumes stay, those without a
 * name too. Called about once a second; without any such container it costs nothing.
 */
export async function removeLeft(api: Api, book: RecordBook, node: NodeView): Promise<Cleaning> {
  let isCurrent = true
  for (const copy of book.removed.copiesOn(node.engineId)) {
    const outcome = await removeOne(api, book, node, copy)
    if (outcome === 'outdated') isCurrent = false
    if (outcome === 'unanswered') return { isCurrent, isUnanswered: true }
  }
  return { isCurrent, isUnanswered: false }
}

/** The engine is asked, whatever is shown of it: that may be from before it fell silent. */
async function removeOne(
  api: Api,
  book: RecordBook,
  node: NodeView,
  copy: RemovedCopy,
): Promise<'gone' | 'left' | 'unanswered' | 'outdated'> {
  const { cluster, role } = api
  const from = cluster.memberOf(node)
  let id = copy.containerId
  try {
    if (id === '') {
      const found = await findUnsure(api, book, from, copy)
      if (found === undefined) return 'left'
      if (found === '') return (await book.removed.settle(copy)) ? 'gone' : 'outdated'
      id = found
    }
    if (!(await role.mayAct())) return 'left'
    // Its record was not taken out after all, and says that this is the container.
    const isKept = book.get(copy.swarmId)?.home.containerId === id
    if (!isKept) {
      await new EngineHands(from, cluster.clock).remove(id, false)
      from.send({ kind: 'forgotten', id })
      cluster.log.info(`Removed container ${id} from ${node.name}: ${copy.name} was removed while the node was away`)
      api.audit?.note('remove-left', { name: copy.name, container: id, node: node.name })
    }
  } catch (error) {
    const more = { container: id || copy.name, node: node.name, error: toMessage(error) }
    if (book.removed.noteTrouble(copy, toMessage(error)))
      cluster.log.warn('cannot remove a container that was removed while its node was away', more)
    return isUnanswered(error) ? 'unanswered' : 'left'
  }
  return (await book.removed.settle(copy)) ? 'gone' : 'outdated'
}

/**
 * The ID of a copy that may have been made. Until it is sure that it was not, what the node shows is looked at each time;
 * the engine is asked once more in the end.
 *
 * @returns empty when there is none, undefined as long as nobody knows
 */
async function findUnsure(
  { cluster }: Api,
  book: RecordBook,
  member: Member,
  copy: RemovedCopy,
): Promise<string | undefined> {
  const { containers, engineId } = member.view
  const shown = containers.find((each) => each.swarmId === copy.swarmId && isThatCopy(copy, engineId, each))
  if (shown !== undefined) return shown.id
  if (book.removed.noteMissing(copy, cluster.clock.monotonicMs()) < lateMs) return undefined
  const found = await new EngineHands(member, cluster.clock).findCopies(copy.swarmId)
  return found.find(({ generation }) => generation > 0 && generation <= (copy.generation ?? 0))?.id ?? ''
}
