import { Buffer } from 'node:buffer'
import { renderPlainJson } from '../../../core/exact-json.ts'
import type { JsonValue } from '../../../core/exact-json.ts'
import { toMessage } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { readList, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { BridgedCreate } from '../bridge/create-body.ts'
import type { Api, Call } from '../call.ts'

/**
 * What is left to do of a translated create once the container is there: the networks that an older engine joins by
 * calls of their own. When one cannot be joined the container is removed again.
 */
export async function finishBridged(
  api: Api,
  call: Pick<Call, 'version'>,
  member: Member,
  bridged: BridgedCreate,
  created: Fields,
): Promise<Fields> {
  const id = readText(created, 'Id')
  try {
    for (const { network, endpoint } of bridged.connects) {
      const body = renderPlainJson({ Container: id, EndpointConfig: endpoint } as JsonValue)
      const reply = await member.engine.request(
        {
          method: 'POST',
          path: `${member.versionFor(call.version)}/networks/${encodeURIComponent(network)}/connect`,
          unversioned: true,
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(body),
        },
        { deadlineMs: api.limits.callSeconds * 1000 },
      )
      await reply.bytes()
    }
  } catch (error) {
    const request = { method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } } as const
    await member.engine.request(request, { deadlineMs: api.limits.callSeconds * 1000 }).then(
      (reply) => reply.bytes(),
      (problem: unknown) => api.cluster.log.warn('cannot remove a container', { id, error: toMessage(problem) }),
    )
    throw error
  }
  if (bridged.warnings.length === 0) return created
  return { ...created, Warnings: [...readList(created, 'Warnings'), ...bridged.warnings] }
}
