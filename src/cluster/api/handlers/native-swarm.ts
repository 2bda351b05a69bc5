import type { ClusterAccess } from '../../cluster.ts'
import type { Member } from '../../member.ts'
import { isFields, readFields } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { forward } from '../call.ts'
import type { Api, Handler } from '../call.ts'

const askMs = 2000

/** What an engine answers that is no manager, word for word (moby daemon/cluster/errors.go): clients look for it. */
const notManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

/** Calls about the engine that gets them rather than about the swarm. */
const aboutOneEngine: ReadonlySet<string> = new Set(['/swarm/init', '/swarm/join', '/swarm/leave', '/swarm/unlock'])

interface Found {
  readonly member: Member | undefined
  readonly atMs: number
}

/** A look through all engines is worth this long. */
const lookMs = 1000
const found = new WeakMap<ClusterAccess, Found>()

/** A healthy engine that manages the engines' own swarm, if they are in one. */
export function findManager({ cluster }: Api): Member | undefined {
  const last = found.get(cluster)
  if (last?.member !== undefined && isManager(last.member)) return last.member
  const nowMs = cluster.clock.monotonicMs()
  if (last !== undefined && last.member === undefined && nowMs - last.atMs < lookMs) return undefined
  const member = cluster.healthyMembers().find(isManager)
  found.set(cluster, { member, atMs: nowMs })
  return member
}

function isManager(member: Member): boolean {
  return member.isHealthy && member.view.swarmRole === 'manager'
}

/** Services, nodes and the like of the engines' own swarm mode: a manager of it is asked; without any, refused as by an engine. */
export const toManager: Handler = (api, call) => {
  if (aboutOneEngine.has(call.path)) {
    call.exchange.replyError(
      501,
      `${call.path} concerns one engine, and this endpoint stands for several: talk to the engine itself`,
    )
    return
  }
  const manager = findManager(api)
  if (manager === undefined) call.exchange.replyError(503, notManager)
  else forward(api, call, manager, {})
}

const inactive: Fields = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'inactive',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
}

/** The `Swarm` block of `info`: that of a manager among the engines. */
export async function describeSwarm(api: Api): Promise<Fields> {
  const manager = findManager(api)
  if (manager === undefined) return inactive
  try {
    const reply = await manager.engine.request({ method: 'GET', path: '/info' }, { deadlineMs: askMs })
    const info = await reply.json<unknown>()
    return isFields(info) ? readFields(info, 'Swarm') : inactive
  } catch {
    api.cluster.log.warn('no description of the swarm from its manager', { node: manager.name })
    return inactive
  }
}
