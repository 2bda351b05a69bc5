import { toMessage } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { isFields, readField, readText } from '../../wire.ts'
import type { Api, Call } from '../call.ts'
import type { ContainerEntry } from '../../container-order.ts'

/** What `size=1` adds to the rows of a container list. */
export interface Sizes {
  /** By container, as JSON members with a comma in front; absent where the engine did not say. */
  readonly byId: ReadonlyMap<string, string>
  /** Nodes whose rows go without. */
  readonly missing: readonly string[]
}

export const noSizes: Sizes = { byId: new Map(), missing: [] }

/** Asks the engines of the listed containers, all at once. Sizes change without any event and are never kept. */
export async function fetchSizes(api: Api, call: Call, entries: readonly ContainerEntry[]): Promise<Sizes> {
  const byId = new Map<string, string>()
  const missing: string[] = []
  const members = new Set(entries.map(({ node }) => api.cluster.memberOf(node)))
  await Promise.all(
    [...members].map(async (member) => {
      try {
        if (!member.isHealthy) throw new Error('unhealthy')
        await readSizes(api, call, member, byId)
      } catch (error) {
        missing.push(member.name)
        api.cluster.log.warn('no container sizes from an engine', { node: member.name, error: toMessage(error) })
      }
    }),
  )
  return { byId, missing: missing.sort() }
}

async function readSizes(api: Api, call: Call, member: Member, byId: Map<string, string>): Promise<void> {
  const path = `${member.versionFor(call.version ?? api.cluster.apiVersion)}/containers/json`
  const reply = await member.engine.request(
    { method: 'GET', path, unversioned: true, query: { all: 1, size: 1 } },
    { deadlineMs: api.limits.gatherSeconds * 1000, signal: call.exchange.signal },
  )
  const rows = await reply.json<unknown>()
  for (const row of Array.isArray(rows) ? rows.filter(isFields) : []) {
    let text = ''
    // The engine leaves a size of 0 out.
    for (const key of ['SizeRw', 'SizeRootFs']) {
      const size = readField(row, key)
      if (typeof size === 'number') text += `,"${key}":${size}`
    }
    byId.set(readText(row, 'Id'), text)
  }
}
