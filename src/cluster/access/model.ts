import type { AccessRole } from './caller.ts'

/** Somebody who may use the endpoint; one entry of the access file. */
export interface AccessUser {
  readonly name: string
  readonly role: AccessRole
  /** Common name of their client certificate. */
  readonly certificate?: string
  /** SHA-256 of their bearer token, lowercase hex: the token itself is kept nowhere. */
  readonly tokenHash?: string
  /** Epoch milliseconds; nothing is accepted from them after it. */
  readonly expiresAtMs?: number
  /** For the role `tenant`. */
  readonly tenant?: string
  /** For the role `deployer`. */
  readonly projects?: readonly string[]
}

/** People whose containers, networks and volumes are a world of their own. */
export interface Tenant {
  readonly name: string
  readonly quota: Quota
  readonly allows: ReadonlySet<Freedom>
}

/**
 * What may be asked of an engine that reaches past a container: reliability.md §6, H-H7. `remote-sources` are addresses
 * that an engine is to fetch from by itself: H-H9.
 */
export type Freedom =
  | 'privileged'
  | 'capabilities'
  | 'devices'
  | 'sysctls'
  | 'security-options'
  | 'host-namespaces'
  | 'host-paths'
  | 'cgroup-parent'
  | 'build-entitlements'
  | 'remote-sources'

/** Most of each at once, or in the time its name says; absent: no limit. */
export interface Quota {
  readonly containers?: number
  readonly cpus?: number
  readonly memoryBytes?: number
  readonly volumes?: number
  readonly networks?: number
  readonly ports?: number
  readonly streams?: number
  readonly callsPerSecond?: number
  readonly pullsPerMinute?: number
}

/** All of the access file. */
export interface AccessRules {
  readonly users: readonly AccessUser[]
  readonly tenants: ReadonlyMap<string, Tenant>
  /** What those who say not who they are may do; undefined: nothing. */
  readonly anonymous?: AccessRole
  /** What roles other than `admin` may ask for; absent ones nothing. Tenants have their own. */
  readonly allows: ReadonlyMap<AccessRole, ReadonlySet<Freedom>>
  /** What those may do who come through a unix socket without a token; undefined: nothing. */
  readonly socket?: AccessRole
  /** Common names of the certificates of other managers. One that has this manager's own key needs no entry. */
  readonly managers?: ReadonlySet<string>
}

/** From the least to the most. */
export const accessRoles: readonly AccessRole[] = ['viewer', 'tenant', 'deployer', 'operator', 'admin']

export const freedoms: readonly Freedom[] = [
  'privileged',
  'capabilities',
  'devices',
  'sysctls',
  'security-options',
  'host-namespaces',
  'host-paths',
  'cgroup-parent',
  'build-entitlements',
  'remote-sources',
]
