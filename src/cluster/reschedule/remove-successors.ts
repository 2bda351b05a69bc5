import { toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import { readGeneration } from '../model.ts'
import type { Located } from '../directory.ts'
import type { ContainerView } from '../model.ts'
import { EngineHands } from './engine-hands.ts'

/**
 * Whether nothing has taken the place of a container so far, as far as this manager knows. A copy that is on its way there
 * has not: the record says which of the two is the container.
 */
export function isUnreplaced(api: Api, container: ContainerView): boolean {
  const { rescheduler } = api
  const record = rescheduler.isReady ? rescheduler.recordOf(container.swarmId) : undefined
  return record?.home.containerId === container.id || listSuccessors(api, container).length === 0
}

/**
 * Removes what has been made in the place of a container since a client asked for its removal: its engine may answer after
 * it was given up, or while a drain changes the two. Whoever leads then finds that the container is gone.
 */
export async function removeSuccessors(api: Api, container: ContainerView): Promise<void> {
  const { audit, cluster } = api
  for (const { item, node } of listSuccessors(api, container)) {
    const what = `container ${item.id} from ${node.name}: ${container.id}, whose place it took, was removed meanwhile`
    try {
      const member = cluster.memberOf(node)
      await new EngineHands(member, cluster.clock).remove(item.id, true)
      member.send({ kind: 'forgotten', id: item.id })
      cluster.log.info(`Removed ${what}`)
      audit?.note('remove-left', { name: item.names[0] ?? '', container: item.id, node: node.name })
    } catch (error) {
      cluster.log.warn(`cannot remove ${what}`, { error: toMessage(error) })
    }
  }
}

function listSuccessors({ cluster }: Api, container: ContainerView): readonly Located<ContainerView>[] {
  if (container.swarmId === '') return []
  const generation = readGeneration(container)
  const copies = cluster.directory.containersOfSwarmId(container.swarmId)
  return copies.filter(({ item }) => item.id !== container.id && readGeneration(item) > generation)
}
