import { isFlotillaError, toMessage } from '../../../core/errors.ts'
import type { Api } from '../call.ts'

/**
 * Removes what came of tries of a create that no manager gave an answer to, so that its name and place are free. They were
 * never acknowledged: a manager that was asked and is only frozen takes its own away when it wakes up. What comes about
 * later goes later. One that somebody has started stays.
 *
 * @param swarmIds of the tries
 */
export async function removeLost(api: Api, swarmIds: readonly string[]): Promise<void> {
  for (const swarmId of swarmIds) {
    for (const { item, node } of api.cluster.directory.containersOfSwarmId(swarmId)) {
      if (item.state !== 'created') continue
      const { id } = item
      const member = api.cluster.memberOf(node)
      const request = { method: 'DELETE', path: `/containers/${id}`, query: { v: true } } as const
      try {
        const reply = await member.engine.request(request, { deadlineMs: api.limits.callSeconds * 1000 })
        await reply.bytes()
      } catch (error) {
        if (!isFlotillaError(error) || error.status !== 404) {
          const about = { id, node: member.name, error: toMessage(error) }
          api.cluster.log.warn('cannot remove a container whose create got no answer', about)
          continue
        }
      }
      member.send({ kind: 'forgotten', id })
    }
    api.cluster.expectStray(swarmId)
  }
}
