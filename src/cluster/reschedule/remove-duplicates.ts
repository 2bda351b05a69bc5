import { toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { NodeView } from '../model.ts'
import { hasPolicy } from '../recipe.ts'
import type { RecordBook } from './book.ts'
import { judgeDuplicates } from './duplicates.ts'
import type { Duplicate } from './duplicates.ts'
import { EngineHands, isUnanswered } from './engine-hands.ts'
import type { RemovedCopy } from './removed-book.ts'

/** What came of looking for duplicates on a node. */
export interface Cleaning {
  /** False: not all could be judged or removed; to be tried again. */
  readonly isSettled: boolean
  /** False: another manager has written meanwhile. */
  readonly isCurrent: boolean
}

/**
 * Removes from a node, or because of it, copies of containers that were made anew elsewhere while it was away. Volumes
 * stay, those without a name too: they hold what the replacement does not have.
 *
 * @param isBusy whether a move of it is under way, which removes the old one itself
 */
export async function removeDuplicates(
  api: Api,
  book: RecordBook,
  node: NodeView,
  isBusy: (swarmId: string) => boolean,
): Promise<Cleaning> {
  const { directory, log } = api.cluster
  let isSettled = true
  let isCurrent = true
  for (const copy of book.removed.copiesOn(node.engineId)) {
    const outcome = await removeLeft(api, book, node, copy)
    if (outcome === 'outdated') isCurrent = false
    if (outcome !== 'gone') isSettled = false
    if (outcome === 'unanswered') return { isSettled, isCurrent }
  }
  for (const container of node.containers) {
    if (container.swarmId === '' || book.removed.isLeftCopy(container.swarmId, container.id)) continue
    if (isBusy(container.swarmId)) {
      isSettled = false
      continue
    }
    const found = directory.containersOfSwarmId(container.swarmId)
    if (found.length < 2 || !found.some(({ item }) => hasPolicy(item.labels) || item.labels.has(GENERATION_LABEL)))
      continue
    const verdict = judgeDuplicates(found, book.get(container.swarmId))
    if (verdict.doubt !== '') {
      const places = found.map((each) => `${each.node.name}/${each.item.id.slice(0, 12)}`).join(' and ')
      log.warn(`containers ${places} have the same swarm ID, and both stay: ${verdict.doubt}`)
    }
    for (const duplicate of verdict.remove) {
      try {
        if (!(await remove(api, book, duplicate))) isCurrent = false
      } catch (error) {
        isSettled = false
        log.warn('cannot remove a container that was made anew elsewhere', {
          container: duplicate.loser.item.id,
          node: duplicate.loser.node.name,
          error: toMessage(error),
        })
        // The next one would take an engine that hangs as long, and everything else waits.
        if (isUnanswered(error)) return { isSettled, isCurrent }
      }
    }
  }
  return { isSettled, isCurrent }
}

/**
 * Removes what is left of a container that was removed while its node was away. Its engine is asked, whatever is shown of
 * it: that may be from before it fell silent.
 */
async function removeLeft(
  api: Api,
  book: RecordBook,
  node: NodeView,
  copy: RemovedCopy,
): Promise<'gone' | 'left' | 'unanswered' | 'outdated'> {
  const { cluster, role } = api
  const { swarmId, containerId: id, name } = copy
  const from = cluster.memberOf(node)
  // Its record was not taken out after all, and says that this is the container.
  const isKept = book.get(swarmId)?.home.containerId === id
  try {
    if (!(await role.mayAct())) return 'left'
    if (!isKept) await new EngineHands(from, cluster.clock).remove(id, false)
  } catch (error) {
    const more = { container: id, node: node.name, error: toMessage(error) }
    if (book.removed.noteTrouble(copy, toMessage(error)))
      cluster.log.warn('cannot remove a container that was removed while its node was away', more)
    // The next one would take an engine that hangs as long, and everything else waits.
    return isUnanswered(error) ? 'unanswered' : 'left'
  }
  if (!isKept) {
    from.send({ kind: 'forgotten', id })
    cluster.log.info(`Removed container ${id} from ${node.name}: ${name} was removed while the node was away`)
    api.audit?.note('remove-left', { name, container: id, node: node.name })
  }
  return (await book.removed.settle(copy)) ? 'gone' : 'outdated'
}

/** @returns false when another manager has written meanwhile */
async function remove(api: Api, book: RecordBook, { loser, winner }: Duplicate): Promise<boolean> {
  const { cluster } = api
  const [from, to] = [cluster.memberOf(loser.node), cluster.memberOf(winner.node)]
  // What is shown may be out of date: the engine is asked whether the replacement is there.
  if ((await new EngineHands(to, cluster.clock).inspect(winner.item.id)) === undefined) return true
  if (!(await api.role.mayAct())) return true
  await new EngineHands(from, cluster.clock).remove(loser.item.id, false)
  from.send({ kind: 'forgotten', id: loser.item.id })
  const by = { by: winner.item.id, on: winner.node.name }
  api.audit?.note('remove-replaced', { container: loser.item.id, node: loser.node.name, ...by })
  const record = book.get(loser.item.swarmId)
  const left = record?.left.filter((each) => each.containerId !== loser.item.id)
  const hasLeft = record !== undefined && left !== undefined && left.length < record.left.length
  const isCurrent = !hasLeft || (await book.put({ ...record, left }))
  const volumes = loser.item.mounts.flatMap((mount) =>
    mount.kind === 'volume' && mount.name !== '' ? [mount.name] : [],
  )
  cluster.log.info(
    `Removed container ${loser.item.id} from ${loser.node.name}: ${winner.item.id} on ${winner.node.name} took its place`,
    volumes.length === 0 ? {} : { 'volumes kept': volumes.join(', ') },
  )
  return isCurrent
}
