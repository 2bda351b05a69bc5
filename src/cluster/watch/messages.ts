import type { ContainerView, NodeMark } from '../model.ts'
import type { Fields } from '../wire.ts'

/**
 * What the reducer asks the IO loop to read from one engine, and what comes back. The loop runs each fetch
 * (bounded, with a deadline) and answers with one `fetched` message; it decides nothing.
 */
export type Fetch =
  /** `GET /_ping`, short deadline; a longer one when nothing is lost by waiting (`isPatient`). */
  | { readonly what: 'ping'; readonly isPatient?: boolean }
  /** `GET /info` and `GET /version`, both without version prefix; answer `Specs`. */
  | { readonly what: 'specs' }
  /** `GET /containers/json?all=1`; answer `Fields[]`. */
  | { readonly what: 'containers' }
  /** `GET /containers/json?all=1&filters={"id":[ID]}`, then inspect if `isInspected`; answer `ContainerAnswer`. */
  | {
      readonly what: 'container'
      readonly id: string
      readonly isInspected: boolean
    }
  /** Inspect replies of containers whose rows have been listed, read in the background; answer `Detail[]`. */
  | { readonly what: 'details'; readonly ids: readonly string[] }
  /** `GET /images/json?all=1`; answer `Fields[]`. */
  | { readonly what: 'images' }
  /** `GET /networks`; answer `Fields[]`. */
  | { readonly what: 'networks' }
  /** `GET /networks/ID`; answer `Fields`, or `undefined` on 404. */
  | { readonly what: 'network'; readonly id: string }
  /** `GET /volumes`; answer the list in `Volumes` as `Fields[]`. */
  | { readonly what: 'volumes' }
  /** `GET /volumes/NAME`; answer `Fields`, or `undefined` on 404. */
  | { readonly what: 'volume'; readonly name: string }

export interface Specs {
  readonly info: Fields
  readonly version: Fields
  /** What the host part of the address resolved to. */
  readonly ip: string
  /** How long `/info` was in coming. */
  readonly tookMs?: number
}

/** No row: the container is gone. The inspect reply is left out when it was not asked for. */
export interface ContainerAnswer {
  readonly row: Fields | undefined
  readonly inspect: Fields | undefined
}

/** No inspect reply and no failure: the container is gone. */
export interface Detail {
  readonly id: string
  readonly inspect: Fields | undefined
  /** This container alone could not be read. */
  readonly failure: Failure | undefined
}

/** A failed call. Only connection-level failures (refused, no route, time-out of a probe) count against health. */
export interface Failure {
  readonly text: string
  readonly isConnection: boolean
}

export type FetchResult =
  | { readonly isOk: true; readonly data: unknown }
  | { readonly isOk: false; readonly failure: Failure }

/** Why the loop was told to wait. */
export type WakeReason = 'probe' | 'refresh' | 'validate' | 'events' | 'reads' | 'silence' | 'specs'

/** What can happen to one engine. */
export type Message =
  /** Discovery named it: validation starts. */
  | { readonly kind: 'added' }
  /** Discovery took it out. Final. */
  | { readonly kind: 'removed' }
  | { readonly kind: 'fetched'; readonly epoch: number; readonly fetch: Fetch; readonly result: FetchResult }
  /** The time asked for by a `wake` effect is over. */
  | { readonly kind: 'woke'; readonly epoch: number; readonly reason: WakeReason; readonly ticket: number }
  /** The event stream is up: everything that happens from now on will be told. */
  | { readonly kind: 'events-opened'; readonly epoch: number }
  | { readonly kind: 'events-closed'; readonly epoch: number; readonly failure: Failure | undefined }
  | { readonly kind: 'event'; readonly epoch: number; readonly event: Fields }
  /** Outcome of any other call to this engine (a proxied request, a create). */
  | { readonly kind: 'called'; readonly failure: Failure | undefined }
  /** We made this container; the engine's own description follows with its event. */
  | { readonly kind: 'created'; readonly container: ContainerView }
  /** A call of ours changed the container in this way. Holds until the engine's description arrives. */
  | { readonly kind: 'assumed'; readonly id: string; readonly change: Partial<ContainerView> }
  /** A call of ours removed the container. */
  | { readonly kind: 'forgotten'; readonly id: string }
  /** Operators marked the node. */
  | { readonly kind: 'marked'; readonly mark: NodeMark }
  /** Something of ours changed this: read it again. */
  | { readonly kind: 'touched'; readonly fetch: Fetch }
  /** Somebody waits for what is about to be read: no time is left for more to come. */
  | { readonly kind: 'hurried' }
  /** The cluster lets a loaded engine in, or keeps it pending and says why. */
  | { readonly kind: 'admitted' }
  | { readonly kind: 'rejected'; readonly text: string }
  /** The engine has come into service under another address. */
  | { readonly kind: 'superseded'; readonly text: string }

/** What the IO loop has to do after a step. */
export type Effect =
  | { readonly kind: 'fetch'; readonly epoch: number; readonly fetch: Fetch }
  /** A fetch that will be asked for in a moment, together with what may come until then. */
  | { readonly kind: 'queued'; readonly fetch: Fetch }
  /** Sleep, then send `woke` with the same epoch, reason and ticket. */
  | {
      readonly kind: 'wake'
      readonly epoch: number
      readonly reason: WakeReason
      readonly ticket: number
      readonly afterMs: number
    }
  /** Open the event stream (closing one that is open without a word), from `since` (engine time, `seconds.nanoseconds`) on. */
  | { readonly kind: 'open-events'; readonly epoch: number; readonly since: string | undefined }
  /** Drop the event stream, calls under way and connections. */
  | { readonly kind: 'close' }
  /** Tell listeners: an event of the engine, after the state holds it. */
  | { readonly kind: 'forward'; readonly event: Fields }
  /** Tell listeners: the cluster's own event about this engine. */
  | { readonly kind: 'announce'; readonly action: 'engine_connect' | 'engine_disconnect' | 'engine_reconnect' }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  /** Everything is read; the cluster answers with `admitted` or `rejected`. */
  | { readonly kind: 'loaded' }

/** What a step may know of the world. */
export interface StepContext {
  readonly nowMs: number
  /** In [0, 1): spreads delays. */
  readonly random: number
}

/** The manager's settings that the reducer goes by. */
export interface WatchOptions {
  readonly refreshMinMs: number
  readonly refreshMaxMs: number
  /** Connection failures in a row that make an engine unhealthy. */
  readonly failureRetry: number
  /** Pause between probes of a healthy engine. */
  readonly probeMs: number
  /** An event stream that tells nothing for this long is opened anew: a dead one looks just like that. */
  readonly silenceMs: number
  /** Whole percent added to CPUs and memory. */
  readonly overcommitPercent: number
}

/** Defaults of the ancestor's flags; the probe is ours. */
export const defaultWatchOptions: WatchOptions = {
  refreshMinMs: 30_000,
  refreshMaxMs: 60_000,
  failureRetry: 3,
  probeMs: 3_000,
  silenceMs: 25_000,
  overcommitPercent: 5,
}

/** The name of what a fetch reads: one fetch of a key is under way at a time. */
export function keyOf(fetch: Fetch): string {
  switch (fetch.what) {
    case 'container':
      return `container:${fetch.id}`
    case 'network':
      return `network:${fetch.id}`
    case 'volume':
      return `volume:${fetch.name}`
    default:
      return fetch.what
  }
}
