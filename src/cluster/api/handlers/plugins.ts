import { FlotillaError } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { isFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { forward } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'

const askMs = 10_000

async function listOn(api: Api, call: Call, member: Member): Promise<readonly Fields[]> {
  const query = call.query === '' ? '' : `?${call.query}`
  const path = `${member.versionFor(call.version ?? api.cluster.apiVersion)}/plugins${query}`
  const reply = await member.engine.request({ method: 'GET', path, unversioned: true }, { deadlineMs: askMs })
  const rows = await reply.json<unknown>()
  return Array.isArray(rows) ? rows.filter(isFields) : []
}

/** Plug-ins of all engines, every name once. An engine that does not answer is left out and named in the log. */
export const list: Handler = async (api, call) => {
  const rows = new Map<string, Fields>()
  const parts = await Promise.all(
    api.cluster.healthyMembers().map(async (member) => {
      try {
        return await listOn(api, call, member)
      } catch {
        api.cluster.log.warn('no plug-ins from an engine', { node: member.name })
        return []
      }
    }),
  )
  for (const row of parts.flat()) if (!rows.has(readText(row, 'Name'))) rows.set(readText(row, 'Name'), row)
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  call.exchange.replyJson(200, sorted, ['Api-Version', api.cluster.apiVersion])
}

/** Passed to the first engine that has it. */
export const inspect: Handler = async (api, call) => {
  const plain: Call = { ...call, query: '' }
  for (const member of api.cluster.healthyMembers()) {
    const rows = await listOn(api, plain, member).catch(() => [])
    const isThere = rows.some((row) =>
      [readText(row, 'Id'), readText(row, 'Name'), readText(row, 'Name').replace(/:latest$/, '')].includes(call.name),
    )
    if (isThere) return forward(api, call, member, { within: 'callSeconds' })
  }
  throw new FlotillaError('cluster/not-found', `plugin "${call.name}" not found`, { status: 404 })
}

/** Plug-ins change what an engine is; that is done on each by itself, on purpose. */
export const refuse: Handler = (_api, call) => {
  call.exchange.replyError(
    501,
    'plugins are installed and changed on each engine by itself, not through the endpoint of the cluster: talk to the engine',
  )
}
