import { hostname, release } from 'node:os'
import { programCommit, programVersion } from '../core/program.ts'
import { openEngine } from '../engine/client.ts'
import { parseEndpoint } from '../engine/endpoint-parse.ts'
import type { Endpoint as EngineAddress } from '../engine/endpoint.ts'
import type { Engine } from '../engine/engine.ts'
import { lookupAddress } from '../io/lookup-address.ts'
import type { AccessGate, AccessSource } from './api/access-gate.ts'
import { BuildNodes } from './api/build-nodes.ts'
import { LatestNames } from './api/latest-names.ts'
import type { Api, ApiSettings, Tenants } from './api/call.ts'
import { makeDispatcher } from './api/dispatch.ts'
import { LeadFence } from './api/fence.ts'
import { PrimaryForwarder } from './api/forward-primary.ts'
import { OwnView } from './api/own-view.ts'
import { EndpointServer } from './api/server.ts'
import { WaitingCreates } from './api/waiting.ts'
import { Cluster } from './cluster.ts'
import { keptConnections } from './members.ts'
import type { EndpointOptions } from './endpoint.ts'
import type { CompileRegex } from './expression.ts'
import { ImageTransfer } from './image-transfer/image-transfer.ts'
import { Announcer } from './leader/announcer.ts'
import { Election } from './leader/election.ts'
import { Peers } from './leader/peers.ts'
import { soleRole } from './leader/role.ts'
import type { Role } from './leader/role.ts'
import { completeLimits } from './limits.ts'
import { Meters } from './metrics/meters.ts'
import { PortForwarder } from './ports/port-forwarder.ts'
import { loadRegex } from './regex.ts'
import { memoryRecords } from './reschedule/record-store.ts'
import { Rescheduler } from './reschedule/rescheduler.ts'
import { anyObserver } from './reschedule/sight.ts'
import { defaultWatchOptions } from './watch/messages.ts'

/** What an endpoint is made of. Whoever has it assembled starts it, and closes it. */
export interface EndpointParts {
  readonly cluster: Cluster
  readonly server: EndpointServer
  readonly api: Api
  /** Whether this manager leads. */
  readonly role: Role
  readonly fence: LeadFence
  readonly rescheduler: Rescheduler
  /** Absent: this manager is alone. */
  readonly election: Election | undefined
  readonly forwarder: PrimaryForwarder | undefined
  readonly announcer: Announcer | undefined
  /** Absent: only the nodes answer at the ports of containers. */
  readonly ports: PortForwarder | undefined
  /** To be called once, when discovery is followed. */
  meetEngines(signal: AbortSignal): void
}

/** A new primary gives its engines this long to tell what the one before did; a manager that is alone, to be met. */
const catchUpMs = 5000

