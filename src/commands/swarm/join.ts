import type { Context, Run } from '../../cli/command.ts'
import type { Discovery } from '../../cluster/discovery/discovery.ts'
import { withDeadline } from '../../core/deadline.ts'
import { renderDurationMs } from '../../core/duration.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { maskSecrets } from '../../core/mask.ts'
import { checkAdvertise } from './advertise.ts'
import { findDiscovery, makeDiscoveryContext, openDiscovery } from './discovery.ts'
import { readDurationNs, readHeartbeatMs } from './durations.ts'
import { checkLogLevel, endDaemon } from './fatal.ts'
import type { joinFlags } from './daemon-flags.ts'

/** How long the end waits for the back end to forget the engine. */
const withdrawMs = 5000

interface Registration {
  readonly address: string
  readonly discovery: Discovery
  readonly addr: string
  readonly heartbeatMs: number
  readonly ttlMs: number
  readonly delayMs: number
}

/** Announces an engine to discovery again and again until it is told to stop, and then takes it back. */
export const run: Run<typeof joinFlags> = async (ctx, flags, args) => {
  let registration: Registration
  try {
    registration = await readRegistration(ctx, flags, args)
  } catch (error) {
    return endDaemon(ctx, error)
  }
  const stop = new AbortController()
  const giveBack = ctx.onInterrupt((name, count) => {
    if (count === 1) ctx.log.info(`Received ${name}, shutting down`)
    stop.abort()
  })
  try {
    await registerForEver(ctx, registration, stop.signal)
  } finally {
    giveBack()
  }
  return 0
}

/** In the ancestor's order (classicswarm cli/join.go), so that of several mistakes the same one is named. */
async function readRegistration(
  ctx: Context,
  flags: FlagValues<typeof joinFlags>,
  args: readonly string[],
): Promise<Registration> {
  checkLogLevel(ctx)
  const address = findDiscovery(ctx, args, 'join')
  const addr = flags.advertise ?? ''
  if (addr === '') throw invalid('missing mandatory --advertise flag')
  checkAdvertise(addr)
  const heartbeatMs = readHeartbeatMs(flags.heartbeat)
  const ttlMs = Number(readDurationNs('ttl', flags.ttl)) / 1e6
  if (ttlMs <= heartbeatMs) throw invalid('--ttl must be strictly superior to the heartbeat value')
  const delayMs = Number(readDurationNs('delay', flags.delay)) / 1e6
  if (delayMs < 0) throw invalid('--delay should not be a negative number')
  const discovery = await openDiscovery(
    ctx,
    address,
    makeDiscoveryContext(ctx, { heartbeatMs, options: flags['discovery-opt'] }),
  )
  return { address, discovery, addr, heartbeatMs, ttlMs, delayMs }
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
}

async function registerForEver(ctx: Context, registration: Registration, signal: AbortSignal): Promise<void> {
  const { address, discovery, addr, heartbeatMs, ttlMs, delayMs } = registration
  const fields = { addr, discovery: maskSecrets(address) }
  const pause = renderDurationMs(heartbeatMs)
  try {
    if (delayMs > 0) {
      // Many engines that start together must not all knock at once.
      const waitMs = Math.floor(ctx.random.next() * delayMs)
      ctx.log.info(`Add a random delay ${renderDurationMs(waitMs)} to avoid synchronized registration`)
      await ctx.clock.sleep(waitMs, signal)
    }
    while (!signal.aborted) {
      ctx.log.info(`Registering on the discovery service every ${pause}...`, fields)
      await register(ctx, discovery, { addr, ttlMs, deadlineMs: Math.max(heartbeatMs, 10_000), signal })
      await ctx.clock.sleep(heartbeatMs, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await withdraw(ctx, discovery, addr)
  }
}

interface Announcement {
  readonly addr: string
  readonly ttlMs: number
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** A round that fails is logged; the next one may succeed. */
async function register(ctx: Context, discovery: Discovery, announcement: Announcement): Promise<void> {
  const { addr, ttlMs, deadlineMs, signal } = announcement
  try {
    await discovery.register(addr, ttlMs, { deadlineMs, signal })
  } catch (error) {
    if (!signal.aborted) ctx.log.error(toMessage(error))
  }
}

async function withdraw(ctx: Context, discovery: Discovery, addr: string): Promise<void> {
  try {
    await withDeadline(ctx.clock, { deadlineMs: withdrawMs }, () => discovery.close?.() ?? Promise.resolve())
  } catch (error) {
    ctx.log.warn('cannot take the registration back: it lapses by itself', { addr, error: toMessage(error) })
  }
}
