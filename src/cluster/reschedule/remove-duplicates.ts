import { toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { NodeView } from '../model.ts'
import { hasPolicy } from '../recipe.ts'
import type { RecordBook } from './book.ts'
import { judgeDuplicates } from './duplicates.ts'
import type { Duplicate } from './duplicates.ts'
import { EngineHands, isUnanswered } from './engine-hands.ts'
import { isThatCopy } from './left-copy.ts'
import type { Cleaning } from './remove-left.ts'

/**
 * Removes from a node, or because of it, copies of containers that were made anew elsewhere while it was away. Volumes
 * stay, those without a name too: they hold what the replacement does not have.
 *
 * @param isBusy whether a move of it is under way, which removes the old one itself
 * @returns `isSettled` false: not all could be judged or removed; to be tried again
 */
export async function removeDuplicates(
  api: Api,
  book: RecordBook,
  node: NodeView,
  isBusy: (swarmId: string) => boolean,
): Promise<Cleaning & { readonly isSettled: boolean }> {
  const { directory, log } = api.cluster
  let isSettled = true
  let isCurrent = true
  for (const container of node.containers) {
    if (container.swarmId === '' || book.removed.isLeftCopy(node.engineId, container)) continue
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
        const outcome = await remove(api, book, duplicate)
        if (outcome === 'outdated') isCurrent = false
        if (outcome === 'later') isSettled = false
      } catch (error) {
        isSettled = false
        log.warn('cannot remove a container that was made anew elsewhere', {
          container: duplicate.loser.item.id,
          node: duplicate.loser.node.name,
          error: toMessage(error),
        })
        // The next one would take an engine that hangs as long, and everything else waits.
        if (isUnanswered(error)) return { isSettled, isCurrent, isUnanswered: true }
      }
    }
  }
  return { isSettled, isCurrent, isUnanswered: false }
}

/** @returns `outdated`: removed, and another manager has written meanwhile · `later`: nothing was removed */
async function remove(
  api: Api,
  book: RecordBook,
  { loser, winner }: Duplicate,
): Promise<'removed' | 'later' | 'outdated'> {
  const { cluster } = api
  const [from, to] = [cluster.memberOf(loser.node), cluster.memberOf(winner.node)]
  // What is shown may be out of date: the engine is asked whether the replacement is there.
  if ((await new EngineHands(to, cluster.clock).inspect(winner.item.id)) === undefined) return 'later'
  // A store that is slow for a moment does not confirm it, and nothing on the node changes after that.
  if (!(await api.role.mayAct())) return 'later'
  await new EngineHands(from, cluster.clock).remove(loser.item.id, false)
  from.send({ kind: 'forgotten', id: loser.item.id })
  const by = { by: winner.item.id, on: winner.node.name }
  api.audit?.note('remove-replaced', { container: loser.item.id, node: loser.node.name, ...by })
  const record = book.get(loser.item.swarmId)
  const left = record?.left.filter((each) => !isThatCopy(each, loser.node.engineId, loser.item))
  const hasLeft = record !== undefined && left !== undefined && left.length < record.left.length
  const isCurrent = !hasLeft || (await book.put({ ...record, left }))
  const volumes = loser.item.mounts.flatMap((mount) =>
    mount.kind === 'volume' && mount.name !== '' ? [mount.name] : [],
  )
  cluster.log.info(
    `Removed container ${loser.item.id} from ${loser.node.name}: ${winner.item.id} on ${winner.node.name} took its place`,
    volumes.length === 0 ? {} : { 'volumes kept': volumes.join(', ') },
  )
  return isCurrent ? 'removed' : 'outdated'
}
