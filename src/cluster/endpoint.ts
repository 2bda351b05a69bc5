import { hostname, release } from 'node:os'
import type { Clock, Random } from '../core/clock.ts'
import { isFlotillaError, toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { programCommit, programVersion } from '../core/program.ts'
import { openEngine } from '../engine/client.ts'
import type { Endpoint as EngineAddress, TlsMaterial } from '../engine/endpoint.ts'
import type { Engine } from '../engine/engine.ts'
import { lookupAddress } from '../io/lookup-address.ts'
import type { Api, ApiSettings, Call, Handler } from './api/call.ts'
import type { Exchange } from './api/http1/exchange.ts'
import { renderListenAddress } from './api/listen.ts'
import type { ListenAddress, ListenTls } from './api/listen.ts'
import { Router } from './api/router.ts'
import { listRoutes } from './api/routes.ts'
import { EndpointServer } from './api/server.ts'
import type { ServerLimits } from './api/server.ts'
import { parseTarget } from './api/target.ts'
import { Cluster } from './cluster.ts'
import type { Discovery } from './discovery/discovery.ts'
import type { CompileRegex } from './expression.ts'
import { soleRole } from './leader/role.ts'
import type { Role } from './leader/role.ts'
import type { Policy } from './placement.ts'
import { memoryRecords } from './reschedule/record-store.ts'
import type { RecordStore } from './reschedule/record-store.ts'
import { Rescheduler } from './reschedule/rescheduler.ts'
import { loadRegex } from './regex.ts'
import { defaultWatchOptions } from './watch/messages.ts'
import type { WatchOptions } from './watch/messages.ts'

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
  readonly settings?: Partial<ApiSettings>
  readonly limits?: ServerLimits
  /** Whether this manager leads; absent: it is the only one. */
  readonly role?: Role
  /** Where containers with a reschedule policy and marks of nodes are kept; in memory when absent. */
  readonly records?: RecordStore
  /** Containers are made anew without the data of their local volumes. */
  readonly isVolumeLossAllowed?: boolean
  /** Makes the client of one engine; the usual one when absent. */
  openEngine?(endpoint: EngineAddress): Engine
}

/** One running endpoint. `close` must be called. */
export interface RunningEndpoint {
  /** As clients take them: `tcp://127.0.0.1:2375`, `unix:///run/x.sock`; ports chosen by the system filled in. */
  readonly addresses: readonly string[]
  readonly cluster: Cluster
  /** Rejects when discovery can never be read; resolves when the endpoint closes. */
  readonly failed: Promise<void>
  /** Stops accepting, lets plain requests finish within ten seconds, cuts streams. Idempotent. */
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
  const cluster = new Cluster({
    policy: options.policy,
    watch: { ...defaultWatchOptions, ...options.watch },
    clock,
    random: options.random,
    log,
    env,
    ...(options.engineTls === undefined ? {} : { engineTls: options.engineTls }),
    openEngine:
      options.openEngine?.bind(options) ??
      ((endpoint) => openEngine(endpoint, { clock, env, userAgent: `flotilla/${programVersion}` })),
    resolveIp: lookupAddress,
  })
  const stop = new AbortController()
  const server: EndpointServer = new EndpointServer({
    clock,
    log,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    onTick: () => cluster.tick(),
    handle: makeDispatcher(() => api),
  })
  const rescheduler: Rescheduler = new Rescheduler({
    cluster,
    api: () => api,
    random: options.random,
    store: options.records ?? memoryRecords(),
    isVolumeLossAllowed: options.isVolumeLossAllowed ?? false,
  })
  const api: Api = {
    cluster,
    host: server,
    role: options.role ?? soleRole,
    rescheduler,
    settings: makeSettings(options, env),
    execs: new Map(),
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
  rescheduler.start()
  function end(): void {
    stop.abort()
    rescheduler.close()
    cluster.close()
  }
  return {
    addresses,
    cluster,
    failed,
    close: () => server.close().finally(end),
    closeNow() {
      server.closeNow()
      end()
    },
  }
}

function listenFields(address: ListenAddress): { readonly addr: string; readonly proto: string } {
  const addr = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
  return { addr, proto: address.kind }
}

function makeSettings(options: EndpointOptions, env: Readonly<Record<string, string | undefined>>): ApiSettings {
  return {
    createRetries: 0,
    isCorsEnabled: false,
    isExperimental: false,
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

function once(load: () => Promise<CompileRegex>): () => Promise<CompileRegex> {
  let loaded: Promise<CompileRegex> | undefined
  return () => (loaded ??= load())
}

/** Finds the handler of a request and runs it. */
function makeDispatcher(apiOf: () => Api): (exchange: Exchange) => void | Promise<void> {
  const router = new Router<Handler>(listRoutes())
  return (exchange) => {
    const api = apiOf()
    const { head } = exchange
    if (api.settings.isCorsEnabled) {
      exchange.addHeaders(corsHeaders)
      if (head.method === 'OPTIONS') {
        exchange.reply(200, [])
        return undefined
      }
    }
    let target: ReturnType<typeof parseTarget>
    try {
      target = parseTarget(head.target)
    } catch (error) {
      exchange.replyError(isFlotillaError(error) ? (error.status ?? 400) : 400, toMessage(error))
      return undefined
    }
    const match = router.find(head.method, target.path)
    if (match === undefined) {
      exchange.replyError(404, 'page not found')
      return undefined
    }
    const call: Call = { exchange, version: target.version, path: target.path, query: target.query, name: match.name }
    return match.handler(api, call)
  }
}

const corsHeaders = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Allow-Headers',
  'Origin, X-Requested-With, Content-Type, Accept',
  'Access-Control-Allow-Methods',
  'GET, POST, DELETE, PUT, OPTIONS, HEAD',
] as const
