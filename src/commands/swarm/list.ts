import type { Run } from '../../cli/command.ts'
import { parseDurationNs } from '../../core/duration.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { findDiscovery, openDiscovery, parseDiscoveryOptions } from './discovery.ts'
import { renderGoLogLine } from './fatal.ts'
import type { listFlags } from './table.ts'

/** Prints the addresses that discovery yields first, one per line. */
export const run: Run<typeof listFlags> = async (ctx, flags, args) => {
  try {
    const address = findDiscovery(ctx, args, 'list')
    const timeoutMs = parseTimeout(flags.timeout)
    const context = {
      clock: ctx.clock,
      log: ctx.log,
      heartbeatMs: 60_000,
      options: parseDiscoveryOptions(flags['discovery-opt']),
    }
    const discovery = await openDiscovery(ctx, address, context)
    const stop = new AbortController()
    const timeout = ctx.clock.sleep(timeoutMs, stop.signal).then(
      () => undefined,
      () => undefined,
    )
    try {
      const first = await Promise.race([readFirst(discovery.watch({ signal: stop.signal })), timeout])
      // classicswarm cli/list.go: says so and ends well.
      ctx.stdout.write(first === undefined ? 'Timed out\n' : first.map((entry) => `${entry}\n`).join(''))
    } finally {
      stop.abort()
    }
    return 0
  } catch (error) {
    ctx.stderr.write(renderGoLogLine(ctx.clock.nowMs(), toMessage(error)))
    return 1
  }
}

async function readFirst(sets: AsyncIterable<readonly string[]>): Promise<readonly string[]> {
  for await (const set of sets) return set
  return []
}

function parseTimeout(text: string): number {
  let ns: bigint
  try {
    ns = parseDurationNs(text)
  } catch (error) {
    throw new FlotillaError('cluster/invalid-option', `invalid --timeout: ${toMessage(error)}`, { cause: error })
  }
  if (ns <= 0n) throw new FlotillaError('cluster/invalid-option', '--timeout should be a positive number')
  return Number(ns / 1_000_000n)
}
