import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { readDurationNs } from './durations.ts'
import { readNode, withManagement } from './management.ts'
import type { Management, NodeAnswer } from './management.ts'
import type { drainFlags } from './cluster-flags.ts'

const lookMs = 500

/** Closes a node and, with `--timeout`, waits until what may leave it has left. Exit code 1 when something could not. */
export const run: Run<typeof drainFlags> = async (ctx, flags, args) => {
  const node = readNode(args, 'drain')
  const waitMs = Number(readDurationNs('timeout', flags.timeout) / 1_000_000n)
  const path = `/flotilla/nodes/${encodeURIComponent(node)}`
  return withManagement(ctx, flags, async (management) => {
    const answer = await management.ask<NodeAnswer>('POST', `${path}/drain`, { Force: flags.force })
    ctx.stdout.write(`${answer.Name} is drained\n`)
    return waitMs > 0 ? waitUntilLeft(ctx, management, path, waitMs) : 0
  })
}

async function waitUntilLeft(ctx: Context, management: Management, path: string, waitMs: number): Promise<number> {
  const untilMs = ctx.clock.monotonicMs() + waitMs
  for (;;) {
    // What is to leave is known a moment after the node is marked.
    await ctx.clock.sleep(lookMs * 4, ctx.signal)
    const node = await management.ask<NodeAnswer>('GET', path)
    const moves = node.Moves ?? []
    if (moves.length === 0) return 0
    const isOver = ctx.clock.monotonicMs() >= untilMs
    if (!isOver) continue
    const left = moves.map((move) => `${move.Name || move.Container.slice(0, 12)}: ${move.Why || 'still moving'}`)
    throw new FlotillaError('cluster/no-placement', `still on ${node.Name}: ${left.join('; ')}`)
  }
}
