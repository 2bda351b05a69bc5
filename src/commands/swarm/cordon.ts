import type { Run } from '../../cli/command.ts'
import { readNode, withManagement } from './management.ts'
import type { NodeAnswer } from './management.ts'
import type { undrainFlags } from './cluster-flags.ts'

/** Marks a node. */
export const run: Run<typeof undrainFlags> = async (ctx, flags, args) => {
  const path = `/flotilla/nodes/${encodeURIComponent(readNode(args, 'cordon'))}/cordon`
  const node = await withManagement(ctx, flags, (management) => management.ask<NodeAnswer>('POST', path))
  ctx.stdout.write(`${node.Name} gets nothing new\n`)
}
