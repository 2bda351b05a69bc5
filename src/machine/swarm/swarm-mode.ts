import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { engineInfo } from '../../engine/api/system.ts'
import type { Engine } from '../../engine/engine.ts'

/** What a machine is to be in a native swarm. */
export type SwarmRole = 'manager' | 'worker'

/** An engine and how other engines reach its machine. */
export interface SwarmPeer {
  readonly name: string
  readonly engine: Engine
  readonly address: string
}

const listen = '0.0.0.0:2377'
const joinMs = 60_000

interface SwarmState {
  readonly state: string
  readonly clusterId: string
  readonly isManager: boolean
  readonly nodeId: string
}

/**
 * Puts an engine into a native swarm: makes one, or joins that of another machine's engine. A machine that is in it already
 * only gets the role it lacks. Join tokens go from engine to engine; they are neither shown nor stored.
 *
 * @param via a machine of the swarm that is joined; absent: a swarm of its own
 * @throws {machine/provision} when the engine is in another swarm, or `via` is no manager of one
 */
export async function enterSwarm(
  self: SwarmPeer,
  role: SwarmRole,
  via: SwarmPeer | undefined,
  log: Log,
  o: CallOptions,
): Promise<void> {
  const own = await readState(self.engine, o)
  if (via === undefined) {
    if (own.state === 'active') return
    log.info('Starting a swarm...')
    await post(self.engine, '/swarm/init', { ListenAddr: listen, AdvertiseAddr: self.address }, o)
    return
  }
  const other = await readState(via.engine, o)
  if (other.state !== 'active' || !other.isManager) {
    throw new FlotillaError('machine/provision', `machine "${via.name}" is no manager of a swarm`, {
      hint: `"create --swarm-mode manager" makes one`,
    })
  }
  if (own.state === 'active') {
    const isSame = own.isManager ? own.clusterId === other.clusterId : await hasNode(via.engine, own.nodeId, o)
    if (!isSame)
      throw new FlotillaError('machine/provision', `the engine of "${self.name}" is in another swarm already`)
    if (role === 'manager' && !own.isManager) await promote(via.engine, own.nodeId, o)
    return
  }
  log.info(`Joining the swarm of "${via.name}" as ${role}...`)
  const swarm = await getObject(via.engine, '/swarm', o)
  const tokens = swarm['JoinTokens'] as Readonly<Record<string, string>> | undefined
  await post(
    self.engine,
    '/swarm/join',
    {
      ListenAddr: listen,
      AdvertiseAddr: self.address,
      RemoteAddrs: [`${via.address.includes(':') ? `[${via.address}]` : via.address}:2377`],
      JoinToken: tokens?.[role === 'manager' ? 'Manager' : 'Worker'] ?? '',
    },
    o,
  )
}

async function readState(engine: Engine, o: CallOptions): Promise<SwarmState> {
  const info = (await engineInfo(engine, o)) as unknown as { readonly Swarm?: Readonly<Record<string, unknown>> }
  const swarm = info.Swarm ?? {}
  const cluster = swarm['Cluster'] as { readonly ID?: string } | undefined
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  return {
    state: text(swarm['LocalNodeState']),
    clusterId: text(cluster?.ID),
    isManager: swarm['ControlAvailable'] === true,
    nodeId: text(swarm['NodeID']),
  }
}

async function hasNode(engine: Engine, id: string, o: CallOptions): Promise<boolean> {
  try {
    await getObject(engine, `/nodes/${encodeURIComponent(id)}`, o)
    return true
  } catch {
    return false
  }
}

async function promote(manager: Engine, id: string, o: CallOptions): Promise<void> {
  const path = `/nodes/${encodeURIComponent(id)}`
  const node = await getObject(manager, path, o)
  const version = (node['Version'] as { readonly Index?: number } | undefined)?.Index
  const spec = node['Spec'] as Readonly<Record<string, unknown>>
  const request = {
    method: 'POST',
    path: `${path}/update`,
    query: { version },
    body: { ...spec, Role: 'manager' },
  } as const
  await (await manager.request(request, { ...o, deadlineMs: joinMs })).bytes()
}

async function getObject(engine: Engine, path: string, o: CallOptions): Promise<Readonly<Record<string, unknown>>> {
  return (await engine.request({ method: 'GET', path }, { ...o, deadlineMs: joinMs })).json()
}

async function post(engine: Engine, path: string, body: object, o: CallOptions): Promise<void> {
  await (await engine.request({ method: 'POST', path, body }, { ...o, deadlineMs: joinMs })).bytes()
}
