import type { Tenant } from '../access/model.ts'

/** Through whose eyes the cluster is looked at. */
export interface Lens {
  readonly tenant: string
  /** Names of all tenants: what begins with another one's name is that one's. */
  readonly tenants: ReadonlySet<string>
  /** The network `host` is there too. */
  readonly seesHostNetwork: boolean
}

export function makeLens(tenant: Tenant, tenants: Iterable<string>): Lens {
  return {
    tenant: tenant.name,
    tenants: new Set(tenants),
    seesHostNetwork: tenant.allows.has('host-namespaces'),
  }
}
