import { X509Certificate } from 'node:crypto'
import { measureProcess } from '../../io/process-reading.ts'
import type { Api } from '../api/call.ts'
import type { NodeView } from '../model.ts'
import type { ForwardState } from '../ports/port-forwarder.ts'
import type { CertificateReading, EngineReading, MetricsReading } from './reading.ts'

/** Looks at everything once. */
export function readMetrics(api: Api): MetricsReading {
  const { cluster, settings, host } = api
  const nowMs = cluster.clock.nowMs()
  const waiting = api.waiting.list(nowMs)
  return {
    nowMs,
    version: settings.version,
    commit: settings.commit,
    role: { kind: api.role.kind, term: api.role.term },
    otherManagers: api.peers?.list().length ?? 0,
    engines: readEngines(api),
    pendingReservations: cluster.reservationCount,
    waiting: { count: waiting.length, oldestMs: waiting[0]?.sinceMs },
    eventSubscribers: cluster.events.size,
    connections: { open: host.connectionCount, busy: host.busyCount, raw: host.hijackedCount },
    ports: api.ports === undefined ? undefined : countPorts(api.ports.list()),
    audit: api.audit?.read(),
    turnedAway: cluster.turnedAway.counts,
    routes: api.meters.routes,
    certificates: api.certificates.flatMap(readCertificate),
    process: measureProcess(nowMs),
  }
}

function countPorts(list: readonly ForwardState[]): NonNullable<MetricsReading['ports']> {
  const failed = list.filter((each) => each.problem !== '').length
  const connections = list.reduce((sum, each) => sum + each.openCount, 0)
  return { open: list.length - failed, failed, connections }
}

function readEngines({ cluster, rescheduler }: Api): readonly EngineReading[] {
  const sights = rescheduler.observers.list()
  return cluster.snapshot().nodes.map((node) => {
    const member = cluster.member(node.addr)
    return {
      node,
      isStreaming: cluster.isStreaming(node.addr),
      eventLagMs: correctLag(member?.watch.eventLagMs, node),
      reachedByOthers: node.health.state === 'healthy' ? undefined : sights.get(node.engineId)?.reachedBy.length,
      inFlight: member?.pool.inFlight ?? 0,
      queued: member?.pool.queued ?? 0,
    }
  })
}

/** Without the difference of the clocks, as far as it is known. */
function correctLag(lagMs: number | undefined, node: NodeView): number | undefined {
  return lagMs === undefined ? undefined : Math.max(0, lagMs - node.clockDeltaMs)
}

/** The first certificate of a file is the one that is shown. One that cannot be read says nothing. */
function readCertificate({ role, pem }: Api['certificates'][number]): readonly CertificateReading[] {
  try {
    return [{ role, expiresAtMs: Date.parse(new X509Certificate(pem).validTo) }]
  } catch {
    return []
  }
}
