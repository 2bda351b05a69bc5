import type { Clock, Random } from '../core/clock.ts'
import { toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Endpoint as EngineAddress, TlsMaterial } from '../engine/endpoint.ts'
import type { Engine } from '../engine/engine.ts'
import type { AccessSource } from './api/access-gate.ts'
import type { ApiSettings } from './api/call.ts'
import { renderListenAddress } from './api/listen.ts'
import type { ListenAddress, ListenTls } from './api/listen.ts'
import { assembleEndpoint } from './assemble-endpoint.ts'
import type { Audit } from './audit/audit.ts'
import type { Cluster } from './cluster.ts'
import type { Discovery } from './discovery/discovery.ts'
import type { Leader } from './leader/leader.ts'
import type { Role } from './leader/role.ts'
import type { ManagerLimits } from './limits.ts'
import type { OverlayOptions } from './native-swarm/form-swarm.ts'
import type { Policy } from './placement.ts'
import type { PortOptions } from './ports/port-forwarder.ts'
import type { RecordStore } from './reschedule/record-store.ts'
import type { ObserverRule } from './reschedule/sight.ts'
import type { WatchOptions } from './watch/messages.ts'

/** One of several managers. */
export interface ReplicationOptions {
  readonly leader: Leader
  /** What the others reach this one at, `HOST:PORT`. */
  readonly address: string
  /** Requests wait this long for a primary when there is none. Default 30 s. */
  readonly waitMs?: number
}

/** All that a manager is made of. */
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
  const parts = await assembleEndpoint(options)
  const { cluster, server, api, role, fence, rescheduler, election, forwarder, announcer, ports } = parts
  const stop = new AbortController()
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
  parts.meetEngines(stop.signal)
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

async function followOverlay(
  cluster: Cluster,
  role: Role,
  overlay: OverlayOptions,
  signal: AbortSignal,
): Promise<void> {
  const { keepSwarm } = await import('./native-swarm/form-swarm.ts')
  await keepSwarm({ cluster, role, overlay, signal })
}

/** Creates under way delay a resignation by no more than this. */
const finishMs = 1000
const finishedReason = new Error('nothing is under way any more')

function listenFields(address: ListenAddress): { readonly addr: string; readonly proto: string } {
  const addr = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
  return { addr, proto: address.kind }
}
