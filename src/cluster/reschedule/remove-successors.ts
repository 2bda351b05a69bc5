import { toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import { ownNames, readGeneration } from '../model.ts'
import type { Located } from '../directory.ts'
import type { ContainerView } from '../model.ts'
import { toPassingName } from './decide.ts'
import { EngineHands } from './engine-hands.ts'

/**
 * Whether nothing has taken the place of a container so far, as far as this manager knows. A copy that is on its way there
 * has not: the record says which of the two is the container.
 */
export function isUnreplaced(api: Known, container: ContainerView): boolean {
  const { rescheduler } = api
  const record = rescheduler.isReady ? rescheduler.recordOf(container.swarmId) : undefined
  if (record?.home.containerId === container.id) return true
  const successors = listSuccessors(api, container)
  if (record !== undefined) return successors.length === 0
  // Who does not lead goes by the names: until a copy takes the place it has a passing one.
  const [name = ''] = ownNames(container)
  const passing = toPassingName({ name, swarmId: container.swarmId }, 'moving')
  return successors.every(({ item }) => item.names.includes(passing))
}

/** What is looked at to tell. */
interface Known {
  readonly rescheduler: Pick<Api['rescheduler'], 'isReady' | 'recordOf'>
  readonly cluster: { readonly directory: Pick<Api['cluster']['directory'], 'containersOfSwarmId'> }
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

function listSuccessors(
  { cluster }: Pick<Known, 'cluster'>,
  container: ContainerView,
): readonly Located<ContainerView>[] {
  if (container.swarmId === '') return []
  const generation = readGeneration(container)
  const copies = cluster.directory.containersOfSwarmId(container.swarmId)
  return copies.filter(({ item }) => item.id !== container.id && readGeneration(item) > generation)
}
