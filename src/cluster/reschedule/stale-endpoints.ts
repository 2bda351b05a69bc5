import { isFlotillaError, toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import type { Member } from '../member.ts'
import { withoutAddress } from '../recipe.ts'
import type { NetworkUse } from '../recipe.ts'
import type { ContainerRecord } from './record.ts'

/** Time for one network (classicswarm cluster/watchdog.go). */
const disconnectMs = 10_000

/**
 * Takes what a dead container holds in networks that span nodes, so that its replacement can have the same address.
 *
 * @returns the networks to connect the replacement to: where that failed, without the requested address
 */
export async function freeEndpoints(
  api: Api,
  record: ContainerRecord,
  networks: readonly NetworkUse[],
): Promise<readonly NetworkUse[]> {
  const spanning = new Set(record.networks.filter((each) => each.isSpanning).map((each) => each.name))
  return Promise.all(
    networks.map(async (use) => {
      if (!spanning.has(use.name)) return use
      const isFree = await free(api, record, use.name)
      // A swarm gives an address free only some time after it has noticed that its node is down: not worth a second wait.
      return isFree && (record.move?.attempts ?? 0) < 2 ? use : withoutAddress(use)
    }),
  )
}

async function free(api: Api, record: ContainerRecord, network: string): Promise<boolean> {
  const member = chooseMember(api, network)
  if (member === undefined) return false
  try {
    const reply = await member.engine.request(
      {
        method: 'POST',
        path: `/networks/${encodeURIComponent(network)}/disconnect`,
        // Of a container that is elsewhere the engine knows the name of the endpoint only, which is the container's.
        body: { Container: record.name || record.home.containerId, Force: true },
      },
      { deadlineMs: disconnectMs },
    )
    await reply.bytes()
    return true
  } catch (error) {
    // No such endpoint: nothing is held.
    if (isFlotillaError(error) && error.status === 404) return true
    api.cluster.log.warn('cannot free the endpoint of a lost container', {
      network,
      container: record.home.containerId,
      node: member.name,
      error: toMessage(error),
    })
    return false
  }
}

/** A manager of the engines' swarm, else any engine that lists the network. */
function chooseMember(api: Api, network: string): Member | undefined {
  const members = api.cluster.healthyMembers()
  return (
    members.find(({ view }) => view.swarmRole === 'manager') ??
    members.find(({ view }) => view.networks.some((each) => each.name === network))
  )
}
