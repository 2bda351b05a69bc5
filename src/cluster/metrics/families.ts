import { maskSecrets } from '../../core/mask.ts'
import type { AuditReading } from '../audit/writer.ts'
import { containerStates } from '../model.ts'
import type { NodeState, NodeView } from '../model.ts'
import type { Family, Sample } from './exposition.ts'
import { durationBounds } from './meters.ts'
import type { RouteMeter } from './meters.ts'
import type { EngineReading, MetricsReading, ProcessReading } from './reading.ts'

/** The metrics of a manager; docs/operations.md lists them. */
export function listFamilies(reading: MetricsReading): readonly Family[] {
  return [
    gauge('flotilla_info', 'Version of the manager.', [
      { labels: { version: reading.version, commit: reading.commit }, value: 1 },
    ]),
    ...roleFamilies(reading),
    ...engineFamilies(reading),
    ...loadFamilies(reading),
    ...(reading.audit === undefined ? [] : auditFamilies(reading.audit)),
    ...requestFamilies(reading.routes),
    gauge(
      'flotilla_certificate_days_left',
      'Days until a certificate of the manager expires.',
      reading.certificates.map(({ role, expiresAtMs }) => ({
        labels: { role },
        value: (expiresAtMs - reading.nowMs) / 86_400_000,
      })),
    ),
    ...processFamilies(reading.process),
  ]
}

function gauge(name: string, help: string, samples: readonly Sample[] | number): Family {
  return { name, help, type: 'gauge', samples: typeof samples === 'number' ? [{ value: samples }] : samples }
}

function counter(name: string, help: string, samples: readonly Sample[] | number): Family {
  return { name, help, type: 'counter', samples: typeof samples === 'number' ? [{ value: samples }] : samples }
}

function roleFamilies({ role, otherManagers }: MetricsReading): readonly Family[] {
  return [
    gauge(
      'flotilla_role',
      'What this manager is: 1 at its role.',
      ['sole', 'primary', 'replica'].map((kind) => ({ labels: { role: kind }, value: kind === role.kind ? 1 : 0 })),
    ),
    gauge('flotilla_leader_term', 'Number of the term of leadership; 0 without replication.', role.term),
    gauge('flotilla_other_managers', 'Replicas that have announced themselves to this manager lately.', otherManagers),
  ]
}

const nodeStates: readonly NodeState[] = ['pending', 'healthy', 'unhealthy', 'disconnected']

function engineFamilies({ engines, nowMs, pendingReservations, waiting }: MetricsReading): readonly Family[] {
  const byState = new Map<string, number>()
  const containers = new Map<string, number>()
  for (const { node } of engines) {
    byState.set(node.health.state, (byState.get(node.health.state) ?? 0) + 1)
    for (const { state } of node.containers) containers.set(state, (containers.get(state) ?? 0) + 1)
  }
  const each = (value: (engine: EngineReading) => number | undefined): readonly Sample[] =>
    engines.flatMap((engine) => {
      const number = value(engine)
      return number === undefined ? [] : [{ labels: labelsOf(engine.node), value: number }]
    })
  return [
    gauge(
      'flotilla_engines',
      'Engines by state.',
      nodeStates.map((state) => ({ labels: { state }, value: byState.get(state) ?? 0 })),
    ),
    gauge(
      'flotilla_engine_up',
      '1 when the engine is healthy.',
      each(({ node }) => (isUp(node) ? 1 : 0)),
    ),
    gauge(
      'flotilla_engine_reached_by_others',
      'Other managers that reach an engine which this one does not.',
      each((e) => e.reachedByOthers),
    ),
    gauge(
      'flotilla_engine_failures',
      'Connection failures in a row.',
      each(({ node }) => node.health.failures),
    ),
    gauge(
      'flotilla_engine_error',
      'Present with the last error while an engine is in trouble.',
      engines
        .filter(({ node }) => node.errorText !== '')
        .map(({ node }) => ({ labels: { ...labelsOf(node), error: shorten(node.errorText) }, value: 1 })),
    ),
    gauge(
      'flotilla_engine_state_age_seconds',
      'How long the engine has been healthy, or has not been.',
      each(({ node }) => (node.stateSinceMs === 0 ? undefined : Math.max(0, nowMs - node.stateSinceMs) / 1000)),
    ),
    gauge(
      'flotilla_engine_cache_age_seconds',
      'Time since what is known of the engine was last confirmed or changed.',
      each(({ node }) => (node.updatedAtMs === 0 ? undefined : Math.max(0, nowMs - node.updatedAtMs) / 1000)),
    ),
    gauge(
      'flotilla_engine_event_stream',
      '1 while the events of the engine arrive.',
      each((e) => (e.isStreaming ? 1 : 0)),
    ),
    gauge(
      'flotilla_engine_event_lag_seconds',
      'Between the last event on the engine and its arrival.',
      each(({ eventLagMs }) => (eventLagMs === undefined ? undefined : eventLagMs / 1000)),
    ),
    gauge(
      'flotilla_engine_requests_in_flight',
      'Requests sent to the engine and not answered yet.',
      each((e) => e.inFlight),
    ),
    gauge(
      'flotilla_engine_requests_queued',
      'Requests that wait for their turn at the engine.',
      each((e) => e.queued),
    ),
    gauge(
      'flotilla_containers',
      'Containers by state.',
      containerStates.map((state) => ({ labels: { state }, value: containers.get(state) ?? 0 })),
    ),
    gauge('flotilla_pending_reservations', 'Places taken by creates that are not confirmed yet.', pendingReservations),
    gauge('flotilla_waiting_creates', 'Creates that wait for a node with room.', waiting.count),
    gauge(
      'flotilla_waiting_oldest_seconds',
      'How long the oldest of them has waited; 0 when none waits.',
      waiting.oldestMs === undefined ? 0 : Math.max(0, nowMs - waiting.oldestMs) / 1000,
    ),
  ]
}

