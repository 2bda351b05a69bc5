import { FlotillaError, isFlotillaError, toMessage } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import type { NetworkView } from '../../model.ts'
import { isFields, readBoolean, readField, readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api, Call } from '../call.ts'

/** A swarm forgets a container that has just gone a moment later. */
const vanishMs = 10_000
const vanishPauseMs = 300

const encryptedWarning =
  'encrypted networks need ESP in the kernel of every node (CONFIG_INET_ESP): where it is missing the network is made ' +
  'without an error and all packets between nodes vanish. Send one between containers on two nodes before you rely on it.'

/**
 * What a manager of the swarm is sent to make a network over all nodes. Plain containers may join it: classic swarm's
 * overlay networks were for nothing else.
 */
export function toOverlayBody(body: Fields): Fields {
  const isSpecial = readBoolean(body, 'Ingress') || readBoolean(body, 'ConfigOnly')
  return { ...body, CheckDuplicate: true, ...(isSpecial ? {} : { Attachable: true }) }
}

/** The engine's answer, with a warning that no engine gives. */
export function warnOfEncryption(api: Api, body: Fields, created: Fields): Fields {
  const options = readFields(body, 'Options')
  const value = readField(options, 'encrypted')
  if (value === undefined || value === 'false') return created
  api.cluster.log.warn(encryptedWarning, { network: readText(body, 'Name') })
  const given = readText(created, 'Warning')
  return { ...created, Warning: given === '' ? encryptedWarning : `${given}\n${encryptedWarning}` }
}

/** The same failure with what to do, where it comes of a swarm without a leader. */
export function explainNoLeader(error: unknown): unknown {
  if (!isFlotillaError(error) || !/does not have a leader/.test(error.message)) return error
  const steps =
    'start more of its managers; only when they are lost for good, run "docker swarm init --force-new-cluster" on one that is left'
  return new FlotillaError('engine/server', `${error.message} Containers are not affected. To mend it: ${steps}`, {
    status: error.status ?? 503,
    cause: error,
  })
}

/** Has a manager remove a network of the swarm. Containers that are on their way out are waited for, others are named. */
export async function deleteSpanning(api: Api, call: Call, member: Member, network: NetworkView): Promise<void> {
  const { clock, apiVersion } = api.cluster
  const path = `${member.versionFor(call.version ?? apiVersion)}/networks/${network.id}`
  const { signal } = call.exchange
  const untilMs = clock.monotonicMs() + vanishMs
  for (;;) {
    try {
      const reply = await member.engine.request(
        { method: 'DELETE', path, unversioned: true },
        { deadlineMs: api.limits.callSeconds * 1000 },
      )
      await reply.bytes()
      return
    } catch (error) {
      const task = /in use by task (\w+)/.exec(toMessage(error))?.[1]
      if (task === undefined) throw explainNoLeader(error)
      const user = await findUser(api, member, task, network)
      if (user !== undefined) throw user
      if (clock.monotonicMs() >= untilMs) throw error
      await clock.sleep(vanishPauseMs, signal)
    }
  }
}

/** An error that names the container behind a task; undefined when it is gone already. */
async function findUser(
  api: Api,
  member: Member,
  task: string,
  network: NetworkView,
): Promise<FlotillaError | undefined> {
  const reply = await member.engine
    .request({ method: 'GET', path: `/tasks/${task}` }, { deadlineMs: api.limits.callSeconds * 1000 })
    .then((each) => each.json<unknown>())
    .catch(() => undefined)
  const spec = isFields(reply) ? readFields(reply, 'Spec') : {}
  const id = readText(readFields(spec, 'NetworkAttachmentSpec'), 'ContainerID')
  const found = id === '' ? undefined : api.cluster.directory.findContainer(id)
  if (found?.kind !== 'found') return undefined
  const { node, item } = found
  const who = `network ${network.name} is in use by container ${item.names[0] ?? item.id} on node ${node.name}`
  if (node.health.state === 'healthy') return new FlotillaError('cluster/conflict', who, { status: 403 })
  const message =
    `${who}, which does not answer: bring the node back, or, when it is gone for good, take it out of the swarm with ` +
    `"docker node rm --force ${node.name}" on a manager`
  return new FlotillaError('cluster/unhealthy', message, { status: 403 })
}

/**
 * Takes a container of a node that does not answer off a network, as far as managers of the swarm keep anything of it.
 *
 * @throws {cluster/unhealthy} when no manager answers
 */
export async function disconnectDead(api: Api, network: NetworkView, container: string): Promise<void> {
  const managers = api.cluster.healthyMembers().filter((each) => each.view.swarmRole === 'manager')
  if (managers.length === 0) {
    const message = `no manager of the swarm answers, so container ${container} stays on network ${network.name}`
    throw new FlotillaError('cluster/unhealthy', message, { status: 500 })
  }
  await Promise.all(
    managers.map(async (manager) => {
      try {
        const path = `/networks/${network.id}/disconnect`
        const body = { Container: container, Force: true }
        await (
          await manager.engine.request({ method: 'POST', path, body }, { deadlineMs: api.limits.callSeconds * 1000 })
        ).bytes()
      } catch (error) {
        // It keeps nothing of the container.
        if (!isFlotillaError(error) || error.status !== 404) throw error
      }
    }),
  )
}
