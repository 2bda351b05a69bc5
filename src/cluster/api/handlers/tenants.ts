import { renderUse } from '../../tenants/quota.ts'
import type { Handler } from '../call.ts'

/** What each tenant has beside what it may have; a tenant is told of itself. */
export const tenants: Handler = async (api, call) => {
  await api.cluster.settled()
  const own = call.exchange.caller?.tenant
  const rows = (api.tenants?.list(api) ?? []).filter(({ tenant }) => own === undefined || tenant.name === own)
  call.exchange.replyJson(
    200,
    rows.map(({ tenant, use, streams }) => ({
      Name: tenant.name,
      ...renderUse(use, tenant.quota),
      Streams: { Used: streams, Limit: tenant.quota.streams ?? null },
      CallsPerSecond: tenant.quota.callsPerSecond ?? null,
      PullsPerMinute: tenant.quota.pullsPerMinute ?? null,
      Allows: [...tenant.allows].sort(),
    })),
    ['Api-Version', api.cluster.apiVersion],
  )
}
