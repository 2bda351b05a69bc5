import type { Context, Run } from '../../cli/command.ts'
import { parseListenAddress } from '../../cluster/api/listen.ts'
import type { ListenTls } from '../../cluster/api/listen.ts'
import { startEndpoint } from '../../cluster/endpoint.ts'
import type { EndpointOptions, RunningEndpoint } from '../../cluster/endpoint.ts'
import type { Filter } from '../../cluster/filters/filter.ts'
import type { Strategy } from '../../cluster/strategies/strategy.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { readTextFile } from '../../io/files.ts'
import { findDiscovery, openDiscovery, parseDiscoveryOptions } from './discovery.ts'
import { renderFatal } from './fatal.ts'
import {
  checkReplication,
  checkRetries,
  checkTlsFlags,
  readClusterOptions,
  readHeartbeat,
  readRefreshTimes,
} from './manage-options.ts'
import { readSpanOptions } from './span-options.ts'
import type { manageFlags } from './table.ts'

type Flags = FlagValues<typeof manageFlags>

/** Runs a cluster's endpoint until it is told to stop. */
export const run: Run<typeof manageFlags> = async (ctx, flags, args) => {
  let endpoint: RunningEndpoint
  try {
    endpoint = await startEndpoint(await readOptions(ctx, flags, args))
  } catch (error) {
    // classicswarm logged what ended it on its standard output.
    ctx.stdout.write(renderFatal(ctx.clock.nowMs(), toMessage(error)))
    return 1
  }
  return serve(ctx, endpoint)
}

/** In the ancestor's order, so that of several mistakes the same one is named. */
async function readOptions(ctx: Context, flags: Flags, args: readonly string[]): Promise<EndpointOptions> {
  checkLogLevel(ctx.globals['log-level'])
  checkTlsFlags(flags)
  const tls = await readTls(flags)
  const refresh = readRefreshTimes(flags)
  const failureRetry = checkRetries(flags)
  const address = findDiscovery(ctx, args, 'manage')
  const heartbeatMs = readHeartbeat(flags)
  const options = parseDiscoveryOptions(flags['discovery-opt'])
  const discovery = await openDiscovery(ctx, address, { clock: ctx.clock, log: ctx.log, heartbeatMs, options })
  const policy = { strategy: await loadStrategy(ctx, flags.strategy), filters: await loadFilters(ctx, flags.filter) }
  const cluster = readClusterOptions(flags['cluster-driver'], flags['cluster-opt'])
  if (cluster.warning !== undefined) ctx.log.warn(cluster.warning)
  const span = readSpanOptions(flags['cluster-opt'])
  checkReplication(flags, address)
  return {
    discovery,
    policy,
    listen: flags.host.map(parseListenAddress),
    ...tls,
    ...span,
    clock: ctx.clock,
    random: ctx.random,
    log: ctx.log,
    env: ctx.env,
    watch: { ...refresh, failureRetry, overcommitPercent: cluster.overcommitPercent },
    settings: {
      createRetries: cluster.createRetries,
      isCorsEnabled: flags['api-enable-cors'],
      isExperimental: ctx.globals['experimental'] === true,
      refreshOnNodeFilter: flags['refresh-on-node-filter'],
      refreshOnNameFilter: flags['container-name-refresh-filter'],
    },
  }
}

const logLevels: readonly unknown[] = ['debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic']

function checkLogLevel(level: unknown): void {
  if (level === undefined || logLevels.includes(level)) return
  throw new FlotillaError('cluster/invalid-option', `not a valid logrus Level: ${JSON.stringify(level)}`)
}

async function readTls(flags: Flags): Promise<Pick<EndpointOptions, 'listenTls' | 'engineTls'>> {
  if (flags.tlscert === undefined || flags.tlskey === undefined) return {}
  const [cert, key] = await Promise.all([readPem(flags.tlscert, flags), readPem(flags.tlskey, flags)])
  const ca = flags.tlscacert === undefined ? undefined : await readCa(flags.tlscacert)
  const listenTls: ListenTls = { cert, key, ...(flags.tlsverify && ca !== undefined ? { clientCa: ca } : {}) }
  await checkPair(cert, key, flags)
  return {
    listenTls,
    engineTls: { cert, key, isVerified: flags.tlsverify, ...(ca === undefined ? {} : { ca }) },
  }
}

function pairProblem(flags: Flags, reason: string, cause: unknown): FlotillaError {
  const pair = `${flags.tlscert ?? ''}, ${flags.tlskey ?? ''}`
  return new FlotillaError(
    'cluster/invalid-option',
    `Couldn't load X509 key pair (${pair}): ${reason}. Key encrypted?`,
    {
      cause,
    },
  )
}

async function readPem(path: string, flags: Flags): Promise<string> {
  const text = await readTextFile(path).catch((error: unknown) => {
    throw pairProblem(flags, toMessage(error), error)
  })
  if (text === undefined) throw pairProblem(flags, `open ${path}: no such file or directory`, undefined)
  return text
}

async function readCa(path: string): Promise<string> {
  const text = await readTextFile(path)
  if (text !== undefined) return text
  throw new FlotillaError(
    'cluster/invalid-option',
    `Couldn't read CA certificate: open ${path}: no such file or directory`,
  )
}

async function checkPair(cert: string, key: string, flags: Flags): Promise<void> {
  const { createSecureContext } = await import('node:tls')
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    throw pairProblem(flags, toMessage(error), error)
  }
}

async function loadStrategy(ctx: Context, name: string): Promise<Strategy> {
  if (!ctx.plugins.has('strategy', name)) throw new FlotillaError('cluster/invalid-option', 'strategy not supported')
  return ctx.plugins.load<Strategy>('strategy', name)
}

async function loadFilters(ctx: Context, names: readonly string[]): Promise<readonly Filter[]> {
  const filters: Filter[] = []
  for (const name of names) {
    if (!ctx.plugins.has('filter', name)) throw new FlotillaError('cluster/invalid-option', 'filter not supported')
    filters.push(await ctx.plugins.load<Filter>('filter', name))
  }
  return filters
}

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
    ctx.stdout.write(renderFatal(ctx.clock.nowMs(), toMessage(error)))
    return 1
  } finally {
    giveBackErrors?.()
  }
}
