import { toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import { EngineHands } from './engine-hands.ts'
import type { ContainerRecord } from './record.ts'
import type { Retries } from './retries.ts'

/**
 * Gives a container the name back that a move which ended half-way took from it. Somebody else may have got the name
 * meanwhile: then it waits, ever longer, and tells so once.
 */
export async function giveNameBack(api: Api, retries: Retries, record: ContainerRecord): Promise<void> {
  const { cluster, role } = api
  const { home, name, swarmId } = record
  const member = cluster.member(home.addr)
  const isAlone = cluster.directory.containersOfSwarmId(swarmId).length === 1
  if (member === undefined || !isAlone || !retries.isDue(swarmId)) return
  if (!(await role.mayAct())) return
  let why = cluster.holdName(name, home.containerId)?.text
  if (why === undefined) {
    try {
      await new EngineHands(member, cluster.clock).rename(home.containerId, name)
    } catch (error) {
      why = toMessage(error)
    } finally {
      cluster.releaseName(name)
    }
  }
  if (why === undefined) retries.forget(swarmId)
  else if (retries.fail(swarmId, why))
    cluster.log.warn('cannot give a container its name back', { name, node: home.node, error: why })
}
