import type { Clock } from '../../core/clock.ts'

/** Where a fake engine listens. */
export type FakeListen =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host?: string; readonly port?: number }

/** What a fake engine is to look like. Everything has a default. */
export interface FakeEngineOptions {
  /** Default: a free port of 127.0.0.1. */
  readonly listen?: FakeListen
  /** PEM texts; makes a TCP listener a TLS one. With `ca`, clients must present a certificate it signed. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string }
  readonly id?: string
  readonly name?: string
  readonly cpus?: number
  readonly memoryBytes?: number
  readonly labels?: readonly string[]
  readonly serverVersion?: string
  readonly driver?: string
  readonly apiVersion?: string
  readonly minApiVersion?: string
  /** Images that are there from the start. */
  readonly images?: readonly string[]
  /** Images that a pull finds. */
  readonly registry?: readonly string[]
  /** What it says of every container it makes. */
  readonly createWarnings?: readonly string[]
  readonly clock?: Clock
  /** Programs by name (first word of the command); they win over the built-in ones. */
  readonly programs?: Readonly<Record<string, FakeProgram>>
}

/** The world of one fake process. */
export interface FakeProcess {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly stdin: AsyncIterable<Buffer>
  readonly clock: Clock
  /** Fires when the process is to die. */
  readonly signal: AbortSignal
  write(stream: 'stdout' | 'stderr', data: string | Buffer): void
}

/** A fake program. Resolves with its exit code. */
export type FakeProgram = (process: FakeProcess) => Promise<number>

/** A request as it came. */
export interface RecordedRequest {
  readonly method: string
  /** Without version prefix and query. */
  readonly path: string
  /** `1.41`, or empty for a request without version. */
  readonly version: string
  readonly query: Readonly<Record<string, string>>
  readonly atMs: number
  /** Which one it is of those of all fake engines of this process. */
  readonly order: number
}

/** What to do instead of answering as an engine would. */
export type FakeFault =
  /** Answers as usual after a while; at once when the client has gone, unless it `outlasts` that. */
  | { readonly kind: 'delay'; readonly ms: number; readonly outlasts?: boolean }
  /** Accepts and never answers. */
  | { readonly kind: 'hang' }
  /** Answers with bytes that are no HTTP. */
  | { readonly kind: 'garbage'; readonly bytes?: string }
  /** Answers half a JSON value and closes. */
  | { readonly kind: 'truncate' }
  /** Closes the connection without a word. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'status'; readonly status: number; readonly message: string }
  /** Answers with this and nothing else: lies, wrong types, HTML pages. */
  | { readonly kind: 'reply'; readonly status?: number; readonly contentType?: string; readonly body: string }
  /** Does what was asked, at once or later and whether or not the client is still there, and never answers: the late success. */
  | { readonly kind: 'lose-answer'; readonly afterMs?: number }

/** When a fault strikes. */
export interface FakeRule {
  readonly method?: string
  /** Matched against the path without version. */
  readonly path?: RegExp
  /** Number of requests it strikes. Default: all. */
  readonly times?: number
  readonly fault: FakeFault
}
