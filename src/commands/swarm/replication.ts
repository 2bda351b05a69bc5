import type { Context } from '../../cli/command.ts'
import type { Discovery } from '../../cluster/discovery/discovery.ts'
import type { ClusterStore } from '../../cluster/discovery/kv-discovery.ts'
import type { EndpointOptions } from '../../cluster/endpoint.ts'
import type { SwarmElection } from '../../cluster/leader/open-swarm-leader.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { programVersion } from '../../core/program.ts'
import { openEngine } from '../../engine/client.ts'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import type { TlsMaterial } from '../../engine/endpoint.ts'
import { checkAdvertise } from './advertise.ts'
import { readReplicationTtl } from './manage-options.ts'
import type { manageFlags } from './daemon-flags.ts'

type Flags = FlagValues<typeof manageFlags>

export interface OpenReplication {
  readonly replication: NonNullable<EndpointOptions['replication']>
  /** To be followed instead of the discovery given. */
  readonly discovery: Discovery
  close(): void
}

/**
 * How this manager stands for election: by the discovery store, or by the native swarm its engines form.
 *
 * @returns undefined without `--replication`
 * @throws {cluster/invalid-option} in the ancestor's words
 */
export async function openReplication(
  ctx: Context,
  flags: Flags,
  cluster: { readonly store: ClusterStore | undefined; readonly discovery: Discovery; readonly tls?: TlsMaterial },
): Promise<OpenReplication | undefined> {
  if (!flags.replication) {
    // An address that others are told must be one they can use, also where it is not used so far.
    if (flags.advertise !== undefined && flags.advertise !== '') checkAdvertise(flags.advertise)
    return undefined
  }
  const { store, discovery } = cluster
  const swarm = store === undefined ? await openSwarm(ctx, discovery, cluster.tls) : undefined
  try {
    const address = flags.advertise ?? ''
    if (address === '') {
      throw new FlotillaError(
        'cluster/invalid-option',
        '--advertise address must be provided when using --leader-election',
      )
    }
    checkAdvertise(address)
    const ttlMs = readReplicationTtl(flags['replication-ttl'])
    const leader = (store ?? swarm)?.makeLeader(ttlMs)
    if (leader === undefined) throw notSupported()
    return { replication: { leader, address }, discovery: swarm?.discovery ?? discovery, close: () => swarm?.close() }
  } catch (error) {
    swarm?.close()
    throw error
  }
}

async function openSwarm(ctx: Context, discovery: Discovery, tls: TlsMaterial | undefined): Promise<SwarmElection> {
  const { openSwarmElection } = await import('../../cluster/leader/open-swarm-leader.ts')
  const { clock, log, env } = ctx
  const swarm = await openSwarmElection({
    discovery,
    clock,
    log,
    openEngine: (address) =>
      openEngine(parseEndpoint(address, tls), { clock, env, userAgent: `flotilla/${programVersion}` }),
  })
  if (swarm === undefined) throw notSupported()
  log.info('Leader Election: the native swarm of the engines keeps the lease')
  return swarm
}

function notSupported(): FlotillaError {
  return new FlotillaError(
    'cluster/invalid-option',
    'Leader election is only supported with consul, etcd and zookeeper discovery.',
  )
}
