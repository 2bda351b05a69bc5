import type { Context, Run } from '../../cli/command.ts'
import { parseListenAddress } from '../../cluster/api/listen.ts'
import { startEndpoint } from '../../cluster/endpoint.ts'
import type { EndpointOptions, RunningEndpoint } from '../../cluster/endpoint.ts'
import { checkTlsFlags, readTlsFiles } from '../../cluster/tls-files.ts'
import type { TlsFiles } from '../../cluster/tls-files.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { tuneForServer } from '../../io/long-running.ts'
import { followAccess, openAccess } from './access-rules.ts'
import { findDiscovery, makeDiscoveryContext, openDiscovery } from './discovery.ts'
import { readHeartbeatMs } from './durations.ts'
import { describeExposure, describeUnfitness } from './exposure.ts'
import { checkLogLevel, endDaemon } from './fatal.ts'
import { loadFilters, loadStrategy } from './load-policy.ts'
import { readLimitOptions } from './limit-options.ts'
import { checkRetries, readClusterOptions, readRefreshTimes } from './manage-options.ts'
import type { ClusterOptionsRead } from './manage-options.ts'
import { openAuditLog, readAuditSettings } from './audit-options.ts'
import { openRecords, rememberEngines } from './records.ts'
import { openReplication } from './replication.ts'
import { openStore } from './store.ts'
import { placePorts, readSpanOptions } from './span-options.ts'
import type { manageFlags } from './daemon-flags.ts'

type Flags = FlagValues<typeof manageFlags>

/** Runs a cluster's endpoint until it is told to stop. */
export const run: Run<typeof manageFlags> = async (ctx, flags, args) => {
  tuneForServer()
  const opened: Opened[] = []
  try {
    return await serve(ctx, await startEndpoint(await readOptions(ctx, flags, args, opened)))
  } catch (error) {
    return endDaemon(ctx, error)
  } finally {
    // A store that does not answer must not keep a manager that has nothing left to do.
    const limit = new AbortController()
    const late = ctx.clock.sleep(closeMs, limit.signal).catch(() => undefined)
    await Promise.race([Promise.all(opened.map(async (each) => each.close())), late])
    limit.abort()
  }
}

/** What has to be closed when the endpoint is. */
interface Opened {
  close(): void | Promise<void>
}

const closeMs = 2000

