/** Who makes a request, as far as the endpoint knows. */
export interface Caller {
  /** As the access file calls them; a certificate's common name where there is no such file; empty: nobody knows. */
  readonly name: string
  readonly how: 'certificate' | 'token' | 'socket' | 'unknown'
  /** What they may do; see the table of routes. */
  readonly role: AccessRole
  /** They see and touch only what belongs to this tenant. */
  readonly tenant?: string
  /** A deployer's projects of Compose. */
  readonly projects?: readonly string[]
  /** Has the certificate of a manager: the calls that managers make to each other are answered too. */
  readonly isManager?: true
}

/** From the least to the most; reliability.md §7.2, S-A2. */
export type AccessRole = 'viewer' | 'tenant' | 'deployer' | 'operator' | 'admin'
