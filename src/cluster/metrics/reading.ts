import type { AuditReading } from '../audit/writer.ts'
import type { NodeView } from '../model.ts'
import type { TurnedAwayCause } from '../turned-away.ts'
import type { RouteMeter } from './meters.ts'

/** One engine as it is measured. */
export interface EngineReading {
  readonly node: NodeView
  readonly isStreaming: boolean
  /** Between an event on the engine and its arrival, for the last one; undefined before the first. */
  readonly eventLagMs: number | undefined
  /** Other managers that reach the engine while this one does not; undefined where nobody was asked. */
  readonly reachedByOthers: number | undefined
  readonly inFlight: number
  readonly queued: number
}

/** A certificate this manager uses. */
export interface CertificateReading {
  readonly role: string
  readonly expiresAtMs: number
}

/** What this process uses. */
export interface ProcessReading {
  readonly startedAtMs: number
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  readonly externalBytes: number
  /** Since the last reading; absent where the platform does not measure it. */
  readonly loopDelay: { readonly p50: number; readonly p99: number; readonly max: number } | undefined
}

/** Everything that one scrape sees. */
export interface MetricsReading {
  readonly nowMs: number
  readonly version: string
  readonly commit: string
  readonly role: { readonly kind: string; readonly term: number }
  /** Other managers that have announced themselves here lately. */
  readonly otherManagers: number
  readonly engines: readonly EngineReading[]
  readonly pendingReservations: number
  /** Creates that wait for room; the oldest since, epoch milliseconds. */
  readonly waiting: { readonly count: number; readonly oldestMs: number | undefined }
  readonly eventSubscribers: number
  readonly connections: { readonly open: number; readonly busy: number; readonly raw: number }
  /** Ports of containers that the manager answers at; undefined where it leaves them to the nodes. */
  readonly ports: { readonly open: number; readonly failed: number; readonly connections: number } | undefined
  /** Undefined without an audit log. */
  readonly audit: AuditReading | undefined
  readonly turnedAway: Readonly<Record<TurnedAwayCause, number>>
  readonly routes: readonly RouteMeter[]
  readonly certificates: readonly CertificateReading[]
  readonly process: ProcessReading
}
