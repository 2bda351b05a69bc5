import type { Buffer } from 'node:buffer'
import type { BagEntry } from '../../core/bag.ts'
import type { FlotillaError } from '../../core/errors.ts'
import type { Repeat } from '../../engine/repeat.ts'
import type { Joined } from './hijack.ts'
import type { ResponseHead } from './http1/head.ts'
import type { EnginePool } from './http1/pool.ts'
import type { Forward } from './proxy.ts'

/** The node a request goes to, as far as forwarding is concerned. */
export interface ForwardTarget {
  /** For messages. */
  readonly name: string
  readonly pool: EnginePool
  /** Whether it answers probes; absent: it is given none. */
  readonly isHealthy?: boolean | undefined
  /** Told how a call went: an answer of any kind proves the engine alive. */
  onAnswer(): void
  onBroken(error: unknown): void
  /** Another manager of the cluster, not an engine. */
  readonly isManager?: boolean
}

/** What a client is answered. */
export interface FailureTold {
  readonly status: number
  readonly message: string
}

export interface ForwardOptions {
  readonly target: ForwardTarget
  /** With version prefix and query, escaped. */
  readonly path: string
  /** Sent instead of the client's body. */
  readonly body?: Buffer
  /** Headers of the client not passed on, lower case. */
  readonly withoutHeaders?: readonly string[] | undefined
  /** Header lines sent beside the client's, each with its line end. */
  readonly extraLines?: string
  /** The engine answers late by nature: other requests do not wait for it. */
  readonly isPatient?: boolean
  /** The connection may leave HTTP. */
  readonly isHijack?: boolean
  /** Seconds until the reply must begin; absent: as long as it takes. */
  readonly headSeconds?: number | undefined
  /** Seen before the client sees it: the place to record what an acknowledged change did. */
  onReply?(status: number): void
  /** Makes another body, in pieces, out of a successful one. */
  transform?(body: Buffer): readonly Buffer[]
  /** Takes over when the engine says no, before anything went to the client. @returns true when handled */
  onRefusal?(status: number, head: ResponseHead): boolean
  /** Takes over when no connection could be had, so that nothing of the request has left. */
  onUnsent?(error: FlotillaError): void
  /** Whether the request may be left to `onLost`; absent: never. */
  readonly repeat?: Repeat | undefined
  /** Takes over a request whose target broke off, or was given up, before it answered; told what the client would be. */
  onLost?(told: FailureTold): void
  /** What the client is told when the target cannot be reached or breaks off; absent: 502, naming the node. */
  describeFailure?(error: unknown): FailureTold
  /** Called when the exchange is over, for whatever reason. */
  onDone?(): void
}

/** A request whose reply has to begin until a tick of the server. */
export type HeadWatch = BagEntry<{ readonly forward: Forward; readonly until: number }>

/** What forwarding needs of the server: a place to keep what lives longer than a call. */
export interface ForwardHost {
  /** @returns by what it is told that the reply has begun, or will not */
  watchHead(forward: Forward, seconds: number): HeadWatch
  unwatchHead(watch: HeadWatch): void
  addJoined(joined: Joined): void
  removeJoined(joined: Joined): void
}
