import type { Context, Run } from '../../cli/command.ts'
import { makeChildAbort } from '../../core/child-abort.ts'
import { FlotillaError } from '../../core/errors.ts'
import { findDiscovery, makeDiscoveryContext, openDiscovery } from './discovery.ts'
import { readDurationNs } from './durations.ts'
import { checkLogLevel, endCommand } from './fatal.ts'
import type { listFlags } from './daemon-flags.ts'

/** Prints the addresses that discovery yields first, one per line. */
export const run: Run<typeof listFlags> = async (ctx, flags, args) => {
  try {
    checkLogLevel(ctx)
    const address = findDiscovery(ctx, args, 'list')
    const timeoutMs = readTimeoutMs(flags.timeout)
    const discovery = await openDiscovery(
      ctx,
      address,
      makeDiscoveryContext(ctx, { heartbeatMs: timeoutMs, options: flags['discovery-opt'] }),
    )
    const stop = makeChildAbort(ctx.signal)
    try {
      const sets = discovery.watch({ signal: stop.signal })
      const first = await Promise.race([readFirst(sets), waitOut(ctx, timeoutMs, stop.signal)])
      ctx.signal.throwIfAborted()
      // classicswarm cli/list.go: says so and ends well.
      ctx.stdout.write(first === undefined ? 'Timed out\n' : first.map((entry) => `${entry}\n`).join(''))
    } finally {
      stop.abort()
      await discovery.close?.().catch(() => undefined)
    }
    return 0
  } catch (error) {
    if (ctx.signal.aborted) throw error
    return endCommand(ctx, error)
  }
}

async function readFirst(sets: AsyncIterable<readonly string[]>): Promise<readonly string[]> {
  for await (const set of sets) return set
  return []
}

async function waitOut(ctx: Context, timeoutMs: number, signal: AbortSignal): Promise<undefined> {
  await ctx.clock.sleep(timeoutMs, signal).catch(() => undefined)
  return undefined
}

function readTimeoutMs(text: string): number {
  const ns = readDurationNs('timeout', text)
  if (ns <= 0n) throw new FlotillaError('cluster/invalid-option', '--timeout should be a positive number')
  return Math.max(Number(ns / 1_000_000n), 1)
}
