import { FlotillaError } from '../../../core/errors.ts'
import { TENANT_LABEL } from '../../tenants/owner.ts'
import { isTrue, paramsOf } from '../call.ts'
import type { Call } from '../call.ts'
import { parseListFilters } from '../list-filter.ts'
import { changeJson } from './replies.ts'
import type { TenantStep } from './tenant-call.ts'

/** The query with one more label that everything has to have. @throws {cluster/invalid-option} status 400 */
function withOwner({ query }: Pick<Call, 'query'>, tenant: string): string {
  const params = new URLSearchParams(query)
  const filters = new Map(parseListFilters(params.get('filters') ?? ''))
  filters.set('label', [...(filters.get('label') ?? []), `${TENANT_LABEL}=${tenant}`])
  params.set('filters', JSON.stringify(Object.fromEntries(filters)))
  return params.toString()
}

/** In the words of engines (moby daemon/cluster, plugin/store.go). */
export const absent: TenantStep = ({ call }) => {
  const kind = call.path.slice(1, call.path.indexOf('/', 1)).replace(/s$/, '')
  const what = kind === 'plugin' ? `plugin "${call.name}" not found` : `${kind} ${call.name} not found`
  throw new FlotillaError('cluster/not-found', what, { status: 404 })
}

/** Compose asks where things can go. What is on its way from node to node is not told. */
export const listNodes: TenantStep = ({ call, run }) => {
  call.exchange.changeReply(changeJson((node) => ({ ...node, ContainersLeaving: 0, ContainersHeld: 0 })))
  return run()
}

/** Engines remove only what has the label. */
export const prune: TenantStep = ({ call, tenant, run }) => run({ ...call, query: withOwner(call, tenant.name) })

export const stream: TenantStep = ({ mayStream, run }) => (mayStream() ? run() : undefined)

export const logs: TenantStep = ({ call, mayStream, run }) =>
  !isTrue(paramsOf(call).get('follow')) || mayStream() ? run() : undefined

export const stats: TenantStep = ({ call, mayStream, run }) => {
  const wanted = paramsOf(call).get('stream')
  const isOnce = wanted !== null && !isTrue(wanted)
  return isOnce || mayStream() ? run() : undefined
}