/** Makes the parts of an endpoint and joins them. The server counts its seconds from now on; nothing else is under way yet. */
export async function assembleEndpoint(options: EndpointOptions): Promise<EndpointParts> {
  const { clock, log } = options
  const env = options.env ?? {}
  const limits = completeLimits(options.limits ?? {}, options.replication !== undefined)
  const open =
    options.openEngine?.bind(options) ??
    ((endpoint: EngineAddress) =>
      openEngine(endpoint, {
        clock,
        env,
        userAgent: `flotilla/${programVersion}`,
        maxAnswerBytes: limits.answerBytes,
        maxJsonDepth: limits.jsonDepth,
        maxIdleConnections: () => keptConnections(cluster.size),
      }))
  const cluster: Cluster = new Cluster({
    policy: options.policy,
    watch: { ...defaultWatchOptions, ...options.watch },
    limits,
    clock,
    random: options.random,
    log,
    env,
    ...(options.engineTls === undefined ? {} : { engineTls: options.engineTls }),
    ...(options.rememberMs === undefined ? {} : { rememberMs: options.rememberMs }),
    openEngine: open,
    resolveIp: lookupAddress,
  })
  const ports =
    options.ports === undefined
      ? undefined
      : new PortForwarder({
          ...options.ports,
          snapshot: () => cluster.snapshot(),
          clock,
          random: options.random,
          log,
        })
  const meters = new Meters(clock)
  const { replication } = options
  const election =
    replication === undefined
      ? undefined
      : new Election({ ...replication, clock, log, catchUp: () => cluster.catchUp(catchUpMs) })
  const gate = options.access === undefined ? undefined : await makeGate(options.access, options, cluster)
  const tenants = options.access === undefined ? undefined : await makeTenants(options.access)
  let meeting: Promise<void> | undefined
  const dispatcher = makeDispatcher(
    () => api,
    () => forwarder,
    () => meeting,
    meters,
    gate,
  )
  const server: EndpointServer = new EndpointServer({
    clock,
    log,
    limits,
    onTick() {
      cluster.tick()
      forwarder?.tick()
      ports?.tick()
    },
    onTurnedAway: () => cluster.turnedAway.count('connections'),
    handle: (exchange) => dispatcher.handle(exchange),
  })
  const forwarder =
    election === undefined
      ? undefined
      : new PrimaryForwarder({
          role: election,
          host: server,
          clock,
          log,
          ownView: new OwnView({
            clock,
            catchUp: (limitMs) => cluster.catchUp(limitMs),
            countEngines: () => cluster.snapshot().nodes.length,
          }),
          openEngine: open,
          ...(replication?.waitMs === undefined ? {} : { waitMs: replication.waitMs }),
          ...(options.engineTls === undefined ? {} : { tls: options.engineTls }),
          ...(gate === undefined ? {} : { gate }),
        })
  const role: Role = election ?? soleRole
  const openManager = (address: string): Engine => open(parseEndpoint(`tcp://${address}`, options.engineTls))
  const peers = replication === undefined ? undefined : new Peers(replication.address, clock)
  const announcer = election === undefined ? undefined : new Announcer({ role: election, clock, log, openManager })
  const fence = new LeadFence(role)
  const rescheduler: Rescheduler = new Rescheduler({
    cluster,
    api: () => api,
    random: options.random,
    store: options.records ?? memoryRecords(),
    isVolumeLossAllowed: options.isVolumeLossAllowed ?? false,
    observers: { role, rule: options.observers ?? anyObserver, peers, openManager },
  })
  const api: Api = {
    cluster,
    host: server,
    limits,
    role,
    ...(peers === undefined ? {} : { peers }),
    rescheduler,
    fence,
    meters,
    certificates: listCertificates(options),
    settings: makeSettings(options, env),
    ...(options.audit === undefined ? {} : { audit: options.audit }),
    ...(ports === undefined ? {} : { ports }),
    ...(options.distribution === 'pull' ? {} : { images: new ImageTransfer(cluster) }),
    execs: new Map(),
    builds: new BuildNodes(clock),
    latest: new LatestNames(),
    waiting: new WaitingCreates(),
    ...(tenants === undefined ? {} : { tenants }),
    compile: once(loadRegex),
  }
  /** Requests wait meanwhile; with several managers they wait for whichever leads. */
  function meetEngines(signal: AbortSignal): void {
    if (election !== undefined) return
    const met = cluster.catchUp(catchUpMs, signal).catch(() => undefined)
    meeting = met.finally(() => (meeting = undefined))
  }
  return { cluster, server, api, role, fence, rescheduler, election, forwarder, announcer, ports, meetEngines }
}

async function makeGate(source: AccessSource, options: EndpointOptions, cluster: Cluster): Promise<AccessGate> {
  const gates = await import('./api/access-gate.ts')
  const { clock, listenTls, engineTls } = options
  return new gates.AccessGate({
    source,
    ...(listenTls === undefined ? {} : { certificate: listenTls.cert }),
    isShown: engineTls?.cert !== undefined && listenTls?.clientCa !== undefined,
    onRefused: (cause) => cluster.turnedAway.count(cause),
    nowMs: () => clock.nowMs(),
  })
}

async function makeTenants(source: AccessSource): Promise<Tenants> {
  const { TenantGate } = await import('./api/tenants/tenant-gate.ts')
  return new TenantGate(() => source.index.rules)
}

function makeSettings(options: EndpointOptions, env: Readonly<Record<string, string | undefined>>): ApiSettings {
  return {
    createRetries: 0,
    waitMs: 0,
    isCorsEnabled: false,
    isExperimental: false,
    isDebug: false,
    hostName: hostname(),
    refreshOnNodeFilter: false,
    refreshOnNameFilter: '',
    version: programVersion,
    commit: programCommit(),
    env,
    kernelVersion: release(),
    ...options.settings,
  }
}

function listCertificates({ listenTls }: EndpointOptions): Api['certificates'] {
  if (listenTls === undefined) return []
  const { cert, clientCa } = listenTls
  return [{ role: 'server', pem: cert }, ...(clientCa === undefined ? [] : [{ role: 'ca', pem: clientCa }])]
}

function once(load: () => Promise<CompileRegex>): () => Promise<CompileRegex> {
  let loaded: Promise<CompileRegex> | undefined
  return () => (loaded ??= load())
}
