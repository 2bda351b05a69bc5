import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { inspectContainer } from '../../../engine/api/containers.ts'
import { findOwned, noteNodes, paramsOf } from '../call.ts'
import type { Api, Call, Handler, OwnedContainer } from '../call.ts'
import { leadershipOver } from '../fence.ts'
import { isAgain } from '../kept-wait.ts'

/** Renaming: the new name is held while the engine works, so that no create can take it. */
export const rename: Handler = (api, call) =>
  api.fence.run(async (lead) => {
    const owned = findOwned(api, call.name)
    const { id, names } = owned.container
    const wanted = (paramsOf(call).get('name') ?? '').replace(/^\//, '')
    if (wanted === '') {
      throw new FlotillaError('cluster/invalid-option', 'Neither old nor new names may be empty', { status: 400 })
    }
    await api.cluster.namesKnown()
    const taken = api.cluster.holdName(wanted, id)
    if (taken !== undefined) throw new FlotillaError('cluster/conflict', taken.text, { status: 409 })
    try {
      lead.check()
      await renameOn(api, call, owned, wanted).catch(async (error: unknown) => {
        if (!isAgain(call.exchange) || !(await isNamed(owned, wanted))) throw error
      })
      if (lead.isBroken) await undo(api, call, owned, names[0] ?? '')
      owned.member.send({ kind: 'assumed', id, change: { names: [wanted] } })
      void api.cluster.changed(owned.member, { what: 'container', id, isInspected: true })
    } finally {
      api.cluster.releaseName(wanted)
    }
    call.exchange.reply(204, ['Api-Version', api.cluster.apiVersion])
  })

async function renameOn(api: Api, call: Call, { member, container }: OwnedContainer, name: string): Promise<void> {
  const path = `${member.versionFor(call.version ?? api.cluster.apiVersion)}/containers/${container.id}/rename`
  noteNodes(api, call, [member])
  try {
    const reply = await member.engine.request(
      { method: 'POST', path, unversioned: true, query: { name } },
      { deadlineMs: api.limits.callSeconds * 1000 },
    )
    await reply.bytes()
    member.onAnswer()
  } catch (error) {
    if (error instanceof FlotillaError && error.status !== undefined) throw error
    member.onBroken(error)
    const status = error instanceof FlotillaError && error.code === 'engine/timeout' ? 504 : 502
    throw new FlotillaError('engine/unreachable', `node ${member.name}: ${toMessage(error)}`, { status, cause: error })
  }
}

/** Whether a manager that gave no answer has given it the name: an engine refuses one that it has. */
async function isNamed({ member, container }: OwnedContainer, name: string): Promise<boolean> {
  const { Name: found } = await inspectContainer(member.engine, container.id)
  return found === `/${name}`
}

/** Another manager has taken over meanwhile and may have given the name away: the container gets its own back. */
async function undo(api: Api, call: Call, owned: OwnedContainer, name: string): Promise<never> {
  await renameOn(api, call, owned, name)
  throw leadershipOver()
}
