import type { Clock, Random } from '../../core/clock.ts'
import type { MutualTls } from '../dial.ts'
import type { Credentials, StoreEndpoint } from './address.ts'

/** What every client of a store is made with. */
export interface StoreOptions {
  /** Tried in turn, beginning with the one that answered last. At least one. */
  readonly endpoints: readonly StoreEndpoint[]
  readonly credentials?: Credentials | undefined
  /** Consul's ACL token. */
  readonly token?: string | undefined
  /** Consul's namespace, of those who pay for it. */
  readonly namespace?: string | undefined
  readonly tls?: MutualTls | undefined
  readonly clock: Clock
  readonly random: Random
}

/** Limit of a call whose caller gives none. A store that needs five seconds for each is still usable. */
export const callLimitMs = 10_000
