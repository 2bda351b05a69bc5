import { isFields, readBoolean, readFields, readList, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { EngineSwarm } from './plan-swarm.ts'

const states: readonly EngineSwarm['state'][] = ['inactive', 'pending', 'active', 'error', 'locked']

/** Reads the `Swarm` part of an engine's `/info`. */
export function readEngineSwarm(
  info: Fields,
  who: { readonly addr: string; readonly name: string; readonly ip: string },
): EngineSwarm {
  const swarm = readFields(info, 'Swarm')
  const state = readText(swarm, 'LocalNodeState')
  return {
    ...who,
    state: states.find((each) => each === state) ?? 'inactive',
    isManager: readBoolean(swarm, 'ControlAvailable'),
    nodeId: readText(swarm, 'NodeID'),
    clusterId: readText(readFields(swarm, 'Cluster'), 'ID'),
    errorText: readText(swarm, 'Error'),
    remoteIds: readList(swarm, 'RemoteManagers').flatMap((each) => (isFields(each) ? [readText(each, 'NodeID')] : [])),
    managers: readNumber(swarm, 'Managers'),
  }
}