/** In the ancestor's order, so that of several mistakes the same one is named. */
async function readOptions(
  ctx: Context,
  flags: Flags,
  args: readonly string[],
  opened: Opened[],
): Promise<EndpointOptions> {
  checkLogLevel(ctx)
  checkTlsFlags(flags)
  const tls = await readTlsFiles(flags)
  const refresh = readRefreshTimes(flags)
  const failureRetry = checkRetries(flags)
  const address = findDiscovery(ctx, args, 'manage')
  const heartbeatMs = readHeartbeatMs(flags.heartbeat)
  const context = await rememberEngines(
    ctx,
    makeDiscoveryContext(ctx, { heartbeatMs, options: flags['discovery-opt'] }),
    flags['state-dir'],
  )
  const store = await openStore(address, context)
  if (store !== undefined) opened.push(store)
  const discovery = store?.discovery ?? (await openDiscovery(ctx, address, context))
  if (store === undefined) opened.push({ close: () => discovery.close?.() })
  const policy = { strategy: await loadStrategy(ctx, flags.strategy), filters: await loadFilters(ctx, flags.filter) }
  const cluster = readClusterOptions(flags['cluster-driver'], flags['cluster-opt'])
  if (cluster.warning !== undefined) ctx.log.warn(cluster.warning)
  const isKnown = letTokensIn(tls)?.clientCa !== undefined
  if (flags.replication && cluster.accessFile !== undefined && !isKnown) checkStrangers(cluster)
  const auditWanted = readAuditSettings(flags['cluster-opt'])
  const { ports: portsWanted, ...span } = readSpanOptions(flags['cluster-opt'])
  const limits = readLimitOptions(flags['cluster-opt'])
  const engineTls = tls.engineTls === undefined ? {} : { tls: tls.engineTls }
  const replicated = await openReplication(ctx, flags, { store, discovery, ...engineTls })
  if (replicated !== undefined) opened.push(replicated)
  const listen = flags.host.map(parseListenAddress)
  const ports = placePorts(portsWanted, listen)
  const audit = await openAuditLog(ctx, auditWanted)
  if (audit !== undefined) opened.push(audit)
  const access = cluster.accessFile === undefined ? undefined : await openAccess(ctx, cluster.accessFile)
  if (access !== undefined) opened.push(followAccess(access))
  const listenTls = access === undefined ? tls.listenTls : letTokensIn(tls)
  const exposure = describeExposure(listen, tls.listenTls, access !== undefined)
  if (exposure !== undefined) ctx.log.warn(exposure)
  const unfitness = describeUnfitness(listen, tls.listenTls)
  if (unfitness !== undefined) ctx.log.warn(unfitness)
  if (access !== undefined && replicated !== undefined && listenTls?.clientCa === undefined) ctx.log.warn(strangers)
  return {
    discovery: replicated?.discovery ?? discovery,
    ...(replicated === undefined ? {} : { replication: replicated.replication }),
    policy,
    listen,
    ...tls,
    ...(listenTls === undefined ? {} : { listenTls }),
    ...(access === undefined ? {} : { access }),
    ...span,
    limits,
    ...(ports === undefined ? {} : { ports }),
    ...(audit === undefined ? {} : { audit }),
    clock: ctx.clock,
    random: ctx.random,
    log: ctx.log,
    env: ctx.env,
    watch: { ...refresh, failureRetry, overcommitPercent: cluster.overcommitPercent },
    rememberMs: cluster.rememberMs,
    records: await openRecords(ctx, store, flags['state-dir']),
    isVolumeLossAllowed: cluster.isVolumeLossAllowed,
    observers: cluster.observers,
    settings: {
      createRetries: cluster.createRetries,
      waitMs: cluster.waitMs,
      isCorsEnabled: flags['api-enable-cors'],
      isExperimental: ctx.globals['experimental'] === true,
      isDebug: ctx.globals['debug'] === true,
      refreshOnNodeFilter: flags['refresh-on-node-filter'],
      refreshOnNameFilter: flags['container-name-refresh-filter'],
    },
  }
}

/** Who has no certificate may have a token; certificates that come are verified, wherever there is an authority. */
function letTokensIn({ listenTls, engineTls }: TlsFiles): TlsFiles['listenTls'] {
  if (listenTls === undefined || engineTls?.ca === undefined) return listenTls
  return { ...listenTls, clientCa: engineTls.ca, isClientCertOptional: true }
}

/**
 * Managers that do not know each other cannot be asked what they reach, so an engine that the leader alone has lost would be
 * given up: whoever wants that has to say so.
 *
 * @throws {cluster/invalid-option}
 */
function checkStrangers({ observers }: Pick<ClusterOptionsRead, 'observers'>): void {
  if (observers.kind === 'off') return
  const message =
    'swarm.access with --replication needs TLS with --tlscacert, by which managers know each other: without, containers that only the leader cannot reach are made anew, and swarm.reschedule.observers has to be off'
  throw new FlotillaError('cluster/invalid-option', message)
}

const strangers =
  'Managers know each other by certificates of --tlscacert: without, they do not hear what others reach, and pass tokens on only'

/** The first signal ends it in good order, the second at once. */
async function serve(ctx: Context, endpoint: RunningEndpoint): Promise<number> {
  const stopped = new Promise<void>((resolve, reject) => {
    const giveBack = ctx.onInterrupt((name, count) => {
      if (count > 1) {
        endpoint.closeNow()
        return
      }
      ctx.log.info(`Received ${name}, shutting down`)
      endpoint.close().then(() => {
        giveBack()
        resolve()
      }, reject)
    })
    endpoint.failed.catch(reject)
  })
  // A mistake in the handling of one request must not end all others.
  const giveBackErrors = ctx.onUncaught?.((error) => ctx.log.error(`unexpected error: ${toMessage(error)}`))
  try {
    await stopped
    return 0
  } catch (error) {
    endpoint.closeNow()
    return endDaemon(ctx, error)
  } finally {
    giveBackErrors?.()
  }
}