function labelsOf(node: NodeView): Readonly<Record<string, string>> {
  return { node: node.name, addr: node.addr }
}

function isUp(node: NodeView): boolean {
  return node.health.state === 'healthy'
}

function shorten(text: string): string {
  const masked = maskSecrets(text)
  return masked.length <= 200 ? masked : `${masked.slice(0, 199)}…`
}

function loadFamilies({ connections, ports, turnedAway, eventSubscribers }: MetricsReading): readonly Family[] {
  return [
    gauge('flotilla_connections', 'Connections of clients.', [
      { labels: { kind: 'open' }, value: connections.open },
      { labels: { kind: 'busy' }, value: connections.busy },
      { labels: { kind: 'raw' }, value: connections.raw },
      ...(ports === undefined ? [] : [{ labels: { kind: 'forwarded' }, value: ports.connections }]),
    ]),
    ...(ports === undefined
      ? []
      : [
          gauge('flotilla_forwarded_ports', 'Ports of containers that the manager answers at.', [
            { labels: { state: 'open' }, value: ports.open },
            { labels: { state: 'failed' }, value: ports.failed },
          ]),
        ]),
    gauge('flotilla_event_subscribers', 'Clients that follow the events of the cluster.', eventSubscribers),
    counter(
      'flotilla_turned_away_total',
      'Requests and connections that the manager itself refused, by cause.',
      Object.entries(turnedAway).map(([cause, value]) => ({ labels: { cause }, value })),
    ),
  ]
}

function auditFamilies(audit: AuditReading): readonly Family[] {
  return [
    gauge('flotilla_audit_up', '1 while the audit log can be written.', audit.isFailing ? 0 : 1),
    gauge(
      'flotilla_audit_last_write_timestamp_seconds',
      'When the last line was on disk, in seconds since 1970.',
      audit.lastWriteMs === undefined ? [] : [{ value: audit.lastWriteMs / 1000 }],
    ),
    counter('flotilla_audit_lines_total', 'Lines on disk since the start of the manager.', audit.lines),
    counter('flotilla_audit_write_failures_total', 'Attempts to write lines that failed.', audit.failures),
    counter('flotilla_audit_lost_lines_total', 'Lines that will never be written.', audit.lost),
    counter(
      'flotilla_audit_refused_requests_total',
      'Requests turned away because their line could not be written.',
      audit.refused,
    ),
  ]
}

function requestFamilies(routes: readonly RouteMeter[]): readonly Family[] {
  const used = routes.filter((meter) => meter.statuses.size > 0)
  return [
    counter(
      'flotilla_requests_total',
      'Answered requests by route and status; 499: the client went away first.',
      used.flatMap(({ method, route, statuses }) =>
        [...statuses].map(([status, value]) => ({ labels: { method, route, status: String(status) }, value })),
      ),
    ),
    {
      name: 'flotilla_request_duration_seconds',
      help: 'Time until the reply began.',
      type: 'histogram',
      samples: used.flatMap(toHistogram),
    },
  ]
}

function toHistogram({ method, route, buckets, sumMs }: RouteMeter): readonly Sample[] {
  const labels = { method, route }
  const samples: Sample[] = []
  let count = 0
  for (const [at, bucket] of buckets.entries()) {
    count += bucket
    const le = durationBounds[at] === undefined ? '+Inf' : String(durationBounds[at])
    samples.push({ suffix: '_bucket', labels: { ...labels, le }, value: count })
  }
  samples.push({ suffix: '_sum', labels, value: sumMs / 1000 }, { suffix: '_count', labels, value: count })
  return samples
}

function processFamilies(reading: ProcessReading): readonly Family[] {
  const { loopDelay } = reading
  return [
    counter('process_cpu_seconds_total', 'Processor time, user and system.', reading.cpuSeconds),
    gauge('process_start_time_seconds', 'Start, in seconds since 1970.', reading.startedAtMs / 1000),
    gauge('process_resident_memory_bytes', 'Resident memory.', reading.residentBytes),
    gauge('flotilla_heap_bytes', 'Memory of the language runtime.', [
      { labels: { kind: 'used' }, value: reading.heapUsedBytes },
      { labels: { kind: 'total' }, value: reading.heapTotalBytes },
      { labels: { kind: 'external' }, value: reading.externalBytes },
    ]),
    gauge(
      'flotilla_event_loop_delay_seconds',
      'How late the program came to its work since the last reading.',
      loopDelay === undefined
        ? []
        : Object.entries(loopDelay).map(([quantile, value]) => ({ labels: { quantile }, value })),
    ),
  ]
}
