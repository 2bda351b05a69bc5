/** Certificates for a TLS endpoint, as PEM text. */
export interface TlsMaterial {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** False skips verification of the engine's certificate (`--tls` without `--tlsverify`). */
  readonly isVerified: boolean
  /** Name to verify instead of the host. */
  readonly serverName?: string
}

/** Where an engine is and how to reach it. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'npipe'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TlsMaterial }
  | {
      readonly kind: 'ssh'
      readonly host: string
      readonly port?: number
      readonly user?: string
      readonly socketPath?: string
    }
