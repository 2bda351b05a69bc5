import { FlotillaError } from '../../../core/errors.ts'
import type { JsonValue } from '../../../core/exact-json.ts'
import type { Tenant } from '../../access/model.ts'
import type { OwnThings } from '../../tenants/create-request.ts'
import type { Entry, Ledger } from '../../tenants/ledger.ts'
import type { Fields } from '../../wire.ts'
import { renderBody } from '../body-json.ts'
import type { Api, Call } from '../call.ts'

/** One call of a tenant, on its way to the handler of its route. */
export interface TenantCall {
  readonly tenant: Tenant
  /** What handlers get: what is not the tenant's is not there. */
  readonly api: Api
  /** With all there is; for questions whose answers the tenant must not hear. */
  readonly whole: Api
  readonly call: Call
  readonly own: OwnThings
  readonly ledger: Ledger
  /** Claims a name while something is made: no other tenant gets it meanwhile. @returns undefined when another one has it */
  readonly claim: (kind: 'network' | 'volume', name: string) => Entry | undefined
  /** Answers with 429, naming the quota, when the rate is used up. @returns false then */
  readonly mayPull: () => boolean
  /** Counts a stream until the call is over; answers with 429 when there are enough. @returns false then */
  readonly mayStream: () => boolean
  /** Goes on to the handler. */
  readonly run: (call?: Call) => void | Promise<void>
}

/** What a call goes through before its handler, or in place of it. */
export type TenantStep = (tenantCall: TenantCall) => void | Promise<void>

/** The body that the handler and engines get. */
export function replaceBody({ call }: Pick<TenantCall, 'call'>, body: Fields): void {
  call.exchange.replaceBody(renderBody(body as JsonValue))
}

export function forbid(message: string): FlotillaError {
  return new FlotillaError('cluster/forbidden', message, { status: 403 })
}

/**
 * Names that are IDs to an engine, which looks for those first: whoever calls a container of theirs by the ID of another's
 * could reach that one by it.
 *
 * @throws {cluster/invalid-option} status 400
 */
export function checkName(name: string): void {
  if (!/^\/?[0-9a-f]{64}$/.test(name)) return
  throw new FlotillaError('cluster/invalid-option', `a name must not look like an ID: ${name}`, { status: 400 })
}

export function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message, { status: 400 })
}
