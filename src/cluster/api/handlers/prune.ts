import type { NamedFailure } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { isFields, readList, readNumber, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { bridgeVolumePrune, isAnonymousVolume } from '../bridge/queries.ts'
import { noteNodes, versionsOf } from '../call.ts'
import type { Call, Handler } from '../call.ts'
import { joinNodeFailures } from './node-failures.ts'
import { whileHealthy } from './while-healthy.ts'

const pruneMs = 300_000

type Kind = 'containers' | 'images' | 'networks' | 'volumes' | 'build'

/** What `docker … prune` asks for, on every node; lists joined, sizes summed. Nodes that fail are named, the others are done. */
export function prune(kind: Kind): Handler {
  return async (api, call) => {
    const joined: Record<string, unknown> = {}
    const failures: NamedFailure[] = []
    const members = api.cluster.healthyMembers()
    noteNodes(api, call, members)
    await Promise.all(
      members.map(async (member) => {
        try {
          const answer = await whileHealthy(api, member, call.exchange.signal, (signal) =>
            pruneOn(call, member, kind, signal),
          )
          join(joined, answer)
        } catch (error) {
          failures.push({ name: member.name, error })
        }
      }),
    )
    for (const member of members) void api.cluster.changed(member, { what: kind === 'build' ? 'images' : kind })
    await api.cluster.settled()
    if (failures.length > 0) throw joinNodeFailures(failures)
    const value = kind === 'networks' ? joined : { ...joined, SpaceReclaimed: readNumber(joined, 'SpaceReclaimed') }
    call.exchange.replyJson(200, value, ['Api-Version', api.cluster.apiVersion])
  }
}

/** A volume that several nodes had is named once. */
function join(joined: Record<string, unknown>, answer: Fields): void {
  for (const [key, value] of Object.entries(answer)) {
    if (Array.isArray(value)) joined[key] = [...new Set([...readList(joined, key), ...value])]
    else if (key === 'SpaceReclaimed') joined[key] = readNumber(joined, key) + readNumber(answer, key)
    else joined[key] ??= value
  }
}

/** Since API 1.56 a report may be asked for in parts. Those of several nodes are joined, so each is had as a whole. */
function withoutStream(query: string): string {
  const params = new URLSearchParams(query)
  if (!params.has('stream')) return query
  params.delete('stream')
  return params.toString()
}

async function pruneOn(call: Call, member: Member, kind: Kind, signal: AbortSignal): Promise<Fields> {
  let query = withoutStream(call.query)
  if (kind === 'volumes') {
    const how = bridgeVolumePrune(query, versionsOf(call, member))
    if (how.kind === 'anonymous') return pruneAnonymous(call, member, how.filters, signal)
    query = how.query
  }
  const path = `${member.versionFor(call.version)}/${kind}/prune${query === '' ? '' : `?${query}`}`
  const request = { method: 'POST', path, unversioned: true } as const
  // Engines break a prune off when its client goes away.
  const reply = await member.engine.request(request, { deadlineMs: pruneMs, signal })
  const answer = await reply.json<unknown>()
  return isFields(answer) ? answer : {}
}

/** Unused volumes without a name, one by one; one that is taken into use meanwhile stays. */
async function pruneAnonymous(call: Call, member: Member, filters: string, signal: AbortSignal): Promise<Fields> {
  const wanted = { ...(filters === '' ? {} : (JSON.parse(filters) as Fields)), dangling: ['true'] }
  const prefix = member.versionFor(call.version)
  const reply = await member.engine.request(
    { method: 'GET', path: `${prefix}/volumes`, unversioned: true, query: { filters: JSON.stringify(wanted) } },
    { deadlineMs: member.limits.callSeconds * 1000, signal },
  )
  const listed = await reply.json<unknown>()
  const removed: string[] = []
  for (const row of isFields(listed) ? readList(listed, 'Volumes').filter(isFields) : []) {
    const name = readText(row, 'Name')
    if (!isAnonymousVolume(name)) continue
    if (signal.aborted) break
    const request = { method: 'DELETE', path: `${prefix}/volumes/${name}`, unversioned: true } as const
    const isGone = await member.engine.request(request, { deadlineMs: member.limits.callSeconds * 1000 }).then(
      async (answer) => (await answer.bytes(), true),
      () => false,
    )
    if (isGone) removed.push(name)
  }
  return { VolumesDeleted: removed, SpaceReclaimed: 0 }
}
