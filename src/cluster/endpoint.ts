import { hostname, release } from 'node:os'
import type { Clock, Random } from '../core/clock.ts'
import { toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { programCommit, programVersion } from '../core/program.ts'
import { openEngine } from '../engine/client.ts'
import { parseEndpoint } from '../engine/endpoint-parse.ts'
import type { Endpoint as EngineAddress, TlsMaterial } from '../engine/endpoint.ts'
import type { Engine } from '../engine/engine.ts'
import { lookupAddress } from '../io/lookup-address.ts'
import type { AccessGate, AccessSource } from './api/access-gate.ts'
import { WaitingCreates } from './api/waiting.ts'
import { BuildNodes } from './api/build-nodes.ts'
import type { Api, ApiSettings, Tenants } from './api/call.ts'
import { makeDispatcher } from './api/dispatch.ts'
import { LeadFence } from './api/fence.ts'
import { PrimaryForwarder } from './api/forward-primary.ts'
import { renderListenAddress } from './api/listen.ts'
import type { ListenAddress, ListenTls } from './api/listen.ts'
import { OwnView } from './api/own-view.ts'
import { EndpointServer } from './api/server.ts'
import type { Audit } from './audit/audit.ts'
import { Cluster } from './cluster.ts'
import type { Discovery } from './discovery/discovery.ts'
import type { CompileRegex } from './expression.ts'
import { Election } from './leader/election.ts'
import { completeLimits } from './limits.ts'
import type { ManagerLimits } from './limits.ts'
import { Announcer } from './leader/announcer.ts'
import type { Leader } from './leader/leader.ts'
import { Peers } from './leader/peers.ts'
import { ImageTransfer } from './image-transfer/image-transfer.ts'
import { soleRole } from './leader/role.ts'
import type { Role } from './leader/role.ts'
import { Meters } from './metrics/meters.ts'
import type { OverlayOptions } from './native-swarm/form-swarm.ts'
import type { Policy } from './placement.ts'
import { PortForwarder } from './ports/port-forwarder.ts'
import type { PortOptions } from './ports/port-forwarder.ts'
import { memoryRecords } from './reschedule/record-store.ts'
import type { RecordStore } from './reschedule/record-store.ts'
import { Rescheduler } from './reschedule/rescheduler.ts'
import { anyObserver } from './reschedule/sight.ts'
import type { ObserverRule } from './reschedule/sight.ts'
import { loadRegex } from './regex.ts'
import { defaultWatchOptions } from './watch/messages.ts'
import type { WatchOptions } from './watch/messages.ts'

/** One of several managers. */
export interface ReplicationOptions {
  readonly leader: Leader
  /** What the others reach this one at, `HOST:PORT`. */
  readonly address: string
  /** Requests wait this long for a primary when there is none. Default 30 s. */
  readonly waitMs?: number
}

export interface EndpointOptions {
  readonly discovery: Discovery
  readonly listen: readonly ListenAddress[]
  /** Certificates of the endpoint; absent: no TLS. Unix sockets never use it. */
  readonly listenTls?: ListenTls
  /** Certificates to show to engines; absent: plain TCP. */
  readonly engineTls?: TlsMaterial
  readonly policy: Policy
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly watch?: Partial<WatchOptions>
  /** How long containers of engines that left discovery stay in the list. Default an hour; 0: not at all. */
  readonly rememberMs?: number
  readonly settings?: Partial<ApiSettings>
  /** What is not given is as in `defaultLimits`. */
  readonly limits?: Partial<ManagerLimits>
  /** Writes down what changes something; whoever made it closes it, after the endpoint. Absent: nobody wants to know. */
  readonly audit?: Audit
  /** Where containers with a reschedule policy and marks of nodes are kept; in memory when absent. */
  readonly records?: RecordStore
  /** Containers are made anew without the data of their local volumes. */
  readonly isVolumeLossAllowed?: boolean
  /** Which other managers keep a node's containers in place by reaching it. Default: any of them. */
  readonly observers?: ObserverRule
  /** Several managers: how this one stands for election, and the address that the others reach it at. */
  readonly replication?: ReplicationOptions
  /** Where a node gets an image that it lacks: from another node first (default), or from registries only. */
  readonly distribution?: 'peer' | 'pull'
  /** Puts the engines into one swarm of their own, so that networks span them; absent: they are left as they are. */
  readonly overlay?: OverlayOptions
  /** Answers at the ports that containers publish on their nodes; absent: only the nodes do. */
  readonly ports?: PortOptions
  /** Who may do what; absent: everybody everything. */
  readonly access?: AccessSource
  /** Makes the client of one engine; the usual one when absent. */
  openEngine?(endpoint: EngineAddress): Engine
}

/** One running endpoint. `close` must be called. */
export interface RunningEndpoint {
  /** As clients take them: `tcp://127.0.0.1:2375`, `unix:///run/x.sock`; ports chosen by the system filled in. */
  readonly addresses: readonly string[]
  readonly cluster: Cluster
  /** Whether this manager leads. */
  readonly role: Role
  /** Rejects when discovery can never be read; resolves when the endpoint closes. */
  readonly failed: Promise<void>
  /**
   * Stops accepting, gives leadership up at once, lets plain requests finish within ten seconds, cuts streams.
   * Idempotent.
   */
  close(): Promise<void>
  /** Ends everything at once. */
  closeNow(): void
}

/**
 * Starts the Docker API for many engines: follows discovery, keeps their state, and answers on all `listen` addresses
 * before it returns. Engines join as they answer.
 *
 * @throws {io/connect} when an address cannot be listened on; nothing is left open then
 */
export async function startEndpoint(options: EndpointOptions): Promise<RunningEndpoint> {
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
      }))
  const cluster = new Cluster({
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
  const stop = new AbortController()
  const meters = new Meters(clock)
  const { replication } = options
  const election =
    replication === undefined
      ? undefined
      : new Election({ ...replication, clock, log, catchUp: () => cluster.catchUp(catchUpMs) })
  const gate = options.access === undefined ? undefined : await makeGate(options.access, options, cluster)
  const tenants = options.access === undefined ? undefined : await makeTenants(options.access)
  const dispatcher = makeDispatcher(
    () => api,
    () => forwarder,
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
    waiting: new WaitingCreates(),
    ...(election === undefined ? {} : { passOn: (call) => dispatcher.passOn(call) }),
    ...(tenants === undefined ? {} : { tenants }),
    compile: once(loadRegex),
  }
  const addresses: string[] = []
  try {
    for (const address of options.listen) {
      const tls = address.kind === 'tcp' ? options.listenTls : undefined
      const bound = await server.listen(address, tls)
      addresses.push(renderListenAddress(bound))
      log.info('Listening for HTTP', listenFields(bound))
    }
  } catch (error) {
    server.closeNow()
    cluster.close()
    throw error
  }
  const failed = cluster.follow(options.discovery, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  failed.catch((error: unknown) => log.error(`Discovery error: ${toMessage(error)}`))
  election?.start()
  announcer?.start()
  rescheduler.start()
  if (options.overlay !== undefined) void followOverlay(cluster, role, options.overlay, stop.signal)
  function end(): void {
    stop.abort()
    rescheduler.close()
    announcer?.close()
    forwarder?.close()
    ports?.close()
    cluster.close()
  }
  /** Creates under way are let finish, briefly: what they make after the resignation they have to undo. */
  async function resign(): Promise<void> {
    if (election === undefined) return
    election.retire()
    const limit = new AbortController()
    const late = clock.sleep(finishMs, limit.signal).catch(() => undefined)
    await Promise.race([fence.idle(limit.signal), late])
    limit.abort(finishedReason)
    await election.resign()
  }
  return {
    addresses,
    cluster,
    role,
    failed,
    async close() {
      api.waiting.end()
      forwarder?.end()
      const closed = server.close()
      await resign()
      await closed.finally(end)
    },
    closeNow() {
      server.closeNow()
      void election?.resign()
      end()
    },
  }
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

async function followOverlay(
  cluster: Cluster,
  role: Role,
  overlay: OverlayOptions,
  signal: AbortSignal,
): Promise<void> {
  const { keepSwarm } = await import('./native-swarm/form-swarm.ts')
  await keepSwarm({ cluster, role, overlay, signal })
}

/** A new primary gives its engines this long to tell what the one before did. */
const catchUpMs = 5000
/** Creates under way delay a resignation by no more than this. */
const finishMs = 1000
const finishedReason = new Error('nothing is under way any more')

function listenFields(address: ListenAddress): { readonly addr: string; readonly proto: string } {
  const addr = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
  return { addr, proto: address.kind }
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
